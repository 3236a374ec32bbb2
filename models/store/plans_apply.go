package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/scratch-platform/scratch/models"
)

// CheckPlan says whether the plan may still be applied as it was reviewed
// (Promise 3): it is ready, hash is its hash, and every item's record still has
// just the edits that the item carries. Else it is "plan.stale", with the
// changed items as fields, or "plan.not_ready".
func (o *Org) CheckPlan(ctx context.Context, planID, hash string) error {
	return o.tx(ctx, func(tx *Tx) error {
		plan, err := tx.lockPlan(planID)
		if err != nil {
			return err
		}
		return tx.checkPlan(&plan, hash)
	})
}

func (tx *Tx) checkPlan(plan *planRow, hash string) error {
	switch {
	case plan.State == models.PlanSuperseded:
		return superseded()
	case plan.State != models.PlanReady:
		return models.NewProblem(models.KindConflict, "plan.not_ready", fmt.Sprintf("the plan is %s", plan.State),
			"make a new plan of what is to be published")
	case hash != plan.Hash:
		return models.NewProblem(models.KindConflict, "plan.stale", "the hash is not that of this plan", "read the plan again, review it, and apply it with its hash")
	}
	tables, err := tx.tablesOf(plan.ID)
	if err != nil {
		return err
	}
	var changed []models.FieldProblem
	var n int64
	for _, id := range tables {
		found, err := tx.changedItems(plan.ID, id)
		if err != nil {
			return err
		}
		n += int64(len(found))
		changed = append(changed, found[:min(len(found), models.MaxProblemFields)]...)
	}
	if n == 0 {
		return nil
	}
	return models.NewProblem(models.KindConflict, "plan.stale", fmt.Sprintf("%d items changed since the plan was made", n),
		"make a new plan, review it, and apply that").WithFields(changed...)
}

// tablesOf gives the ids of the tables that a plan has items of.
func (tx *Tx) tablesOf(planID string) ([]string, error) {
	var ids []string
	err := tx.rows(&itemRow{}).Where("plan_id = ?", planID).Distinct().Order("table_id").Pluck("table_id", &ids).Error
	return ids, err
}

// changedItems compares a plan's items of one table with their records. Only
// records whose version moved since are looked at one by one.
func (tx *Tx) changedItems(planID, tableID string) ([]models.FieldProblem, error) {
	table, err := tx.table(tableID)
	if models.HasCode(err, "table.not_found") {
		return []models.FieldProblem{{Field: tableID, Code: "gone", Detail: "the table was removed from the snapshot"}}, nil
	}
	if err != nil {
		return nil, err
	}
	moved, err := tx.movedItems(planID, &table)
	if err != nil || len(moved) == 0 {
		return nil, err
	}
	var changed []models.FieldProblem
	of := table.table()
	for start := 0; start < len(moved); start += 500 {
		part := moved[start:min(start+500, len(moved))]
		records, err := tx.recordsOf(&table, part)
		if err != nil {
			return nil, err
		}
		for i := range part {
			item := part[i].item()
			record, there := records[item.RecordID]
			if !there {
				changed = append(changed, models.FieldProblem{Field: item.ID, Code: "gone", Detail: fmt.Sprintf("%q is no longer here", item.Label)})
				continue
			}
			// Promise 3: what is sent is what was reviewed, cell by cell.
			now, ok := models.NewItem(&of, &record)
			if !ok || !models.SameItem(&item, &now) {
				changed = append(changed, models.FieldProblem{Field: item.ID, Code: "changed", Detail: fmt.Sprintf("%q was edited, or its service changed it", item.Label)})
			}
		}
	}
	return changed, nil
}

func (tx *Tx) movedItems(planID string, table *tableRow) ([]itemRow, error) {
	var moved []itemRow
	err := tx.rows(&itemRow{}).Where(`plan_id = ? AND table_id = ? AND NOT EXISTS (
		SELECT 1 FROM `+recordTable(table.Seq)+` AS r WHERE r.id = items.record_id AND r.row_version = items.row_version)`, planID, table.ID).
		Order("ordinal").Find(&moved).Error
	return moved, err
}

// recordsOf reads the records of items of one table.
func (tx *Tx) recordsOf(table *tableRow, items []itemRow) (map[int64]models.Record, error) {
	ids := make([]int64, len(items))
	for i, item := range items {
		ids[i] = item.RecordID
	}
	rows, err := tx.query("SELECT "+recordColumns+" FROM "+recordTable(table.Seq)+" WHERE "+tx.in("id"), listOf(tx.s.dialect, ids))
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	records := make(map[int64]models.Record, len(items))
	for rows.Next() {
		record, err := scanRecord(rows)
		if err != nil {
			return nil, err
		}
		records[record.ID] = record
	}
	return records, rows.Err()
}

