package activities

import "github.com/scratch-platform/scratch/models"

// Meter counts what activities did. It must not block.
type Meter interface {
	// RecordsRead counts records read from a service and stored.
	RecordsRead(service string, n int)
	// ItemSettled counts a publish item that came to an outcome.
	ItemSettled(service string, op models.Operation, outcome models.ItemState)
}

// unmetered counts nothing.
type unmetered struct{}

func (unmetered) RecordsRead(string, int)                                {}
func (unmetered) ItemSettled(string, models.Operation, models.ItemState) {}

// meterOf gives a meter that can be called.
func meterOf(m Meter) Meter {
	if m == nil {
		return unmetered{}
	}
	return m
}
