package workflows

import (
	"strings"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/scratch-platform/scratch/activities"
	"github.com/scratch-platform/scratch/models"
	"github.com/scratch-platform/scratch/workflows/contract"
	"github.com/scratch-platform/scratch/workflows/policy"
)

// Publish applies a reviewed plan: it sends the items group by group, finds out
// what became of those whose answer was lost before anything is sent again, and
// reads back what the services did not say. With ResolveOnly it sends nothing
// and only finds out about items an ended run left in flight; the job then
// keeps its state.
//
// Its id is contract.PublishID: one runs per plan. Signals: pause, resume.
// Query: progress. It does not continue as new: its turns are half an hour.
func Publish(ctx workflow.Context, input contract.PublishInput) (contract.PublishResult, error) {
	p := &publish{input: input}
	p.control = control{tell: p.tell}
	listen(ctx, &p.control)
	if err := workflow.SetQueryHandler(ctx, contract.QueryProgress, p.report); err != nil {
		return contract.PublishResult{}, err
	}
	return p.end(ctx, p.run(ctx))
}

// publish is the state of one run.
type publish struct {
	control
	input   contract.PublishInput
	phase   string
	settled int64
	outlets []*outlet // the connections it goes out through
	heldUp  bool      // the database took nothing during this round
}

func (p *publish) run(ctx workflow.Context) error {
	// A run that was reset, or that follows a dead one, first finds out what
	// that one left in flight (Promise 5).
	if err := p.resolve(ctx); err != nil {
		return err
	}
	if !p.input.ResolveOnly {
		if err := p.sendAll(ctx); err != nil {
			return err
		}
	}
	if err := p.readBack(ctx); err != nil {
		return err
	}
	return p.whyStopped()
}

// send sends one group for one turn. A turn whose worker was lost is not
// repeated: what it left in flight is looked up first (Promise 5).
func (p *publish) send(ctx workflow.Context, group activities.Group, giveUp bool) (activities.SendResult, error) {
	var turn activities.SendResult
	err := p.step(ctx, func(ctx workflow.Context) error {
		summary := "Send the " + string(group.Op) + "s of one table"
		return workflow.ExecuteActivity(policy.RemoteWrite(ctx, summary), publishes.SendItems, activities.SendInput{
			PublishInput: p.input, Group: group, Turn: policy.Turn, GiveUp: giveUp,
		}).Get(ctx, &turn)
	})
	switch {
	case err == nil:
		return turn, nil
	case ctx.Err() != nil || temporal.IsCanceledError(err):
		return turn, err
	}
	workflow.GetLogger(ctx).Warn("a turn of sending was lost; what it left in flight is looked up", "error", err)
	if why := contract.ProblemOf(err); why.Kind == models.KindUnavailable && strings.HasPrefix(why.Code, "store.") {
		// The database takes nothing now, and the job's state neither: that it
		// waits is stored when there is room again, and so long nothing is sent.
		p.heldUp = true
		if err := p.wait(ctx, activities.Wait{For: storeWait, Problem: why}); err != nil {
			return turn, err
		}
	}
	return activities.SendResult{InFlight: 1}, nil
}

// storeWait keeps a database that refused a change from being asked at once again.
const storeWait = 2 * time.Second

const (
	// After these times a person decides what the service's answers do not
	// say: its own lookups have caught up long since, or it is away for good.
	undecidedFor = 2 * time.Minute
	awayFor      = 15 * time.Minute
)

// resolve finds out what became of items whose outcome was lost, until every
// one is settled.
func (p *publish) resolve(ctx workflow.Context) error {
	p.phase = "resolving"
	var since time.Time // the first look that could have told
	away := false       // the last look found the service away
	for {
		var found activities.ResolveResult
		if err := p.step(ctx, func(ctx workflow.Context) error {
			return workflow.ExecuteActivity(policy.RemoteRead(ctx, "Find out what became of items in flight"), publishes.ResolveItems,
				activities.ResolveInput{PublishInput: p.input, GiveUp: p.givesUp(ctx, since, away)}).Get(ctx, &found)
		}); err != nil {
			return err
		}
		away = found.Away
		p.settled += found.Resolved
		if found.Left == 0 || found.NotBefore == nil {
			return nil
		}
		if since.IsZero() || found.Resolved > 0 {
			since = *found.NotBefore
		}
		wait := max(found.NotBefore.Sub(workflow.Now(ctx)), time.Second)
		if err := p.wait(ctx, activities.Wait{For: wait, Problem: inFlight(found.Left)}); err != nil {
			return err
		}
	}
}

