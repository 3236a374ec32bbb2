package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/scratch-platform/scratch/models"
)

// PlanGroups counts the items of a plan that are still planned, per table and
// operation.
func (o *Org) PlanGroups(ctx context.Context, planID string) ([]PlanGroup, error) {
	var groups []PlanGroup
	err := o.rows(ctx, &itemRow{}).Select("table_id", "op", "count(*) AS planned").Where("plan_id = ? AND state = 'planned'", planID).
		Group("table_id, op").Order("table_id, op").Find(&groups).Error
	return groups, o.s.explain(ctx, err)
}

// ItemsToSend gives planned items of one table and operation, in their order.
func (o *Org) ItemsToSend(ctx context.Context, planID, tableID string, op models.Operation, limit int) ([]models.Item, error) {
	var rows []itemRow
	err := o.rows(ctx, &itemRow{}).Where("plan_id = ? AND table_id = ? AND op = ? AND state = 'planned'", planID, tableID, op).
		Order("ordinal").Limit(limit).Find(&rows).Error
	return itemsOf(rows), o.s.explain(ctx, err)
}

// LeaseItems takes the right to send planned items for a time from now, and gives
// those it got: not the ones that another holder has or that are planned no
// more. No time frees them at once. Whose time is over is judged by the clock
// that all processes share (Promise 5), never by the caller's.
func (o *Org) LeaseItems(ctx context.Context, ids []string, holder string, ttl time.Duration) ([]models.Item, error) {
	var leased []itemRow
	err := o.tx(ctx, func(tx *Tx) error {
		leased = nil
		locked, err := tx.lockItems(ids)
		if err != nil {
			return err
		}
		if err := tx.readClock(); err != nil {
			return err
		}
		until := stored(tx.now.Add(ttl))
		mine := make([]string, 0, len(locked))
		for _, row := range locked {
			free := row.Lease == "" || row.Lease == holder || row.LeaseUntil == nil || !row.LeaseUntil.After(tx.now)
			if row.State != models.ItemPlanned || !free {
				continue
			}
			row.Lease, row.LeaseUntil = holder, &until
			leased, mine = append(leased, row), append(mine, row.ID)
		}
		if len(mine) == 0 {
			return nil
		}
		return tx.rows(&itemRow{}).Where("id IN ?", mine).Updates(map[string]any{"lease": holder, "lease_until": until}).Error
	})
	return itemsOf(leased), err
}

// maxItemsAtOnce bounds the items of one call.
const maxItemsAtOnce = 5000

// lockItems reads items in the order of their ids, so that no two transactions
// wait for each other, and locks them.
func (tx *Tx) lockItems(ids []string) ([]itemRow, error) {
	if len(ids) > maxItemsAtOnce {
		return nil, models.NewProblem(models.KindTooLarge, "item.too_many", fmt.Sprintf("at most %d items at once", maxItemsAtOnce), "use smaller batches")
	}
	var rows []itemRow
	err := tx.rows(&itemRow{}).Clauses(forUpdate).Where("id IN ?", ids).Order("id").Find(&rows).Error
	return rows, err
}

// MarkSending commits the intent to send, before anything is sent (Promise 5):
// all items or none. holder must have their leases, and they must not have run
// out, else "item.lease_lost". A first step takes planned items; a later one
// may also take items of the same holder that are sending. The plan must be
// the one being applied, else "plan.not_applying".
//
// The intent is dated by the clock that all processes share, and so are the
// records of a page (SavePage): what a create made is never older here than its
// intent, whoever sent it and whoever downloaded it.
func (o *Org) MarkSending(ctx context.Context, ids []string, holder, step string) error {
	return o.tx(ctx, func(tx *Tx) error {
		rows, err := tx.lockItems(ids)
		if err != nil {
			return err
		}
		if len(rows) != len(ids) {
			return notFound("item", missingOf(ids, rows))
		}
		if err := tx.readClock(); err != nil {
			return err
		}
		plans := map[string]int64{}
		for _, row := range rows {
			// Promise 5: one holder at a time, and not after its time.
			sendable := row.State == models.ItemPlanned || row.State == models.ItemSending
			if !sendable || row.Lease != holder || row.LeaseUntil == nil || !row.LeaseUntil.After(tx.now) {
				return models.NewProblem(models.KindConflict, "item.lease_lost", "the right to send item "+row.ID+" has run out or passed to another",
					"the publish goes on by itself; nothing needs to be done")
			}
			if row.State == models.ItemPlanned {
				plans[row.PlanID]++
			} else {
				plans[row.PlanID] += 0
			}
		}
		for i := range rows {
			intend(&rows[i], step, tx.now)
		}
		if err := tx.saveItems(rows); err != nil {
			return err
		}
		for id, n := range plans {
			if err := tx.countSending(id, n); err != nil {
				return err
			}
		}
		return nil
	})
}

func missingOf(ids []string, rows []itemRow) string {
	there := map[string]bool{}
	for _, row := range rows {
		there[row.ID] = true
	}
	for _, id := range ids {
		if !there[id] {
			return id
		}
	}
	return ""
}

