package workflows

import (
	"errors"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/scratch-platform/scratch/activities"
	"github.com/scratch-platform/scratch/models"
	"github.com/scratch-platform/scratch/workflows/contract"
	"github.com/scratch-platform/scratch/workflows/policy"
)

// DownloadSnapshot downloads tables of a snapshot, several side by side, each as
// a child of its own; a table that fails stops no other.
//
// Its id is contract.DownloadSnapshotID: one runs per snapshot. Signals: pause,
// resume and decide are passed on to the tables; table-state comes from them,
// table-ended from the reconciler, after a reset. Query: progress. It does not continue as new: at most contract.MaxTables
// tables keep its history short.
func DownloadSnapshot(ctx workflow.Context, input contract.DownloadSnapshotInput) (contract.DownloadSnapshotResult, error) {
	s := &snapshotDownload{input: input, tables: map[string]*tableDownload{}}
	for _, id := range input.Tables {
		s.tables[id] = &tableDownload{id: id}
	}
	s.listen(ctx)
	s.hearEnded(ctx)
	if err := workflow.SetQueryHandler(ctx, contract.QueryProgress, s.report); err != nil {
		return contract.DownloadSnapshotResult{}, err
	}
	s.keepJob(ctx)
	s.downloadAll(ctx)
	return s.end(ctx)
}

// snapshotDownload is the state of one run.
type snapshotDownload struct {
	input  contract.DownloadSnapshotInput
	tables map[string]*tableDownload
	paused bool
	shown  standing // what the job shows
	ending bool     // the job gets its last state from end
	idle   bool     // the job's keeper has stopped
}

// tableDownload is where one table stands.
type tableDownload struct {
	id      string
	began   bool // its child was asked for
	done    bool
	unheard bool     // its child closed without this run's hearing of it
	at      standing // while it is under way
	result  contract.DownloadResult
}

// downloadAll starts each table when there is room for it and waits for all.
func (s *snapshotDownload) downloadAll(ctx workflow.Context) {
	all := workflow.NewWaitGroup(ctx)
	for _, id := range s.input.Tables {
		table := s.tables[id]
		all.Add(1)
		workflow.Go(ctx, func(ctx workflow.Context) {
			defer all.Done()
			if err := workflow.Await(ctx, s.hasRoom); err == nil {
				table.began, table.at = true, standing{State: models.JobRunning}
				s.download(ctx, table)
			} else {
				table.result.State = models.JobCancelled
			}
			table.done = true
		})
	}
	// The tables' goroutines end by themselves when the run is cancelled.
	disconnected, _ := workflow.NewDisconnectedContext(ctx)
	all.Wait(disconnected)
}

// hasRoom: tables that wait for a service, or for a person, make room for
// others.
func (s *snapshotDownload) hasRoom() bool {
	running := 0
	for _, id := range s.input.Tables {
		if t := s.tables[id]; t.began && !t.done && t.at.State == models.JobRunning {
			running++
		}
	}
	return !s.paused && running < policy.TablesAtOnce
}

// follows bounds how often a table that another parent was downloading is taken
// over by a child of its own.
const follows = 3

// errUnheard: this run's own child closed and it was not told. It is not begun
// again: the engine takes one child of an id until its end was told.
var errUnheard = errors.New("the table's run closed before this one was reset")

// download runs a table's child to its end, or follows the run of it that is
// under way already: another parent's, or this one's own from before a reset.
func (s *snapshotDownload) download(ctx workflow.Context, t *tableDownload) {
	for range follows {
		err := s.child(ctx, t)
		if err == nil {
			return
		}
		closed := errors.Is(err, errUnheard)
		if !temporal.IsWorkflowExecutionAlreadyStartedError(err) && !alreadyStarted(err) && !closed {
			s.childFailed(ctx, t, err)
			return
		}
		var followed activities.FollowResult
		err = workflow.ExecuteActivity(policy.Follow(ctx, "Follow the table's download that is running"), jobs.FollowDownload,
			activities.FollowInput{JobRef: s.job(), WorkflowID: contract.DownloadID(t.id)}).Get(ctx, &followed)
		if err != nil {
			s.childFailed(ctx, t, err)
			return
		}
		t.result = contract.DownloadResult{State: followed.State, Progress: followed.Result.Progress, RunID: followed.Result.RunID, Problem: followed.Problem}
		switch followed.State { //nolint:exhaustive // a run that came to an end of its own is shared
		case models.JobCancelled, models.JobTerminated, models.JobTimedOut, models.JobLost:
			if !closed {
				continue // it was stopped, this one was not: download it here
			}
		}
		s.record(ctx, t)
		return
	}
	s.record(ctx, t)
}

