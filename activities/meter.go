package activities

// Meter counts what activities did. It must not block.
type Meter interface {
	// RecordsRead counts records read from a service and stored.
	RecordsRead(service string, n int)
}

// unmetered counts nothing.
type unmetered struct{}

func (unmetered) RecordsRead(string, int) {}

// meterOf gives a meter that can be called.
func meterOf(m Meter) Meter {
	if m == nil {
		return unmetered{}
	}
	return m
}
