// Package connecting opens the connector of a stored connection: it reads the
// connection, decrypts its credential and hands the connector what it may use.
// It also holds the Gate, which keeps requests from starting after a lease has
// ended or a run was cancelled, and has each request counted and traced.
//
// The API and the activities open connectors through it alone. It imports
// connectors, models, the vault, the network guard and the maker of traces; no
// store, no Temporal and no HTTP server.
package connecting
