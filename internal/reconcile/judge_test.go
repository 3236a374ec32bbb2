package reconcile

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/enums/v1"

	"github.com/scratch-platform/scratch/models"
)

// What the engine shows of a run decides what its job shows. (Against a real
// engine, see package worker.)
func TestJudge(t *testing.T) {
	now := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	r := &Reconciler{Now: func() time.Time { return now }}
	long, just := now.Add(-5*time.Minute), now.Add(-5*time.Second)
	running := models.Job{State: models.JobRunning, RunID: "run-1", CreatedAt: long, StartedAt: &long, AliveAt: &just}
	with := func(change func(*models.Job)) models.Job {
		j := running
		change(&j)
		return j
	}
	open := sight{runID: "run-1", status: enums.WORKFLOW_EXECUTION_STATUS_RUNNING}
	closed := func(status enums.WorkflowExecutionStatus, outcome string) sight {
		return sight{runID: "run-1", status: status, outcome: outcome}
	}
	for _, c := range []struct {
		name string
		job  models.Job
		seen sight
		want models.JobState // empty: nothing changes
	}{
		{"under way", running, open, ""},
		{"completed, its last word lost", running, closed(enums.WORKFLOW_EXECUTION_STATUS_COMPLETED, "completed_with_failures"), models.JobCompletedWithFailures},
		{"completed without a word", running, closed(enums.WORKFLOW_EXECUTION_STATUS_COMPLETED, "running"), models.JobCompleted},
		{"failed", running, closed(enums.WORKFLOW_EXECUTION_STATUS_FAILED, ""), models.JobFailed},
		{"cancelled", running, closed(enums.WORKFLOW_EXECUTION_STATUS_CANCELED, ""), models.JobCancelled},
		{"terminated", running, closed(enums.WORKFLOW_EXECUTION_STATUS_TERMINATED, ""), models.JobTerminated},
		{"timed out", running, closed(enums.WORKFLOW_EXECUTION_STATUS_TIMED_OUT, ""), models.JobTimedOut},
		{"forgotten by the engine", running, sight{gone: true}, models.JobLost},
		{"cancelled before it began", with(func(j *models.Job) { j.State, j.RunID = models.JobCancelling, "" }), sight{gone: true}, models.JobCancelled},
		{"somebody cancels it at the engine", running, sight{runID: "run-1", status: enums.WORKFLOW_EXECUTION_STATUS_RUNNING, cancelling: true}, models.JobCancelling},
		{"reset: the same job goes on", running, sight{runID: "run-2", status: enums.WORKFLOW_EXECUTION_STATUS_RUNNING}, models.JobRunning},
		{"silent for long", with(func(j *models.Job) { j.AliveAt = &long }), open, models.JobStalled},
		{"waiting is not silent", with(func(j *models.Job) { j.State, j.AliveAt = models.JobWaiting, &long }), open, ""},
		{"queued without a worker", with(func(j *models.Job) { j.State, j.RunID, j.StartedAt, j.AliveAt = models.JobQueued, "", nil, nil }), open, models.JobStalled},
		{"engine away", running, sight{away: true}, models.JobRunning},
		{"engine still away", with(func(j *models.Job) { j.EngineAway = true }), sight{away: true}, ""},
		{"engine back", with(func(j *models.Job) { j.EngineAway = true }), open, models.JobRunning},
	} {
		t.Run(c.name, func(t *testing.T) {
			change, needed := r.judge(c.job, c.seen)
			require.Equal(t, c.want != "", needed)
			if needed {
				require.Equal(t, c.want, change.To)
				require.Equal(t, c.seen.away, change.EngineAway)
				if change.RunID != "" {
					require.Equal(t, c.seen.runID, change.RunID)
				}
			}
		})
	}
}
