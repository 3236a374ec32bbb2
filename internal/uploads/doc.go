// Package uploads keeps the files users send: streamed to disk under a name of
// our own, whole or not at all, and opened again for the tenant they belong to.
//
// It knows models and the connectors' file interfaces; it must not import the
// store, the API or Temporal.
package uploads
