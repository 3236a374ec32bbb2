package store

import (
	"context"
	"fmt"

	"github.com/scratch-platform/scratch/models"
)

// buildBatch is how many records one transaction of a plan's building reads:
// other writers wait for no more than that.
const buildBatch = 2000

// ItemCheck looks at a planned item before it is stored, and may mark it
// Blocked with the Problem it would fail by.
type ItemCheck func(models.Table, *models.Item)

// BuildPlan collects what a publish of the tables (all of the snapshot's when
// none is named) would change now, and gives it as a ready plan. Earlier plans
// of the snapshot that were not applied are superseded. Records that an open
// item of another plan claims are left out, and said so in the plan's problems.
// The plan may be empty.
//
// It works in batches, so that editing goes on meanwhile: each item is exact at
// its own moment, and CheckPlan notices every record that changes after. When
// another plan of the snapshot is begun meanwhile it fails with
// "plan.superseded".
func (o *Org) BuildPlan(ctx context.Context, snapshotID string, tableIDs []string, actor models.Actor, checks ...ItemCheck) (models.Plan, error) {
	return o.buildPlan(ctx, planRow{SnapshotID: snapshotID, CreatedBy: actor.UserID}, tableIDs, checks)
}

// RetryFailedPlan builds a plan of the records whose items failed in an earlier
// plan, and of no others (Promise 6). When nothing failed it is
// "plan.nothing_failed"; while that plan is being applied, "plan.applying".
func (o *Org) RetryFailedPlan(ctx context.Context, planID string, actor models.Actor, checks ...ItemCheck) (models.Plan, error) {
	old, err := o.Plan(ctx, planID)
	if err != nil {
		return models.Plan{}, err
	}
	switch {
	case old.State == models.PlanApplying:
		return models.Plan{}, models.NewProblem(models.KindConflict, "plan.applying", "the plan is still being applied", "wait for its end, or cancel it, then retry what failed")
	case old.Counts.Failed == 0:
		return models.Plan{}, models.NewProblem(models.KindConflict, "plan.nothing_failed", "no item of this plan failed", "make a new plan to publish further changes")
	}
	return o.buildPlan(ctx, planRow{SnapshotID: old.SnapshotID, CreatedBy: actor.UserID, RetryOf: planID}, nil, checks)
}

// planBuild is one plan being built.
type planBuild struct {
	o        *Org
	plan     planRow
	checks   []ItemCheck
	hash     *models.PlanHasher
	ordinal  int64
	claimed  int64            // records left to another plan
	removed  map[string]int64 // column → records with edits on it that cannot be sent
	problems []models.Problem
}

func (o *Org) buildPlan(ctx context.Context, plan planRow, tableIDs []string, checks []ItemCheck) (models.Plan, error) {
	b := &planBuild{o: o, plan: plan, checks: checks, hash: models.NewPlanHasher(), removed: map[string]int64{}}
	tables, err := b.begin(ctx, tableIDs)
	if err != nil {
		return models.Plan{}, err
	}
	for i := range tables {
		if err := b.addTable(ctx, &tables[i]); err != nil {
			return models.Plan{}, b.abandon(ctx, err)
		}
	}
	if err := b.finish(ctx); err != nil {
		return models.Plan{}, b.abandon(ctx, err)
	}
	return b.plan.plan(), nil
}

// begin supersedes earlier plans and stores the new one as being built.
func (b *planBuild) begin(ctx context.Context, tableIDs []string) (tables []tableRow, err error) {
	err = b.o.tx(ctx, func(tx *Tx) error {
		if _, err := tx.lockSnapshot(b.plan.SnapshotID); err != nil {
			return err
		}
		if tables, err = tx.planTables(b.plan.SnapshotID, tableIDs); err != nil {
			return err
		}
		if err := tx.supersede(b.plan.SnapshotID); err != nil {
			return err
		}
		b.plan.ID, b.plan.OrganizationID, b.plan.State, b.plan.CreatedAt = models.NewID(models.PrefixPlan), tx.org, models.PlanBuilding, tx.now
		b.plan.Counts = asJSON(models.PlanCounts{})
		row := b.plan
		return tx.db.Create(&row).Error
	})
	return tables, err
}

// planTables gives the tables to plan, in the order they were added.
func (tx *Tx) planTables(snapshotID string, ids []string) ([]tableRow, error) {
	var all []tableRow
	if err := tx.rows(&tableRow{}).Where("snapshot_id = ? AND deleted_at IS NULL", snapshotID).Order("seq").Find(&all).Error; err != nil {
		return nil, err
	}
	if len(ids) == 0 {
		return all, nil
	}
	wanted := map[string]bool{}
	for _, id := range ids {
		wanted[id] = true
	}
	var chosen []tableRow
	for _, t := range all {
		if wanted[t.ID] {
			chosen = append(chosen, t)
			delete(wanted, t.ID)
		}
	}
	for id := range wanted {
		return nil, notFound("table", id)
	}
	return chosen, nil
}

