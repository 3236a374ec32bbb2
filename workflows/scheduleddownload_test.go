package workflows

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/scratch-platform/scratch/activities"
	"github.com/scratch-platform/scratch/models"
	"github.com/scratch-platform/scratch/workflows/contract"
)

var scheduledInput = contract.ScheduledDownloadInput{OrganizationID: "org_1", SnapshotID: "snp_1", ScheduleID: "sch_1"}

var scheduledAt = time.Date(2026, 3, 4, 6, 30, 0, 0, time.UTC)

// scheduled scripts a scheduled download: what each look at the snapshot gives.
func scheduled(t *testing.T, begins ...activities.BeginScheduledResult) *stage {
	s := newStage(t)
	s.SetStartWorkflowOptions(client.StartWorkflowOptions{ID: contract.ScheduledDownloadID("sch_1", scheduledAt), TaskQueue: contract.QueueMaintenance})
	call := 0
	if len(begins) > 0 { // else the test scripts it
		s.OnActivity(schedules.BeginScheduled, mock.Anything, mock.Anything).Return(
			func(_ context.Context, in activities.ScheduledInput) (activities.BeginScheduledResult, error) {
				require.Equal(t, scheduledAt, in.At)
				begun := begins[min(call, len(begins)-1)]
				call++
				s.tell("begin:" + string(begun.Outcome))
				return begun, nil
			}).Maybe()
	}
	s.OnActivity(schedules.EndScheduled, mock.Anything, mock.Anything).Return(
		func(_ context.Context, in activities.EndScheduledInput) error {
			code := ""
			if in.Problem != nil {
				code = ":" + in.Problem.Code
			}
			s.tell("end:" + string(in.Outcome) + ":" + string(in.State) + code)
			return nil
		}).Maybe()
	s.OnActivity(schedules.CancelJob, mock.Anything, mock.Anything).Return(
		func(_ context.Context, in activities.JobRef) error {
			s.tell("cancel:" + in.JobID)
			return nil
		}).Maybe()
	return s
}

// follows scripts how each followed job ends.
func (s *stage) follows(states ...models.JobState) {
	call := 0
	s.OnActivity(schedules.FollowJob, mock.Anything, mock.Anything).Return(
		func(_ context.Context, in activities.JobRef) (activities.FollowJobResult, error) {
			s.tell("follow:" + in.JobID)
			state := states[min(call, len(states)-1)]
			call++
			return activities.FollowJobResult{State: state}, nil
		}).Maybe()
}

func (s *stage) schedule() (contract.ScheduledDownloadResult, error) {
	s.t.Helper()
	s.ExecuteWorkflow(contract.WorkflowScheduledDownload, scheduledInput)
	require.True(s.t, s.IsWorkflowCompleted())
	var result contract.ScheduledDownloadResult
	err := s.GetWorkflowError()
	if err == nil {
		require.NoError(s.t, s.GetWorkflowResult(&result))
	}
	return result, err
}

func began(outcome models.ScheduleOutcome, job string) activities.BeginScheduledResult {
	return activities.BeginScheduledResult{Outcome: outcome, JobID: job}
}

// A scheduled run lasts as long as its download, and says how that went; a
// download that failed is the job's news and no failure of the schedule.
func TestScheduledDownloadLastsAsLongAsItsDownload(t *testing.T) {
	for _, state := range []models.JobState{models.JobCompleted, models.JobCompletedWithFailures, models.JobFailed, models.JobCancelled, models.JobTerminated} {
		s := scheduled(t, began(models.ScheduleStarted, "job_1"))
		s.follows(state)
		result, err := s.schedule()
		require.NoError(t, err)
		require.Equal(t, contract.ScheduledDownloadResult{Outcome: models.ScheduleEnded, JobID: "job_1", State: state}, result)
		require.Equal(t, "begin:started follow:job_1 end:ended:"+string(state), s.story())
	}
}

func TestScheduledDownloadIsLeftOutOrShared(t *testing.T) {
	for _, outcome := range []models.ScheduleOutcome{models.ScheduleSkipped, models.ScheduleShared} {
		s := scheduled(t, began(outcome, "job_other"))
		s.follows(models.JobCompleted)
		result, err := s.schedule()
		require.NoError(t, err)
		require.Equal(t, outcome, result.Outcome)
		require.Equal(t, "begin:"+string(outcome)+" end:"+string(outcome)+":", s.story())
	}
}

