package reconcile

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/enums/v1"

	"github.com/scratch-platform/scratch/models"
)

// Breaks when a cancel that never reached the engine leaves its run working to
// the end under a job that shows as cancelling, and when a cancel is passed on
// to a run that was told, or that has ended.
func TestALostCancelIsPassedOn(t *testing.T) {
	running, done := enums.WORKFLOW_EXECUTION_STATUS_RUNNING, enums.WORKFLOW_EXECUTION_STATUS_COMPLETED
	cancelling := models.Job{ID: "job_1", State: models.JobCancelling}
	r := &Reconciler{}
	require.True(t, r.cancelLost(cancelling, sight{runID: "r", status: running}))
	require.False(t, r.cancelLost(cancelling, sight{runID: "r", status: running, cancelling: true}), "it was told")
	require.False(t, r.cancelLost(cancelling, sight{runID: "r", status: done}))
	require.False(t, r.cancelLost(cancelling, sight{gone: true}))
	require.False(t, r.cancelLost(cancelling, sight{away: true}))
	require.False(t, r.cancelLost(models.Job{State: models.JobRunning}, sight{runID: "r", status: running}))
}
