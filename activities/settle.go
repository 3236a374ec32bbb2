package activities

import (
	"context"
	"fmt"
	"time"

	"github.com/scratch-platform/scratch/connectors"
	"github.com/scratch-platform/scratch/internal/wait"
	"github.com/scratch-platform/scratch/models"
	"github.com/scratch-platform/scratch/models/store"
)

// settleTries is how often outcomes are stored before the activity gives up and
// leaves them to be found out: an answer that is at hand now may be hard to get
// again.
const settleTries = 5

// settle stores what each item of a sent batch became (Promise 6). One without
// an outcome stays "sending": it is looked up before anything is sent again.
func (s *sending) settle(ctx context.Context, step string, ready []prepared, results []connectors.WriteResult, sent error) error {
	byKey := make(map[string]connectors.WriteResult, len(results))
	for _, r := range results {
		byKey[r.Key] = r
	}
	settlements := make([]store.Settlement, 0, len(ready))
	for _, r := range ready {
		result, answered := byKey[r.item.ID]
		if !answered {
			result = unanswered(r.item.ID, sent)
		}
		if settled, known := s.settlement(ctx, step, r, result); known {
			settlements = append(settlements, settled)
		} else {
			s.result.InFlight++
		}
	}
	if err := s.recordTried(ctx, settlements); err != nil {
		return err
	}
	s.after(ready, settlements)
	return nil
}

// unanswered is the outcome of an item the connector gave none for. A typed
// error of the whole call says that nothing is on its way, unless it says that
// it does not know. An item forgotten in an answer is unknown, and so is
// everything after an error that nobody typed (Promise 5).
func unanswered(key string, sent error) connectors.WriteResult {
	refused, typed := connectors.AsError(sent)
	if !typed || refused.Kind == connectors.KindAmbiguous {
		return connectors.WriteResult{Key: key, Outcome: connectors.Unknown, Err: refused}
	}
	return connectors.WriteResult{Key: key, Outcome: connectors.NotSent, Err: refused}
}

// settlement turns a connector's outcome into the item's; known is false when
// it is not known.
func (s *sending) settlement(ctx context.Context, step string, r prepared, result connectors.WriteResult) (settled store.Settlement, known bool) {
	settled = store.Settlement{ItemID: r.item.ID, Step: step, RemoteID: result.RemoteID, Note: result.Note}
	if result.Stored != nil {
		stored := store.RemoteRecord(*result.Stored)
		settled.Stored = &stored
		if settled.RemoteID == "" && r.item.Op == models.OpCreate {
			settled.RemoteID = stored.RemoteID
		}
	}
	switch result.Outcome { // Promise 6: each item has the outcome that its own answer says
	case connectors.Applied:
		if r.item.Op == models.OpCreate && settled.RemoteID == "" && r.item.RemoteID == "" {
			return settled, false // made, and not said which: it is looked for (Promise 5)
		}
		settled.State, settled.StepState = models.ItemApplied, models.ItemApplied
		if !lastStep(s.remote, r.item, step) {
			settled.State = models.ItemPlanned // on with the next step
		}
		settled.ReadBack = settled.Stored == nil && r.item.Op != models.OpDelete
		return settled, true
	case connectors.Conflict:
		settled.State, settled.StepState, settled.Problem = models.ItemConflict, models.ItemConflict, changedElsewhere(nil)
		return settled, true
	case connectors.NotSent:
		return s.notSent(ctx, settled, result.Err), true
	case connectors.Failed: // Promise 6: its own error, whatever became of the others
		settled.State, settled.StepState, settled.Problem = models.ItemFailed, models.ItemFailed, problemOf(result.Err)
		return settled, true
	case connectors.Unknown: // Promise 5: looked up before anything is sent again
		return settled, false
	default:
		return settled, false
	}
}

// notSent puts an item back that a later try may carry: a rate limit spends no
// attempts. What no later try can change fails; what concerns every item stops
// the run, and the item stays planned for the word that says why.
func (s *sending) notSent(ctx context.Context, settled store.Settlement, refused *connectors.Error) store.Settlement {
	back := store.Settlement{ItemID: settled.ItemID, State: models.ItemPlanned}
	if refused == nil {
		refused = &connectors.Error{Kind: connectors.KindUnavailable, Service: s.remote.connector.Service(), Tried: "write a batch"}
	}
	if stop := s.stops(refused); stop != nil {
		s.result.Stop = stop
		return back
	}
	if wait, soon := waitFor(ctx, refused, s.tries); soon {
		s.result.Wait = longer(s.result.Wait, wait)
		return back
	}
	settled.State, settled.StepState, settled.Problem = models.ItemFailed, models.ItemFailed, refused.Problem()
	return settled
}

func problemOf(refused *connectors.Error) *models.Problem {
	if refused == nil {
		return models.NewProblem(models.KindInternal, codeUnexpected, "The service refused it and did not say why.", "")
	}
	return refused.Problem()
}

func longer(a *Wait, b Wait) *Wait {
	if a != nil && a.For >= b.For {
		return a
	}
	return &b
}

func (s *sending) recordTried(ctx context.Context, settlements []store.Settlement) error {
	var err error
	for try := range settleTries {
		if err = s.record(ctx, settlements); err == nil {
			return nil
		}
		if waited := wait.For(ctx, 200*time.Millisecond<<try); waited != nil {
			break
		}
	}
	return fmt.Errorf("outcomes of a sent batch: %w", err)
}

// after counts tries in a row without progress, so that waits grow.
func (s *sending) after(ready []prepared, settlements []store.Settlement) {
	for _, settled := range settlements {
		if settled.State != models.ItemPlanned || settled.StepState == models.ItemApplied {
			s.tries = 0
			return
		}
	}
	if len(ready) > 0 {
		s.tries++
	}
}
