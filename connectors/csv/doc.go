// Package csv reads uploaded CSV files as tables, and writes any table as one.
//
// A file is read in two passes, both streaming: one over the whole file that
// finds its columns, their kinds, and what is wrong with it, and one that gives
// its rows. Nothing in a file is dropped silently: cells beyond the header get
// columns of their own, and what is odd is reported with line numbers.
//
// Files are read-only here: changes are made in Scratch and exported with Writer.
// It imports connectors and models, and must not import the store or the API.
package csv
