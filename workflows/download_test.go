package workflows

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/scratch-platform/scratch/activities"
	"github.com/scratch-platform/scratch/models"
	"github.com/scratch-platform/scratch/workflows/contract"
)

func TestDownloadGoesStepByStep(t *testing.T) {
	s := downloading(t)
	s.begins(begun)
	s.copies(activities.CopyResult{Seen: 1}, activities.CopyResult{Seen: 2}, complete)
	s.confirms(nothing)
	result := s.download()
	require.NoError(t, s.GetWorkflowError())
	require.Equal(t, models.JobCompleted, result.State)
	require.Equal(t, "begin copy copy copy confirm finish:completed", s.story(), "a turn that is over is followed by another")
}

// A first download has nothing to confirm: nothing was here that could be gone.
func TestDownloadConfirmsNothingWhereNothingCanBeMissing(t *testing.T) {
	s := downloading(t)
	s.begins(begun)
	settled := complete
	settled.Settled = true
	s.copies(settled)
	s.download()
	require.NoError(t, s.GetWorkflowError())
	require.Equal(t, "begin copy finish:completed", s.story())
}

// A rate limit or a service that is away is waited for, shown as waiting, and
// spends no attempt.
func TestDownloadWaitsForTheService(t *testing.T) {
	s := downloading(t)
	s.begins(begun)
	s.copies(activities.CopyResult{Seen: 5, Wait: away(models.KindRateLimited, 10*time.Hour)}, complete)
	s.confirms(nothing)
	started := s.Now()
	s.download()
	require.NoError(t, s.GetWorkflowError())
	require.Equal(t, "begin copy table:waiting table:running copy confirm finish:completed", s.story())
	require.GreaterOrEqual(t, s.Now().Sub(started), 10*time.Hour)
	require.Len(t, s.waits, 1)
	require.Equal(t, "job.waiting", s.waits[0].Code, "it ends by itself: nobody is to be asked")
	require.WithinDuration(t, started.Add(10*time.Hour), *s.waits[0].RetryAt, time.Minute)
}

// A service that was never reached is given up soon, with its own problem; one
// that was reached is waited for longer.
func TestDownloadGivesUpOnAServiceThatStaysAway(t *testing.T) {
	for _, c := range []struct {
		name    string
		seen    int64
		atLeast time.Duration
		atMost  time.Duration
	}{
		{"never reached", 0, 20 * time.Second, time.Minute},
		{"reached before", 700, 10 * time.Minute, 16 * time.Minute},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := downloading(t)
			s.begins(begun)
			s.copies(activities.CopyResult{Seen: c.seen, Wait: away(models.KindUnavailable, 20*time.Second)})
			started := s.Now()
			s.download()
			var application *temporal.ApplicationError
			require.ErrorAs(t, s.GetWorkflowError(), &application)
			require.Equal(t, "connector.unavailable", application.Type())
			require.Contains(t, s.happened(), "finish:failed")
			took := s.Now().Sub(started)
			require.GreaterOrEqual(t, took, c.atLeast)
			require.LessOrEqual(t, took, c.atMost)
		})
	}
}

// A pause stops the activity at its checkpoint; nothing runs until the resume.
func TestDownloadPausesAtItsCheckpoint(t *testing.T) {
	s := downloading(t)
	s.begins(begun)
	s.confirms(nothing)
	calls := 0
	s.OnActivity(downloads.CopyPages, mock.Anything, mock.Anything).Return(
		func(_ context.Context, _ activities.CopyInput) (activities.CopyResult, error) {
			s.tell("copy")
			if calls++; calls == 1 {
				s.RegisterDelayedCallback(func() { s.SignalWorkflow(contract.Pause.Name(), contract.By{User: "usr_1"}) }, 0)
				return activities.CopyResult{}, s.held()
			}
			return complete, nil
		})
	s.later(time.Hour, contract.Resume.Name(), contract.By{})
	started := s.Now()
	s.download()
	require.NoError(t, s.GetWorkflowError())
	require.Equal(t, "begin copy table:paused table:running copy confirm finish:completed", s.story())
	require.GreaterOrEqual(t, s.Now().Sub(started), time.Hour)
}

func TestDownloadPausedBeforeItBegan(t *testing.T) {
	s := downloading(t)
	s.begins(begun)
	s.copies(complete)
	s.confirms(nothing)
	s.later(0, contract.Pause.Name(), nil) // as `temporal workflow signal` without input
	s.later(time.Minute, contract.Resume.Name(), nil)
	s.download()
	require.NoError(t, s.GetWorkflowError())
	require.Equal(t, "finish:completed", s.happened()[len(s.happened())-1])
}

// Promise 2: a large sweep waits for a person, and does what the person said.
func TestDownloadAsksBeforeALargeSweep(t *testing.T) {
	for _, remove := range []bool{true, false} {
		s := downloading(t)
		s.begins(begun)
		s.copies(complete)
		s.confirms(func(in activities.ConfirmInput) activities.ConfirmResult {
			if in.Remove == nil {
				return activities.ConfirmResult{NeedsDecision: true, Gone: 40, Of: 100}
			}
			require.Equal(t, remove, *in.Remove)
			return activities.ConfirmResult{}
		})
		s.later(time.Hour, contract.Decide.Name(), contract.SweepDecision{TableID: "tbl_other", Remove: !remove})
		s.later(48*time.Hour, contract.Decide.Name(), contract.SweepDecision{TableID: "tbl_1", Remove: remove})
		s.download()
		require.NoError(t, s.GetWorkflowError())
		require.Equal(t, "begin copy confirm table:waiting table:running confirm finish:completed", s.story())
		require.Len(t, s.waits, 1)
		require.Equal(t, "job.asks", s.waits[0].Code, "who shows it offers to keep or to remove")
		require.Nil(t, s.waits[0].RetryAt)
	}
}

