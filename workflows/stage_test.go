package workflows

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"github.com/scratch-platform/scratch/activities"
	"github.com/scratch-platform/scratch/models"
	"github.com/scratch-platform/scratch/workflows/contract"
)

// stage runs a workflow with scripted activities and keeps what it did.
type stage struct {
	*testsuite.TestWorkflowEnvironment
	t  *testing.T
	mu sync.Mutex
	// told are the activities in order, as "name" or "name:state".
	told    []string
	waits   []models.Problem // why tables waited
	stopped chan struct{}    // an activity was cancelled
}

func newStage(t *testing.T) *stage {
	var suite testsuite.WorkflowTestSuite
	s := &stage{TestWorkflowEnvironment: suite.NewTestWorkflowEnvironment(), t: t}
	s.SetTestTimeout(5 * time.Second)
	s.stopped = make(chan struct{}, 100)
	s.SetOnActivityCanceledListener(func(*activity.Info) { s.stopped <- struct{}{} })
	s.RegisterWorkflowWithOptions(DownloadSnapshot, workflow.RegisterOptions{Name: contract.WorkflowDownloadSnapshot})
	s.RegisterWorkflowWithOptions(Download, workflow.RegisterOptions{Name: contract.WorkflowDownload})
	s.RegisterWorkflowWithOptions(Publish, workflow.RegisterOptions{Name: contract.WorkflowPublish})
	s.RegisterActivity(&activities.Jobs{})
	s.RegisterActivity(&activities.Downloads{})
	s.RegisterActivity(&activities.Publishes{})
	s.RegisterWorkflowWithOptions(ScheduledDownload, workflow.RegisterOptions{Name: contract.WorkflowScheduledDownload})
	s.RegisterWorkflowWithOptions(Cleanup, workflow.RegisterOptions{Name: contract.WorkflowCleanup})
	s.RegisterActivity(&activities.Schedules{})
	s.RegisterActivity(&activities.Cleanup{})
	s.OnUpsertTypedSearchAttributes(mock.Anything).Return(nil).Maybe()
	s.OnActivity(jobs.ChangeJob, mock.Anything, mock.Anything).Return(func(_ context.Context, in activities.ChangeJobInput) error {
		s.tell("job:" + string(in.To))
		return nil
	}).Maybe()
	s.OnActivity(jobs.RecordTable, mock.Anything, mock.Anything).Return(func(_ context.Context, in activities.RecordTableInput) error {
		s.tell("table:" + string(in.State))
		if in.Problem != nil {
			s.mu.Lock()
			s.waits = append(s.waits, *in.Problem)
			s.mu.Unlock()
		}
		return nil
	}).Maybe()
	return s
}

func (s *stage) tell(what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.told = append(s.told, what)
}

// happened gives what was told so far.
func (s *stage) happened() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.told)
}

// later sends a signal after a time of the workflow's own clock.
func (s *stage) later(after time.Duration, name string, value any) {
	s.RegisterDelayedCallback(func() { s.SignalWorkflow(name, value) }, after)
}

// story is what happened, as one line to compare.
func (s *stage) story() string { return strings.Join(s.happened(), " ") }

// held is an activity that works until it is cancelled. (The test environment
// passes a cancel on with a heartbeat once in 12 s only; heartbeats are tested
// against a real engine.)
func (s *stage) held() error {
	<-s.stopped
	return context.Canceled
}

var downloadInput = contract.DownloadInput{
	OrganizationID: "org_1", SnapshotID: "snp_1", JobID: "job_1", TableID: "tbl_1", Mode: models.DownloadFull,
}

// downloading scripts a table's download that goes well, for a test to change.
func downloading(t *testing.T) *stage {
	s := newStage(t)
	s.OnActivity(downloads.FinishDownload, mock.Anything, mock.Anything).Return(
		func(_ context.Context, in activities.FinishInput) (contract.DownloadResult, error) {
			s.tell("finish:" + string(in.State))
			return contract.DownloadResult{RunID: in.RunID, State: in.State, Problem: in.Problem}, nil
		}).Maybe()
	// The snapshot's download is not there to hear.
	s.OnSignalExternalWorkflow(mock.Anything, mock.Anything, mock.Anything, mock.Anything, mock.Anything).Return(nil).Maybe()
	return s
}

func (s *stage) begins(results ...activities.BeginResult) {
	call := 0
	s.OnActivity(downloads.BeginDownload, mock.Anything, mock.Anything).Return(
		func(context.Context, activities.RunInput) (activities.BeginResult, error) {
			s.tell("begin")
			r := results[min(call, len(results)-1)]
			call++
			return r, nil
		}).Maybe()
}

func (s *stage) copies(results ...activities.CopyResult) {
	call := 0
	s.OnActivity(downloads.CopyPages, mock.Anything, mock.Anything).Return(
		func(context.Context, activities.CopyInput) (activities.CopyResult, error) {
			s.tell("copy")
			r := results[min(call, len(results)-1)]
			call++
			return r, nil
		}).Maybe()
}

func (s *stage) confirms(answer func(activities.ConfirmInput) activities.ConfirmResult) {
	s.OnActivity(downloads.ConfirmMissing, mock.Anything, mock.Anything).Return(
		func(_ context.Context, in activities.ConfirmInput) (activities.ConfirmResult, error) {
			s.tell("confirm")
			return answer(in), nil
		}).Maybe()
}

var (
	begun    = activities.BeginResult{RunID: "run_1", Mode: models.DownloadFull}
	complete = activities.CopyResult{Complete: true, Seen: 3}
	nothing  = func(activities.ConfirmInput) activities.ConfirmResult { return activities.ConfirmResult{} }
)

func (s *stage) download() contract.DownloadResult {
	s.t.Helper()
	s.ExecuteWorkflow(contract.WorkflowDownload, downloadInput)
	require.True(s.t, s.IsWorkflowCompleted())
	var result contract.DownloadResult
	if s.GetWorkflowError() == nil {
		require.NoError(s.t, s.GetWorkflowResult(&result))
	}
	return result
}

func away(kind models.ProblemKind, wait time.Duration) *activities.Wait {
	return &activities.Wait{For: wait, Problem: models.NewProblem(kind, "connector.unavailable", "The service is away.", "")}
}
