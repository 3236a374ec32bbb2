package web

import (
	"embed"
	"io/fs"
)

// embedded holds dist as it was at compile time: always the note, and the page
// when `make web` ran before.
//
//go:embed all:dist
var embedded embed.FS

// root is the folder to serve out of a dist tree: the built page, or the note
// that there is none.
func root(dist fs.FS) fs.FS {
	if _, err := fs.Stat(dist, "app/index.html"); err != nil {
		return dist
	}
	built, err := fs.Sub(dist, "app")
	if err != nil {
		return dist
	}
	return built
}
