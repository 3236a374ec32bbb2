package store

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/scratch-platform/scratch/models"
)

// SettleItems stores what became of items, and what follows from it for their
// records, in one transaction (Promise 6): edits that still equal what was sent
// are dropped, others stay over what the service has now; creates get their
// remote id; deleted records are removed; counters, events and the job's
// progress follow.
//
// It may be repeated: an item that has ended keeps its outcome, except that a
// late word that it was applied is always believed.
func (o *Org) SettleItems(ctx context.Context, settlements []Settlement) error {
	return o.tx(ctx, func(tx *Tx) error { return tx.settle(settlements) })
}

func (tx *Tx) settle(settlements []Settlement) error {
	if len(settlements) == 0 {
		return nil
	}
	byItem := make(map[string]Settlement, len(settlements))
	ids := make([]string, 0, len(settlements))
	for _, s := range settlements {
		if _, twice := byItem[s.ItemID]; !twice {
			ids = append(ids, s.ItemID)
		}
		byItem[s.ItemID] = s
	}
	// Tables are locked before items: read the items once to know the tables.
	var tables []string
	if err := tx.rows(&itemRow{}).Where("id IN ?", ids).Distinct().Order("table_id").Pluck("table_id", &tables).Error; err != nil {
		return err
	}
	changes := make(map[string]*recordChanges, len(tables))
	for _, id := range tables {
		c, err := tx.changeRecords(id)
		if err != nil && !models.HasCode(err, "table.not_found") {
			return err
		}
		changes[id] = c // nil: the table was removed here; its items settle all the same
	}
	rows, err := tx.lockItems(ids)
	if err != nil {
		return err
	}
	if len(rows) != len(ids) {
		return notFound("item", missingOf(ids, rows))
	}
	s := &settling{tx: tx, by: byItem, plans: map[string]map[string]models.Progress{}, moves: map[string][]stateMove{}}
	for _, tableID := range tables {
		of := slices.DeleteFunc(slices.Clone(rows), func(r itemRow) bool { return r.TableID != tableID })
		if err := s.table(changes[tableID], of); err != nil {
			return err
		}
	}
	return s.count()
}

type stateMove struct{ from, to models.ItemState }

// settling is one call of SettleItems.
type settling struct {
	tx    *Tx
	by    map[string]Settlement
	plans map[string]map[string]models.Progress // plan → table → counters to add
	moves map[string][]stateMove                // by plan
}

// table settles the items of one table.
func (s *settling) table(c *recordChanges, rows []itemRow) error {
	var effects *settledRecords
	if c != nil {
		var err error
		if effects, err = s.tx.openSettled(c, rows, s.by); err != nil {
			return err
		}
	}
	changed := rows[:0]
	for i := range rows {
		row, done := rows[i], s.by[rows[i].ID]
		before := row.State
		if !s.move(&row, done) {
			continue
		}
		if effects != nil {
			// Promise 4: an older base would hide what somebody else wrote.
			if before == models.ItemApplied && effects.crossed(&row, done) {
				continue // what it read may be the older: it is read again
			}
			effects.apply(&row, done, before == models.ItemApplied)
			if done.State == models.ItemApplied || done.Stored != nil || done.RemoteID != "" {
				// As finish counts it: pages asked for before are passed over.
				row.SettledVersion = c.row.RecordsVersion + 1
			}
		}
		changed = append(changed, row)
		if err := s.note(&row, before); err != nil {
			return err
		}
	}
	if err := s.tx.saveItems(changed); err != nil {
		return err
	}
	if effects == nil {
		return nil
	}
	return effects.save()
}

// move applies a settlement to its item; false when it changes nothing.
func (s *settling) move(row *itemRow, done Settlement) bool {
	// Promise 5: one that slept past its lease says nothing about what another
	// sends now; "not sent" from it would have the item sent a second time.
	if done.Holder != "" && done.Holder != row.Lease && done.State != models.ItemApplied {
		if row.Op != models.OpCreate || done.RemoteID == "" || row.RemoteID != "" {
			return false
		}
		row.RemoteID = done.RemoteID // Promise 5: what it made is there all the same
		return true
	}
	readBack := row.State == models.ItemApplied && done.State == models.ItemApplied
	// Promise 6: an item has one outcome.
	late := !row.State.Open() && done.State != models.ItemApplied
	switch {
	case readBack && !row.ReadBack:
		return false // told twice
	case late:
		return false // it has ended
	}
	if done.RemoteID != "" {
		row.RemoteID = done.RemoteID
	}
	if done.Marker != "" {
		row.Marker = done.Marker
	}
	if done.Note != "" {
		row.Note = models.Bound(done.Note, models.MaxProblemText)
	}
	if readBack {
		row.ReadBack = done.ReadBack
		return true
	}
	if done.Step != "" {
		row.Steps = asJSON(withStep(row.Steps.V, models.StepOutcome{Step: done.Step, State: done.StepState, Problem: done.Problem, At: &s.tx.now}))
	}
	if done.State != row.State { // an item that stays planned or sending keeps its holder
		row.Lease, row.LeaseUntil = "", nil
	}
	row.State, row.Problem, row.Theirs = done.State, asJSON(done.Problem), cells(done.Theirs)
	row.ReadBack = done.ReadBack && done.State == models.ItemApplied || row.ReadBack && done.State == models.ItemPlanned
	row.SettledAt = nil
	if done.State != models.ItemSending && done.State != models.ItemPlanned {
		row.SettledAt = &s.tx.now
	}
	return true
}

