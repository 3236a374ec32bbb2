package activities

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/models"
)

// Promise 10: breaks when the cause of a failure, which may quote anything,
// enters a workflow history.
func TestAFailureLeavesItsCauseOut(t *testing.T) {
	problem := models.NewProblem(models.KindUnavailable, "store.away", "The database does not answer.", "").Because(errors.New("canary-cause"))
	failure := Failure(fmt.Errorf("dial canary-context: %w", problem))
	require.ErrorContains(t, failure, "The database does not answer.")
	require.NotContains(t, failure.Error(), "canary")
}

// Promise 2: breaks when the border moves beyond which a person is asked before
// records go: more than 20, and more than 30 % of the table.
func TestWhenAPersonIsAskedBeforeASweep(t *testing.T) {
	for _, c := range []struct {
		gone, of int64
		ask      bool
	}{
		{20, 20, false}, {21, 21, true}, {21, 70, false}, {22, 70, true}, {300, 1000, false}, {301, 1000, true}, {0, 0, false},
	} {
		require.Equal(t, c.ask, tooMany(c.gone, c.of), "%d of %d", c.gone, c.of)
	}
}
