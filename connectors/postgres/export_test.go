package postgres

import "time"

// GivesPagesAfter has the connector give what came of a page after so long.
func (c *Connector) GivesPagesAfter(d time.Duration) { c.pageTime = d }
