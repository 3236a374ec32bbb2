package workflows

import (
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/scratch-platform/scratch/activities"
	"github.com/scratch-platform/scratch/models"
	"github.com/scratch-platform/scratch/workflows/contract"
	"github.com/scratch-platform/scratch/workflows/policy"
)

const (
	// idleRounds is how many rounds may pass without any item settling before
	// the run gives up on what is left.
	idleRounds = 5
	// lostWait is how long another holder's lease can stand in the way.
	lostWait = 20 * time.Second
)

// sendAll sends round by round until nothing is planned any more but what goes
// out through a connection that was stopped.
func (p *publish) sendAll(ctx workflow.Context) error {
	idle, giveUp := 0, false
	for {
		var left activities.GroupsResult
		if err := workflow.ExecuteActivity(policy.Store(ctx, "See what is left to send"), publishes.PlanGroups, activities.GroupsInput{
			PublishInput: p.input, Stopped: p.stoppedIDs(),
		}).Get(ctx, &left); err != nil {
			return err
		}
		if left.Planned == 0 {
			return nil
		}
		before := p.settled
		round, err := p.sendRound(ctx, left.Groups, giveUp)
		if err != nil {
			return err
		}
		if err := p.resolve(ctx); err != nil {
			return err
		}
		// Promise 7: a database that takes nothing is no reason to give up.
		if p.settled > before || round.Wait != nil || round.Stop != nil || p.heldUp {
			idle, giveUp, p.heldUp = 0, false, false
			continue
		}
		if idle++; idle >= idleRounds {
			return contract.Failure(models.NewProblem(models.KindConflict, "publish.no_progress",
				"The items left could not be sent, again and again.", "Look at their outcomes, then retry what failed."))
		}
		// Nothing is under way any more that could create what they wait for.
		giveUp = round.Waiting > 0 && round.Leased == 0 && round.InFlight == 0 && !round.Over
		if round.Leased > 0 {
			if err := p.step(ctx, func(ctx workflow.Context) error { return workflow.Sleep(ctx, lostWait) }); err != nil {
				return err
			}
		}
	}
}

// sendRound sends every group once, in order, and sums what came of it. A
// connection that must be left alone, for a while or for good, stands in no
// other's way: its groups are passed over, all that follow too, for they may
// refer to those.
func (p *publish) sendRound(ctx workflow.Context, groups []activities.Group, giveUp bool) (activities.SendResult, error) {
	p.phase = "publishing"
	var sum activities.SendResult
	passed := map[string]bool{}
	for i, group := range groups {
		if passed[group.ConnectionID] {
			continue
		}
		others := false
		for _, later := range groups[i+1:] {
			others = others || later.ConnectionID != group.ConnectionID && !passed[later.ConnectionID]
		}
		done, err := p.sendGroup(ctx, group, giveUp, others, &sum)
		if err != nil {
			return sum, err
		}
		passed[group.ConnectionID] = !done
	}
	if sum.Wait != nil && sum.Settled == 0 {
		return sum, p.waitForFirst(ctx) // the round only went by those that wait
	}
	return sum, nil
}

// sendGroup sends one group, turn by turn; done is false when it was passed
// over. It waits only where nothing else can be sent meanwhile.
func (p *publish) sendGroup(ctx workflow.Context, group activities.Group, giveUp, others bool, sum *activities.SendResult) (done bool, err error) {
	out := p.outlet(group.ConnectionID)
	for {
		if left := out.until.Sub(workflow.Now(ctx)); left > 0 {
			sum.Wait = &activities.Wait{For: left, Problem: out.why}
			if others {
				return false, nil
			}
			if err := p.wait(ctx, *sum.Wait); err != nil {
				return false, err
			}
		}
		turn, err := p.send(ctx, group, giveUp)
		if err != nil {
			return false, err
		}
		sum.Settled += turn.Settled
		sum.Leased += turn.Leased
		sum.Waiting += turn.Waiting
		sum.InFlight += turn.InFlight
		sum.Over = sum.Over || turn.Over
		p.settled += turn.Settled
		switch {
		case turn.Stop != nil:
			sum.Stop = turn.Stop
			return false, out.stop(turn.Stop)
		case turn.Wait != nil:
			if out.patience.spent(ctx, *turn.Wait, p.settled) {
				sum.Stop = turn.Wait.Problem
				return false, out.stop(turn.Wait.Problem)
			}
			out.until, out.why = workflow.Now(ctx).Add(turn.Wait.For), turn.Wait.Problem
		case turn.Over && turn.Settled > 0:
		default:
			return true, nil
		}
	}
}

// outlet is how one connection fares in a publish.
type outlet struct {
	id       string
	patience endurance
	until    time.Time       // nothing is sent before
	why      *models.Problem // of until
	stopped  *models.Problem // why nothing more is sent at all
}

func (p *publish) outlet(id string) *outlet {
	for _, o := range p.outlets {
		if o.id == id {
			return o
		}
	}
	o := &outlet{id: id}
	p.outlets = append(p.outlets, o)
	return o
}

// stop ends the sending through a connection. A group that was recorded without
// one ends the run, as it did then.
func (o *outlet) stop(problem *models.Problem) error {
	if o.id == "" {
		return contract.Failure(problem)
	}
	o.stopped = problem
	return nil
}

// waitForFirst waits for the connection that may be used again first.
func (p *publish) waitForFirst(ctx workflow.Context) error {
	var first *outlet
	for _, o := range p.outlets {
		if o.stopped == nil && o.until.After(workflow.Now(ctx)) && (first == nil || o.until.Before(first.until)) {
			first = o
		}
	}
	if first == nil {
		return nil
	}
	return p.wait(ctx, activities.Wait{For: first.until.Sub(workflow.Now(ctx)), Problem: first.why})
}

func (p *publish) stoppedIDs() (ids []string) {
	for _, o := range p.outlets {
		if o.stopped != nil {
			ids = append(ids, o.id)
		}
	}
	return ids
}

func (p *publish) stopped() map[string]models.Problem {
	stopped := map[string]models.Problem{}
	for _, o := range p.outlets {
		if o.stopped != nil {
			stopped[o.id] = *o.stopped
		}
	}
	return stopped
}

// whyStopped is the first reason for which a connection was stopped; each item
// has its own.
func (p *publish) whyStopped() error {
	for _, o := range p.outlets {
		if o.stopped != nil {
			return contract.Failure(o.stopped)
		}
	}
	return nil
}
