package models

import (
	"fmt"
	"unicode/utf8"
)

// NewItem gives the plan item of a record, or false when the record has nothing
// to publish: no edits on columns of the service, not new, not marked deleted.
//
// An edit on a column the service no longer has cannot be sent and is left
// out. A delete carries, as edit bases, every writable cell as it was reviewed,
// so that a change elsewhere is noticed before the record is removed; one that
// has none was absent (Promise 4).
func NewItem(t *Table, r *Record) (Item, bool) {
	item := Item{
		TableID: t.ID, RecordID: r.ID, RemoteID: r.RemoteID, Marker: r.Marker, State: ItemPlanned, Label: LabelOf(t, r),
		Values: Fields{}, EditBases: Fields{},
	}
	switch {
	case r.State == RecordDeleted:
		item.Op = OpDelete
		for _, c := range t.Columns {
			if base := r.BaseCell(c.ID); base != nil && c.AtService() && !c.ReadOnly {
				item.EditBases[c.ID] = base
			}
		}
		return item, true
	case r.State == RecordRemoteDeleted:
		return item, false
	case r.RemoteID == "":
		item.Op = OpCreate
	default:
		item.Op = OpUpdate
	}
	for _, c := range t.Columns {
		edit, ok := r.Edits[c.ID]
		if !ok || !c.AtService() {
			continue
		}
		item.Values[c.ID] = edit
		if base, ok := r.EditBases[c.ID]; ok && item.Op == OpUpdate {
			item.EditBases[c.ID] = base
		}
	}
	return item, item.Op == OpCreate || len(item.Values) > 0
}

// maxLabel bounds an item's label in bytes.
const maxLabel = 200

// LabelOf is what a person calls a record: its first text, else its id at the
// service.
func LabelOf(t *Table, r *Record) string {
	for _, kinds := range [][]ColumnKind{{ColumnText}, {ColumnHTML, ColumnLongText, ColumnMarkdown}} {
		for _, c := range t.Columns {
			if c.Removed || c.Kind != kinds[0] && (len(kinds) == 1 || c.Kind != kinds[1] && c.Kind != kinds[2]) {
				continue
			}
			if text, ok := Text(r.Shown(c.ID)); ok && text != "" {
				return Bound(text, maxLabel)
			}
		}
	}
	return Bound(r.RemoteID, maxLabel)
}

// CheckItem says why an item would be refused by what the table's columns
// declare, or nil.
func CheckItem(t *Table, item *Item) *Problem {
	if t.ReadOnly {
		return NewProblem(KindForbidden, "table.read_only", "The table cannot be written: "+t.ReadOnlyWhy, "Revert the change, or connect with an account that may write.")
	}
	var fields []FieldProblem
	for _, c := range t.Columns {
		value, sent := item.Values[c.ID]
		switch {
		case !c.AtService():
		case sent && c.ReadOnly:
			fields = append(fields, FieldProblem{Field: c.ID, Code: "read_only", Detail: fmt.Sprintf("%q cannot be written", c.Name)})
		case c.Required && Empty(value) && (sent || item.Op == OpCreate):
			fields = append(fields, FieldProblem{Field: c.ID, Code: "required", Detail: fmt.Sprintf("%q needs a value", c.Name)})
		case sent && c.MaxLength > 0:
			if text, ok := Text(value); ok && utf8.RuneCountInString(text) > c.MaxLength {
				fields = append(fields, FieldProblem{Field: c.ID, Code: "too_long", Detail: fmt.Sprintf(
					"%q holds %d characters, at most %d are taken", c.Name, utf8.RuneCountInString(text), c.MaxLength)})
			}
		}
	}
	if len(fields) == 0 {
		return nil
	}
	return NewProblem(KindInvalid, "item.invalid", "The service would refuse this record: "+fields[0].Detail+".",
		"Correct the value, or revert it, and make a new plan.").WithFields(fields...)
}
