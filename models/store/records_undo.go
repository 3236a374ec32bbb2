package store

import (
	"context"
	"encoding/json"
	"errors"
	"slices"

	"gorm.io/gorm"

	"github.com/scratch-platform/scratch/models"
)

// UndoOutcome says what an undo or redo did.
type UndoOutcome struct {
	OperationID string
	Changed     int64
	Skipped     []SkippedCell // what somebody else changed since; at most 200 are named
}

// SkippedCell is a cell, or with no column a record, that was left alone.
type SkippedCell struct {
	TableID  string
	RecordID int64
	Column   string
}

// Undo takes back the user's last operation in this tab, as a whole. Cells that
// somebody changed since are skipped and named. Nothing to undo is
// "undo.nothing".
func (o *Org) Undo(ctx context.Context, snapshotID string, actor models.Actor) (UndoOutcome, error) {
	return o.undo(ctx, snapshotID, actor, false)
}

// Redo does again what Undo took back last, as long as nothing else was done
// since.
func (o *Org) Redo(ctx context.Context, snapshotID string, actor models.Actor) (UndoOutcome, error) {
	return o.undo(ctx, snapshotID, actor, true)
}

func (o *Org) undo(ctx context.Context, snapshotID string, actor models.Actor, again bool) (UndoOutcome, error) {
	if _, err := o.Snapshot(ctx, snapshotID); err != nil {
		return UndoOutcome{}, err
	}
	var u undoing
	err := o.tx(WithActor(ctx, actor), func(tx *Tx) error {
		u = undoing{tx: tx, actor: actor, again: again}
		operation, err := tx.topOperation(snapshotID, actor, again)
		if err != nil {
			return err
		}
		u.operation = operation
		tables, err := u.tables()
		if err != nil {
			return err
		}
		for _, table := range tables {
			if err := u.table(table); err != nil {
				return err
			}
		}
		state := operationUndone
		if again {
			state = operationDone
		}
		return tx.rows(&operationRow{}).Where("id = ?", operation.ID).Update("state", state).Error
	})
	if err != nil {
		return UndoOutcome{}, err
	}
	return UndoOutcome{OperationID: u.operation.ID, Changed: u.changed, Skipped: u.skipped}, nil
}

// topOperation gives what undo, or redo, is about. What was undone lies on top
// of the stack; the lowest of it was undone last.
func (tx *Tx) topOperation(snapshotID string, actor models.Actor, again bool) (operationRow, error) {
	state, order, word := operationDone, "n DESC", "undo"
	if again {
		state, order, word = operationUndone, "n", "redo"
	}
	var row operationRow
	err := tx.rows(&row).Where("snapshot_id = ? AND user_id = ? AND tab = ? AND state = ?", snapshotID, actor.UserID, actor.Tab, state).
		Order(order).Take(&row).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return row, models.NewProblem(models.KindConflict, word+".nothing", "there is nothing to "+word+" in this tab",
			"each tab has its own list of what was done in it")
	}
	return row, err
}

// undoing is one undo or redo under way.
type undoing struct {
	tx        *Tx
	actor     models.Actor
	operation operationRow
	again     bool
	changed   int64
	skipped   []SkippedCell
}

// tables names the tables an operation touched, in the order they are locked.
func (u *undoing) tables() ([]string, error) {
	var changed, suggested []string
	err := u.tx.rows(&historyRow{}).Where("operation_id = ?", u.operation.ID).Distinct().Pluck("table_id", &changed).Error
	if err != nil {
		return nil, err
	}
	err = u.tx.rows(&suggestionRow{}).Where("operation_id = ?", u.operation.ID).Distinct().Pluck("table_id", &suggested).Error
	all := append(changed, suggested...)
	slices.Sort(all)
	return slices.Compact(all), err
}

// table takes back, or does again, what the operation did to one table.
func (u *undoing) table(id string) error {
	c, err := u.tx.changeRecords(id)
	if err != nil {
		return err
	}
	way := "undo:"
	if u.again {
		way = "redo:"
	}
	w := newRecordWriter(c, u.actor, way+u.operation.ID, u.operation.Kind)
	after := int64(0)
	for {
		rows, err := u.batch(id, after)
		if err != nil {
			return err
		}
		if len(rows) == 0 {
			break
		}
		after = rows[len(rows)-1].ID
		if err := u.apply(w, rows); err != nil {
			return err
		}
	}
	if err := u.suggestions(c); err != nil {
		return err
	}
	return c.finish()
}

