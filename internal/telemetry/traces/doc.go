// Package traces makes OpenTelemetry spans and sends them to a collector over
// OTLP: one trace from the request through workflow and activity to the call at
// the service and the SQL statement.
//
// A nil *Traces makes no spans: what it is handed through runs as if it were not
// there. Nothing here ever fails or delays the product: spans wait in a bounded
// queue, are dropped when it is full, and a collector that is away is told of in
// the log, once.
//
// Nothing secret is in a span (Promise 10): spans get no query strings, bodies,
// headers or values of statements, and what text they do have passes the
// redaction of log lines on its way out.
//
// It imports telemetry's redaction, OpenTelemetry and the Temporal SDK's
// interceptors. Only this package and metrics know how measurements leave the
// process; the store makes its own spans (models/store/sqlspan) by
// OpenTelemetry's API, under those that are on the context.
package traces
