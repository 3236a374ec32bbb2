package models

import (
	"bytes"
	"encoding/json"
)

// BaseCell is what the service last said of a cell; nil when it said nothing.
func (r *Record) BaseCell(column string) json.RawMessage { return CellOf(r.Base, column) }

// Shown is the value a person sees: the edit where there is one, else the base.
// nil is an absent cell.
func (r *Record) Shown(column string) json.RawMessage {
	if edit, ok := r.Edits[column]; ok {
		return edit
	}
	return r.BaseCell(column)
}

// ShownFields gives every shown value of the record.
func (r *Record) ShownFields() Fields {
	fields := CellsOf(r.Base)
	for column, edit := range r.Edits {
		fields[column] = edit
	}
	return fields
}

// Overlay writes fields over a canonical object.
func Overlay(base json.RawMessage, fields Fields) json.RawMessage {
	all := CellsOf(base)
	for column, value := range fields {
		all[column] = value
	}
	return all.Object()
}

// InConflict reports whether both sides changed a cell: the service no longer
// says what it said when the edit began, and not what the edit says either.
func (c Comparison) InConflict(base, editBase, edit json.RawMessage) bool {
	return !c.Equal(base, editBase) && !c.Equal(base, edit)
}

// ConflictsOf lists the cells of a record that both sides changed, in the
// order of the table's columns. A column the service no longer has says nothing
// that an edit could be in conflict with: the edit waits until it comes back.
func ConflictsOf(columns []Column, r *Record) []CellConflict {
	if len(r.Edits) == 0 || r.State == RecordNew {
		return nil
	}
	var conflicts []CellConflict
	for _, c := range columns {
		edit, ok := r.Edits[c.ID]
		if !ok || !c.AtService() {
			continue
		}
		base, editBase := r.BaseCell(c.ID), r.EditBases[c.ID]
		if c.Compare.InConflict(base, editBase, edit) {
			conflicts = append(conflicts, CellConflict{Column: c.ID, Mine: edit, Theirs: base, Base: editBase})
		}
	}
	return conflicts
}

// Edited reports whether the record takes part in a publish plan: it is new,
// marked deleted, or has an edit on a column that the service still has. It says
// what NewItem does.
func Edited(columns []Column, r *Record) bool {
	switch r.State {
	case RecordNew, RecordDeleted:
		return true
	case RecordRemoteDeleted:
		return false
	case RecordLive:
	}
	if len(r.Edits) == 0 {
		return false
	}
	for _, c := range columns {
		if _, ok := r.Edits[c.ID]; ok && c.AtService() {
			return true
		}
	}
	return false
}

// Rebase puts what the service says now under the record's edits. The edits
// stay as they are (Promise 1); only one that the service meanwhile agrees
// with is no change any more and is dropped.
func Rebase(columns []Column, r Record, base json.RawMessage) Record {
	r.Base = base
	if len(r.Edits) == 0 {
		return r
	}
	edits, bases := Fields{}, Fields{}
	for column, edit := range r.Edits {
		if settledBy(columns, column, base, edit) {
			continue
		}
		keepEdit(edits, bases, &r, column)
	}
	r.Edits, r.EditBases = edits, bases
	return r
}

func settledBy(columns []Column, column string, base, edit json.RawMessage) bool {
	for _, c := range columns {
		if c.ID == column {
			return c.AtService() && c.Compare.Equal(CellOf(base, column), edit)
		}
	}
	return false // a column nobody knows any more: the edit is kept
}

func keepEdit(edits, bases Fields, r *Record, column string) {
	edits[column] = r.Edits[column]
	if base, ok := r.EditBases[column]; ok {
		bases[column] = base
	}
}

// Settle is what becomes of a record whose update or create was applied: sent
// is what the plan sent, stored what the service now holds. An edit that still
// equals what was sent is dropped; one that was changed meanwhile stays, over
// the base the service now has ("edit while publishing").
func Settle(r Record, sent Fields, stored json.RawMessage) Record {
	edits, bases := Fields{}, Fields{}
	for column, edit := range r.Edits {
		value, wasSent := sent[column]
		switch {
		case wasSent && bytes.Equal(value, edit):
		case wasSent:
			edits[column] = edit
			if now := CellOf(stored, column); now != nil {
				bases[column] = now
			}
		default:
			keepEdit(edits, bases, &r, column)
			if r.State == RecordNew { // its edits had no base before the service made one
				if now := CellOf(stored, column); now != nil {
					bases[column] = now
				}
			}
		}
	}
	r.Edits, r.EditBases, r.Base = edits, bases, stored
	if r.State == RecordNew {
		r.State = RecordLive
	}
	return r
}
