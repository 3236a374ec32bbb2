package wordpress

import (
	"encoding/json"
	"time"

	"github.com/scratch-platform/scratch/connectors"
)

// WordPress compares modified_after with the site's wall clock, exclusively and
// to the second. The wall clock repeats an hour in autumn, and it jumps when an
// administrator changes the site's zone; so an incremental read begins earlier
// than the last one did.
const (
	overlapUsual = 2 * time.Hour
	// The widest jump between two zones, UTC+14 to UTC-12, and the usual margin.
	overlapZone = 28 * time.Hour
)

// watermark is where the next incremental read starts.
type watermark struct {
	At   time.Time `json:"at"`   // the site's clock when the last enumeration began
	Zone string    `json:"zone"` // the site's zone then
	// Newest is the highest id given. A row's modified time begins as its date,
	// which may be of last year: what is new is told by its id.
	Newest int64 `json:"newest"`
}

func parseWatermark(raw []byte) (watermark, error) {
	var w watermark
	if err := json.Unmarshal(raw, &w); err != nil || w.At.IsZero() {
		return w, &connectors.Error{Kind: connectors.KindCursorExpired, Service: Service, Tried: "read what changed", Reason: "the mark of the last download is not readable", Cause: err}
	}
	return w, nil
}

// bound is the modified_after to send: with Z, for without a zone it would be
// taken as the site's wall clock.
func (w watermark) bound(zoneNow string) string {
	if w.At.IsZero() {
		return "1970-01-01T00:00:00Z"
	}
	back := overlapUsual
	if w.Zone != zoneNow {
		back = overlapZone
	}
	return w.At.Add(-back).UTC().Format("2006-01-02T15:04:05Z")
}
