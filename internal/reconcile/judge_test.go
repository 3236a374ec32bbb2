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

// Promise 9: breaks when what became of a run, or that nobody knows, does not
// show on its job.
func TestAJobShowsWhatTheEngineShows(t *testing.T) {
	now := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	long, just := now.Add(-time.Hour), now.Add(-time.Second)
	r := &Reconciler{Now: func() time.Time { return now }}
	running := func(change func(*models.Job)) models.Job {
		job := models.Job{ID: "job_1", State: models.JobRunning, RunID: "r1", CreatedAt: long, StartedAt: &long, AliveAt: &just}
		if change != nil {
			change(&job)
		}
		return job
	}
	open := sight{runID: "r1", status: enums.WORKFLOW_EXECUTION_STATUS_RUNNING}
	closed := func(status enums.WorkflowExecutionStatus) sight { return sight{runID: "r1", status: status} }
	for _, c := range []struct {
		name string
		job  models.Job
		seen sight
		want models.JobState // empty: nothing changes
		away bool
		code string
	}{
		{name: "lost", job: running(nil), seen: sight{gone: true}, want: models.JobLost, code: "job.lost"},
		{name: "never begun and cancelled", job: running(func(j *models.Job) { j.RunID = "" }), seen: sight{gone: true}, want: models.JobCancelled},
		{name: "timed out", job: running(nil), seen: closed(enums.WORKFLOW_EXECUTION_STATUS_TIMED_OUT), want: models.JobTimedOut, code: "job.ended_outside"},
		{name: "terminated", job: running(nil), seen: closed(enums.WORKFLOW_EXECUTION_STATUS_TERMINATED), want: models.JobTerminated, code: "job.ended_outside"},
		{name: "failed", job: running(nil), seen: closed(enums.WORKFLOW_EXECUTION_STATUS_FAILED), want: models.JobFailed, code: "job.ended_outside"},
		{name: "cancelled", job: running(nil), seen: closed(enums.WORKFLOW_EXECUTION_STATUS_CANCELED), want: models.JobCancelled},
		{name: "completed", job: running(nil), seen: closed(enums.WORKFLOW_EXECUTION_STATUS_COMPLETED), want: models.JobCompleted},
		{
			name: "completed with failures", job: running(nil), want: models.JobCompletedWithFailures,
			seen: sight{runID: "r1", status: enums.WORKFLOW_EXECUTION_STATUS_COMPLETED, outcome: "completed_with_failures"},
		},
		{name: "well", job: running(nil), seen: open},
		{name: "silent for an hour", job: running(func(j *models.Job) { j.AliveAt = nil }), seen: open, want: models.JobStalled},
		{name: "paused for an hour", job: running(func(j *models.Job) { j.State, j.AliveAt = models.JobPaused, nil }), seen: open},
		{name: "reset", job: running(nil), seen: sight{runID: "r2", status: open.status}, want: models.JobRunning},
		{name: "being cancelled", job: running(nil), seen: sight{runID: "r1", status: open.status, cancelling: true}, want: models.JobCancelling},
		{name: "engine away", job: running(nil), seen: sight{away: true}, want: models.JobRunning, away: true},
		{name: "engine still away", job: running(func(j *models.Job) { j.EngineAway = true }), seen: sight{away: true}},
		{name: "engine back", job: running(func(j *models.Job) { j.EngineAway = true }), seen: open, want: models.JobRunning},
	} {
		t.Run(c.name, func(t *testing.T) {
			change, needed := r.judge(c.job, c.seen)
			require.Equal(t, c.want != "", needed)
			if !needed {
				return
			}
			require.Equal(t, c.want, change.To)
			require.Equal(t, c.away, change.EngineAway)
			require.Contains(t, change.From, c.job.State, "the change leaves the state that the job is in")
			if c.want.Final() || change.RunID != "" {
				require.Equal(t, c.seen.runID, change.RunID)
			}
			if c.code == "" {
				require.Nil(t, change.Problem)
			} else {
				require.Equal(t, c.code, change.Problem.Code)
			}
		})
	}
}