// note counts an item's move for its plan, its job and the measures.
func (s *settling) note(row *itemRow, before models.ItemState) error {
	if before == row.State {
		return nil
	}
	s.moves[row.PlanID] = append(s.moves[row.PlanID], stateMove{before, row.State})
	tables := s.plans[row.PlanID]
	if tables == nil {
		tables = map[string]models.Progress{}
		s.plans[row.PlanID] = tables
	}
	p := tables[row.TableID]
	countProgress(&p, row.Op, before, -1)
	countProgress(&p, row.Op, row.State, 1)
	tables[row.TableID] = p
	return s.tx.itemsSettled(row.TableID, row.Op, row.State, 1)
}

// countProgress counts an item in one state for its job's progress.
func countProgress(p *models.Progress, op models.Operation, state models.ItemState, n int64) {
	switch state {
	case models.ItemPlanned, models.ItemSending:
		return
	case models.ItemApplied:
		switch op {
		case models.OpCreate:
			p.Created += n
		case models.OpDelete:
			p.Deleted += n
		default:
			p.Updated += n
		}
	case models.ItemFailed:
		p.Failed += n
	case models.ItemConflict:
		p.Conflicts += n
	case models.ItemUnknown:
		p.Unknown += n
	case models.ItemSkipped:
		p.Skipped += n
	}
	p.Done += n
}

// count brings the counters of plans and jobs up to date.
func (s *settling) count() error {
	for _, id := range slices.Sorted(maps.Keys(s.moves)) {
		plan, err := s.tx.lockPlan(id)
		if err != nil {
			return err
		}
		counts := plan.Counts.V
		for _, m := range s.moves[id] {
			moveCount(&counts, m.from, m.to, 1)
		}
		plan.Counts = asJSON(counts)
		if err := s.tx.savePlan(&plan); err != nil {
			return err
		}
		if err := s.tx.addProgress(&plan, s.plans[id]); err != nil {
			return err
		}
	}
	return nil
}

// ResolveItem takes a person's word on an item whose outcome is not known
// (Promise 5). "happened": it is applied, and a create needs the id of what it
// made; "did_not_happen": it failed, and its record may be planned again. An
// item that is not unknown is "item.not_unknown".
func (o *Org) ResolveItem(ctx context.Context, itemID string, resolution models.Resolution, actor models.Actor) (models.Item, error) {
	err := o.tx(ctx, func(tx *Tx) error {
		rows, err := tx.itemNow(itemID)
		if err != nil {
			return err
		}
		done, err := resolved(&rows, resolution, actor)
		if err != nil {
			return err
		}
		if err := tx.notOlder(&rows, done.RemoteID); err != nil {
			return err
		}
		if err := tx.settle([]Settlement{done}); err != nil {
			return err
		}
		return tx.audit(actor, "item.resolved", itemID, resolution)
	})
	if err != nil {
		return models.Item{}, err
	}
	return o.Item(ctx, itemID)
}

// notOlder refuses a record that was here before the create was sent: it cannot
// be what the create made, and settling would dissolve it into the new one
// (Promise 5).
func (tx *Tx) notOlder(row *itemRow, remoteID string) error {
	if row.Op != models.OpCreate || remoteID == "" || row.SentAt == nil {
		return nil
	}
	table, err := tx.table(row.TableID)
	if models.HasCode(err, "table.not_found") {
		return nil
	}
	if err != nil {
		return err
	}
	var older int64
	err = tx.sql.QueryRowContext(tx.ctx, tx.s.dialect.bind("SELECT count(*) FROM "+recordTable(table.Seq)+
		" WHERE remote_id = ? AND id <> ? AND created_at < ?"), remoteID, row.RecordID, micros(*row.SentAt)).Scan(&older)
	if err != nil || older == 0 {
		return err
	}
	return models.NewProblem(models.KindConflict, "item.remote_id_known", "record "+models.Bound(remoteID, 100)+" was here before this create was sent: the create did not make it",
		"give the id of the record that appeared at the service since, or say that it did not happen").
		WithFields(models.FieldProblem{Field: "remote_id", Code: "known", Detail: "is another record's"})
}

// itemNow reads an item without locking it: tables come first.
func (tx *Tx) itemNow(id string) (itemRow, error) {
	var row itemRow
	err := tx.rows(&row).Where("id = ?", id).Take(&row).Error
	return row, tx.s.one(tx.ctx, "item", id, err)
}

// resolved turns a person's word into a settlement.
func resolved(row *itemRow, resolution models.Resolution, actor models.Actor) (Settlement, error) {
	if row.State != models.ItemUnknown {
		return Settlement{}, models.NewProblem(models.KindConflict, "item.not_unknown", fmt.Sprintf("the item is %s", row.State),
			"only an item whose outcome is not known can be resolved")
	}
	switch resolution.Choice {
	case "happened":
		if row.Op == models.OpCreate && resolution.RemoteID == "" && row.RemoteID == "" {
			return Settlement{}, models.NewProblem(models.KindInvalid, "item.remote_id_needed", "which object the create made is not said",
				"give the id of the record at the service as remote_id").WithFields(models.FieldProblem{Field: "remote_id", Code: "required", Detail: "needed for a create"})
		}
		return Settlement{
			ItemID: row.ID, State: models.ItemApplied, RemoteID: resolution.RemoteID, ReadBack: row.Op != models.OpDelete,
			Note: "resolved by " + actor.Name + ": it happened",
		}, nil
	case "did_not_happen":
		return Settlement{
			ItemID: row.ID, State: models.ItemFailed, Note: "resolved by " + actor.Name + ": it did not happen",
			Problem: models.NewProblem(models.KindConflict, "item.did_not_happen", actor.Name+" says that it was not applied",
				"retry what failed, or make a new plan"),
		}, nil
	default:
		return Settlement{}, models.NewProblem(models.KindInvalid, "item.bad_choice", "the choice is neither happened nor did_not_happen", "choose one of the two")
	}
}
