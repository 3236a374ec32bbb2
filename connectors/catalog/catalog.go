package catalog

import (
	"github.com/scratch-platform/scratch/connectors"
	"github.com/scratch-platform/scratch/connectors/csv"
	"github.com/scratch-platform/scratch/connectors/postgres"
	"github.com/scratch-platform/scratch/connectors/wordpress"
)

//go:generate go test . -run TestDocumentIsCurrent -update

// Definitions gives every service, sorted by name.
func Definitions() []connectors.Definition {
	return []connectors.Definition{csv.Definition(), postgres.Definition(), wordpress.Definition()}
}
