package devserver

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// writeCLI makes a program that answers --version.
func writeCLI(t *testing.T, path, version string) string {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o750))
	script := fmt.Sprintf("#!/bin/sh\necho 'temporal version %s'\n", version)
	require.NoError(t, os.WriteFile(path, []byte(script), 0o700))
	return path
}

var (
	errNoDownload = errors.New("no route to the download")
	errNoBuild    = errors.New("the build failed")
)

// Breaks when the CLI is looked for in another order than told, when an old one
// is used, or when a slow way is tried though a quick one had an answer.
func TestFindOrder(t *testing.T) {
	const (
		good = "1.5.1 (Server 1.29.1, UI 2.42.1)"
		old  = "1.1.0 (Server 1.25.0, UI 2.30.0)"
	)
	cases := []struct {
		name                            string
		onPath, cached                  string // versions; empty: not there
		downloads, builds               bool
		want                            string
		wantErrors                      []error
		wantDownloadTried, wantBuilding bool
	}{
		{name: "a new one on PATH", onPath: good, cached: good, downloads: true, want: "path"},
		{name: "one from source on PATH", onPath: "0.0.0-DEV (Server 1.31.0, UI 2.50.0)", want: "path"},
		{name: "an old one on PATH, one in the cache", onPath: old, cached: good, want: "cached"},
		{name: "an old one in the cache", cached: old, downloads: true, want: "downloaded", wantDownloadTried: true},
		{name: "nothing, the network permits", downloads: true, builds: true, want: "downloaded", wantDownloadTried: true},
		{name: "nothing, no network", builds: true, want: "built", wantDownloadTried: true, wantBuilding: true},
		{name: "nothing at all", onPath: old, wantErrors: []error{ErrNoCLI, errNoDownload, errNoBuild}, wantDownloadTried: true, wantBuilding: true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv("SCRATCH_TEMPORAL_CLI", "")
			dir := t.TempDir()
			paths := map[string]string{
				"path":       filepath.Join(dir, "bin", "temporal"),
				"cached":     filepath.Join(dir, "tools", "temporal-9.9.9", "temporal"),
				"downloaded": filepath.Join(dir, "elsewhere", "downloaded"),
				"built":      filepath.Join(dir, "elsewhere", "built"),
			}
			if c.cached != "" {
				writeCLI(t, paths["cached"], c.cached)
			}
			var downloadTried, building bool
			finder := Finder{
				lookPath: func(string) (string, error) {
					if c.onPath == "" {
						return "", exec.ErrNotFound
					}
					return writeCLI(t, paths["path"], c.onPath), nil
				},
				cacheDir: func() (string, error) { return dir, nil },
				download: func(context.Context, string) (string, error) {
					downloadTried = true
					if !c.downloads {
						return "", errNoDownload
					}
					return writeCLI(t, paths["downloaded"], good), nil
				},
				build: func(context.Context, func(string)) (string, error) {
					building = true
					if !c.builds {
						return "", errNoBuild
					}
					return writeCLI(t, paths["built"], good), nil
				},
			}
			got, err := finder.Find(t.Context())
			for _, want := range c.wantErrors {
				require.ErrorIs(t, err, want)
			}
			if c.wantErrors == nil {
				require.NoError(t, err)
				require.Equal(t, paths[c.want], got)
			}
			require.Equal(t, c.wantDownloadTried, downloadTried, "the download")
			require.Equal(t, c.wantBuilding, building, "the build")
		})
	}
}

// Breaks when a CLI that the user named is silently replaced by another.
func TestNamedCLIIsUsedOrRefused(t *testing.T) {
	dir := t.TempDir()
	named := writeCLI(t, filepath.Join(dir, "mine"), "1.6.0 (Server 1.30.0, UI 2.43.0)")
	got, err := Finder{Path: named}.Find(t.Context())
	require.NoError(t, err)
	require.Equal(t, named, got)

	t.Setenv("SCRATCH_TEMPORAL_CLI", filepath.Join(dir, "missing"))
	_, err = Finder{}.Find(t.Context())
	require.ErrorIs(t, err, ErrNoCLI)
	require.ErrorIs(t, err, os.ErrNotExist)

	_, err = Finder{Path: writeCLI(t, filepath.Join(dir, "odd"), "unheard of")}.Find(t.Context())
	require.ErrorContains(t, err, "not a Temporal CLI's version")
}
