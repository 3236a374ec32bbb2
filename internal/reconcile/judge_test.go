package reconcile

import (
	"testing"
	"time"

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

// Breaks when a publish whose items in flight cannot be settled has a run
// started with every pass, for ever, and when one that left the list is not
// tried at once the next time.
func TestFindingOutBacksOff(t *testing.T) {
	var s resolving
	now := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	require.True(t, s.due("pln_1", now))
	var waits []time.Duration
	for range 10 {
		s.began("pln_1", now)
		began := now
		for !s.due("pln_1", now) {
			now = now.Add(time.Second)
		}
		waits = append(waits, now.Sub(began))
		require.True(t, s.due("pln_2", began), "one plan waits for no other")
	}
	require.Equal(t, resolveAgain, waits[0])
	require.Equal(t, 2*resolveAgain, waits[1])
	require.Equal(t, resolveAtMost, waits[9])
	s.began("pln_1", now)
	s.keep([]models.Job{{PlanID: "pln_1"}})
	require.False(t, s.due("pln_1", now))
	s.keep(nil)
	require.True(t, s.due("pln_1", now))
}
