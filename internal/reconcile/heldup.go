package reconcile

import (
	"context"
	"errors"
	"slices"
	"time"

	"go.temporal.io/api/enums/v1"
	workflowpb "go.temporal.io/api/workflow/v1"

	"github.com/scratch-platform/scratch/models"
	"github.com/scratch-platform/scratch/models/store"
)

// What a job waits for when its own steps cannot store what they did: a database
// whose disk is full, that takes no changes, or that does not answer. The steps
// are tried again until it does; meanwhile nothing of it can be stored with the
// job, so that it is read from the engine (Promise 9).

const (
	// quietAfter is how long a job may give no sign of life before its steps are
	// asked for: they give one every 10 s.
	quietAfter = 15 * time.Second
	// underWay is how long a step that was tried again is at it when it is taken
	// to have got on: one that is refused is refused within moments.
	underWay = 10 * time.Second
	// stepsAsked bounds the children that are asked for their steps.
	stepsAsked = 8
)

// holdingUp are the problems that hold up every step of every job.
var holdingUp = []string{"store.disk_full", "store.read_only", "store.unavailable"}

// heldUp is what a job waits for.
type heldUp struct {
	problem *models.Problem
	until   *time.Time // its step is tried again then
}

// isHeldUp reports whether the job shows as waiting for the database.
func isHeldUp(job models.Job) bool {
	return job.State == models.JobWaiting && job.Problem != nil && slices.Contains(holdingUp, job.Problem.Code)
}

// findHeldUp asks for what holds the steps of a quiet job up. What cannot be asked
// is left for the next look.
func (r *Reconciler) findHeldUp(ctx context.Context, job models.Job, seen *sight) {
	if !seen.isOpen() || !isHeldUp(job) && !r.silentFor(job, quietAfter) {
		seen.held = nil
		return
	}
	for _, id := range seen.pending[:min(len(seen.pending), stepsAsked)] {
		if seen.held != nil {
			return
		}
		if child, err := r.describe(ctx, id, ""); err == nil && child != nil {
			seen.held = r.heldUpIn(child.GetPendingActivities())
		}
	}
}

// heldUpIn finds a step that failed for want of the database and waits for its
// next try.
func (r *Reconciler) heldUpIn(steps []*workflowpb.PendingActivityInfo) *heldUp {
	for _, step := range steps {
		// Promise 9: the engine alone knows, since nothing can be stored.
		failure := step.GetLastFailure().GetApplicationFailureInfo()
		if !slices.Contains(holdingUp, failure.GetType()) || len(failure.GetDetails().GetPayloads()) == 0 {
			continue
		}
		trying := step.GetState() == enums.PENDING_ACTIVITY_STATE_STARTED
		if trying && r.Now().Sub(step.GetLastStartedTime().AsTime()) > underWay {
			continue
		}
		problem := &models.Problem{}
		if err := r.Payloads.FromPayload(failure.GetDetails().GetPayloads()[0], problem); err != nil {
			continue
		}
		held := &heldUp{problem: problem}
		if next := step.GetNextAttemptScheduleTime(); next != nil {
			at := next.AsTime()
			held.until = &at
		}
		return held
	}
	return nil
}

// hold judges an open job by what holds its steps up.
func hold(job models.Job, s sight) (change store.JobChange, needed bool) {
	switch job.State { // paused and cancelling tell more
	case models.JobQueued, models.JobRunning, models.JobStalled:
	case models.JobWaiting:
		if !isHeldUp(job) {
			return change, false
		}
	default:
		return change, false
	}
	if s.held == nil {
		return store.JobChange{To: models.JobRunning, From: []models.JobState{models.JobWaiting}, RunID: s.runID}, isHeldUp(job)
	}
	return store.JobChange{
		To: models.JobWaiting, From: []models.JobState{job.State}, RunID: s.runID,
		Problem: s.held.problem, WaitingUntil: s.held.until, WaitingWhy: s.held.problem.Detail,
	}, true
}

// errNotStored goes with a job that shows what could not be stored: the next
// reader must look again.
var errNotStored = errors.New("the job's state could not be stored")

// unstored shows a change that the database would not take: an end as it is, else
// that the job waits for the database. nil where it failed otherwise.
func unstored(job models.Job, change store.JobChange, err error) *models.Job {
	p, ok := models.AsProblem(err)
	if !ok || !slices.Contains(holdingUp, p.Code) {
		return nil
	}
	job.EngineAway = change.EngineAway
	if change.To.Final() {
		job.State, job.Problem = change.To, change.Problem
		return &job
	}
	job.State, job.Problem, job.WaitingUntil, job.WaitingWhy = models.JobWaiting, p, nil, p.Detail
	return &job
}
