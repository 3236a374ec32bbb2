// Package sqlspan makes an OpenTelemetry span of each statement that runs under
// a span that is kept: for PostgreSQL as a tracer of pgx, which sees GORM's
// statements, raw ones, batches and COPY alike, for SQLite as a thin driver
// around the driver.
//
// A statement costs one look at its context where nothing is traced, and the
// store does not use the package at all where tracing is off. A span holds the
// statement's text, which has placeholders, never its values (Promise 10). A
// transaction gets at most a fixed number of statement spans: what is done
// thousands of times is counted, not listed.
//
// It imports OpenTelemetry's API, pgx and database/sql/driver, and nothing else
// of Scratch but models.
package sqlspan
