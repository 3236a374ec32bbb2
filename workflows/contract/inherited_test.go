package contract

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/models"
)

// Breaks when an operator who searches for an organization, a snapshot or a
// service finds the parent's run and not those of its tables.
func TestChildrenAreFoundByTheirParentsAttributes(t *testing.T) {
	child := Inherited(Attributes(string(models.JobDownload), "org", "snp", []string{"wordpress"}))
	for key, want := range map[string]string{"ScratchOrg": "org", "ScratchSnapshot": "snp", "ScratchJobKind": "download", "ScratchOutcome": OutcomeRunning} {
		found := false
		for k, v := range child.GetUntypedValues() {
			if k.GetName() == key {
				found = true
				require.Equal(t, want, v)
			}
		}
		require.True(t, found, key)
	}
	services, ok := child.GetKeywordList(AttributeConnectors)
	require.True(t, ok)
	require.Equal(t, []string{"wordpress"}, services)
}