// intend notes that a step of an item is about to be sent. A create keeps the
// moment of its first intent: whatever it made, it made after that.
func intend(row *itemRow, step string, at time.Time) {
	if row.SentAt == nil || row.Op != models.OpCreate {
		row.SentAt = &at
	}
	row.State, row.Step, row.SettledAt = models.ItemSending, step, nil
	if step != "" {
		row.Steps = asJSON(withStep(row.Steps.V, models.StepOutcome{Step: step, State: models.ItemSending, At: &at}))
	}
}

// withStep sets the outcome of one step.
func withStep(steps []models.StepOutcome, outcome models.StepOutcome) []models.StepOutcome {
	out := append([]models.StepOutcome{}, steps...)
	for i := range out {
		if out[i].Step == outcome.Step {
			out[i] = outcome
			return out
		}
	}
	return append(out, outcome)
}

func (tx *Tx) countSending(planID string, n int64) error {
	plan, err := tx.lockPlan(planID)
	if err != nil {
		return err
	}
	// Promise 3: only a plan that somebody chose to apply is sent.
	if plan.State != models.PlanApplying {
		return models.NewProblem(models.KindConflict, "plan.not_applying", fmt.Sprintf("the plan is %s: nothing of it may be sent", plan.State), "make a new plan")
	}
	counts := plan.Counts.V
	moveCount(&counts, models.ItemPlanned, models.ItemSending, n)
	return tx.rows(&planRow{}).Where("id = ?", planID).Update("counts", asJSON(counts)).Error
}

// InFlight gives a plan's items that were being sent and have no outcome, with
// their leases: what is to be found out before anything of them is sent again.
func (o *Org) InFlight(ctx context.Context, planID string) ([]models.Item, error) {
	return o.items(ctx, maxItemsAtOnce, "plan_id = ? AND state = 'sending'", planID)
}

// NeedReadBack gives applied items of which is not known what the service
// stored.
func (o *Org) NeedReadBack(ctx context.Context, planID string, limit int) ([]models.Item, error) {
	return o.items(ctx, limit, "plan_id = ? AND read_back AND state = 'applied'", planID)
}

func (o *Org) items(ctx context.Context, limit int, where string, args ...any) ([]models.Item, error) {
	var rows []itemRow
	if err := o.rows(ctx, &itemRow{}).Where(where, args...).Order("ordinal").Limit(limit).Find(&rows).Error; err != nil {
		return nil, o.s.explain(ctx, err)
	}
	return itemsOf(rows), nil
}

// SkipPlanned ends the items of a plan that were not sent, saying why; those of
// some tables when they are named. A holder that leased them can send them no
// more.
func (o *Org) SkipPlanned(ctx context.Context, planID, why string, tables ...string) error {
	return o.tx(ctx, func(tx *Tx) error {
		// Items first, then the plan, as everywhere while a plan is applied.
		type sum struct {
			TableID string
			Op      models.Operation
			N       int64
		}
		var sums []sum
		planned := tx.rows(&itemRow{}).Select("table_id", "op", "count(*) AS n").Where("plan_id = ? AND state = 'planned'", planID)
		if len(tables) > 0 {
			planned = planned.Where("table_id IN ?", tables)
		}
		err := planned.Group("table_id, op").Order("table_id, op").Find(&sums).Error
		if err != nil {
			return err
		}
		var n int64
		progress := map[string]models.Progress{}
		for _, s := range sums {
			result := tx.rows(&itemRow{}).Where("plan_id = ? AND table_id = ? AND op = ? AND state = 'planned'", planID, s.TableID, s.Op).Updates(map[string]any{
				"state": models.ItemSkipped, "settled_at": tx.now, "note": models.Bound(why, models.MaxProblemText), "lease": "", "lease_until": nil,
			})
			if result.Error != nil {
				return result.Error
			}
			n += result.RowsAffected
			before := progress[s.TableID]
			progress[s.TableID] = models.Progress{Done: before.Done + result.RowsAffected, Skipped: before.Skipped + result.RowsAffected}
			if err := tx.itemsSettled(s.TableID, s.Op, models.ItemSkipped, result.RowsAffected); err != nil {
				return err
			}
		}
		plan, err := tx.lockPlan(planID)
		if err != nil || n == 0 {
			return err
		}
		counts := plan.Counts.V
		moveCount(&counts, models.ItemPlanned, models.ItemSkipped, n)
		plan.Counts = asJSON(counts)
		if err := tx.savePlan(&plan); err != nil {
			return err
		}
		return tx.addProgress(&plan, progress)
	})
}

// FinishPlan ends the applying of a plan: applied when every item is settled,
// stopped when some may need a person.
func (o *Org) FinishPlan(ctx context.Context, planID string, state models.PlanState) error {
	if state != models.PlanApplied && state != models.PlanStopped {
		return errors.New("store: a plan ends as applied or stopped, not as " + string(state))
	}
	return o.tx(ctx, func(tx *Tx) error {
		plan, err := tx.lockPlan(planID)
		if err != nil || plan.State == state {
			return err
		}
		if plan.State != models.PlanApplying && plan.State != models.PlanStopped {
			return models.NewProblem(models.KindConflict, "plan.not_applying", fmt.Sprintf("the plan is %s", plan.State), "")
		}
		plan.State = state
		if plan.AppliedAt == nil {
			plan.AppliedAt = &tx.now
		}
		return tx.savePlan(&plan)
	})
}
