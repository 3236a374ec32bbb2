package store

import (
	"context"
	"fmt"

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
	case hash != plan.Hash: // Promise 3: it is another plan's that the user saw
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
		plan, err := tx.lockPlanned(planID)
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

// lockPlanned locks a plan's snapshot, then the plan, in the order of BuildPlan:
// neither the snapshot nor a table of it goes while the plan is being applied.
func (tx *Tx) lockPlanned(planID string) (planRow, error) {
	var row planRow
	if err := tx.rows(&row).Select("snapshot_id").Where("id = ?", planID).Take(&row).Error; err != nil {
		return row, tx.s.one(tx.ctx, "plan", planID, err)
	}
	if _, err := tx.lockSnapshot(row.SnapshotID); err != nil {
		return row, err
	}
	return tx.lockPlan(planID)
}

// override marks what the user said may be written over, and nothing else
// (Promise 4).
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
