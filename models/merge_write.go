package models

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
)

// CellRefusal is a write that came too late: somebody else changed the cell
// since the writer saw it. Both values go back to the writer.
type CellRefusal struct {
	RecordID int64           `json:"record_id"`
	Column   string          `json:"column"`
	Yours    json.RawMessage `json:"yours"`
	Now      json.RawMessage `json:"now"`
	Seen     json.RawMessage `json:"seen"`
}

// CellChange is one cell's edit before and after a write; nil means no edit.
type CellChange struct {
	Column   string
	From     json.RawMessage
	FromBase json.RawMessage
	To       json.RawMessage
	ToBase   json.RawMessage
}

// SetCells writes values into a record's cells. seen holds, per cell, the value
// the writer saw; a cell without one is written whatever it holds now. A cell
// that somebody else changed is refused, and then nothing of the record is
// written; cells they changed elsewhere merge.
//
// A value equal to the base is no edit. Any other keeps the base its edit began
// from, so that a conflict does not vanish because somebody typed on.
func SetCells(columns []Column, r Record, values, seen Fields) (Record, []CellChange, []CellRefusal) {
	refused := refusals(columns, &r, values, seen)
	if len(refused) > 0 {
		return r, nil, refused
	}
	next := withOwnEdits(r)
	var changes []CellChange
	for _, column := range sortedKeys(values) {
		base := r.BaseCell(column)
		before, wasEdited := r.Edits[column]
		editBase := base
		if wasEdited {
			editBase = r.EditBases[column]
		}
		to := values[column]
		if r.State != RecordNew && sameCell(base, to) {
			to, editBase = nil, nil
		}
		if wasEdited == (to != nil) && bytes.Equal(before, to) {
			continue
		}
		changes = append(changes, CellChange{Column: column, From: before, FromBase: r.EditBases[column], To: to, ToBase: editBase})
		next.putEdit(column, to, editBase)
	}
	return next, changes, nil
}

// sameCell holds a cleared cell and an absent one to be the same edit: there is
// nothing to clear.
func sameCell(base, to json.RawMessage) bool {
	return bytes.Equal(base, to) || base == nil && string(to) == "null"
}

func refusals(columns []Column, r *Record, values, seen Fields) []CellRefusal {
	var refused []CellRefusal
	for _, column := range sortedKeys(values) {
		saw, ok := seen[column]
		if !ok {
			continue
		}
		now := r.Shown(column)
		compare := comparisonOf(columns, column)
		if sameCell(now, saw) || sameCell(saw, now) || compare.Equal(now, saw) || bytes.Equal(now, values[column]) {
			continue
		}
		refused = append(refused, CellRefusal{RecordID: r.ID, Column: column, Yours: values[column], Now: now, Seen: saw})
	}
	return refused
}

func comparisonOf(columns []Column, column string) Comparison {
	for _, c := range columns {
		if c.ID == column {
			return c.Compare
		}
	}
	return CompareExact
}

// RevertCells drops edits: of the named cells, or of all.
func RevertCells(r Record, cells []string) (Record, []CellChange) {
	if len(cells) == 0 {
		cells = sortedKeys(r.Edits)
	}
	next := withOwnEdits(r)
	var changes []CellChange
	for _, column := range cells {
		if edit, ok := next.Edits[column]; ok {
			changes = append(changes, CellChange{Column: column, From: edit, FromBase: r.EditBases[column]})
			next.putEdit(column, nil, nil)
		}
	}
	return next, changes
}

// AcceptValue writes a suggested value. Its edit begins from the value the
// author saw, so that a change at the service since then shows as a conflict;
// an edit that is there already keeps its own beginning.
func AcceptValue(r Record, column string, value, seen json.RawMessage) (Record, []CellChange) {
	next, changes, _ := SetCells(nil, r, Fields{column: value}, nil)
	if _, wasEdited := r.Edits[column]; wasEdited || len(changes) == 0 || changes[0].To == nil || r.State == RecordNew {
		return next, changes
	}
	changes[0].ToBase = seen
	next.putEdit(column, changes[0].To, seen)
	return next, changes
}

// UndoCell takes one change back and gives the change that makes. It does
// nothing, and says so, where somebody changed the cell since: shown is then not
// what the change left behind.
//
// Where the service has meanwhile taken the value over (it was published), what
// was there before comes back as a new edit, over what the service has now.
func UndoCell(r Record, c CellChange) (Record, CellChange, bool) {
	base := r.BaseCell(c.Column)
	left := c.To
	if left == nil {
		left = base
	}
	if !bytes.Equal(r.Shown(c.Column), left) {
		return r, CellChange{}, false
	}
	edit, edited := r.Edits[c.Column]
	back := CellChange{Column: c.Column, From: edit, FromBase: r.EditBases[c.Column], To: c.From, ToBase: c.FromBase}
	if !edited && c.To != nil {
		back.ToBase = base
		if back.To == nil {
			if back.To = c.ToBase; back.To == nil {
				back.To = json.RawMessage("null")
			}
		}
	}
	if back.To != nil && r.State != RecordNew && sameCell(base, back.To) {
		back.To, back.ToBase = nil, nil // the service came round to what was there before
	}
	next := withOwnEdits(r)
	next.putEdit(c.Column, back.To, back.ToBase)
	return next, back, true
}

// Choice is how a person settles a conflict.
type Choice string

// The choices: keep the edit over what the service says now, take the
// service's value, or go back to the value both began from.
const (
	ChooseMine   Choice = "mine"
	ChooseTheirs Choice = "theirs"
	ChooseBase   Choice = "base"
)

// ResolveCell settles one conflict. A cell without an edit has none and stays.
func ResolveCell(r Record, column string, choice Choice) (Record, []CellChange, error) {
	edit, ok := r.Edits[column]
	if !ok {
		return r, nil, nil
	}
	theirs, began := r.BaseCell(column), r.EditBases[column]
	change := CellChange{Column: column, From: edit, FromBase: began}
	switch choice {
	case ChooseMine:
		change.To, change.ToBase = edit, theirs
	case ChooseTheirs:
	case ChooseBase:
		if began == nil {
			began = json.RawMessage("null")
		}
		if !sameCell(theirs, began) {
			change.To, change.ToBase = began, theirs
		}
	default:
		return r, nil, NewProblem(KindInvalid, "records.unknown_choice",
			fmt.Sprintf("%q is no way to settle a conflict", Bound(string(choice), 40)),
			"choose mine, theirs or base")
	}
	next := withOwnEdits(r)
	next.putEdit(column, change.To, change.ToBase)
	return next, []CellChange{change}, nil
}

// withOwnEdits gives a copy whose edits may be changed without touching r's.
func withOwnEdits(r Record) Record {
	edits, bases := make(Fields, len(r.Edits)+1), make(Fields, len(r.EditBases)+1)
	for column, value := range r.Edits {
		edits[column] = value
	}
	for column, value := range r.EditBases {
		bases[column] = value
	}
	r.Edits, r.EditBases = edits, bases
	return r
}

// putEdit sets or, with nil, removes an edit and what it began from.
func (r *Record) putEdit(column string, value, base json.RawMessage) {
	delete(r.Edits, column)
	delete(r.EditBases, column)
	if value == nil {
		return
	}
	r.Edits[column] = value
	if base != nil {
		r.EditBases[column] = base
	}
}

func sortedKeys(fields Fields) []string {
	keys := make([]string, 0, len(fields))
	for key := range fields {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