// supersede ends the snapshot's plans that were never applied, and frees the
// records they claimed.
func (tx *Tx) supersede(snapshotID string) error {
	var old []planRow
	err := tx.rows(&planRow{}).Where("snapshot_id = ? AND state IN ?", snapshotID, []models.PlanState{models.PlanBuilding, models.PlanReady}).
		Order("id").Find(&old).Error
	if err != nil {
		return err
	}
	for _, o := range old {
		plan, err := tx.lockPlan(o.ID)
		if err != nil {
			return err
		}
		if plan.State != models.PlanBuilding && plan.State != models.PlanReady {
			continue // applied in between
		}
		if err := tx.release(&plan); err != nil {
			return err
		}
	}
	return nil
}

// release makes a plan superseded and its items skipped.
func (tx *Tx) release(plan *planRow) error {
	result := tx.rows(&itemRow{}).Where("plan_id = ? AND state = ?", plan.ID, models.ItemPlanned).
		Updates(map[string]any{"state": models.ItemSkipped, "settled_at": tx.now})
	if result.Error != nil {
		return result.Error
	}
	counts := plan.Counts.V
	moveCount(&counts, models.ItemPlanned, models.ItemSkipped, result.RowsAffected)
	plan.State, plan.Counts = models.PlanSuperseded, asJSON(counts)
	return tx.savePlan(plan)
}

// addTable adds the items of one table, batch by batch.
func (b *planBuild) addTable(ctx context.Context, table *tableRow) error {
	var after int64
	for {
		read, last, err := b.batch(ctx, table, after)
		if b.o.s.isUnique(err) {
			// Another plan claimed one of the records since they were chosen:
			// choose again, without it.
			read, last, err = b.batch(ctx, table, after)
		}
		if err != nil || read < buildBatch {
			return err
		}
		after = last
	}
}

// batch adds the items of the next records of a table in one transaction. It
// says how many records it read, and the last one's id.
func (b *planBuild) batch(ctx context.Context, table *tableRow, after int64) (read int, last int64, err error) {
	var items []models.Item
	var counts models.PlanCounts
	var claimed int64
	var removed map[string]int64
	err = b.o.tx(ctx, func(tx *Tx) error {
		plan, err := tx.lockPlan(b.plan.ID)
		if err != nil {
			return err
		}
		if plan.State != models.PlanBuilding {
			return superseded()
		}
		records, taken, err := tx.planned(table, b.plan.RetryOf, after)
		if err != nil {
			return err
		}
		read, claimed, items, removed = len(records), 0, nil, map[string]int64{}
		counts = b.plan.Counts.V
		rows := make([]itemRow, 0, len(records))
		of := table.table()
		for i := range records {
			last = records[i].ID
			if taken[last] { // Promise 5: what may be on its way enters no other plan
				claimed++
				continue
			}
			noteRemoved(&of, &records[i], removed)
			item, ok := b.item(&of, &records[i])
			if !ok {
				continue
			}
			item.Ordinal = b.ordinal + int64(len(items)) + 1
			countItem(&counts, &item)
			items = append(items, item)
			rows = append(rows, b.row(&item, records[i].Version))
		}
		if len(rows) == 0 {
			return nil
		}
		if err := tx.insertItems(rows); err != nil {
			return err
		}
		return tx.rows(&planRow{}).Where("id = ?", b.plan.ID).Update("counts", asJSON(counts)).Error
	})
	if err != nil {
		return 0, 0, err
	}
	for i := range items {
		b.hash.Add(&items[i])
	}
	b.ordinal += int64(len(items))
	b.claimed += claimed
	b.plan.Counts = asJSON(counts)
	for column, n := range removed {
		b.removed[column] += n
	}
	return read, last, nil
}

// planned reads the next records of a table that have something to publish;
// taken holds the ids of those that an open item of another plan claims.
func (tx *Tx) planned(table *tableRow, retryOf string, after int64) (records []models.Record, taken map[int64]bool, err error) {
	query := "SELECT " + recordColumns + " FROM " + recordTable(table.Seq) + " WHERE (edits IS NOT NULL OR state <> 0) AND id > ?"
	args := []any{after}
	if retryOf != "" { // Promise 6: the failed ones alone
		query += " AND id IN (SELECT record_id FROM items WHERE plan_id = ? AND table_id = ? AND items.state = 'failed')"
		args = append(args, retryOf, table.ID)
	}
	rows, err := tx.query(query+fmt.Sprintf(" ORDER BY id LIMIT %d", buildBatch), args...)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		record, err := scanRecord(rows)
		if err != nil {
			return nil, nil, err
		}
		records = append(records, record)
	}
	if err := rows.Err(); err != nil || len(records) == 0 {
		return nil, nil, err
	}
	taken, err = tx.claimed(table.ID, records[0].ID, records[len(records)-1].ID)
	return records, taken, err
}

