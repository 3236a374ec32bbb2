// Package events carries what happened from the store's outbox to those who
// listen: the relay numbers outbox rows per topic in commit order, then wakes
// the hubs of this process and, through the exchange, those of the others.
//
// It imports models alone: the store, the hubs and the messages between
// processes are handed in.
package events
