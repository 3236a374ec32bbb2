package worker

import (
	"context"
	"fmt"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/enums/v1"

	"github.com/scratch-platform/scratch/internal/testkit"
	"github.com/scratch-platform/scratch/models"
	"github.com/scratch-platform/scratch/workflows/contract"
)

// What an operator does with the engine's own tools, and what the product must
// show after (Promise 9). The client's calls are what `temporal workflow cancel`,
// `terminate` and `reset` send.

// reconciling runs the reconciler as a frontend does.
func (s *stack) reconciling() {
	ctx, stop := context.WithCancel(context.WithoutCancel(s.t.Context()))
	var loop sync.WaitGroup
	loop.Go(func() { _ = s.look.Run(ctx) })
	s.t.Cleanup(func() { stop(); loop.Wait() })
}

// slow is a table whose download takes about a second; reached is closed at its
// n-th page.
func (s *stack) slow(name string, n int) (table models.Table, reached chan struct{}) {
	s.service.fill(name, 2000)
	var once sync.Once
	reached = make(chan struct{})
	s.service.with(func(f *faults) {
		f.pageDelay = 40 * time.Millisecond
		before := f.onPage
		f.onPage = func(table string, page int) {
			if before != nil {
				before(table, page)
			}
			if table == name && page == n {
				once.Do(func() { close(reached) })
			}
		}
	})
	return s.table(name), reached
}

// settled lets the service be well again.
func (s *stack) settled() { s.service.with(func(f *faults) { *f = faults{} }) }

func (s *stack) closed(workflowID string) bool {
	described, err := s.engine.DescribeWorkflowExecution(s.t.Context(), workflowID, "")
	return err == nil && described.GetWorkflowExecutionInfo().GetStatus() != enums.WORKFLOW_EXECUTION_STATUS_RUNNING
}

// afterwards the next download of the table works and brings everything.
func (s *stack) afterwards(table models.Table, n int) {
	s.t.Helper()
	require.Eventually(s.t, func() bool { return s.closed(contract.DownloadSnapshotID(s.snapshot.ID)) }, 10*time.Second, 50*time.Millisecond)
	job := s.until(s.download(models.DownloadFull, table), 30*time.Second, anyEnd...)
	require.Equal(s.t, models.JobCompleted, job.State, "the next run: %v", job.Problem)
	require.Len(s.t, s.records(table), n)
}

// A cancel stops requests within 2 s and shows within 3 s, in every state.
func TestCancelIsQuick(t *testing.T) {
	cancelled := func(t *testing.T, s *stack, table models.Table, job models.Job) {
		t.Helper()
		at := time.Now()
		require.NoError(t, s.engine.CancelWorkflow(t.Context(), job.WorkflowID, ""))
		s.until(job, 3*time.Second, models.JobCancelled)
		require.Less(t, s.service.seen().last[table.RemoteID].Sub(at), 2*time.Second, "a request started more than 2 s after the cancel")
	}
	t.Run("downloading", func(t *testing.T) {
		s := newStack(t, testkit.SQLite(t), testkit.Temporal(t))
		table, reached := s.slow("posts", 5)
		s.service.with(func(f *faults) { f.pageDelay = 300 * time.Millisecond })
		job := s.download(models.DownloadFull, table)
		<-reached
		cancelled(t, s, table, job)
	})
	t.Run("paused", func(t *testing.T) {
		s := newStack(t, testkit.SQLite(t), testkit.Temporal(t))
		table, reached := s.slow("posts", 5)
		s.service.with(func(f *faults) { f.pageDelay = 300 * time.Millisecond }) // the pause comes before the last page
		job := s.download(models.DownloadFull, table)
		<-reached
		require.NoError(t, contract.Pause.Send(t.Context(), s.engine, job.WorkflowID, contract.By{}))
		s.until(job, 5*time.Second, models.JobPaused)
		cancelled(t, s, table, job)
	})
	t.Run("publishing", func(t *testing.T) {
		s := newStack(t, testkit.SQLite(t), testkit.Temporal(t))
		s.reconciling()
		table := s.downloaded(60)
		before := s.records(table)
		for i := 1; i <= 60; i++ {
			s.write(table, update(before[fmt.Sprint(i)], fmt.Sprintf("Mine %d", i)))
		}
		plan := s.plan()
		s.service.with(func(f *faults) { f.writeDelay = 150 * time.Millisecond })
		job := s.publish(plan)
		require.Eventually(t, func() bool { return s.service.seen().writes > 12 }, 20*time.Second, 10*time.Millisecond)
		cancelled(t, s, table, job)
		// Nothing is left open: what was sent has its outcome, the rest is
		// skipped, and a new plan carries on.
		require.Eventually(t, func() bool {
			states := s.states(plan)
			return states[models.ItemPlanned]+states[models.ItemSending] == 0
		}, 20*time.Second, 50*time.Millisecond)
		s.settled()
		next := s.until(s.publish(s.plan()), 30*time.Second, anyEnd...)
		require.Equal(t, models.JobCompleted, next.State, "%v", next.Problem)
		for i := 1; i <= 60; i++ {
			require.Equal(t, fmt.Sprintf("Mine %d", i), s.service.cell("posts", fmt.Sprint(i), "title"))
		}
	})
}

// Pause keeps the checkpoint and starts no request; resume goes on from it.
func TestPauseAndResume(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s *stack) {
		table, _ := s.slow("posts", 1)
		s.service.with(func(f *faults) { f.pageDelay = 150 * time.Millisecond })
		job := s.download(models.DownloadFull, table)
		require.Eventually(t, func() bool { return s.job(job.ID).Progress.Done >= 300 }, 20*time.Second, 10*time.Millisecond, "nothing is stored on the way")
		require.NoError(t, s.engine.SignalWorkflow(t.Context(), job.WorkflowID, "", contract.Pause.Name(), nil)) // as the CLI without input
		s.until(job, 5*time.Second, models.JobPaused)
		pages := s.service.seen().pages
		require.Never(t, func() bool { return s.service.seen().pages != pages }, 300*time.Millisecond, 20*time.Millisecond, "a paused download reads on")
		require.NoError(t, contract.Resume.Send(t.Context(), s.engine, job.WorkflowID, contract.By{}))
		s.until(job, 20*time.Second, models.JobCompleted)
		require.Len(t, s.records(table), 2000)
		require.LessOrEqual(t, s.service.seen().pages-pages, 18, "it went on from its checkpoint, not from the beginning")
	})
}

// The engine is killed and comes back: the run goes on.
func TestEngineIsKilled(t *testing.T) {
	server := testkit.OwnTemporal(t)
	s := newStack(t, testkit.SQLite(t), server)
	s.reconciling()
	table, reached := s.slow("posts", 6)
	job := s.download(models.DownloadFull, table)
	<-reached
	require.NoError(t, syscall.Kill(server.PID(), syscall.SIGKILL))
	ended := s.until(job, 90*time.Second, anyEnd...)
	require.Equal(t, models.JobCompleted, ended.State, "%v", ended.Problem)
	require.Len(t, s.records(table), 2000)
	s.afterwards(table, 2000)
}
