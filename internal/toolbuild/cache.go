package toolbuild

import (
	"fmt"
	"os"
	"path/filepath"
)

// CacheDir says where built and downloaded tools are kept:
// $SCRATCH_CACHE, else $XDG_CACHE_HOME/scratch, else ~/.cache/scratch.
// It is never inside the repository, so that a fresh clone finds the tools of
// an older one. The folder is not created.
func CacheDir() (string, error) {
	if dir := os.Getenv("SCRATCH_CACHE"); dir != "" {
		return filepath.Abs(dir)
	}
	if dir := os.Getenv("XDG_CACHE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "scratch"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("find a folder for built tools: %w; set SCRATCH_CACHE to one", err)
	}
	return filepath.Join(home, ".cache", "scratch"), nil
}

// FindToolsDir walks up from dir to the checkout's tools folder, the one that
// holds tools/<name>/go.mod for the given tool. It reports false outside of a
// checkout, as with an installed binary.
func FindToolsDir(dir, name string) (string, bool) {
	for {
		tools := filepath.Join(dir, "tools")
		if _, err := os.Stat(filepath.Join(tools, name, "go.mod")); err == nil {
			return tools, true
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", false
		}
		dir = parent
	}
}