// batch reads the operation's next changes: backwards for undo.
func (u *undoing) batch(tableID string, after int64) ([]historyRow, error) {
	q := u.tx.rows(&historyRow{}).Where("operation_id = ? AND table_id = ?", u.operation.ID, tableID).Limit(bulkBatch)
	if u.again {
		q = q.Where("id > ?", after).Order("id")
	} else {
		if after > 0 {
			q = q.Where("id < ?", after)
		}
		q = q.Order("id DESC")
	}
	var rows []historyRow
	return rows, q.Find(&rows).Error
}

func (u *undoing) apply(w *recordWriter, rows []historyRow) error {
	ids := make([]int64, len(rows))
	for i, row := range rows {
		ids[i] = row.RecordID
	}
	if err := w.load(ids); err != nil {
		return err
	}
	for i := range rows {
		done, err := u.one(w, &rows[i])
		if err != nil {
			return err
		}
		if done {
			u.changed++
		} else if len(u.skipped) < models.MaxEventRecords {
			u.skipped = append(u.skipped, SkippedCell{TableID: w.c.row.ID, RecordID: rows[i].RecordID, Column: rows[i].ColumnID})
		}
	}
	return w.flush()
}

// one takes one change back or does it again; false where somebody else changed
// the same since.
func (u *undoing) one(w *recordWriter, h *historyRow) (bool, error) {
	r, there := w.now[h.RecordID]
	if h.ColumnID != "" {
		if !there {
			return false, nil
		}
		change := h.cell()
		if u.again {
			change = models.CellChange{Column: change.Column, From: change.To, FromBase: change.ToBase, To: change.From, ToBase: change.FromBase}
		}
		next, made, ok := models.UndoCell(r, change)
		if ok {
			w.put(next)
			w.note(r.ID, h.Op, []models.CellChange{made})
		}
		return ok, nil
	}
	made := h.Op == models.OpCreate
	gone := h.Op == models.OpDelete && h.Became != nil
	switch {
	case made && !u.again, gone && u.again:
		return u.takeOut(w, r, there, h)
	case made && u.again, gone && !u.again:
		return u.putBack(w, there, h)
	}
	return u.mark(w, r, there, (h.Op == models.OpDelete) == u.again)
}

// takeOut removes a record that has stayed what the change left.
func (u *undoing) takeOut(w *recordWriter, r models.Record, there bool, h *historyRow) (bool, error) {
	left := h.Became
	if h.Op == models.OpDelete {
		left = h.Was
	}
	if !there || r.State != models.RecordNew && h.Op == models.OpCreate || left == nil || string(r.Edits.Object()) != *left {
		return false, nil
	}
	sending, err := w.isSending(r.ID)
	if err != nil || sending && r.State == models.RecordNew {
		return false, err
	}
	w.take(r.ID)
	w.history = append(w.history, historyRow{RecordID: r.ID, Op: models.OpDelete, Was: textOf(r.Edits.Object())})
	return true, nil
}

// putBack brings a record back that the change, or its undo, took out.
func (u *undoing) putBack(w *recordWriter, there bool, h *historyRow) (bool, error) {
	if there {
		return false, nil
	}
	r := models.Record{ID: h.RecordID, Base: json.RawMessage("{}"), State: models.RecordNew, Version: 1}
	if h.Op == models.OpCreate {
		r.Edits = models.CellsOf(rawOf(h.Became))
	} else {
		var rest removedRecord
		if err := json.Unmarshal(rawOf(h.Became), &rest); err != nil {
			return false, err
		}
		r.RemoteID, r.Marker, r.State = rest.RemoteID, rest.Marker, rest.State
		r.Edits, r.EditBases, r.Base = models.CellsOf(rawOf(h.Was)), models.CellsOf(rawOf(h.BecameBase)), rawOf(h.WasBase)
	}
	if r.RemoteID != "" { // a download may have brought it back meanwhile
		found, err := w.c.find("remote_id = ?", r.RemoteID)
		if err != nil || len(found) > 0 {
			return false, err
		}
	}
	w.add(r)
	w.history = append(w.history, historyRow{RecordID: r.ID, Op: models.OpCreate, Became: textOf(r.Edits.Object())})
	return true, nil
}

// mark sets or takes back a delete mark.
func (u *undoing) mark(w *recordWriter, r models.Record, there, deleted bool) (bool, error) {
	from, to, op := models.RecordDeleted, models.RecordLive, models.OpRestore
	if deleted {
		from, to, op = models.RecordLive, models.RecordDeleted, models.OpDelete
	}
	if !there || r.State != from {
		return false, nil
	}
	r.State = to
	w.put(r)
	w.history = append(w.history, historyRow{RecordID: r.ID, Op: op})
	return true, nil
}