// One that waits begins when the other has ended, however often another one
// comes first.
func TestScheduledDownloadWaitsItsTurn(t *testing.T) {
	s := scheduled(t, began(models.ScheduleWaiting, "job_a"), began(models.ScheduleWaiting, "job_b"), began(models.ScheduleStarted, "job_1"))
	s.follows(models.JobCancelled, models.JobFailed, models.JobCompleted)
	result, err := s.schedule()
	require.NoError(t, err)
	require.Equal(t, contract.ScheduledDownloadResult{Outcome: models.ScheduleEnded, JobID: "job_1", State: models.JobCompleted}, result)
	require.Equal(t, "begin:waiting follow:job_a begin:waiting follow:job_b begin:started follow:job_1 end:ended:completed", s.story())
}

// A schedule that was removed does nothing more, and keeps nothing.
func TestScheduledDownloadOfARemovedSchedule(t *testing.T) {
	s := scheduled(t, activities.BeginScheduledResult{Gone: true})
	_, err := s.schedule()
	require.NoError(t, err)
	require.Equal(t, "begin:", s.story())
}

// A time of which no download could be made shows with its reason.
func TestScheduledDownloadThatCannotBegin(t *testing.T) {
	s := scheduled(t)
	s.OnActivity(schedules.BeginScheduled, mock.Anything, mock.Anything).Return(activities.BeginScheduledResult{},
		activities.Failure(models.NewProblem(models.KindConflict, "snapshot.empty", "This snapshot has no tables to download.", "Add a table first.")))
	_, err := s.schedule()
	require.Equal(t, "snapshot.empty", contract.ProblemOf(err).Code)
	require.Equal(t, "end:failed::snapshot.empty", s.story())
}

// A cancel, by the engine for a newer time or by an operator, reaches the
// download that the run started, and is waited for; one that was another's is
// left alone.
func TestScheduledDownloadPassesACancelOn(t *testing.T) {
	for _, c := range []struct {
		outcome models.ScheduleOutcome
		story   string
	}{
		{models.ScheduleStarted, "begin:started follow cancel:job_1 follow end:ended:cancelled"},
		{models.ScheduleWaiting, "begin:waiting follow end:skipped:"},
	} {
		s := scheduled(t, began(c.outcome, "job_1"))
		call := 0
		s.OnActivity(schedules.FollowJob, mock.Anything, mock.Anything).Return(
			func(context.Context, activities.JobRef) (activities.FollowJobResult, error) {
				s.tell("follow")
				call++
				if call == 1 {
					return activities.FollowJobResult{}, s.held()
				}
				return activities.FollowJobResult{State: models.JobCancelled}, nil
			})
		s.RegisterDelayedCallback(s.CancelWorkflow, 50*time.Millisecond)
		_, err := s.schedule()
		var cancelled *temporal.CanceledError
		require.ErrorAs(t, err, &cancelled)
		require.Equal(t, c.story, s.story())
	}
}

// Breaks when a clean-up that fails in one place does not clean the other.
func TestCleanupDoesBoth(t *testing.T) {
	s := newStage(t)
	s.OnActivity(cleanup.CleanRows, mock.Anything).Return(activities.CleanRowsResult{Rows: map[string]int64{"events": 3}}, nil).Once()
	s.OnActivity(cleanup.SweepUploads, mock.Anything).Return(activities.SweepUploadsResult{Files: 2}, nil).Once()
	s.ExecuteWorkflow(contract.WorkflowCleanup)
	require.NoError(t, s.GetWorkflowError())
	var result contract.CleanupResult
	require.NoError(t, s.GetWorkflowResult(&result))
	require.Equal(t, contract.CleanupResult{Rows: map[string]int64{"events": 3}, Files: 2}, result)

	s = newStage(t)
	refused := activities.Failure(models.NewProblem(models.KindInvalid, "store.broken", "No.", ""))
	s.OnActivity(cleanup.CleanRows, mock.Anything).Return(activities.CleanRowsResult{}, refused).Once()
	s.OnActivity(cleanup.SweepUploads, mock.Anything).Return(activities.SweepUploadsResult{Files: 2}, nil).Once()
	s.ExecuteWorkflow(contract.WorkflowCleanup)
	require.Error(t, s.GetWorkflowError())
	s.AssertExpectations(t)
}
