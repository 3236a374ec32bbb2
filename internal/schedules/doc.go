// Package schedules makes the engine's schedules what the store says they are:
// it creates, changes and removes them, and repairs those that were changed or
// deleted with the engine's own tools. Role cron runs it over all of them; the
// API has one applied at once when a person changes it, and sees through it when
// the next times are.
//
// A pause is the one thing that an operator may set at the engine: it is taken
// over, and shown (Promise 9).
//
// It imports models, models/store, internal/locks, internal/wait,
// workflows/contract and the Temporal client; no activities and no workflows.
package schedules
