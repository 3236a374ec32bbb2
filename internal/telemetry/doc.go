// Package telemetry sets up logging: text for people, JSON for machines, and in
// both the removal of secrets before anything is written (Promise 10).
//
// Redaction is the last of several nets: credentials travel as vault.Secret or
// sealed, errors are made without them, and what still slips through is caught
// here by the attribute's name, by its form, or because it was registered with
// Redactor.Hide.
//
// Lines carry the ids of the request and of the trace they belong to. Traces
// themselves are made by the package traces, metrics by the package metrics.
//
// It imports config and models, OpenTelemetry's API, and the Temporal SDK's log
// interface.
package telemetry