// claimed gives the records of a range of ids that an open item claims: a
// short stretch of the index that keeps claims unique.
func (tx *Tx) claimed(tableID string, first, last int64) (map[int64]bool, error) {
	var ids []int64
	err := tx.rows(&itemRow{}).Where("table_id = ? AND record_id BETWEEN ? AND ? AND state IN ('planned', 'sending', 'unknown')", tableID, first, last).
		Pluck("record_id", &ids).Error
	taken := make(map[int64]bool, len(ids))
	for _, id := range ids {
		taken[id] = true
	}
	return taken, err
}

// item makes a record's item and checks it.
func (b *planBuild) item(table *models.Table, record *models.Record) (models.Item, bool) {
	item, ok := models.NewItem(table, record)
	if !ok {
		return item, false
	}
	item.ID, item.OrganizationID, item.PlanID = models.NewID(models.PrefixItem), b.o.id, b.plan.ID
	if problem := models.CheckItem(table, &item); problem != nil {
		item.Blocked, item.Problem = true, problem
	}
	for _, check := range b.checks {
		if check != nil && !item.Blocked {
			check(*table, &item)
		}
	}
	return item, true
}

func (b *planBuild) row(item *models.Item, version int64) itemRow {
	return itemRow{
		ID: item.ID, OrganizationID: item.OrganizationID, PlanID: item.PlanID, TableID: item.TableID, RecordID: item.RecordID, Ordinal: item.Ordinal,
		RowVersion: version, Op: item.Op, State: item.State, RemoteID: item.RemoteID, Cells: cells(item.Values), EditBases: cells(item.EditBases),
		Marker: item.Marker, Label: item.Label, Blocked: item.Blocked, Problem: asJSON(item.Problem),
	}
}

// noteRemoved counts edits that cannot be sent because the service no longer
// has their column.
func noteRemoved(table *models.Table, record *models.Record, counts map[string]int64) {
	for column := range record.Edits {
		if c, ok := table.Column(column); ok && c.Removed {
			counts[table.Name+" / "+c.Name]++
		}
	}
}

// finish makes the plan ready.
func (b *planBuild) finish(ctx context.Context) error {
	b.addProblems()
	return b.o.tx(ctx, func(tx *Tx) error {
		plan, err := tx.lockPlan(b.plan.ID)
		if err != nil {
			return err
		}
		if plan.State != models.PlanBuilding {
			return superseded()
		}
		plan.State, plan.Hash, plan.Counts, plan.Problems = models.PlanReady, b.hash.Sum(), b.plan.Counts, asJSON(b.problems)
		b.plan = plan
		return tx.savePlan(&plan)
	})
}

// addProblems says in words what the plan leaves out or cannot send.
func (b *planBuild) addProblems() {
	if n := b.plan.Counts.V.Blocked; n > 0 {
		b.problems = append(b.problems, *models.NewProblem(models.KindInvalid, "plan.items_blocked",
			fmt.Sprintf("%d items would be refused by their service and will not be sent", n), "look at these items, correct them and make a new plan"))
	}
	if b.claimed > 0 {
		b.problems = append(b.problems, *models.NewProblem(models.KindConflict, "plan.records_claimed",
			fmt.Sprintf("%d records are left out: an earlier publish still has them, or it is not known whether it wrote them", b.claimed),
			"wait for that publish to end, or resolve its unknown items"))
	}
	for column, n := range b.removed {
		if len(b.problems) >= maxWarnings {
			return
		}
		b.problems = append(b.problems, *models.NewProblem(models.KindConflict, "plan.column_removed",
			fmt.Sprintf("%d edits in %s are not published: the service no longer has that column", n, column), "copy the values to another column, or revert them"))
	}
}

// abandon frees the records of a plan that could not be finished.
func (b *planBuild) abandon(ctx context.Context, cause error) error {
	ctx = context.WithoutCancel(ctx)
	err := b.o.tx(ctx, func(tx *Tx) error {
		plan, err := tx.lockPlan(b.plan.ID)
		if err != nil || plan.State != models.PlanBuilding {
			return err
		}
		return tx.release(&plan)
	})
	if err != nil {
		// The next plan of the snapshot supersedes it anyway.
		b.o.s.log.WarnContext(ctx, "a plan that could not be built was not released", "plan", b.plan.ID, "error", err)
	}
	return cause
}

func superseded() error {
	return models.NewProblem(models.KindConflict, "plan.superseded", "a newer plan of this snapshot took this one's place",
		"look at the newest plan, or make another")
}
