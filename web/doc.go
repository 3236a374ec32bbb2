// Package web carries the built page inside the binary and serves it.
//
// The page is built by Vite into dist/app, which is not committed. What is
// committed is dist/index.html, a note that says so: the module compiles and
// its tests run where npm never ran.
//
// The package knows HTTP and nothing else of Scratch. It must not import any
// other package of this module: the page talks to the API as any other client
// does, over the network.
package web
