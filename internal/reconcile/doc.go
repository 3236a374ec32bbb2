// Package reconcile holds jobs against the workflow engine's truth (Promise 9):
// a run that was cancelled, terminated, reset or lost with the engine's own
// tools shows as such within seconds, a run that was never started is started,
// and what a dead publish left in flight is found out.
//
// It imports models, models/store, internal/locks, workflows/contract and the
// Temporal client; no activities and no workflows.
package reconcile
