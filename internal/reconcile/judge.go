package reconcile

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"

	"github.com/scratch-platform/scratch/models"
	"github.com/scratch-platform/scratch/models/store"
	"github.com/scratch-platform/scratch/workflows/contract"
)

// sight is what the engine shows of a job's run.
type sight struct {
	away       bool // it could not be asked
	gone       bool // it knows no such run
	unstarted  bool // no run was ever begun for the job, and its starter is late
	runID      string
	status     enums.WorkflowExecutionStatus
	cancelling bool
	outcome    string   // the run's own word, in its search attribute
	children   []string // workflow ids it waits for, of a run that was reset
	pending    []string // workflow ids it waits for
	held       *heldUp  // what its steps wait for; nil for nothing known
}

// ask looks for the job's run: the latest of its workflow id, when it is this
// job's, else the run the job knows.
func (r *Reconciler) ask(ctx context.Context, job models.Job) (sight, error) {
	latest, err := r.describe(ctx, job.WorkflowID, "")
	if err != nil {
		return sight{}, err
	}
	if latest != nil && r.jobOf(latest.GetWorkflowExecutionInfo()) == job.ID {
		return r.sightOf(latest), nil
	}
	if job.RunID == "" {
		running := latest != nil && latest.GetWorkflowExecutionInfo().GetStatus() == enums.WORKFLOW_EXECUTION_STATUS_RUNNING
		switch {
		case job.State == models.JobCancelling:
			return sight{gone: true}, nil
		case running || r.Now().Sub(job.CreatedAt) < unstartedAfter:
			return sight{status: enums.WORKFLOW_EXECUTION_STATUS_RUNNING}, nil // its turn comes
		default:
			return sight{unstarted: true}, nil
		}
	}
	own, err := r.describe(ctx, job.WorkflowID, job.RunID)
	if err != nil || own == nil {
		return sight{gone: own == nil}, err
	}
	return r.sightOf(own), nil
}

// describe gives nil for a run the engine does not know.
func (r *Reconciler) describe(ctx context.Context, workflowID, runID string) (*workflowservice.DescribeWorkflowExecutionResponse, error) {
	described, err := r.Engine.DescribeWorkflowExecution(ctx, workflowID, runID)
	var gone *serviceerror.NotFound
	switch {
	case errors.As(err, &gone):
		return nil, nil //nolint:nilnil // there is none
	case err != nil:
		return nil, fmt.Errorf("describe %s: %w", workflowID, err)
	}
	return described, nil
}

// jobOf reads from a run's memo which job it does. A memo that cannot be read
// names none.
func (r *Reconciler) jobOf(run *workflowpb.WorkflowExecutionInfo) string {
	var id string
	if payload, ok := run.GetMemo().GetFields()[contract.MemoJob]; ok {
		_ = r.Payloads.FromPayload(payload, &id)
	}
	return id
}

func (r *Reconciler) sightOf(d *workflowservice.DescribeWorkflowExecutionResponse) sight {
	info := d.GetWorkflowExecutionInfo()
	seen := sight{
		runID: info.GetExecution().GetRunId(), status: info.GetStatus(),
		cancelling: d.GetWorkflowExtendedInfo().GetCancelRequested(),
		outcome:    keywordOf(info.GetSearchAttributes(), contract.AttributeOutcome),
		held:       r.heldUpIn(d.GetPendingActivities()),
	}
	for _, child := range d.GetPendingChildren() {
		seen.pending = append(seen.pending, child.GetWorkflowId())
	}
	if info.GetFirstRunId() != seen.runID { // none of our parents continues as new
		seen.children = seen.pending
	}
	return seen
}

// keywordOf reads one of a run's search attributes; they are not encrypted.
func keywordOf(attributes *commonpb.SearchAttributes, key temporal.SearchAttributeKeyKeyword) string {
	var value string
	if payload, ok := attributes.GetIndexedFields()[key.GetName()]; ok {
		_ = converter.GetDefaultDataConverter().FromPayload(payload, &value)
	}
	return value
}

// live are the states a job can be in before it ends.
var live = []models.JobState{
	models.JobQueued, models.JobRunning, models.JobWaiting, models.JobPaused, models.JobCancelling, models.JobStalled,
}

