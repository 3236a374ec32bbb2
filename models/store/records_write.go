package store

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/scratch-platform/scratch/models"
)

// maxWrites bounds the operations of one write.
const maxWrites = 1000

// WriteOutcome answers a write: one result per operation, in order.
type WriteOutcome struct {
	Results []WriteResult `json:"results"`
}

// WriteResult is what became of one operation.
type WriteResult struct {
	ID      int64 `json:"id"` // of a create: the new record's
	Version int64 `json:"version"`
}

// WriteRecords carries out what a person asks for, all of it or nothing.
//
// Cells are compared one by one with what the writer saw: a write merges with
// what others changed elsewhere, and is refused as "records.conflict" where they
// changed the same cell; the problem's fields then carry both values. The same
// request under the same operation id is carried out once.
func (o *Org) WriteRecords(ctx context.Context, tableID string, actor models.Actor, operationID string, writes []models.RecordWrite) (WriteOutcome, error) {
	if len(writes) > maxWrites {
		return WriteOutcome{}, models.NewProblem(models.KindTooLarge, "records.too_many", fmt.Sprintf("%d operations in one write", len(writes)),
			fmt.Sprintf("send at most %d at a time, under one operation id", maxWrites))
	}
	outcome := WriteOutcome{}
	err := o.operate(ctx, tableID, actor, operationID, operationWrite, writes, &outcome, func(w *recordWriter) error {
		outcome.Results = make([]WriteResult, len(writes))
		return w.writeAll(writes, outcome.Results)
	})
	if err != nil {
		return WriteOutcome{}, err
	}
	return outcome, nil
}

func (w *recordWriter) writeAll(writes []models.RecordWrite, results []WriteResult) error {
	ids := make([]int64, 0, len(writes))
	creates := 0
	for _, write := range writes {
		if write.Op == models.OpCreate {
			creates++
		} else {
			ids = append(ids, write.ID)
		}
	}
	if err := w.load(ids); err != nil {
		return err
	}
	next, err := w.idsFor(creates)
	if err != nil {
		return err
	}
	var conflicts []models.FieldProblem
	for i, write := range writes {
		if write.Op == models.OpCreate {
			write.ID = next
			next++
		}
		refused, err := w.write(write)
		if err != nil {
			return inOperation(i, err)
		}
		conflicts = append(conflicts, conflictFields(i, refused)...)
		results[i] = WriteResult{ID: write.ID, Version: w.versionOf(write.ID)}
	}
	if len(conflicts) > 0 {
		return models.NewProblem(models.KindConflict, "records.conflict", "somebody else changed the same cells meanwhile; nothing was written",
			"compare the values, then write again over what stands now").WithFields(conflicts...)
	}
	return nil
}

func (w *recordWriter) idsFor(creates int) (int64, error) {
	if creates == 0 {
		return 0, nil
	}
	return w.c.newIDs(creates)
}

// versionOf is the version a record will have once it is written.
func (w *recordWriter) versionOf(id int64) int64 {
	before, was := w.before[id]
	after, is := w.now[id]
	switch {
	case was && is && !sameRecord(&before, &after):
		return before.Version + 1
	case was:
		return before.Version
	default:
		return 1
	}
}

// inOperation adds to a problem which operation of the request it is about.
func inOperation(i int, err error) error {
	problem, ok := models.AsProblem(err)
	if !ok {
		return err
	}
	prefix := "operations[" + strconv.Itoa(i) + "]"
	placed := *problem
	placed.Fields = nil
	for _, f := range problem.Fields {
		f.Field = prefix + ".fields." + f.Field
		placed.Fields = append(placed.Fields, f)
	}
	if len(placed.Fields) == 0 {
		placed.Fields = []models.FieldProblem{{Field: prefix, Code: placed.Code, Detail: models.Bound(placed.Detail, 500)}}
	}
	return &placed
}

// maxConflictValue bounds a value carried in a problem; the record itself has
// the whole.
const maxConflictValue = 4 << 10

func conflictFields(i int, refused []models.CellRefusal) []models.FieldProblem {
	var fields []models.FieldProblem
	for _, r := range refused {
		fields = append(fields, models.FieldProblem{
			Field: fmt.Sprintf("operations[%d].fields.%s", i, r.Column), Code: "records.cell_changed",
			Detail: fmt.Sprintf("record %d holds %s, you sent %s", r.RecordID, short(r.Now), short(r.Yours)),
			Cell:   &models.CellConflict{Column: r.Column, Mine: bounded(r.Yours), Theirs: bounded(r.Now), Base: bounded(r.Seen)},
		})
	}
	return fields
}

func short(value json.RawMessage) string {
	if value == nil {
		return "nothing"
	}
	return models.Bound(string(value), 200)
}

// bounded leaves a value out that is too large for a problem.
func bounded(value json.RawMessage) json.RawMessage {
	if len(value) > maxConflictValue {
		return nil
	}
	return value
}

