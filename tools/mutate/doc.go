// Command mutate breaks the lines that keep the promises of docs/promises.md,
// one at a time, and expects a red test each time. A promise whose line can be
// broken without a test noticing is not kept by anything.
//
//	make mutate                      # all of them; the result goes to docs/mutations.md
//	make mutate ARGS="-promise 5"    # those of one promise
//	make mutate ARGS="-only glance"  # those with a word in their file or description
//
// The mutations are in mutations.yaml. Nothing in the tree is changed: the
// broken file is laid over the original with `go test -overlay`.
//
// It imports nothing of this module: it treats the product as text.
package main