// StartApply makes a ready plan the one being applied and stores its job, in
// one transaction, after CheckPlan. overrides are items that may be written
// over whatever their service holds. Items that would be refused fail here and
// are never sent. An empty plan is "plan.empty".
func (o *Org) StartApply(ctx context.Context, planID, hash string, overrides []string, job models.Job, actor models.Actor) error {
	return o.tx(ctx, func(tx *Tx) error {
		plan, err := tx.lockPlan(planID)
		if err != nil {
			return err
		}
		if err := tx.checkPlan(&plan, hash); err != nil {
			return err
		}
		if plan.Counts.V.Planned == 0 {
			return models.NewProblem(models.KindConflict, "plan.empty", "the plan has nothing to publish", "edit some records, then make a new plan")
		}
		if err := tx.override(planID, overrides); err != nil {
			return err
		}
		if err := tx.failBlocked(&plan); err != nil {
			return err
		}
		job.PlanID, job.SnapshotID = plan.ID, plan.SnapshotID
		stored, created, err := tx.createJob(job)
		if err != nil {
			return err
		}
		if !created {
			return models.NewProblem(models.KindConflict, "job.already_running", "the plan is being applied by job "+stored.ID, "look at that job").
				WithFields(models.FieldProblem{Field: "job", Code: stored.ID, Detail: "running"})
		}
		if err := tx.startTables(&plan, stored.ID); err != nil {
			return err
		}
		plan.State, plan.JobID = models.PlanApplying, stored.ID
		if err := tx.savePlan(&plan); err != nil {
			return err
		}
		return tx.audit(actor, "plan.applied", plan.ID, map[string]any{"job": stored.ID, "overrides": len(overrides)})
	})
}

func (tx *Tx) override(planID string, ids []string) error {
	for start := 0; start < len(ids); start += 500 {
		part := ids[start:min(start+500, len(ids))]
		result := tx.rows(&itemRow{}).Where("plan_id = ? AND id IN ?", planID, part).Update("override", true)
		if result.Error != nil {
			return result.Error
		}
		distinct := map[string]bool{}
		for _, id := range part {
			distinct[id] = true
		}
		if result.RowsAffected != int64(len(distinct)) {
			return models.NewProblem(models.KindNotFound, "item.not_found", "an item to override is not of this plan", "name items of this plan only")
		}
	}
	return nil
}

// failBlocked settles the items that would be refused.
func (tx *Tx) failBlocked(plan *planRow) error {
	result := tx.rows(&itemRow{}).Where("plan_id = ? AND state = ? AND blocked", plan.ID, models.ItemPlanned).
		Updates(map[string]any{"state": models.ItemFailed, "settled_at": tx.now})
	if result.Error != nil || result.RowsAffected == 0 {
		return result.Error
	}
	counts := plan.Counts.V
	moveCount(&counts, models.ItemPlanned, models.ItemFailed, result.RowsAffected)
	plan.Counts = asJSON(counts)
	return nil
}

// startTables begins the progress of each table of the job.
func (tx *Tx) startTables(plan *planRow, jobID string) error {
	type sum struct {
		TableID string
		State   models.ItemState
		N       int64
	}
	var sums []sum
	err := tx.rows(&itemRow{}).Select("table_id", "state", "count(*) AS n").Where("plan_id = ?", plan.ID).
		Group("table_id, state").Order("table_id").Find(&sums).Error
	if err != nil {
		return err
	}
	tables := map[string]*models.Progress{}
	for _, s := range sums {
		p := tables[s.TableID]
		if p == nil {
			p = &models.Progress{Step: "publishing"}
			tables[s.TableID] = p
		}
		p.Total += s.N
		if s.State == models.ItemFailed {
			p.Failed += s.N
			p.Done += s.N
		}
	}
	for id, p := range tables {
		if err := tx.progress(jobID, id, *p, true); err != nil {
			return err
		}
	}
	return nil
}

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
			N       int64
		}
		var sums []sum
		planned := tx.rows(&itemRow{}).Select("table_id", "count(*) AS n").Where("plan_id = ? AND state = 'planned'", planID)
		if len(tables) > 0 {
			planned = planned.Where("table_id IN ?", tables)
		}
		err := planned.Group("table_id").Order("table_id").Find(&sums).Error
		if err != nil {
			return err
		}
		var n int64
		progress := map[string]models.Progress{}
		for _, s := range sums {
			result := tx.rows(&itemRow{}).Where("plan_id = ? AND table_id = ? AND state = 'planned'", planID, s.TableID).Updates(map[string]any{
				"state": models.ItemSkipped, "settled_at": tx.now, "note": models.Bound(why, models.MaxProblemText), "lease": "", "lease_until": nil,
			})
			if result.Error != nil {
				return result.Error
			}
			n += result.RowsAffected
			progress[s.TableID] = models.Progress{Done: result.RowsAffected, Skipped: result.RowsAffected}
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
