package toolbuild

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"

	"golang.org/x/mod/modfile"
)

// Pin is what a tool's go.mod says: which command, from which module, at which
// version.
type Pin struct {
	// Name is the folder below tools/.
	Name string
	// Dir is that folder.
	Dir string
	// Package is the import path of the command.
	Package string
	// Version is the module's version without the leading "v".
	Version string
}

// ReadPin reads tools/<name>/go.mod, the only place where a tool's version is
// written. The module has exactly one tool line.
func ReadPin(toolsDir, name string) (Pin, error) {
	file := filepath.Join(toolsDir, name, "go.mod")
	text, err := os.ReadFile(file)
	if err != nil {
		return Pin{}, fmt.Errorf("read the pin of tool %s: %w", name, err)
	}
	mod, err := modfile.Parse(file, text, nil)
	if err != nil {
		return Pin{}, fmt.Errorf("read the pin of tool %s: %w", name, err)
	}
	if len(mod.Tool) != 1 {
		return Pin{}, fmt.Errorf("read the pin of tool %s: %s has %d tool lines, want one", name, file, len(mod.Tool))
	}
	pin := Pin{Name: name, Dir: filepath.Join(toolsDir, name), Package: mod.Tool[0].Path}
	// The providing module is the one with the longest path that prefixes the
	// command's; a tool of the module itself has no version.
	longest := ""
	for _, need := range mod.Require {
		module := need.Mod.Path
		if len(module) > len(longest) && (pin.Package == module || strings.HasPrefix(pin.Package, module+"/")) {
			longest, pin.Version = module, strings.TrimPrefix(need.Mod.Version, "v")
		}
	}
	if pin.Version == "" {
		pin.Version = "local"
	}
	return pin, nil
}

// Binary is where the built tool is kept below cacheDir.
func (p Pin) Binary(cacheDir string) string {
	return filepath.Join(cacheDir, "tools", p.Name+"-"+p.Version, path.Base(p.Package))
}
