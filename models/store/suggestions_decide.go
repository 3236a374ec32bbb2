package store

import (
	"context"
	"fmt"

	"gorm.io/gorm"

	"github.com/scratch-platform/scratch/models"
)

// SuggestionSelector chooses open suggestions of a table: those that fit all
// that is given.
type SuggestionSelector struct {
	IDs     []string
	Cells   []Cell
	Records []int64
	Columns []string
	RunID   string
	Filter  *models.Filter // of the records they are about
	All     bool           // every one, when nothing else is given
}

// Decided counts what accepting or rejecting did.
type Decided struct {
	Decided   int64 `json:"decided"`
	Conflicts int64 `json:"conflicts"` // left open: the cell was edited since it was suggested
}

// maxSelected bounds the ids or cells one decision names.
const maxSelected = 10_000

// AcceptSuggestions turns suggestions into edits, as one undo. An edit begins
// from the value its author saw, so that a change at the service since then
// shows as a conflict. A cell that a person edited since is left open, unless
// the suggestion was named by id or cell: then whoever accepts has seen both.
func (o *Org) AcceptSuggestions(ctx context.Context, tableID string, actor models.Actor, operationID string, which SuggestionSelector) (Decided, error) {
	return o.decide(ctx, tableID, actor, operationID, operationAccept, which)
}

// RejectSuggestions closes suggestions without effect, as one undo.
func (o *Org) RejectSuggestions(ctx context.Context, tableID string, actor models.Actor, operationID string, which SuggestionSelector) (Decided, error) {
	return o.decide(ctx, tableID, actor, operationID, operationReject, which)
}

func (o *Org) decide(ctx context.Context, tableID string, actor models.Actor, operationID, kind string, which SuggestionSelector) (Decided, error) {
	if err := which.check(); err != nil {
		return Decided{}, err
	}
	var decided Decided
	err := o.operate(ctx, tableID, actor, operationID, kind, which, &decided, func(w *recordWriter) error {
		decided = Decided{}
		d := deciding{w: w, which: which, named: len(which.IDs) > 0 || len(which.Cells) > 0}
		return d.run(o, &decided)
	})
	return decided, err
}

func (which *SuggestionSelector) check() error {
	if len(which.IDs) == 0 && len(which.Cells) == 0 && len(which.Records) == 0 && len(which.Columns) == 0 && which.RunID == "" && which.Filter == nil && !which.All {
		return models.NewProblem(models.KindInvalid, "suggestions.none_selected", "no suggestions are selected",
			"name ids, cells, records, columns, a run or a filter, or say all")
	}
	if len(which.IDs) > maxSelected || len(which.Cells) > maxSelected || len(which.Records) > maxSelected {
		return models.NewProblem(models.KindTooLarge, "suggestions.count", fmt.Sprintf("more than %d are named", maxSelected),
			"select by column, run or filter, or decide in parts under one operation id")
	}
	return nil
}

// deciding is one accept or reject under way.
type deciding struct {
	w       *recordWriter
	which   SuggestionSelector
	named   bool
	cells   map[suggestedCell]bool // of which.Cells; nil when none are given
	matched map[int64]bool         // records of which.Filter; nil without one
}

func (d *deciding) run(o *Org, decided *Decided) error {
	for _, c := range d.which.Cells {
		if d.cells == nil {
			d.cells = map[suggestedCell]bool{}
		}
		d.cells[suggestedCell{record: c.RecordID, column: c.Column}] = true
	}
	q, err := d.selected(o)
	if err != nil {
		return err
	}
	after := ""
	for {
		var rows []suggestionRow
		if err := q.Session(&gorm.Session{}).Where("id > ?", after).Order("id").Limit(bulkBatch).Find(&rows).Error; err != nil {
			return err
		}
		if len(rows) == 0 {
			return nil
		}
		after = rows[len(rows)-1].ID
		if err := d.batch(d.fitting(rows), decided); err != nil {
			return err
		}
	}
}