// write carries out one operation on the records at hand.
func (w *recordWriter) write(write models.RecordWrite) ([]models.CellRefusal, error) {
	switch write.Op {
	case models.OpCreate, models.OpUpdate, models.OpDelete, models.OpRestore, models.OpRevert:
	default:
		return nil, models.NewProblem(models.KindInvalid, "records.unknown_operation", fmt.Sprintf("%q is no operation", models.Bound(string(write.Op), 40)),
			"use create, update, delete, restore or revert")
	}
	if err := w.writable(write); err != nil {
		return nil, err
	}
	if write.Op == models.OpCreate {
		return nil, w.create(write)
	}
	r, ok := w.now[write.ID]
	if !ok {
		return nil, notFound("record", strconv.FormatInt(write.ID, 10))
	}
	switch write.Op {
	case models.OpUpdate:
		return w.update(r, write)
	case models.OpDelete:
		return nil, w.delete(r)
	case models.OpRestore:
		return nil, w.restore(r)
	default:
		next, changes := models.RevertCells(r, write.Cells)
		w.put(next)
		w.note(r.ID, models.OpRevert, changes)
		return nil, nil
	}
}

// writable refuses what a table that is only read does not take: everything but
// values of Scratch columns.
func (w *recordWriter) writable(write models.RecordWrite) error {
	if !w.c.row.ReadOnly || write.Op == models.OpRevert || write.Op == models.OpRestore {
		return nil
	}
	onlyLocal := write.Op == models.OpUpdate
	for column := range write.Fields {
		onlyLocal = onlyLocal && columnOf(w.c.columns(), column).Local
	}
	if onlyLocal {
		return nil
	}
	why := w.c.row.ReadOnlyWhy
	if why == "" {
		why = "the service permits no changes to this table"
	}
	return models.NewProblem(models.KindForbidden, "table.read_only", why, "edit Scratch columns, or use an account with more rights")
}

func (w *recordWriter) create(write models.RecordWrite) error {
	values, err := models.CheckFields(w.c.columns(), write.Fields)
	if err != nil {
		return err
	}
	w.add(models.Record{ID: write.ID, Base: json.RawMessage("{}"), Edits: values, State: models.RecordNew, Version: 1})
	w.history = append(w.history, historyRow{RecordID: write.ID, Op: models.OpCreate, Became: textOf(values.Object())})
	return nil
}

func (w *recordWriter) update(r models.Record, write models.RecordWrite) ([]models.CellRefusal, error) {
	values, err := models.CheckFields(w.c.columns(), write.Fields)
	if err != nil {
		return nil, err
	}
	seen := make(models.Fields, len(write.Seen))
	for column, value := range write.Seen {
		if seen[column], err = models.Canonical(value); err != nil {
			return nil, err
		}
	}
	if r.State == models.RecordDeleted {
		return nil, models.NewProblem(models.KindConflict, "records.marked_deleted", fmt.Sprintf("record %d is marked deleted", r.ID), "restore it first")
	}
	next, changes, refused := models.SetCells(w.c.columns(), r, values, seen)
	if len(refused) > 0 {
		return refused, nil
	}
	w.put(next)
	w.note(r.ID, models.OpUpdate, changes)
	return nil, nil
}

// delete marks a record that is at the service, and takes out one that is not.
func (w *recordWriter) delete(r models.Record) error {
	switch r.State {
	case models.RecordDeleted:
		return nil
	case models.RecordLive:
		r.State = models.RecordDeleted
		w.put(r)
		w.history = append(w.history, historyRow{RecordID: r.ID, Op: models.OpDelete})
		return nil
	case models.RecordNew, models.RecordRemoteDeleted:
	}
	sending, err := w.isSending(r.ID)
	if err != nil {
		return err
	}
	if sending && r.State == models.RecordNew {
		return models.NewProblem(models.KindConflict, "records.being_published",
			fmt.Sprintf("record %d is being created at the service, or it is not known whether it was", r.ID),
			"wait for the publish to end, or settle its item, then delete it")
	}
	w.take(r.ID)
	w.history = append(w.history, takenOut(r))
	return nil
}

// takenOut is the history of a record that leaves the table: all it takes to
// put it back.
func takenOut(r models.Record) historyRow {
	rest, _ := json.Marshal(removedRecord{RemoteID: r.RemoteID, Marker: r.Marker, State: r.State}) //nolint:errchkjson // texts and a number
	return historyRow{
		RecordID: r.ID, Op: models.OpDelete, Was: textOf(r.Edits.Object()), WasBase: textOf(r.Base), Became: textOf(rest), BecameBase: textOf(r.EditBases.Object()),
	}
}

// removedRecord is what takenOut keeps beside edits and base.
type removedRecord struct {
	RemoteID string             `json:"remote_id,omitempty"`
	Marker   string             `json:"marker,omitempty"`
	State    models.RecordState `json:"state"`
}

func (w *recordWriter) restore(r models.Record) error {
	switch r.State {
	case models.RecordDeleted:
		r.State = models.RecordLive
		w.put(r)
		w.history = append(w.history, historyRow{RecordID: r.ID, Op: models.OpRestore})
		return nil
	case models.RecordRemoteDeleted:
		return models.NewProblem(models.KindConflict, "records.gone_at_service", fmt.Sprintf("record %d no longer exists at the service", r.ID),
			"create a new record with its values, or delete this one here")
	case models.RecordLive, models.RecordNew:
	}
	return nil
}