// Promise 9: breaks when a pause that was accepted while a run waits for a
// person's word does not show, or when the question is gone after it.
func TestDownloadIsPausedWhileItAsks(t *testing.T) {
	s := downloading(t)
	s.begins(begun)
	s.copies(complete)
	s.confirms(func(in activities.ConfirmInput) activities.ConfirmResult {
		return activities.ConfirmResult{NeedsDecision: in.Remove == nil, Gone: 50, Of: 100}
	})
	s.later(time.Minute, "pause", contract.By{})
	s.later(2*time.Minute, "resume", contract.By{})
	s.later(3*time.Minute, "pause", contract.By{})
	s.later(4*time.Minute, "decide", contract.SweepDecision{TableID: "tbl_1", Remove: true})
	s.later(5*time.Minute, "resume", contract.By{})
	s.download()
	require.NoError(t, s.GetWorkflowError())
	require.Equal(t, "begin copy confirm table:waiting table:paused table:running table:waiting table:paused table:running confirm finish:completed", s.story())
}

// A cancel in any state ends the run as cancelled, with its outcome stored.
func TestDownloadIsCancelledAtEveryStep(t *testing.T) {
	stepsOf := map[string]func(s *stage){
		"begin": func(s *stage) {
			s.OnActivity(downloads.BeginDownload, mock.Anything, mock.Anything).Return(
				func(_ context.Context, _ activities.RunInput) (activities.BeginResult, error) {
					return activities.BeginResult{}, s.held()
				})
		},
		"copy": func(s *stage) {
			s.begins(begun)
			s.OnActivity(downloads.CopyPages, mock.Anything, mock.Anything).Return(
				func(_ context.Context, _ activities.CopyInput) (activities.CopyResult, error) {
					return activities.CopyResult{}, s.held()
				})
		},
		"wait": func(s *stage) {
			s.begins(begun)
			s.copies(activities.CopyResult{Wait: away(models.KindRateLimited, 20*time.Hour)})
		},
		"paused": func(s *stage) {
			s.begins(begun)
			s.copies(activities.CopyResult{Wait: away(models.KindRateLimited, 20*time.Hour)})
			s.later(10*time.Millisecond, contract.Pause.Name(), contract.By{})
		},
		"confirm": func(s *stage) {
			s.begins(begun)
			s.copies(complete)
			s.OnActivity(downloads.ConfirmMissing, mock.Anything, mock.Anything).Return(
				func(_ context.Context, _ activities.ConfirmInput) (activities.ConfirmResult, error) {
					return activities.ConfirmResult{}, s.held()
				})
		},
		"ask": func(s *stage) {
			s.begins(begun)
			s.copies(complete)
			s.confirms(func(activities.ConfirmInput) activities.ConfirmResult {
				return activities.ConfirmResult{NeedsDecision: true}
			})
		},
	}
	for name, script := range stepsOf {
		t.Run(name, func(t *testing.T) {
			s := downloading(t)
			script(s)
			s.RegisterDelayedCallback(s.CancelWorkflow, 100*time.Millisecond)
			s.download()
			require.True(t, temporal.IsCanceledError(s.GetWorkflowError()), "got %v", s.GetWorkflowError())
			last := s.happened()[len(s.happened())-1]
			if name == "begin" {
				require.Equal(t, "table:cancelled", last, "a run that never began has its outcome too")
			} else {
				require.Equal(t, "finish:cancelled", last)
			}
		})
	}
}

// What the service refused ends the run with the service's own problem.
func TestDownloadFailsWithTheProblem(t *testing.T) {
	s := downloading(t)
	refused := models.NewProblem(models.KindForbidden, "connector.auth", "The password is wrong.", "Connect again.")
	s.OnActivity(downloads.BeginDownload, mock.Anything, mock.Anything).Return(activities.BeginResult{}, activities.Failure(refused))
	s.download()
	problem := contract.ProblemOf(s.GetWorkflowError())
	require.Equal(t, "connector.auth", problem.Code)
	require.Equal(t, "Connect again.", problem.Hint)
	require.Equal(t, "table:failed", s.story())
}

// Breaks when a run whose history has grown long does not go on in a new one
// from its checkpoint, or ends its table on the way.
func TestDownloadContinuesAsNew(t *testing.T) {
	s := downloading(t)
	s.begins(begun)
	s.copies(activities.CopyResult{Seen: 3}, complete)
	s.SetContinueAsNewSuggested(true)
	s.ExecuteWorkflow(contract.WorkflowDownload, downloadInput)
	require.True(t, workflow.IsContinueAsNewError(s.GetWorkflowError()), "%v", s.GetWorkflowError())
	require.Equal(t, "begin copy", s.story())
}
