package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/scratch-platform/scratch/models"
)

// maxBulk bounds the records of one bulk change: it is one transaction and one
// undo, and keeps others from the table meanwhile.
const maxBulk = 200_000

// bulkBatch is how many records are in memory at a time.
const bulkBatch = 1000

// BulkChange is one change to every record a filter matches.
type BulkChange struct {
	Filter *models.Filter // nil is all
	Op     models.Operation
	Fields models.Fields // update
	Cells  []string      // revert: which cells; none is all
}

// BulkWrite changes every record a filter matches, as one undo, and gives how
// many it changed. More than 200,000 are "records.too_many".
func (o *Org) BulkWrite(ctx context.Context, tableID string, actor models.Actor, operationID string, change BulkChange) (int64, error) {
	switch change.Op {
	case models.OpUpdate, models.OpDelete, models.OpRestore, models.OpRevert:
	default:
		return 0, models.NewProblem(models.KindInvalid, "records.unknown_operation",
			fmt.Sprintf("%q cannot be done to many records at once", models.Bound(string(change.Op), 40)), "use update, delete, restore or revert")
	}
	var changed int64
	err := o.operate(ctx, tableID, actor, operationID, operationWrite, change, &changed, func(w *recordWriter) error {
		changed = 0
		return w.eachMatching(o, change.Filter, func(ids []int64) error {
			for _, id := range ids {
				r, ok := w.now[id]
				if !ok || change.Op == models.OpUpdate && r.State == models.RecordDeleted || change.Op == models.OpRestore && r.State != models.RecordDeleted {
					continue
				}
				refused, err := w.write(models.RecordWrite{Op: change.Op, ID: id, Fields: change.Fields, Cells: change.Cells})
				if err != nil {
					return err
				}
				if len(refused) == 0 && w.changed(id) {
					changed++
				}
			}
			return nil
		})
	})
	return changed, err
}

// changed reports whether a record at hand will be written.
func (w *recordWriter) changed(id int64) bool {
	before, was := w.before[id]
	after, is := w.now[id]
	return was != is || was && !sameRecord(&before, &after)
}

// eachMatching loads the records a filter matches, in batches; what visit does
// to them is written before the next batch is loaded.
func (w *recordWriter) eachMatching(o *Org, filter *models.Filter, visit func(ids []int64) error) error {
	ids, err := w.matching(o, filter)
	if err != nil {
		return err
	}
	if len(ids) > maxBulk {
		return models.NewProblem(models.KindTooLarge, "records.too_many", fmt.Sprintf("more than %d records match", maxBulk),
			"narrow the filter and change them in parts")
	}
	for len(ids) > 0 {
		batch := ids[:min(len(ids), bulkBatch)]
		ids = ids[len(batch):]
		if err := w.load(batch); err != nil {
			return err
		}
		if err := visit(batch); err != nil {
			return err
		}
		if err := w.flush(); err != nil {
			return err
		}
	}
	return nil
}

// matching gives the ids of the records a filter matches, as they are in this
// transaction.
func (w *recordWriter) matching(o *Org, filter *models.Filter) ([]int64, error) {
	query := models.Query{Filter: filter}
	if err := models.CheckQuery(&query, w.c.columns()); err != nil {
		return nil, err
	}
	v := &view{o: o, table: w.c.row, records: w.c.records, query: query, tx: w.c.tx}
	if err := v.findConflicts(w.c.tx.ctx); err != nil {
		return nil, err
	}
	q := v.sql()
	var ids []int64
	err := v.each(w.c.tx.ctx, "SELECT id FROM "+v.records+" WHERE "+v.where(q)+" ORDER BY id LIMIT "+q.arg(maxBulk+1), q.args, func(rows *sql.Rows) error {
		var id int64
		if err := rows.Scan(&id); err != nil {
			return err
		}
		ids = append(ids, id)
		return nil
	})
	return ids, err
}

// Replacement is a find and replace in texts.
type Replacement struct {
	Find          string
	With          string
	Columns       []string
	Filter        *models.Filter // nil is all
	CaseSensitive bool
	Preview       bool // count and show; change nothing
}

// ReplaceOutcome says what a find and replace changed, or would change.
type ReplaceOutcome struct {
	Cells    int64            `json:"cells"`
	Records  int64            `json:"records"`
	Examples []ReplaceExample `json:"examples"`
}

// ReplaceExample is one cell before and after.
type ReplaceExample struct {
	RecordID int64           `json:"record_id"`
	Column   string          `json:"column"`
	From     json.RawMessage `json:"from"`
	To       json.RawMessage `json:"to"`
}

// maxExamples bounds the cells shown of a find and replace.
const maxExamples = 50

// Replace finds a text, to the letter (no pattern), in cells of text and puts
// another in its place. A preview says what it would do, and does nothing.
func (o *Org) Replace(ctx context.Context, tableID string, actor models.Actor, operationID string, change Replacement) (ReplaceOutcome, error) {
	var outcome ReplaceOutcome
	work := func(w *recordWriter) error {
		outcome = ReplaceOutcome{}
		if err := w.replaceable(change); err != nil {
			return err
		}
		return w.eachMatching(o, w.holding(change), func(ids []int64) error {
			for _, id := range ids {
				if err := w.replaceIn(id, change, &outcome); err != nil {
					return err
				}
			}
			if change.Preview { // nothing is written
				*w = *newRecordWriter(w.c, w.actor, w.operation, w.kind)
			}
			return nil
		})
	}
	if !change.Preview {
		err := o.operate(ctx, tableID, actor, operationID, operationWrite, change, &outcome, work)
		return outcome, err
	}
	err := o.tx(ctx, func(tx *Tx) error {
		c, err := tx.changeRecords(tableID)
		if err != nil {
			return err
		}
		return work(newRecordWriter(c, actor, operationID, operationWrite))
	})
	return outcome, err
}

