// Package events carries what happened from the store's outbox to those who
// listen: the relay numbers outbox rows per topic in commit order, then wakes
// the hubs of this process.
//
// It imports neither the store nor the API: both are handed in.
package events
