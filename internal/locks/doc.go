// Package locks gives named leases: at most one holder of a name at a time, for a
// bounded time, with a fencing token that grows from holder to holder.
//
// A lease can be lost while its holder still runs (a pause, a cut network), so
// what a lease protects must also be safe at the store: write with the token, or
// compare and swap. Hold cancels the work's context when its lease is lost.
//
// Process is the implementation inside one process, Shared the one for several
// processes on one database; both pass the same suite, lockstest. The package
// imports models for its errors; the database and the messages that wake who
// waits are handed in.
package locks
