// Package devserver runs Temporal's own dev server as a child process, for
// `scratch dev` and for tests: it finds or builds the Temporal CLI, starts the
// server on loopback, waits until it is healthy, restarts it when it ends by
// itself, and ends it cleanly. After a SIGKILL of the parent the next start
// adopts the server that was left behind, or ends it.
//
// What it keeps in a data folder:
//
//	temporal.db        the server's state (SQLite, WAL)
//	temporal.log       the server's words, bounded
//	temporal.json      what runs: pid, address and arguments (for adoption)
//	temporal.lock      held while a parent lives
//	temporal-address   for scripts and the temporal CLI, see WriteAddress
//
// Linux and macOS. It must not import api, worker, workflows, activities,
// agent, connectors or models/store: it knows how to run a server, and nothing
// of what runs on it but the names of the search attributes.
package devserver
