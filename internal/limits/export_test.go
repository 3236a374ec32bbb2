package limits

import "time"

// Lasts sets how long a claim lasts, so that a test need not wait as long as a
// dead worker's colleagues do.
func (s *Shared) Lasts(d time.Duration) { s.lasts = d }
