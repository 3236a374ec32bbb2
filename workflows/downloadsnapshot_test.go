package workflows

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/scratch-platform/scratch/models"
	"github.com/scratch-platform/scratch/workflows/contract"
	"github.com/scratch-platform/scratch/workflows/policy"
)

// snapshotOf is a download of n tables whose children are scripted.
func snapshotOf(t *testing.T, n int, child func(workflow.Context, contract.DownloadInput) (contract.DownloadResult, error)) (*stage, contract.DownloadSnapshotInput) {
	s := newStage(t)
	s.OnWorkflow(contract.WorkflowDownload, mock.Anything, mock.Anything).Return(child)
	input := contract.DownloadSnapshotInput{OrganizationID: "org_1", SnapshotID: "snp_1", JobID: "job_1", Mode: models.DownloadFull}
	for i := range n {
		input.Tables = append(input.Tables, fmt.Sprintf("tbl_%03d", i))
	}
	return s, input
}

func (s *stage) snapshot(input contract.DownloadSnapshotInput) contract.DownloadSnapshotResult {
	s.t.Helper()
	s.ExecuteWorkflow(contract.WorkflowDownloadSnapshot, input)
	require.True(s.t, s.IsWorkflowCompleted())
	var result contract.DownloadSnapshotResult
	if s.GetWorkflowError() == nil {
		require.NoError(s.t, s.GetWorkflowResult(&result))
	}
	return result
}

var wentWell = contract.DownloadResult{RunID: "run_1", State: models.JobCompleted}

func TestSnapshotDownloadsTablesSideBySideWithinTheBound(t *testing.T) {
	running, most := 0, 0
	s, input := snapshotOf(t, 30, func(ctx workflow.Context, _ contract.DownloadInput) (contract.DownloadResult, error) {
		running++
		most = max(most, running)
		err := workflow.Sleep(ctx, time.Minute)
		running--
		return wentWell, err
	})
	started := s.Now()
	result := s.snapshot(input)
	require.NoError(t, s.GetWorkflowError())
	require.Equal(t, contract.DownloadSnapshotResult{State: models.JobCompleted, Tables: 30}, result)
	require.Equal(t, policy.TablesAtOnce, most)
	require.Less(t, s.Now().Sub(started), 6*time.Minute)
	require.Equal(t, "job:running job:completed", s.story())
}

// One bad table stops no other, and the job says which way it went.
func TestSnapshotOutlivesABadTable(t *testing.T) {
	for _, c := range []struct {
		bad  int
		want models.JobState
	}{{0, models.JobCompleted}, {1, models.JobCompletedWithFailures}, {3, models.JobFailed}} {
		s, input := snapshotOf(t, 3, func(_ workflow.Context, in contract.DownloadInput) (contract.DownloadResult, error) {
			if in.TableID < fmt.Sprintf("tbl_%03d", c.bad) {
				return contract.DownloadResult{}, contract.Failure(models.NewProblem(models.KindForbidden, "connector.auth", "No.", ""))
			}
			return wentWell, nil
		})
		result := s.snapshot(input)
		require.Equal(t, "job:"+string(c.want), s.happened()[len(s.happened())-1])
		if c.want == models.JobFailed {
			require.Equal(t, "connector.auth", contract.ProblemOf(s.GetWorkflowError()).Code, "a failed job is a failed run, with the table's problem")
			continue
		}
		require.NoError(t, s.GetWorkflowError())
		require.Equal(t, c.bad, result.Failed)
	}
}

// A child that was terminated stored no outcome: its parent does.
func TestSnapshotRecordsATerminatedTable(t *testing.T) {
	s, input := snapshotOf(t, 2, func(_ workflow.Context, in contract.DownloadInput) (contract.DownloadResult, error) {
		if in.TableID == "tbl_000" {
			return contract.DownloadResult{}, temporal.NewTimeoutError(0, nil)
		}
		return wentWell, nil
	})
	result := s.snapshot(input)
	require.NoError(t, s.GetWorkflowError())
	require.Equal(t, models.JobCompletedWithFailures, result.State)
	require.Contains(t, s.story(), "table:timed_out")
}

