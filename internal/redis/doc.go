// Package redis is the one place that speaks to a Redis server. What it offers
// is small: run a script, send a message to the other processes, hear theirs,
// and know whether the server is there. Those who use it (limits, locks, events)
// declare the interface they need and do not import it.
//
// Nothing is kept in Redis alone. While the server is away every call fails at
// once with ErrAway, messages are dropped, and the client looks for the server
// until it is back: what the callers do meanwhile is theirs to say.
//
// It may import vault and models, and nothing else of Scratch.
package redis
