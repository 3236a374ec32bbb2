package worker

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"

	"github.com/scratch-platform/scratch/internal/testkit"
	"github.com/scratch-platform/scratch/models"
	"github.com/scratch-platform/scratch/workflows/contract"
)

// truthWithin is Promise 9's own number: how long the product may show what is
// not true any more.
const truthWithin = 10 * time.Second

// resets are the points an operator resets to: `temporal workflow reset --type
// FirstWorkflowTask` and `--type LastWorkflowTask`.
const (
	firstTask = "FirstWorkflowTask"
	lastTask  = "LastWorkflowTask"
)

// reset resets a run, the latest when runID is empty, and gives the new run's id.
func (s *stack) reset(workflowID, runID, to string) (newRun string) {
	s.t.Helper()
	ctx := s.t.Context()
	var task int64
	history := s.engine.GetWorkflowHistory(ctx, workflowID, runID, false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for history.HasNext() {
		event, err := history.Next()
		require.NoError(s.t, err)
		if event.GetEventType() == enums.EVENT_TYPE_WORKFLOW_TASK_COMPLETED && (task == 0 || to == lastTask) {
			task = event.GetEventId()
		}
	}
	require.NotZero(s.t, task, "no workflow task of %s has completed", workflowID)
	done, err := s.engine.ResetWorkflowExecution(ctx, &workflowservice.ResetWorkflowExecutionRequest{
		Namespace: s.server.Namespace(), WorkflowExecution: &commonpb.WorkflowExecution{WorkflowId: workflowID, RunId: runID},
		Reason: "test", WorkflowTaskFinishEventId: task, RequestId: uuid.NewString(),
	})
	require.NoError(s.t, err)
	return done.GetRunId()
}

// truth waits until the job shows the run as what is under way, or as ended.
func (s *stack) truth(job models.Job, runID string) {
	s.t.Helper()
	require.Eventually(s.t, func() bool {
		now := s.job(job.ID)
		return now.RunID == runID && now.State != models.JobTerminated
	}, truthWithin, 20*time.Millisecond, "the run that the reset made does not show")
}

// noOrphan waits until nothing of a snapshot's download runs.
func (s *stack) noOrphan(tables ...models.Table) {
	s.t.Helper()
	ids := []string{contract.DownloadSnapshotID(s.snapshot.ID)}
	for _, table := range tables {
		ids = append(ids, contract.DownloadID(table.ID))
	}
	for _, id := range ids {
		require.Eventually(s.t, func() bool { return s.closed(id) }, truthWithin, 20*time.Millisecond, "%s runs unseen", id)
	}
}

var allEnds = append([]models.JobState{models.JobCancelled, models.JobTerminated}, anyEnd...)

func TestOperatorEndsDownloads(t *testing.T) {
	all := newStack(t, testkit.SQLite(t), testkit.Temporal(t))
	all.reconciling()
	want := map[string]models.JobState{
		"cancel": models.JobCancelled, "terminate": models.JobTerminated, firstTask: models.JobCompleted, lastTask: models.JobCompleted,
	}
	for _, page := range []int{1, 9, 19} {
		for _, who := range []string{"parent", "child"} {
			for what, end := range want {
				t.Run(fmt.Sprintf("%s the %s at page %d", what, who, page), func(t *testing.T) {
					t.Parallel()
					s := all.beside(t)
					table, reached := s.slow(what+who+fmt.Sprint(page), page)
					job := s.download(models.DownloadFull, table)
					id := contract.DownloadSnapshotID(s.snapshot.ID)
					if who == "child" {
						id = contract.DownloadID(table.ID)
					}
					<-reached
					at := time.Now()
					switch what {
					case "cancel":
						require.NoError(t, s.engine.CancelWorkflow(t.Context(), id, ""))
					case "terminate":
						require.NoError(t, s.engine.TerminateWorkflow(t.Context(), id, "", "test"))
					default:
						run := s.reset(id, "", what)
						if who == "parent" {
							s.truth(job, run)
						}
					}
					ended := s.until(job, 20*time.Second, allEnds...)
					require.Equal(t, end, ended.State, "%v", ended.Problem)
					if end != models.JobCompleted {
						require.Less(t, time.Since(at), truthWithin, "the truth took too long to show")
					}
					s.noOrphan(table)
					if end != models.JobCompleted {
						require.Less(t, s.service.seen().last[table.RemoteID].Sub(at), 2500*time.Millisecond, "requests went on after the end")
					}
					s.afterwards(table, 2000)
				})
			}
		}
	}
}

// A run that has closed can be reset too, and its job must not show the old end
// while it works again (Promise 9).
func TestOperatorResetsClosedDownloads(t *testing.T) {
	all := newStack(t, testkit.SQLite(t), testkit.Temporal(t))
	all.reconciling()
	// terminated gives a download that was terminated half-way, and its table.
	terminated := func(t *testing.T, s *stack, name string) (models.Table, models.Job) {
		t.Helper()
		table, reached := s.slow(name, 9)
		job := s.download(models.DownloadFull, table)
		<-reached
		require.NoError(t, s.engine.TerminateWorkflow(t.Context(), job.WorkflowID, "", "test"))
		job = s.until(job, truthWithin, models.JobTerminated)
		s.noOrphan(table)
		return table, job
	}
	for _, to := range []string{firstTask, lastTask} {
		t.Run("the snapshot's, terminated, to its "+to, func(t *testing.T) {
			t.Parallel()
			s := all.beside(t)
			table, job := terminated(t, s, "snapshot"+to)
			s.truth(job, s.reset(job.WorkflowID, "", to))
			ended := s.until(job, 30*time.Second, allEnds...)
			if to == firstTask || ended.State == models.JobCompleted { // its table was begun again
				require.Equal(t, models.JobCompleted, ended.State, "%v", ended.Problem)
				require.Len(t, s.records(table), 2000)
			} else { // behind its table's start: that run has ended, cancelled with the parent
				require.Equal(t, models.JobCancelled, ended.State, "%v", ended.Problem)
				require.Equal(t, models.JobCancelled, s.outcome(job, table).State)
			}
			s.noOrphan(table)
			s.afterwards(table, 2000)
		})
		t.Run("the snapshot's, completed, to its "+to, func(t *testing.T) {
			t.Parallel()
			s := all.beside(t)
			table, _ := s.slow("completed"+to, 1)
			job := s.until(s.download(models.DownloadFull, table), 30*time.Second, models.JobCompleted)
			s.noOrphan(table)
			run := s.reset(job.WorkflowID, "", to)
			if to == firstTask { // the last one ends at once, as it had
				s.truth(job, run)
			}
			require.Eventually(t, func() bool { return s.closed(job.WorkflowID) }, 30*time.Second, 20*time.Millisecond)
			ended := s.until(job, 30*time.Second, allEnds...)
			require.Equal(t, models.JobCompleted, ended.State, "%v", ended.Problem)
			s.afterwards(table, 2000)
		})
	}
	t.Run("a table's, after the job has ended", func(t *testing.T) {
		t.Parallel()
		s := newStack(t, testkit.SQLite(t), testkit.OwnTemporal(t)) // its service is slow, for it alone
		s.reconciling()
		for _, to := range []string{firstTask, lastTask} {
			table, job := terminated(t, s, "table"+to)
			s.service.with(func(f *faults) { f.pageDelay = 2 * time.Second })
			at := time.Now()
			s.reset(contract.DownloadID(table.ID), "", to)
			s.noOrphan(table)
			require.Less(t, s.service.seen().last[table.RemoteID].Sub(at), truthWithin, "it reads on, unseen")
			require.Equal(t, models.JobTerminated, s.job(job.ID).State, "its job keeps its end")
			s.settled()
			s.afterwards(table, 2000)
		}
	})
	t.Run("the snapshot's, when the next job waits for its place", func(t *testing.T) {
		t.Parallel()
		s := all.beside(t)
		table, job := terminated(t, s, "next")
		s.reset(job.WorkflowID, "", lastTask)
		next := s.queued(models.DownloadFull, table)
		ended := s.until(next, 40*time.Second, allEnds...)
		require.Equal(t, models.JobCompleted, ended.State, "%v", ended.Problem)
		require.True(t, s.job(job.ID).State.Final(), "the older job has given way")
		require.Len(t, s.records(table), 2000)
		s.noOrphan(table)
	})
}

// publishing gives a publish of 30 creates and 20 updates that is under way, at
// its n-th written item.
func (s *stack) publishing(name string, n int) (models.Plan, models.Job) {
	s.t.Helper()
	s.service.fill(name, 20)
	table := s.table(name)
	s.until(s.download(models.DownloadFull, table), 30*time.Second, models.JobCompleted)
	for id, r := range s.records(table) {
		s.write(table, update(r, "Mine "+id))
	}
	for i := range 30 {
		s.write(table, create(fmt.Sprintf("%s %d", name, i)))
	}
	plan := s.plan()
	reached := make(chan struct{})
	s.service.with(func(f *faults) {
		f.writeDelay = 60 * time.Millisecond
		before := f.onWrite
		f.onWrite = func(table string, written int) {
			if before != nil {
				before(table, written)
			}
			if table == name && written == n {
				close(reached)
			}
		}
	})
	job := s.publish(plan)
	<-reached
	return plan, job
}

// atRest waits until no item of a plan is on its way.
func (s *stack) atRest(plan models.Plan) {
	s.t.Helper()
	require.Eventually(s.t, func() bool {
		states := s.states(plan)
		return states[models.ItemPlanned]+states[models.ItemSending] == 0
	}, 40*time.Second, 50*time.Millisecond, "what was in flight is not found out")
	require.Eventually(s.t, func() bool { return s.closed(contract.PublishID(plan.ID)) }, truthWithin, 20*time.Millisecond, "a run goes on unseen")
}

// published brings to its end what an ended publish left, and holds the service
// to it: one object per create, every update made (Promises 5 and 6).
func (s *stack) published(name string) {
	s.t.Helper()
	if next := s.plan(); next.Counts.Planned > 0 {
		ended := s.until(s.publish(next), 30*time.Second, anyEnd...)
		require.Equal(s.t, models.JobCompleted, ended.State, "%v %v", ended.Problem, s.states(next))
	}
	require.Equal(s.t, 50, s.service.count(name), "one object per create")
	s.oneCreateEach()
	for id := range s.records(s.only()) {
		require.NotEqual(s.t, "new", id, "a create has no remote id")
	}
}

// only gives the snapshot's one table.
func (s *stack) only() models.Table {
	s.t.Helper()
	tables, err := s.org.ListTables(s.t.Context(), s.snapshot.ID)
	require.NoError(s.t, err)
	require.Len(s.t, tables, 1)
	return tables[0]
}

func TestOperatorEndsPublishes(t *testing.T) {
	want := map[string][]models.JobState{
		"cancel": {models.JobCancelled}, "terminate": {models.JobTerminated},
		firstTask: anyEnd, lastTask: anyEnd,
	}
	all := newStack(t, testkit.SQLite(t), testkit.Temporal(t))
	all.reconciling()
	for what, ends := range want {
		for _, at := range []int{1, 25, 45} {
			t.Run(fmt.Sprintf("%s at item %d", what, at), func(t *testing.T) {
				t.Parallel()
				s := all.beside(t)
				name := what + fmt.Sprint(at)
				plan, job := s.publishing(name, at)
				began := time.Now()
				switch what {
				case "cancel":
					require.NoError(t, s.engine.CancelWorkflow(t.Context(), job.WorkflowID, ""))
				case "terminate":
					require.NoError(t, s.engine.TerminateWorkflow(t.Context(), job.WorkflowID, "", "test"))
				default:
					s.truth(job, s.reset(job.WorkflowID, "", what))
				}
				ended := s.until(job, 60*time.Second, allEnds...)
				require.Contains(t, ends, ended.State, "%v", ended.Problem)
				if what == "cancel" || what == "terminate" {
					require.Less(t, time.Since(began), truthWithin, "the truth took too long to show")
				} else {
					require.Equal(t, models.JobCompleted, ended.State, "%v %v", ended.Problem, s.states(plan))
				}
				s.atRest(plan)
				require.Equal(t, ended.State, s.job(job.ID).State, "the job keeps its end")
				s.published(name)
			})
		}
	}
}

// A terminated publish is reset: its job goes on and nothing is sent twice. The
// run that finds out what a terminated one left is no run of the job: its reset
// leaves the job as it ended.
func TestOperatorResetsClosedPublishes(t *testing.T) {
	all := newStack(t, testkit.SQLite(t), testkit.Temporal(t))
	all.reconciling()
	terminated := func(t *testing.T, name string) (*stack, models.Plan, models.Job) {
		t.Helper()
		s := all.beside(t)
		plan, job := s.publishing(name, 25)
		require.NoError(t, s.engine.TerminateWorkflow(t.Context(), job.WorkflowID, "", "test"))
		job = s.until(job, truthWithin, models.JobTerminated)
		s.atRest(plan)
		return s, plan, job
	}
	for _, to := range []string{firstTask, lastTask} {
		t.Run("to its "+to, func(t *testing.T) {
			t.Parallel()
			s, plan, job := terminated(t, to)
			s.truth(job, s.reset(job.WorkflowID, job.RunID, to))
			s.until(job, 60*time.Second, anyEnd...)
			s.atRest(plan)
			s.published(to)
		})
	}
	t.Run("the run that found out", func(t *testing.T) {
		t.Parallel()
		s, plan, job := terminated(t, "found")
		s.reset(job.WorkflowID, "", firstTask)
		s.atRest(plan)
		require.NoError(t, s.look.Pass(t.Context()))
		require.Equal(t, models.JobTerminated, s.job(job.ID).State)
		s.published("found")
	})
}
