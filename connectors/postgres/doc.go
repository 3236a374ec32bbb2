// Package postgres reads and writes tables and views of a PostgreSQL database
// of the user's own, version 12 and later.
//
// A table is read by one streaming query in one snapshot, in the order of its
// key, and each row is turned from the wire's binary form straight into a
// record's canonical JSON. A batch is written in one transaction in which every
// row is held to what it was at the look before; what became of a COMMIT whose
// answer was lost is looked up by keys that were reserved beforehand.
//
// It speaks to the server through pgconn alone, dials through
// connectors.Dependencies, and imports models and connectors; it must not import
// the store or anything else of Scratch.
package postgres
