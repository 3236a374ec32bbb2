package activities

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/scratch-platform/scratch/models"
	"github.com/scratch-platform/scratch/models/store"
	"github.com/scratch-platform/scratch/workflows/contract"
)

// JobStore is what Jobs needs of one organization's store.
type JobStore interface {
	Job(ctx context.Context, id string) (models.Job, error)
	SetJobState(ctx context.Context, id string, change store.JobChange) (changed bool, err error)
	Alive(ctx context.Context, jobID string) error
}

// Jobs keeps what the user sees of a run true (Promise 9).
type Jobs struct {
	Store func(organizationID string) JobStore
	// Engine is asked about runs that another parent started.
	Engine client.Client
	Now    func() time.Time
	Ended  Ended
}

// Ended is told of a run that ended with the engine's own tools, or too late, and
// cannot tell of its end itself; an empty run id is the latest. nil tells nobody.
type Ended func(ctx context.Context, workflowID, runID string)

func (e Ended) tell(ctx context.Context, workflowID, runID string) {
	if e != nil {
		e(ctx, workflowID, runID)
	}
}

// JobRef names a job.
type JobRef struct {
	OrganizationID string `json:"organization_id"`
	JobID          string `json:"job_id"`
}

// Whose names the organization and the job.
func (r JobRef) Whose() (organization, job string) { return r.OrganizationID, r.JobID }

// ChangeJobInput is a new state of a job.
type ChangeJobInput struct {
	JobRef
	To      models.JobState `json:"to"`
	Until   *time.Time      `json:"until,omitempty"`
	Why     string          `json:"why,omitempty"`
	Problem *models.Problem `json:"problem,omitempty"`
}

// ChangeJob moves a job to a state. It is idempotent, and speaks for the run it
// is called from: a run that was reset takes over its job, an older run of the
// same job changes nothing any more.
func (j *Jobs) ChangeJob(ctx context.Context, in ChangeJobInput) error {
	runID := activity.GetInfo(ctx).WorkflowExecution.RunID
	db := j.Store(in.OrganizationID)
	job, err := db.Job(ctx, in.JobID)
	if err != nil {
		return fmt.Errorf("change job %s to %s: %w", in.JobID, in.To, err)
	}
	from, err := j.mayLeave(ctx, job, in.To)
	if err != nil {
		return fmt.Errorf("change job %s to %s: %w", in.JobID, in.To, err)
	}
	changed, err := db.SetJobState(ctx, in.JobID, store.JobChange{
		To: in.To, From: from, RunID: runID,
		Problem: in.Problem, WaitingUntil: in.Until, WaitingWhy: models.Bound(in.Why, models.MaxProblemText),
	})
	if err != nil {
		return fmt.Errorf("change job %s to %s: %w", in.JobID, in.To, err)
	}
	if changed && job.RunID != "" && job.RunID != runID {
		j.Ended.tell(ctx, job.WorkflowID, job.RunID) // a reset replaced it
	}
	return nil
}

// mayLeave lists the states that a change may leave. A job somebody cancels
// shows as cancelling until it ends; one that ended stays so, unless a reset
// gave it a new run.
func (j *Jobs) mayLeave(ctx context.Context, job models.Job, to models.JobState) ([]models.JobState, error) {
	run := activity.GetInfo(ctx).WorkflowExecution
	if job.RunID != "" && job.RunID != run.RunID {
		described, err := j.Engine.DescribeWorkflowExecution(ctx, run.ID, "")
		if err != nil {
			return nil, err
		}
		if described.GetWorkflowExecutionInfo().GetExecution().GetRunId() != run.RunID {
			return []models.JobState{}, errSuperseded // Promise 9: an older run's last word is no news
		}
		return nil, nil // a reset: the new run speaks for the job
	}
	live := []models.JobState{models.JobQueued, models.JobRunning, models.JobWaiting, models.JobPaused, models.JobStalled}
	if to.Final() {
		live = append(live, models.JobCancelling)
	}
	return live, nil
}

