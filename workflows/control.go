package workflows

import (
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/scratch-platform/scratch/activities"
	"github.com/scratch-platform/scratch/models"
	"github.com/scratch-platform/scratch/workflows/contract"
)

// standing is where a run stands, as its job shows it.
type standing struct {
	State models.JobState
	Until *time.Time
	Why   string
}

func (s standing) equal(other standing) bool {
	sameTime := s.Until == nil && other.Until == nil || s.Until != nil && other.Until != nil && s.Until.Equal(*other.Until)
	return s.State == other.State && s.Why == other.Why && sameTime
}

// control is the part of a run that listens: pause stops the step under way at
// its checkpoint, resume lets it go on.
type control struct {
	paused      bool
	interrupted bool                // the step under way was stopped by a pause
	stop        workflow.CancelFunc // of the step under way
	at          standing
	// tell makes a new standing known, once per change.
	tell func(workflow.Context, standing) error
}

// listen receives pause and resume until the run ends.
func listen(ctx workflow.Context, c *control) {
	workflow.Go(ctx, func(ctx workflow.Context) {
		selector := workflow.NewSelector(ctx)
		contract.Pause.Channel(ctx).AddTo(ctx, selector, func(contract.By) { c.pause() })
		contract.Resume.Channel(ctx).AddTo(ctx, selector, func(contract.By) { c.paused = false })
		selector.AddReceive(ctx.Done(), func(workflow.ReceiveChannel, bool) {})
		for ctx.Err() == nil {
			selector.Select(ctx)
		}
	})
}

func (c *control) pause() {
	c.paused = true
	if c.stop != nil {
		c.interrupted = true
		c.stop()
	}
}

// step runs one step. A pause stops it at its checkpoint and it is run again
// after the resume; a cancel ends it.
func (c *control) step(ctx workflow.Context, run func(workflow.Context) error) error {
	for {
		if err := c.resumed(ctx); err != nil {
			return err
		}
		inner, stop := workflow.WithCancel(ctx)
		c.stop, c.interrupted = stop, false
		err := run(inner)
		c.stop = nil
		stop()
		if err != nil && c.interrupted && temporal.IsCanceledError(err) && ctx.Err() == nil {
			continue
		}
		return err
	}
}

// resumed waits while the run is paused, and shows it as running after.
func (c *control) resumed(ctx workflow.Context) error {
	if c.paused {
		if err := c.show(ctx, standing{State: models.JobPaused}); err != nil {
			return err
		}
		if err := workflow.Await(ctx, func() bool { return !c.paused }); err != nil {
			return err
		}
	}
	return c.show(ctx, standing{State: models.JobRunning})
}

func (c *control) show(ctx workflow.Context, now standing) error {
	if c.at.equal(now) {
		return nil
	}
	c.at = now
	return c.tell(ctx, now)
}

// wait sits out a rate limit or a service that is away, shown as waiting.
func (c *control) wait(ctx workflow.Context, w activities.Wait) error {
	until := workflow.Now(ctx).Add(w.For).UTC()
	return c.step(ctx, func(ctx workflow.Context) error {
		left := until.Sub(workflow.Now(ctx))
		if left <= 0 {
			return nil
		}
		if err := c.show(ctx, standing{State: models.JobWaiting, Until: &until, Why: w.Problem.Detail}); err != nil {
			return err
		}
		return workflow.Sleep(ctx, left)
	})
}

const (
	// Patience with a service that is away: a person who started a run that
	// never reached it wants to know soon; one that has come some way is worth
	// a restart of the service.
	patienceAtFirst = time.Minute
	patience        = 15 * time.Minute
	// A rate limit says itself when to come back; a day holds every daily one.
	patienceLimited = 25 * time.Hour
)

// endurance bounds waiting by progress, not by attempts.
type endurance struct {
	since    time.Time // of the last progress
	mark     int64
	advanced bool
}

// spent reports whether a run has waited long enough for this problem. mark
// grows with every progress.
func (e *endurance) spent(ctx workflow.Context, w activities.Wait, mark int64) bool {
	now := workflow.Now(ctx)
	if e.since.IsZero() {
		e.since, e.mark = now, mark
	}
	if mark > e.mark {
		e.since, e.mark, e.advanced = now, mark, true
	}
	limit := patienceAtFirst
	switch {
	case w.Problem.Kind == models.KindRateLimited:
		limit = patienceLimited
	case e.advanced || mark > 0:
		limit = patience
	}
	return now.Sub(e.since)+w.For > limit
}

// ended says how a run ended, from what its steps returned.
func ended(ctx workflow.Context, err error) (models.JobState, *models.Problem) {
	switch {
	case err == nil:
		return models.JobCompleted, nil
	case ctx.Err() != nil || temporal.IsCanceledError(err):
		return models.JobCancelled, nil
	default:
		return models.JobFailed, contract.ProblemOf(err)
	}
}

// conclude makes the outcome findable for operators and gives what the engine
// is told: a failed job is a failed run, a cancelled one a cancelled run.
func conclude(ctx workflow.Context, state models.JobState, problem *models.Problem) error {
	if err := tellOutcome(ctx, string(state)); err != nil {
		return err
	}
	switch state { //nolint:exhaustive // the rest is success, in part or whole
	case models.JobCancelled:
		return temporal.NewCanceledError()
	case models.JobFailed, models.JobTerminated, models.JobTimedOut, models.JobLost:
		if problem == nil {
			problem = models.NewProblem(models.KindConflict, "job.failed", "Nothing of it went well; its outcomes say why.", "Look at the outcomes, then retry.")
		}
		return contract.Failure(problem)
	}
	return nil
}

// tellOutcome makes the outcome findable for operators.
func tellOutcome(ctx workflow.Context, outcome string) error {
	return workflow.UpsertTypedSearchAttributes(ctx, contract.AttributeOutcome.ValueSet(outcome))
}
