package eventdoc

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/models"
)

// Breaks when a payload changed and the docs and the web client's types did
// not: run go generate ./internal/eventdoc.
func TestFilesAreCurrent(t *testing.T) {
	files, err := Files("../..")
	require.NoError(t, err)
	for path, want := range files {
		got, err := os.ReadFile(filepath.Join("../..", path))
		require.NoError(t, err)
		if want != string(got) { // the whole of both would only hide the message
			t.Errorf("%s is not current: run go generate ./internal/eventdoc", path)
		}
	}
}

// Breaks when an event type is added to models and not to the catalogue: it
// would be sent without being documented.
func TestEveryEventTypeIsInTheCatalogue(t *testing.T) {
	listed := map[string]bool{}
	for _, e := range models.EventTypes() {
		require.False(t, listed[e.Name], "%s is listed twice", e.Name)
		require.NotEmpty(t, e.Topics, e.Name)
		listed[e.Name] = true
	}
	for name, value := range eventConstants(t) {
		require.True(t, listed[value], "models.%s is not in models.EventTypes", name)
	}
}

// eventConstants reads the constants called Event… off the source.
func eventConstants(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, path := range []string{"event.go", "event_catalogue.go"} {
		file := parse(t, filepath.Join("../../models", path))
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok {
				return true
			}
			for i, name := range spec.Names {
				if literal, ok := spec.Values[i].(*ast.BasicLit); ok && strings.HasPrefix(name.Name, "Event") {
					found[name.Name] = strings.Trim(literal.Value, `"`)
				}
			}
			return true
		})
	}
	require.NotEmpty(t, found)
	return found
}

func parse(t *testing.T, path string) *ast.File {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
	require.NoError(t, err)
	return file
}
