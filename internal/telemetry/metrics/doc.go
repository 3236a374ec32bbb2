// Package metrics counts what the product does and serves the counts to
// Prometheus: few measures that answer an operator's questions, the Temporal
// SDK's own, and those of the Go runtime and the process.
//
// The number of series is bounded by construction: labels are kinds, states,
// services, route templates and outcomes, all of them sets of this program's
// own. An id, a tenant, a path or a text of a user is never a label.
//
// It imports what it measures (the store's figures, the domain's words) and the
// Prometheus client. Who is measured does not import it: each package declares
// the few calls it makes, and main hands this in.
package metrics
