package models

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func planTable() *Table {
	return &Table{ID: "tbl_1", Columns: []Column{
		{ID: "id", Name: "Id", Kind: ColumnInteger, ReadOnly: true},
		{ID: "title", Name: "Title", Kind: ColumnHTML, Required: true, MaxLength: 5},
		{ID: "old", Name: "Old", Kind: ColumnText, Removed: true},
		{ID: "note", Name: "Note", Kind: ColumnText, Local: true},
	}}
}

// Breaks when a plan sends what it must not (local, removed columns) or leaves
// out what it must send.
func TestNewItem(t *testing.T) {
	table := planTable()
	edits := Fields{"title": []byte(`"B"`), "old": []byte(`"x"`), "note": []byte(`"y"`)}
	item, ok := NewItem(table, &Record{ID: 7, RemoteID: "r", Base: []byte(`{"id":"1","title":"A"}`), Edits: edits, EditBases: Fields{"title": []byte(`"A"`)}, Marker: "m"})
	require.True(t, ok)
	require.Equal(t, OpUpdate, item.Op)
	require.Equal(t, Fields{"title": []byte(`"B"`)}, item.Values)
	require.Equal(t, Fields{"title": []byte(`"A"`)}, item.EditBases)
	require.Equal(t, "y", item.Label)

	_, ok = NewItem(table, &Record{ID: 7, RemoteID: "r", Base: []byte(`{}`), Edits: Fields{"note": []byte(`"y"`), "old": []byte(`1`)}})
	require.False(t, ok, "only columns that are never published")

	item, ok = NewItem(table, &Record{ID: 7, Base: []byte(`{}`), State: RecordNew})
	require.True(t, ok)
	require.Equal(t, OpCreate, item.Op)

	item, ok = NewItem(table, &Record{ID: 7, RemoteID: "r", Base: []byte(`{"id":"1","title":"A"}`), State: RecordNew})
	require.False(t, ok, "%v: it exists already and must never be created again", item)

	item, ok = NewItem(table, &Record{ID: 7, RemoteID: "r", Base: []byte(`{"id":"1","title":"A"}`), Edits: edits, State: RecordDeleted})
	require.True(t, ok)
	require.Equal(t, OpDelete, item.Op)
	require.Empty(t, item.Values)
	require.Equal(t, Fields{"title": []byte(`"A"`)}, item.EditBases)

	_, ok = NewItem(table, &Record{ID: 7, RemoteID: "r", Base: []byte(`{}`), Edits: edits, State: RecordRemoteDeleted})
	require.False(t, ok)
}

func TestCheckItem(t *testing.T) {
	table := planTable()
	code := func(item Item) string {
		p := CheckItem(table, &item)
		if p == nil {
			return ""
		}
		codes := []string{}
		for _, f := range p.Fields {
			codes = append(codes, f.Field+":"+f.Code)
		}
		return strings.Join(codes, " ")
	}
	require.Empty(t, code(Item{Op: OpUpdate, Values: Fields{"title": []byte(`"abcdé"`)}}))
	require.Equal(t, "title:too_long", code(Item{Op: OpUpdate, Values: Fields{"title": []byte(`"abcdéf"`)}}))
	require.Equal(t, "id:read_only", code(Item{Op: OpUpdate, Values: Fields{"id": []byte(`"2"`)}}))
	require.Equal(t, "title:required", code(Item{Op: OpUpdate, Values: Fields{"title": []byte(`""`)}}))
	require.Equal(t, "title:required", code(Item{Op: OpCreate}))
	require.Empty(t, code(Item{Op: OpDelete}))
	table.ReadOnly, table.ReadOnlyWhy = true, "a guest"
	require.Equal(t, "table.read_only", CheckItem(table, &Item{Op: OpDelete}).Code)
}
