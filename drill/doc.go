// Package drill breaks the running product and looks at what is left: it kills
// processes, uses the engine's own tools on runs, changes the service behind
// the product's back, and feeds it what it cannot read. Everything is real: the
// scratch binary as a process of its own, Temporal's dev server, SQLite and
// PostgreSQL, and the fake blog as another process, with its request log.
//
// Judgement is from outside: from the blog's log and state, from SQL, and from
// what the API answers. There is nothing here but tests; no other package may
// import it, and it must not reach into the product's packages for anything but
// the words of its answers, its database's schema and the names of its runs.
package drill
