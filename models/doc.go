// Package models holds the words of Scratch: snapshots, tables, columns,
// records, suggestions, jobs, publish plans and events, and the pure logic over
// them (merge, compare, filter, plan).
//
// It does no input or output and imports nothing else of the project: every
// other package may import it, so it must stay free of databases, networks,
// clocks and Temporal.
package models
