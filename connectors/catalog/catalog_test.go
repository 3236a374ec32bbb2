package catalog

import (
	"flag"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/connectors"
)

var update = flag.Bool("update", false, "write docs/connectors.md")

const document = "../../docs/connectors.md"

func TestRegistryTakesThemAll(t *testing.T) {
	registry, err := connectors.NewRegistry(Definitions()...)
	require.NoError(t, err)
	require.Len(t, registry.Definitions(), len(Definitions()))
	for i, d := range registry.Definitions() {
		require.Equal(t, d.Service, Definitions()[i].Service, "not sorted by name")
	}
}

func TestDocumentIsCurrent(t *testing.T) {
	want := connectors.Docs(Definitions())
	if *update {
		require.NoError(t, os.WriteFile(document, []byte(want), 0o600))
	}
	have, err := os.ReadFile(document)
	require.NoError(t, err)
	require.Equal(t, want, string(have), "run: go generate ./connectors/catalog")
	for _, d := range Definitions() {
		require.Contains(t, want, "## "+d.Title)
	}
}

// A capability without words would be an empty line in the document.
func TestEveryCapabilityHasWords(t *testing.T) {
	require.NotContains(t, connectors.Docs(nil), "|  |")
}
