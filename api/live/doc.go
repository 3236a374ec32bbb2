// Package live shows clients what happens as it happens: a WebSocket for all
// topics and server-sent events for one job, both fed from the store's
// numbered event log, so that a client that comes back with its last event id
// misses nothing.
//
// The log is the truth and the hub a view of it: a wake-up only says "look",
// and where none arrives the hub looks by itself every second. It must not
// import workflows or activities.
package live