func (p *publish) givesUp(ctx workflow.Context, since time.Time, away bool) bool {
	limit := undecidedFor
	if away {
		limit = awayFor
	}
	return !since.IsZero() && workflow.Now(ctx).Sub(since) > limit
}

func inFlight(n int64) *models.Problem {
	if n == 1 {
		return models.NewProblem(models.KindUnavailable, "publish.in_flight", "Finding out what became of 1 change whose answer was lost.", "")
	}
	return models.NewProblem(models.KindUnavailable, "publish.in_flight", "Finding out what became of changes whose answers were lost.", "")
}

// readBack reads what services stored for applied items and did not say. What
// cannot be read is no failure of the publish: the next download reads it.
func (p *publish) readBack(ctx workflow.Context) error {
	p.phase = "reading back"
	began := workflow.Now(ctx)
	for {
		var read activities.ReadBackResult
		err := p.step(ctx, func(ctx workflow.Context) error {
			return workflow.ExecuteActivity(policy.RemoteRead(ctx, "Read back what was stored"), publishes.ReadBackItems, p.input).Get(ctx, &read)
		})
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			workflow.GetLogger(ctx).Warn("what was stored could not be read back", "error", err)
			return nil
		}
		if read.NotBefore == nil || workflow.Now(ctx).Sub(began) > awayFor {
			return nil
		}
		wait := read.NotBefore.Sub(workflow.Now(ctx))
		if err := p.step(ctx, func(ctx workflow.Context) error { return workflow.Sleep(ctx, wait) }); err != nil {
			return err
		}
	}
}

// tell makes the job show where the run stands. A run that only resolves leaves
// the job as it ended.
func (p *publish) tell(ctx workflow.Context, now standing) error {
	if p.input.ResolveOnly {
		return nil
	}
	return workflow.ExecuteActivity(policy.Store(ctx, "Show the job as "+string(now.State)), jobs.ChangeJob, activities.ChangeJobInput{
		JobRef: p.job(), To: now.State, Until: now.Until, Why: now.Why,
	}).Get(ctx, nil)
}

func (p *publish) job() activities.JobRef {
	return activities.JobRef{OrganizationID: p.input.OrganizationID, JobID: p.input.JobID}
}

// end skips what was not sent, ends the plan and the job, also when the run was
// cancelled.
func (p *publish) end(ctx workflow.Context, err error) (contract.PublishResult, error) {
	state, problem := ended(ctx, err)
	if state == models.JobCompleted {
		state = "" // the items say how it went
	}
	p.phase = ""
	ctx, _ = workflow.NewDisconnectedContext(ctx) // a cancelled run still tells its end
	var result contract.PublishResult
	if err := workflow.ExecuteActivity(policy.Store(ctx, "End the plan"), publishes.FinishPublish, activities.EndPublishInput{
		PublishInput: p.input, State: state, Problem: problem, Stopped: p.stopped(),
	}).Get(ctx, &result); err != nil {
		return contract.PublishResult{}, err
	}
	p.at = standing{State: result.State}
	if p.input.ResolveOnly {
		if state == "" {
			state = models.JobCompleted // it found out; the items say what
		}
		return result, conclude(ctx, state, problem)
	}
	if err := workflow.ExecuteActivity(policy.Store(ctx, "Show the job as "+string(result.State)), jobs.ChangeJob, activities.ChangeJobInput{
		JobRef: p.job(), To: result.State, Problem: problem,
	}).Get(ctx, nil); err != nil {
		return contract.PublishResult{}, err
	}
	return result, conclude(ctx, result.State, problem)
}

func (p *publish) report() (contract.ProgressReport, error) {
	return contract.ProgressReport{State: p.at.State, Paused: p.paused, Step: p.phase, Progress: models.Progress{Done: p.settled}}, nil
}
