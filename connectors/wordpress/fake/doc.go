// Package fake is a stateful WordPress REST server: the outside service in
// tests and drills, and the demo service of `scratch dev`.
//
// It speaks the wire format of WordPress core (discovery, application
// passwords, posts, pages, terms, users, media, batch), enforces core's rules
// and errors, keeps a log of every request, and injects faults on demand. The
// log, the fault switch and the state are served under /_fake/ to loopback
// callers, so that a drill can run the fake as a process of its own.
//
// It must not import the connector it serves, nor any other package of
// Scratch: a fake that shares code with its client would agree with its
// mistakes. It is proved by WordPress's own JavaScript clients, see proof/.
package fake