// errSuperseded: the engine has a newer run of this workflow id.
var errSuperseded = models.NewProblem(models.KindConflict, "job.superseded", "A newer run speaks for this job.", "")

// RecordTableInput is where one table of a job stands.
type RecordTableInput struct {
	JobRef
	TableID string          `json:"table_id"`
	State   models.JobState `json:"state"`
	Problem *models.Problem `json:"problem,omitempty"`
}

// RecordTable stores the outcome of a table whose own run could not: it never
// began, waits, or was ended with the engine's tools.
func (j *Jobs) RecordTable(ctx context.Context, in RecordTableInput) error {
	outcome := models.TableOutcome{JobID: in.JobID, TableID: in.TableID, State: in.State, Problem: in.Problem}
	if in.State.Final() {
		now := j.Now()
		outcome.EndedAt = &now
	}
	if _, err := j.Store(in.OrganizationID).SetJobState(ctx, in.JobID, store.JobChange{Outcome: &outcome}); err != nil {
		return fmt.Errorf("record table %s of job %s as %s: %w", in.TableID, in.JobID, in.State, err)
	}
	if in.State == models.JobTerminated || in.State == models.JobTimedOut {
		j.Ended.tell(ctx, contract.DownloadID(in.TableID), "")
	}
	return nil
}

// FollowInput names the run to follow.
type FollowInput struct {
	JobRef
	WorkflowID string `json:"workflow_id"`
}

// FollowResult says how the followed run ended. Result is set when it completed.
type FollowResult struct {
	State  models.JobState         `json:"state"`
	Result contract.DownloadResult `json:"result"`
	// Problem says why a run failed.
	Problem *models.Problem `json:"problem,omitempty"`
}

// FollowDownload waits for a table's download that another parent started and
// shares its result. A cancel ends the waiting, not the followed run.
func (j *Jobs) FollowDownload(ctx context.Context, in FollowInput) (FollowResult, error) {
	life := beat(ctx, func(ctx context.Context) error { return j.Store(in.OrganizationID).Alive(ctx, in.JobID) })
	defer life.end()
	var result contract.DownloadResult
	// An empty run id follows the chain: a reset of the followed run is
	// followed too.
	err := j.Engine.GetWorkflow(ctx, in.WorkflowID, "").Get(ctx, &result)
	if ctx.Err() != nil {
		return FollowResult{}, ctx.Err()
	}
	if err == nil {
		return FollowResult{State: result.State, Result: result}, nil
	}
	var gone *serviceerror.NotFound
	if errors.As(err, &gone) {
		return FollowResult{State: models.JobLost}, nil
	}
	return j.ended(ctx, in.WorkflowID, err)
}

// ended reads from a followed run's failure how it ended.
func (j *Jobs) ended(ctx context.Context, workflowID string, failure error) (FollowResult, error) {
	described, err := j.Engine.DescribeWorkflowExecution(ctx, workflowID, "")
	if err != nil {
		return FollowResult{}, fmt.Errorf("follow %s: %w", workflowID, err)
	}
	switch status := described.GetWorkflowExecutionInfo().GetStatus(); status {
	case enums.WORKFLOW_EXECUTION_STATUS_CANCELED:
		return FollowResult{State: models.JobCancelled}, nil
	case enums.WORKFLOW_EXECUTION_STATUS_TERMINATED:
		return FollowResult{State: models.JobTerminated}, nil
	case enums.WORKFLOW_EXECUTION_STATUS_TIMED_OUT:
		return FollowResult{State: models.JobTimedOut}, nil
	case enums.WORKFLOW_EXECUTION_STATUS_FAILED:
		return FollowResult{State: models.JobFailed, Problem: contract.ProblemOf(failure)}, nil
	default:
		return FollowResult{}, temporal.NewApplicationError(
			fmt.Sprintf("follow %s: it is %s again", workflowID, status), "job.follow_again")
	}
}
