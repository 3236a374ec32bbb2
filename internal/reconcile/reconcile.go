package reconcile

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"golang.org/x/sync/errgroup"

	"github.com/scratch-platform/scratch/internal/locks"
	"github.com/scratch-platform/scratch/models"
	"github.com/scratch-platform/scratch/models/store"
)

const (
	// Every is the time between two passes: with a pass's own time, a job shows
	// the truth well within 10 s.
	Every = 3 * time.Second
	// lookTimeout bounds one look at the engine; a read of a job waits no
	// longer for it.
	lookTimeout = 2 * time.Second
	// perPass bounds the jobs of one pass, and atOnce the looks side by side.
	perPass = 1000
	atOnce  = 8
	// unstartedAfter is how long a stored job may be without a run before the
	// reconciler starts it: its own starter is at it, or died on the way.
	unstartedAfter = 5 * time.Second
	// stalledAfter is how long a running job may be without a sign of life.
	// Activities give one every 10 s.
	stalledAfter = 60 * time.Second
	// resolveAgain is the time between the first two runs that find out what a
	// publish left in flight; it doubles with each that did not get to the end
	// of it, up to resolveAtMost: such a run waits a quarter of an hour for a
	// service, and what it could not settle then, the next one hardly will.
	resolveAgain  = 2 * Every
	resolveAtMost = 15 * time.Minute
)

// System is what the reconciler needs of the store across organizations.
type System interface {
	LiveJobs(ctx context.Context, limit int) ([]models.Job, error)
	LiveJobsOf(ctx context.Context, workflowIDs []string) ([]models.Job, error)
	JobsByID(ctx context.Context, ids []string) ([]models.Job, error)
	JobsWithInFlight(ctx context.Context, limit int) ([]models.Job, error)
}

// Org is what it needs of one organization's store.
type Org interface {
	Job(ctx context.Context, id string) (models.Job, error)
	ListJobs(ctx context.Context, filter store.JobFilter, page store.Page) (jobs []models.Job, next string, err error)
	SetJobState(ctx context.Context, id string, change store.JobChange) (changed bool, err error)
	Snapshot(ctx context.Context, id string) (models.Snapshot, error)
	ListTables(ctx context.Context, snapshotID string) ([]models.Table, error)
}

// Reconciler looks at live jobs, by itself and when asked. All exported fields
// but Ended are needed.
type Reconciler struct {
	System System
	Org    func(organizationID string) Org
	Engine client.Client
	// Payloads decodes a run's memo: the data converter of the engine's client.
	Payloads converter.DataConverter
	Locks    locks.Locker
	Now      func() time.Time
	Log      *slog.Logger
	// Ended is told of each run that was seen to have ended with the engine's own
	// tools, or too late: it cannot tell of its end itself. nil tells nobody.
	Ended func(ctx context.Context, workflowID, runID string)

	glances   glances
	resolving resolving
}

// Run makes a pass every few seconds until the context ends, in one process at a
// time.
func (r *Reconciler) Run(ctx context.Context) error {
	ticker := time.NewTicker(Every)
	defer ticker.Stop()
	for {
		err := locks.TryHold(ctx, r.Locks, "reconcile", time.Minute, func(ctx context.Context, _ locks.Lease) error {
			return r.Pass(ctx)
		})
		if err != nil && ctx.Err() == nil && !errors.Is(err, locks.ErrHeld) {
			r.Log.WarnContext(ctx, "a pass over the jobs was cut short; the next one goes on", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// Pass looks at every live job once, holds the open runs against jobs that have
// ended, and has what dead publishes left in flight found out. One job's trouble
// stops no other.
func (r *Reconciler) Pass(ctx context.Context) error {
	jobs, err := r.System.LiveJobs(ctx, perPass)
	if err != nil {
		return fmt.Errorf("list the live jobs: %w", err)
	}
	group := &errgroup.Group{}
	group.SetLimit(atOnce)
	for _, job := range jobs {
		group.Go(func() error {
			if _, err := r.Look(ctx, job); err != nil && ctx.Err() == nil {
				r.Log.WarnContext(ctx, "a job could not be held against the engine", "job", job.ID, "error", err)
			}
			return nil
		})
	}
	_ = group.Wait()
	if err := r.strays(ctx); err != nil && ctx.Err() == nil {
		r.Log.WarnContext(ctx, "the open runs could not be held against their jobs", "error", err)
	}
	left, err := r.System.JobsWithInFlight(ctx, perPass)
	if err != nil {
		return fmt.Errorf("list publishes that left items in flight: %w", err)
	}
	r.resolving.keep(left)
	for _, job := range left {
		if err := r.resolve(ctx, job); err != nil && ctx.Err() == nil {
			r.Log.WarnContext(ctx, "what a publish left in flight is not being found out yet", "job", job.ID, "error", err)
		}
	}
	return ctx.Err()
}

// Look holds one job against the engine and gives it as it stands after. A job
// that has ended is given as it is. While the database takes no changes, the job
// is given as it would be stored.
func (r *Reconciler) Look(ctx context.Context, job models.Job) (models.Job, error) {
	job, err := r.look(ctx, job)
	if errors.Is(err, errNotStored) {
		return job, nil
	}
	return job, err
}

func (r *Reconciler) look(ctx context.Context, job models.Job) (models.Job, error) {
	if job.State.Final() {
		return job, nil
	}
	asking, cancel := context.WithTimeout(ctx, lookTimeout)
	seen, err := r.ask(asking, job)
	if err == nil {
		r.findHeldUp(asking, job, &seen)
	}
	cancel()
	if ctx.Err() != nil {
		return job, ctx.Err()
	}
	if err != nil {
		r.Log.DebugContext(ctx, "the engine could not be asked", "job", job.ID, "error", err)
		seen = sight{away: true}
	}
	if seen.unstarted {
		if err := r.start(ctx, job); err != nil {
			return job, err
		}
		return r.Org(job.OrganizationID).Job(ctx, job.ID)
	}
	if r.cancelLost(job, seen) {
		if err := r.Engine.CancelWorkflow(ctx, job.WorkflowID, seen.runID); err != nil {
			return job, fmt.Errorf("pass the cancel of job %s on: %w", job.ID, err)
		}
	}
	if err := r.tellOfEnded(ctx, job, seen); err != nil {
		r.Log.WarnContext(ctx, "a download was not told yet which of its tables have ended", "job", job.ID, "error", err)
	}
	change, needed := r.judge(job, seen)
	if !needed {
		return job, nil
	}
	db := r.Org(job.OrganizationID)
	changed, err := db.SetJobState(ctx, job.ID, change)
	if shown := unstored(job, change, err); shown != nil {
		return *shown, errNotStored
	}
	if err != nil {
		return job, fmt.Errorf("show job %s as %s: %w", job.ID, change.To, err)
	}
	if changed {
		r.tellEnded(ctx, job, change)
	}
	return db.Job(ctx, job.ID)
}

// tellEnded tells of a run that a change of its job shows to be over: terminated,
// timed out, or replaced by a reset. The change is made once, by whoever is first.
func (r *Reconciler) tellEnded(ctx context.Context, job models.Job, change store.JobChange) {
	runID := change.RunID
	if !change.To.Final() && job.RunID != "" && change.RunID != "" && change.RunID != job.RunID {
		runID = job.RunID
	} else if change.To != models.JobTerminated && change.To != models.JobTimedOut {
		return
	}
	if r.Ended != nil && runID != "" {
		r.Ended(ctx, job.WorkflowID, runID)
	}
}
