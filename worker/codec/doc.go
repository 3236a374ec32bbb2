// Package codec encrypts what Temporal stores: workflow and activity inputs,
// results, heartbeats, memos and the texts of failures (Promise 10). It gives the
// data and failure converters that every Temporal client of Scratch uses, and the
// HTTP endpoint by which Temporal's Web UI and CLI show payloads in the clear to
// those who may see them.
//
// It imports the vault, models and the Temporal SDK, and no store, API or
// connector.
package codec
