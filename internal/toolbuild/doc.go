// Package toolbuild builds the developer tools that are pinned under tools/,
// each in a Go module of its own, and keeps the binaries in the user's cache.
//
// It must not import any other package of this module: the make targets use it
// before anything else of the product is built.
package toolbuild