// selected compiles the selection, but for what fitting looks at.
func (d *deciding) selected(o *Org) (*gorm.DB, error) {
	q := d.w.c.openSuggestions()
	if len(d.which.IDs) > 0 {
		q = q.Where("id IN ?", d.which.IDs)
	}
	if len(d.which.Cells) > 0 {
		records := make([]int64, len(d.which.Cells))
		for i, c := range d.which.Cells {
			records[i] = c.RecordID
		}
		q = q.Where("record_id IN ?", records)
	}
	if len(d.which.Records) > 0 {
		q = q.Where("record_id IN ?", d.which.Records)
	}
	if len(d.which.Columns) > 0 {
		q = q.Where("column_id IN ?", d.which.Columns)
	}
	if d.which.RunID != "" {
		q = q.Where("run_id = ?", d.which.RunID)
	}
	if d.which.Filter != nil {
		ids, err := d.w.matching(o, &models.Filter{Op: models.FilterAnd, Nodes: []models.Filter{{Op: models.FilterSuggested}, *d.which.Filter}})
		if err != nil {
			return nil, err
		}
		d.matched = make(map[int64]bool, len(ids))
		for _, id := range ids {
			d.matched[id] = true
		}
	}
	return q.Session(&gorm.Session{}), nil
}

// fitting keeps the rows of the cells and of the filter's records, where those
// were given.
func (d *deciding) fitting(rows []suggestionRow) []suggestionRow {
	if d.cells == nil && d.matched == nil {
		return rows
	}
	var kept []suggestionRow
	for _, row := range rows {
		inCells := d.cells == nil || d.cells[suggestedCell{record: row.RecordID, column: row.ColumnID}]
		if inCells && (d.matched == nil || d.matched[row.RecordID]) {
			kept = append(kept, row)
		}
	}
	return kept
}

func (d *deciding) batch(rows []suggestionRow, decided *Decided) error {
	if len(rows) == 0 {
		return nil
	}
	w := d.w
	state := models.SuggestionRejected
	done := rows
	// Promise 8: only a person's yes makes an edit of it.
	if w.kind == operationAccept {
		state = models.SuggestionAccepted
		var err error
		if done, err = d.accept(rows); err != nil {
			return err
		}
	}
	decided.Decided += int64(len(done))
	decided.Conflicts += int64(len(rows) - len(done))
	ids := make([]string, len(done))
	for i, row := range done {
		ids[i] = row.ID
	}
	if err := w.flush(); err != nil {
		return err
	}
	if err := w.c.tx.closeSuggestions(ids, state, w.actor, w.operation); err != nil {
		return err
	}
	return w.c.tellSuggestions(models.EventSuggestionsDecided, done)
}

// accept puts suggestions into effect and gives those it could.
func (d *deciding) accept(rows []suggestionRow) ([]suggestionRow, error) {
	w := d.w
	ids := make([]int64, 0, len(rows))
	creates := 0
	for _, row := range rows {
		if row.Op == models.OpCreate {
			creates++
		} else {
			ids = append(ids, row.RecordID)
		}
	}
	if err := w.load(ids); err != nil {
		return nil, err
	}
	next, err := w.idsFor(creates)
	if err != nil {
		return nil, err
	}
	var done []suggestionRow
	for _, row := range rows {
		if row.Op == models.OpCreate {
			row.RecordID = next
			next++
			if err := w.c.tx.rows(&suggestionRow{}).Where("id = ?", row.ID).Update("record_id", row.RecordID).Error; err != nil {
				return nil, err
			}
		}
		ok, err := d.acceptOne(&row)
		if err != nil {
			return nil, err
		}
		if ok {
			done = append(done, row)
		}
	}
	return done, nil
}

func (d *deciding) acceptOne(row *suggestionRow) (bool, error) {
	w := d.w
	if row.Op == models.OpCreate {
		return true, w.create(models.RecordWrite{Op: models.OpCreate, ID: row.RecordID, Fields: models.CellsOf(rawOf(row.Value))})
	}
	r, there := w.now[row.RecordID]
	if !there || r.State == models.RecordDeleted && row.Op == models.OpUpdate {
		return false, nil
	}
	if row.Op == models.OpDelete {
		return true, w.delete(r)
	}
	seen, value := rawOf(row.Seen), rawOf(row.Value)
	// Promise 1: what was typed since the suggestion is not replaced unseen.
	edit, edited := r.Edits[row.ColumnID]
	compare := columnOf(w.c.columns(), row.ColumnID).Compare
	if edited && !d.named && !compare.Equal(edit, seen) && !compare.Equal(edit, value) {
		return false, nil
	}
	next, changes := models.AcceptValue(r, row.ColumnID, value, seen)
	w.put(next)
	w.note(r.ID, models.OpUpdate, changes)
	return true, nil
}