func (w *recordWriter) replaceable(change Replacement) error {
	if change.Find == "" || len(change.Find) > models.MaxSearchBytes {
		return models.NewProblem(models.KindInvalid, "records.bad_search", "the text to find is empty or too long",
			fmt.Sprintf("give 1 to %d bytes of text", models.MaxSearchBytes))
	}
	if _, err := models.CanonicalInput(models.AppendJSONString(nil, change.With)); err != nil || strings.ContainsRune(change.With, 0) {
		return models.NewProblem(models.KindInvalid, "records.invalid_character", "the new text holds U+0000, which cannot be stored", "remove the character")
	}
	var faults []models.FieldProblem
	for i, id := range change.Columns {
		c := columnOf(w.c.columns(), id)
		if !plainText(c) || c.ReadOnly && !c.Local || c.Removed {
			faults = append(faults, models.FieldProblem{Field: fmt.Sprintf("columns[%d]", i), Code: "records.not_text", Detail: "no text that can be edited"})
		}
	}
	if len(change.Columns) == 0 || len(faults) > 0 {
		return models.NewProblem(models.KindInvalid, "records.not_text", "find and replace works in columns of text that can be edited",
			"choose such columns").WithFields(faults...)
	}
	return w.writable(models.RecordWrite{Op: models.OpUpdate, Fields: fieldsOf(change.Columns)})
}

func fieldsOf(columns []string) models.Fields {
	fields := models.Fields{}
	for _, c := range columns {
		fields[c] = nil
	}
	return fields
}

// holding narrows the filter to records that hold the text in one of the
// columns (ASCII case ignored: the cells themselves are looked at after).
func (w *recordWriter) holding(change Replacement) *models.Filter {
	var holds []models.Filter
	for _, column := range change.Columns {
		holds = append(holds, models.Filter{Op: models.FilterContains, Column: column, Value: models.AppendJSONString(nil, change.Find)})
	}
	all := []models.Filter{{Op: models.FilterOr, Nodes: holds}}
	if change.Filter != nil {
		all = append(all, *change.Filter)
	}
	return &models.Filter{Op: models.FilterAnd, Nodes: all}
}

func (w *recordWriter) replaceIn(id int64, change Replacement, outcome *ReplaceOutcome) error {
	r, ok := w.now[id]
	if !ok || r.State == models.RecordDeleted {
		return nil
	}
	values := models.Fields{}
	for _, column := range change.Columns {
		from := r.Shown(column)
		text, ok := models.Text(from)
		if !ok {
			continue
		}
		replaced := replaceText(text, change.Find, change.With, change.CaseSensitive)
		if replaced == text {
			continue
		}
		to := json.RawMessage(models.AppendJSONString(nil, replaced))
		values[column] = to
		outcome.Cells++
		if len(outcome.Examples) < maxExamples {
			outcome.Examples = append(outcome.Examples, ReplaceExample{RecordID: id, Column: column, From: from, To: to})
		}
	}
	if len(values) == 0 {
		return nil
	}
	outcome.Records++
	if change.Preview {
		return nil
	}
	_, err := w.write(models.RecordWrite{Op: models.OpUpdate, ID: id, Fields: values})
	return err
}

// replaceText replaces every occurrence; without case, ASCII letters match
// either way, as they do in filters.
func replaceText(text, find, with string, caseSensitive bool) string {
	if caseSensitive {
		return strings.ReplaceAll(text, find, with)
	}
	low, needle := lower(text), lower(find)
	var b strings.Builder
	at := 0
	for {
		next := strings.Index(low[at:], needle)
		if next < 0 {
			b.WriteString(text[at:])
			return b.String()
		}
		b.WriteString(text[at : at+next])
		b.WriteString(with)
		at += next + len(needle)
	}
}

// Cell names one cell of a table.
type Cell struct {
	RecordID int64
	Column   string
}

// ResolveConflicts settles conflicts cell by cell: mine keeps the edit over what
// the service says now, theirs drops it, base goes back to what both began
// from. It gives how many cells changed; cells without an edit stay.
func (o *Org) ResolveConflicts(ctx context.Context, tableID string, actor models.Actor, operationID string, cells []Cell, choose string) (int64, error) {
	if len(cells) > maxWrites {
		return 0, models.NewProblem(models.KindTooLarge, "records.too_many", fmt.Sprintf("%d cells at once", len(cells)),
			fmt.Sprintf("settle at most %d at a time, under one operation id", maxWrites))
	}
	var changed int64
	request := struct {
		Cells  []Cell
		Choose string
	}{cells, choose}
	err := o.operate(ctx, tableID, actor, operationID, operationWrite, request, &changed, func(w *recordWriter) error {
		changed = 0
		ids := make([]int64, len(cells))
		for i, c := range cells {
			ids[i] = c.RecordID
		}
		if err := w.load(ids); err != nil {
			return err
		}
		for i, cell := range cells {
			r, ok := w.now[cell.RecordID]
			if !ok {
				return notFound("record", fmt.Sprint(cell.RecordID))
			}
			next, changes, err := models.ResolveCell(r, cell.Column, models.Choice(choose))
			if err != nil {
				return inOperation(i, err)
			}
			w.put(next)
			w.note(r.ID, models.OpUpdate, changes)
			changed += int64(len(changes))
		}
		return nil
	})
	return changed, err
}
