package reconcile

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/api/enums/v1"
	failurepb "go.temporal.io/api/failure/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/sdk/converter"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/scratch-platform/scratch/models"
	"github.com/scratch-platform/scratch/models/store"
)

// Promise 9: breaks when a job whose steps the database refuses shows as running,
// or as one that needs a worker; when it goes on showing so after it got on; or
// when another trouble, or a person's pause, is hidden by it.
func TestAJobThatWaitsForTheDatabaseSaysSo(t *testing.T) {
	now := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	long := now.Add(-time.Hour)
	r := &Reconciler{Now: func() time.Time { return now }, Payloads: converter.GetDefaultDataConverter()}
	full := models.NewProblem(models.KindUnavailable, "store.disk_full", "no room", "make room")
	step := func(code string, state enums.PendingActivityState, ago time.Duration) []*workflowpb.PendingActivityInfo {
		payload, err := r.Payloads.ToPayload(full)
		require.NoError(t, err)
		return []*workflowpb.PendingActivityInfo{{
			State: state, LastStartedTime: timestamppb.New(now.Add(-ago)), NextAttemptScheduleTime: timestamppb.New(now.Add(time.Minute)),
			LastFailure: &failurepb.Failure{FailureInfo: &failurepb.Failure_ApplicationFailureInfo{ApplicationFailureInfo: &failurepb.ApplicationFailureInfo{
				Type: code, Details: &commonpb.Payloads{Payloads: []*commonpb.Payload{payload}},
			}}},
		}}
	}
	scheduled, started := enums.PENDING_ACTIVITY_STATE_SCHEDULED, enums.PENDING_ACTIVITY_STATE_STARTED
	require.Nil(t, r.heldUpIn(nil))
	require.Nil(t, r.heldUpIn(step("connector.unavailable", scheduled, 0)), "another trouble")
	require.Nil(t, r.heldUpIn(step("store.disk_full", started, time.Minute)), "it got on")
	require.NotNil(t, r.heldUpIn(step("store.disk_full", started, time.Second)))
	held := r.heldUpIn(step("store.disk_full", scheduled, time.Minute))
	require.Equal(t, full.Code, held.problem.Code)
	require.Equal(t, now.Add(time.Minute), *held.until)

	job := func(state models.JobState, problem *models.Problem) models.Job {
		return models.Job{ID: "job_1", State: state, RunID: "r1", CreatedAt: long, AliveAt: &long, Problem: problem}
	}
	for _, c := range []struct {
		name string
		job  models.Job
		held *heldUp
		want models.JobState // empty: nothing changes
	}{
		{"running", job(models.JobRunning, nil), held, models.JobWaiting},
		{"stalled", job(models.JobStalled, nil), held, models.JobWaiting},
		{"it goes on", job(models.JobWaiting, full), nil, models.JobRunning},
		{"still", job(models.JobWaiting, full), held, models.JobWaiting},
		{"a service's limit is waited for", job(models.JobWaiting, nil), held, ""},
		{"paused", job(models.JobPaused, nil), held, ""},
		{"cancelling", job(models.JobCancelling, nil), held, ""},
		{"silent for another reason", job(models.JobRunning, nil), nil, models.JobStalled},
	} {
		t.Run(c.name, func(t *testing.T) {
			change, needed := r.judge(c.job, sight{runID: "r1", status: enums.WORKFLOW_EXECUTION_STATUS_RUNNING, held: c.held})
			require.Equal(t, c.want != "", needed)
			if needed {
				require.Equal(t, c.want, change.To)
			}
			if c.want == models.JobWaiting {
				require.Equal(t, full.Detail, change.WaitingWhy)
				require.Equal(t, full.Code, change.Problem.Code)
			}
		})
	}
	terminated, _ := r.judge(job(models.JobWaiting, full), sight{runID: "r1", status: enums.WORKFLOW_EXECUTION_STATUS_TERMINATED})
	require.Equal(t, "job.ended_outside", terminated.Problem.Code, "what it waited for did not end it")

	shown := unstored(job(models.JobRunning, nil), store.JobChange{To: models.JobStalled}, full)
	require.Equal(t, models.JobWaiting, shown.State)
	require.Equal(t, full.Detail, shown.WaitingWhy)
	require.Equal(t, models.JobTerminated, unstored(job(models.JobRunning, nil), store.JobChange{To: models.JobTerminated}, full).State, "an end is shown as it is")
	require.Nil(t, unstored(job(models.JobRunning, nil), store.JobChange{To: models.JobStalled}, errors.New("a fault")))
	require.Nil(t, unstored(job(models.JobRunning, nil), store.JobChange{To: models.JobStalled}, nil))
}