func alreadyStarted(err error) bool {
	var already *temporal.ChildWorkflowExecutionAlreadyStartedError
	return errors.As(err, &already)
}

func (s *snapshotDownload) child(ctx workflow.Context, t *tableDownload) error {
	t.unheard = false
	child := workflow.ExecuteChildWorkflow(policy.Child(ctx, t.id, "Download one table"), contract.WorkflowDownload, contract.DownloadInput{
		OrganizationID: s.input.OrganizationID, SnapshotID: s.input.SnapshotID, JobID: s.input.JobID, TableID: t.id, Mode: s.input.Mode,
	})
	if err := child.GetChildWorkflowExecution().Get(ctx, nil); err != nil {
		return err
	}
	if s.paused { // the pause came while it was starting
		s.forward(ctx, t, contract.Pause)
	}
	// The engine tells of the end of a child once: a run that was reset after
	// that waits for a word that does not come again (Promise 9). A cancel is
	// passed to the child, and its end is waited for.
	waiting, _ := workflow.NewDisconnectedContext(ctx)
	if err := workflow.Await(waiting, func() bool { return child.IsReady() || t.unheard }); err != nil {
		return err
	}
	if !child.IsReady() {
		return errUnheard
	}
	return child.Get(ctx, &t.result)
}

// childFailed takes a table's outcome from how its child ended. A child that
// failed or was cancelled has stored its outcome; for one that could not, it is
// stored here.
func (s *snapshotDownload) childFailed(ctx workflow.Context, t *tableDownload, err error) {
	switch {
	case temporal.IsTerminatedError(err):
		t.result.State, t.result.Problem = models.JobTerminated, contract.ProblemOf(err)
	case temporal.IsCanceledError(err):
		t.result.State = models.JobCancelled
		return
	case temporal.IsTimeoutError(err):
		t.result.State, t.result.Problem = models.JobTimedOut, contract.ProblemOf(err)
	default:
		t.result.State, t.result.Problem = models.JobFailed, contract.ProblemOf(err)
	}
	s.record(ctx, t)
}

func (s *snapshotDownload) record(ctx workflow.Context, t *tableDownload) {
	ctx, _ = workflow.NewDisconnectedContext(ctx)
	if err := workflow.ExecuteActivity(policy.Store(ctx, "Show the table as "+string(t.result.State)), jobs.RecordTable, activities.RecordTableInput{
		JobRef: s.job(), TableID: t.id, State: t.result.State, Problem: t.result.Problem,
	}).Get(ctx, nil); err != nil {
		workflow.GetLogger(ctx).Error("the outcome of a table could not be stored", "table", t.id, "error", err)
	}
}

// end sums the tables and gives the job its last state.
func (s *snapshotDownload) end(ctx workflow.Context) (contract.DownloadSnapshotResult, error) {
	result, problem := s.sum(ctx)
	ctx, _ = workflow.NewDisconnectedContext(ctx) // a cancelled run still tells its end
	s.ending = true
	if err := workflow.Await(ctx, func() bool { return s.idle }); err != nil {
		return contract.DownloadSnapshotResult{}, err
	}
	if err := s.change(ctx, standing{State: result.State}, problem); err != nil {
		return contract.DownloadSnapshotResult{}, err
	}
	return result, conclude(ctx, result.State, problem)
}

func (s *snapshotDownload) sum(ctx workflow.Context) (contract.DownloadSnapshotResult, *models.Problem) {
	result := contract.DownloadSnapshotResult{Tables: len(s.input.Tables)}
	completed := 0
	var problem *models.Problem
	same := s.tables[s.input.Tables[0]].result.State
	for _, id := range s.input.Tables {
		table := s.tables[id].result
		switch table.State {
		case models.JobCompleted:
			completed++
		default:
			result.Failed++
			if problem == nil {
				problem = table.Problem
			}
		}
		if table.State != same {
			same = models.JobFailed
		}
	}
	switch {
	case ctx.Err() != nil:
		result.State, problem = models.JobCancelled, nil
	case completed == len(s.input.Tables):
		result.State = models.JobCompleted
	case completed > 0:
		result.State = models.JobCompletedWithFailures
	default:
		result.State = same // all failed, or were all cancelled or terminated one by one
	}
	return result, problem
}