// Pause, resume and decide reach the tables that are under way, and no table
// begins while the run is paused.
func TestSnapshotPassesSignalsOn(t *testing.T) {
	var s *stage
	var input contract.DownloadSnapshotInput
	s, input = snapshotOf(t, 10, func(ctx workflow.Context, in contract.DownloadInput) (contract.DownloadResult, error) {
		s.tell(in.TableID)
		if in.TableID >= "tbl_008" {
			return wentWell, nil
		}
		workflow.GetSignalChannel(ctx, contract.Pause.Name()).Receive(ctx, nil)
		if in.TableID == "tbl_000" {
			s.tell("paused")
			return wentWell, nil // a place is free, but the run is paused
		}
		workflow.GetSignalChannel(ctx, contract.Resume.Name()).Receive(ctx, nil)
		if in.TableID == "tbl_003" {
			s.tell("resumed")
			var word contract.SweepDecision
			workflow.GetSignalChannel(ctx, contract.Decide.Name()).Receive(ctx, &word)
			if !word.Remove {
				return contract.DownloadResult{}, fmt.Errorf("another word came: %+v", word)
			}
		}
		return wentWell, nil
	})
	s.later(time.Minute, contract.Pause.Name(), contract.By{User: "usr_1"})
	s.later(2*time.Minute, contract.Resume.Name(), contract.By{})
	s.later(3*time.Minute, contract.Decide.Name(), contract.SweepDecision{TableID: "tbl_003", Remove: true})
	started := s.Now()
	s.snapshot(input)
	require.NoError(t, s.GetWorkflowError())
	require.GreaterOrEqual(t, s.Now().Sub(started), 3*time.Minute, "it went on without the word")
	story := s.happened()
	require.Greater(t, slices.Index(story, "tbl_008"), slices.Index(story, "resumed"), "a table began while the run was paused: %v", story)
	require.Greater(t, slices.Index(story, "resumed"), slices.Index(story, "paused"))
}

// A table that waits gives its place to another; the job shows waiting only
// when nothing runs, and what it waits for.
func TestSnapshotShowsWhatItsTablesWaitFor(t *testing.T) {
	s, input := snapshotOf(t, policy.TablesAtOnce+1, func(ctx workflow.Context, in contract.DownloadInput) (contract.DownloadResult, error) {
		if in.TableID == "tbl_008" {
			return wentWell, workflow.Sleep(ctx, time.Minute)
		}
		until := workflow.Now(ctx).Add(time.Hour)
		for _, state := range []contract.TableState{
			{TableID: in.TableID, State: models.JobWaiting, Until: &until, Why: "rate limit"}, {TableID: in.TableID, State: models.JobRunning},
		} {
			parent := workflow.GetInfo(ctx).ParentWorkflowExecution
			if err := contract.Table.Forward(ctx, parent.ID, state).Get(ctx, nil); err != nil {
				return wentWell, err
			}
			if err := workflow.Sleep(ctx, time.Hour); err != nil {
				return wentWell, err
			}
		}
		return wentWell, nil
	})
	started := s.Now()
	s.snapshot(input)
	require.NoError(t, s.GetWorkflowError())
	require.Equal(t, "job:running job:waiting job:running job:completed", s.story())
	require.Less(t, s.Now().Sub(started), 3*time.Hour, "the ninth table waited for a place")
}

func TestSnapshotIsCancelledWithItsTables(t *testing.T) {
	begun := 0
	s, input := snapshotOf(t, 12, func(ctx workflow.Context, _ contract.DownloadInput) (contract.DownloadResult, error) {
		begun++
		return contract.DownloadResult{}, workflow.Sleep(ctx, time.Hour)
	})
	s.RegisterDelayedCallback(s.CancelWorkflow, time.Minute)
	s.snapshot(input)
	require.True(t, temporal.IsCanceledError(s.GetWorkflowError()))
	require.Equal(t, policy.TablesAtOnce, begun, "no table was begun after the cancel")
	require.True(t, strings.HasSuffix(s.story(), "job:cancelled"), s.story())
}