// judge says how a live job must change to show what the engine shows.
func (r *Reconciler) judge(job models.Job, s sight) (change store.JobChange, needed bool) {
	end := func(to models.JobState, problem *models.Problem) (store.JobChange, bool) {
		return store.JobChange{To: to, From: live, RunID: s.runID, Problem: problem}, true
	}
	switch { // Promise 9: what the engine shows, or that it cannot be asked, is what is shown
	case s.away:
		return stay(job, true), !job.EngineAway
	case s.gone && job.RunID == "":
		return end(models.JobCancelled, nil) // cancelled before it ever began
	case s.gone:
		return end(models.JobLost, models.NewProblem(models.KindNotFound, "job.lost",
			"The engine no longer knows this run.", "Start it again; finished pages and records are kept."))
	}
	switch s.status {
	case enums.WORKFLOW_EXECUTION_STATUS_COMPLETED:
		return end(completed(s.outcome), nil)
	case enums.WORKFLOW_EXECUTION_STATUS_FAILED:
		return end(models.JobFailed, endedBy(job, "failed"))
	case enums.WORKFLOW_EXECUTION_STATUS_CANCELED:
		return end(models.JobCancelled, nil)
	case enums.WORKFLOW_EXECUTION_STATUS_TERMINATED: // Promise 9: whoever ended it, it shows
		return end(models.JobTerminated, endedBy(job, "was terminated with the engine's tools"))
	case enums.WORKFLOW_EXECUTION_STATUS_TIMED_OUT:
		return end(models.JobTimedOut, endedBy(job, "took longer than a run may"))
	case enums.WORKFLOW_EXECUTION_STATUS_UNSPECIFIED, enums.WORKFLOW_EXECUTION_STATUS_RUNNING,
		enums.WORKFLOW_EXECUTION_STATUS_CONTINUED_AS_NEW, enums.WORKFLOW_EXECUTION_STATUS_PAUSED:
	}
	return r.running(job, s)
}

// running judges a job whose run is open.
func (r *Reconciler) running(job models.Job, s sight) (store.JobChange, bool) {
	switch { // Promise 9: a cancel, a reset, a silence and the engine's return show too
	case s.cancelling && job.State != models.JobCancelling:
		return store.JobChange{To: models.JobCancelling, From: live, RunID: s.runID}, true
	case s.runID != "" && job.RunID != "" && s.runID != job.RunID:
		// Reset: the same job goes on under a new run.
		return store.JobChange{To: models.JobRunning, From: []models.JobState{job.State}, RunID: s.runID}, true
	case s.held != nil || isHeldUp(job):
		return hold(job, s)
	case r.silent(job):
		return store.JobChange{
			To: models.JobStalled, From: []models.JobState{models.JobQueued, models.JobRunning}, RunID: s.runID,
			WaitingWhy: "There has been no sign of life for a minute. Is a worker running? It goes on by itself when one is.",
		}, true
	case job.EngineAway:
		return stay(job, false), true
	default:
		return store.JobChange{}, false
	}
}

// isOpen reports whether the run goes on.
func (s sight) isOpen() bool {
	return s.runID != "" && (s.status == enums.WORKFLOW_EXECUTION_STATUS_RUNNING || s.status == enums.WORKFLOW_EXECUTION_STATUS_PAUSED)
}

// cancelLost reports whether a job was cancelled and its run was never told:
// the engine was away then, or the run began a moment later. A cancel that does
// not cancel would show as cancelling until the run's own end (Promise 9).
func (r *Reconciler) cancelLost(job models.Job, s sight) bool {
	return job.State == models.JobCancelling && !s.away && !s.gone && s.isOpen() && !s.cancelling
}

// silent reports whether a job that should be under way gives no sign of life.
func (r *Reconciler) silent(job models.Job) bool {
	return r.silentFor(job, stalledAfter) && (job.State == models.JobRunning || job.State == models.JobQueued)
}

func (r *Reconciler) silentFor(job models.Job, long time.Duration) bool {
	last := job.CreatedAt
	for _, at := range []*time.Time{job.StartedAt, job.AliveAt} {
		if at != nil && at.After(last) {
			last = *at
		}
	}
	return r.Now().Sub(last) > long
}

// stay keeps a job as it is but for whether the engine could be asked.
func stay(job models.Job, away bool) store.JobChange {
	return store.JobChange{
		To: job.State, From: []models.JobState{job.State}, EngineAway: away,
		WaitingUntil: job.WaitingUntil, WaitingWhy: job.WaitingWhy, Problem: job.Problem,
	}
}

// completed takes the run's own word; a run that said nothing went well.
func completed(outcome string) models.JobState {
	state := models.JobState(outcome)
	if slices.Contains([]models.JobState{models.JobCompleted, models.JobCompletedWithFailures}, state) {
		return state
	}
	return models.JobCompleted
}

func endedBy(job models.Job, how string) *models.Problem {
	if job.Problem != nil && !isHeldUp(job) {
		return job.Problem
	}
	return models.NewProblem(models.KindConflict, "job.ended_outside", "The run "+how+".",
		"Start it again; finished pages and records are kept.")
}
