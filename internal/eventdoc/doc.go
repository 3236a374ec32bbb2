// Package eventdoc writes docs/events.md and the web client's event types from
// the Go types of the events, so that neither can say something else than what
// is sent. A test fails when the files are not what it would write.
//
// It reads the source of package models for comments and constants. It imports
// models and the standard library only, and nothing of the product imports it.
package eventdoc

//go:generate go run ./generate
