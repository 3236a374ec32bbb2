package models_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/scratch-platform/scratch/models"
)

var twoColumns = []models.Column{
	{ID: "title", Name: "Title", Kind: models.ColumnText, Compare: models.CompareTrimmed},
	{ID: "tags", Name: "Tags", Kind: models.ColumnMultiSelect, Compare: models.CompareSet},
	{ID: "note", Name: "Note", Kind: models.ColumnText, Local: true},
}

func record(base string) models.Record {
	return models.Record{ID: 7, RemoteID: "r7", Base: raw(base)}
}

func fields(pairs ...string) models.Fields {
	f := models.Fields{}
	for i := 0; i < len(pairs); i += 2 {
		f[pairs[i]] = json.RawMessage(pairs[i+1])
	}
	return f
}

func mustSet(t *testing.T, r models.Record, values, seen models.Fields) models.Record {
	t.Helper()
	next, _, refused := models.SetCells(twoColumns, r, values, seen)
	require.Empty(t, refused)
	return next
}

func TestAnEditSurvivesADownload(t *testing.T) { // Promise 1
	r := mustSet(t, record(`{"title":"a"}`), fields("title", `"mine"`), fields("title", `"a"`))
	r = models.Rebase(twoColumns, r, raw(`{"title":"theirs"}`))
	require.Equal(t, `"mine"`, string(r.Shown("title")))
	require.Equal(t, []models.CellConflict{{Column: "title", Mine: raw(`"mine"`), Theirs: raw(`"theirs"`), Base: raw(`"a"`)}},
		models.ConflictsOf(twoColumns, &r))
}

func TestAnEditTheServiceAgreesWithIsNoChange(t *testing.T) {
	r := mustSet(t, record(`{"title":"a"}`), fields("title", `"mine"`, "note", `"n"`), nil)
	r = models.Rebase(twoColumns, r, raw(`{"note":"n","title":"mine "}`))
	require.Equal(t, fields("note", `"n"`), r.Edits, "a Scratch column has nothing to agree with")
	require.False(t, models.Edited(twoColumns, &r))
}

// Breaks when the number beside Publish counts a record that no plan takes.
func TestEditedIsWhatAPlanTakes(t *testing.T) {
	columns := []models.Column{{ID: "title"}, {ID: "gone", Removed: true}, {ID: "note", Local: true}}
	for name, c := range map[string]struct {
		record models.Record
		want   bool
	}{
		"an edit":                     {models.Record{RemoteID: "1", Edits: fields("title", `"x"`)}, true},
		"on a removed column":         {models.Record{RemoteID: "1", Edits: fields("gone", `"x"`)}, false},
		"on a column of our own":      {models.Record{RemoteID: "1", Edits: fields("note", `"x"`)}, false},
		"on both kinds":               {models.Record{RemoteID: "1", Edits: fields("gone", `"x"`, "title", `"x"`)}, true},
		"new, with nothing to send":   {models.Record{State: models.RecordNew, Edits: fields("gone", `"x"`)}, true},
		"marked deleted":              {models.Record{RemoteID: "1", State: models.RecordDeleted}, true},
		"gone at the service, edited": {models.Record{RemoteID: "1", State: models.RecordRemoteDeleted, Edits: fields("title", `"x"`)}, false},
	} {
		_, planned := models.NewItem(&models.Table{Columns: columns}, &c.record)
		require.Equal(t, c.want, planned, name)
		require.Equal(t, c.want, models.Edited(columns, &c.record), name)
	}
}

func TestAWriteOfWhatNobodyTouchedMerges(t *testing.T) {
	r := mustSet(t, record(`{"tags":[],"title":"a"}`), fields("title", `"by ana"`), fields("title", `"a"`))
	r = mustSet(t, r, fields("tags", `["x"]`), fields("tags", `[]`))
	require.Len(t, r.Edits, 2)
}

func TestAStaleWriteIsRefusedWithBothValues(t *testing.T) {
	r := mustSet(t, record(`{"tags":[],"title":"a"}`), fields("title", `"by ana"`), nil)
	next, changes, refused := models.SetCells(twoColumns, r, fields("title", `"by ben"`, "tags", `["x"]`), fields("title", `"a"`, "tags", `[]`))
	require.Equal(t, []models.CellRefusal{{RecordID: 7, Column: "title", Yours: raw(`"by ben"`), Now: raw(`"by ana"`), Seen: raw(`"a"`)}}, refused)
	require.Empty(t, changes)
	require.Equal(t, r, next, "nothing of a refused write is kept")

	_, _, refused = models.SetCells(twoColumns, r, fields("title", `"by ana"`), fields("title", `"a"`))
	require.Empty(t, refused, "both wrote the same")
}

func TestTypingTheBaseBackIsNoEdit(t *testing.T) {
	r := mustSet(t, record(`{"title":"a"}`), fields("title", `"b"`), nil)
	r = mustSet(t, r, fields("title", `"a"`), nil)
	require.Empty(t, r.Edits)
	require.Empty(t, r.EditBases)
	r = mustSet(t, record(`{}`), fields("title", `null`), nil)
	require.Empty(t, r.Edits, "there was nothing to clear")
	r = mustSet(t, record(`{"title":"a"}`), fields("title", `null`), nil)
	require.Equal(t, fields("title", "null"), r.Edits, "null clears the cell")
}

func TestTypingOnKeepsTheConflict(t *testing.T) {
	r := mustSet(t, record(`{"title":"a"}`), fields("title", `"b"`), nil)
	r = models.Rebase(twoColumns, r, raw(`{"title":"theirs"}`))
	r = mustSet(t, r, fields("title", `"bb"`), fields("title", `"b"`))
	require.Len(t, models.ConflictsOf(twoColumns, &r), 1)
}

func TestResolvingAConflict(t *testing.T) {
	conflicted := models.Rebase(twoColumns, mustSet(t, record(`{"title":"a"}`), fields("title", `"mine"`), nil), raw(`{"title":"theirs"}`))
	for choice, shown := range map[models.Choice]string{
		models.ChooseMine: `"mine"`, models.ChooseTheirs: `"theirs"`, models.ChooseBase: `"a"`,
	} {
		r, changes, err := models.ResolveCell(conflicted, "title", choice)
		require.NoError(t, err)
		require.Len(t, changes, 1)
		require.Empty(t, models.ConflictsOf(twoColumns, &r), "%s settles it", choice)
		require.Equal(t, shown, string(r.Shown("title")))
	}
	_, _, err := models.ResolveCell(conflicted, "title", "whatever")
	require.True(t, models.HasCode(err, "records.unknown_choice"))
}

func TestAcceptingASuggestionBeginsFromWhatItsAuthorSaw(t *testing.T) {
	r, changes := models.AcceptValue(record(`{"title":"now"}`), "title", raw(`"suggested"`), raw(`"then"`))
	require.Len(t, changes, 1)
	require.Equal(t, `"then"`, string(r.EditBases["title"]))
	require.Len(t, models.ConflictsOf(twoColumns, &r), 1, "the service changed since the suggestion was made")

	edited := mustSet(t, record(`{"title":"a"}`), fields("title", `"b"`), nil)
	r, _ = models.AcceptValue(edited, "title", raw(`"c"`), raw(`"b"`))
	require.Equal(t, `"a"`, string(r.EditBases["title"]), "an edit keeps what it began from")
}

func TestUndo(t *testing.T) {
	before := record(`{"title":"a"}`)
	after, changes, _ := models.SetCells(twoColumns, before, fields("title", `"b"`), nil)
	undone, back, ok := models.UndoCell(after, changes[0])
	require.True(t, ok)
	require.Empty(t, undone.Edits)
	redone, _, ok := models.UndoCell(undone, back)
	require.True(t, ok)
	require.Equal(t, after, redone, "an undo is undone by redo")

	published := models.Settle(after, fields("title", `"b"`), raw(`{"title":"b"}`))
	undone, _, ok = models.UndoCell(published, changes[0])
	require.True(t, ok)
	require.Equal(t, fields("title", `"a"`), undone.Edits)
	require.Equal(t, fields("title", `"b"`), undone.EditBases, "a new edit, over what the service has now")

	other := mustSet(t, after, fields("title", `"c"`), nil)
	kept, _, ok := models.UndoCell(other, changes[0])
	require.False(t, ok, "somebody changed the cell since")
	require.Equal(t, other, kept)
}

func TestAnEditMadeWhilePublishingSurvivesWithTheRightBase(t *testing.T) {
	r := mustSet(t, record(`{"tags":[],"title":"a"}`), fields("title", `"sent"`, "tags", `["x"]`), nil)
	sent := fields("title", `"sent"`, "tags", `["x"]`)
	r = mustSet(t, r, fields("title", `"typed meanwhile"`), nil)
	r = models.Settle(r, sent, raw(`{"tags":["x"],"title":"sent"}`))
	require.Equal(t, fields("title", `"typed meanwhile"`), r.Edits)
	require.Equal(t, fields("title", `"sent"`), r.EditBases)
	require.Empty(t, models.ConflictsOf(twoColumns, &r))

	created := models.Record{ID: 8, State: models.RecordNew, Edits: fields("title", `"t"`, "tags", `["y"]`), EditBases: models.Fields{}}
	created = models.Settle(created, fields("title", `"t"`), raw(`{"tags":["default"],"title":"t"}`))
	require.Equal(t, models.RecordLive, created.State)
	require.Equal(t, fields("tags", `["y"]`), created.Edits)
	require.Equal(t, fields("tags", `["default"]`), created.EditBases)
}

// A model of one cell under everything that happens to it at once: a person
// types, the service changes, downloads come, a publish sends what it planned
// and settles later.
func TestWhateverTheOrderNoTypedValueIsLost(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		service, n := `"v0"`, 0
		r := record(`{"title":"v0"}`)
		typed := ""            // the person's last word, "" when it reached the service or was never
		var sent models.Fields // a publish under way
		fresh := func() string { n++; return fmt.Sprintf(`"v%d"`, n) }
		t.Repeat(map[string]func(*rapid.T){
			"type": func(t *rapid.T) {
				typed = fresh()
				r, _, _ = models.SetCells(twoColumns, r, fields("title", typed), models.Fields{"title": r.Shown("title")})
			},
			"change at the service": func(t *rapid.T) { service = fresh() },
			"download": func(t *rapid.T) {
				r = models.Rebase(twoColumns, r, raw(`{"title":`+service+`}`))
				if typed == service {
					typed = "" // it has reached the service: from here on the service may change it
				}
			},
			"send": func(t *rapid.T) {
				if sent == nil && r.Edits["title"] != nil && string(r.EditBases["title"]) == service {
					sent = fields("title", string(r.Edits["title"]))
					service = string(sent["title"])
				}
			},
			"settle": func(t *rapid.T) {
				if sent != nil {
					if typed == string(sent["title"]) {
						typed = ""
					}
					r = models.Settle(r, sent, raw(`{"title":`+string(sent["title"])+`}`))
					sent = nil
				}
			},
			"": func(t *rapid.T) {
				if edit, ok := r.Edits["title"]; ok && typed != "" && string(edit) != typed {
					t.Fatalf("the edit is %s, the person typed %s", edit, typed)
				}
				if typed != "" && string(r.Shown("title")) != typed {
					t.Fatalf("shown is %s, the person typed %s", r.Shown("title"), typed)
				}
				base, edit := string(r.BaseCell("title")), r.Edits["title"]
				if edit != nil && len(models.ConflictsOf(twoColumns, &r)) == 0 && base != string(r.EditBases["title"]) {
					t.Fatalf("an edit of %s over base %s is no conflict", r.EditBases["title"], base)
				}
			},
		})
	})
}

func TestThePlanHashCoversWhatIsSentAndNothingElse(t *testing.T) {
	item := func() models.Item {
		return models.Item{
			ID: "itm_1", TableID: "tbl_1", RecordID: 3, Op: models.OpUpdate, RemoteID: "9",
			Values: fields("title", `"b"`), EditBases: fields("title", `"a"`), Label: "A post", State: models.ItemPlanned,
		}
	}
	same := item()
	same.ID, same.Label, same.State, same.Marker, same.Ordinal = "itm_2", "renamed", models.ItemApplied, "etag", 5
	first := item()
	require.True(t, models.SameItem(&first, &same))
	for name, change := range map[string]func(*models.Item){
		"table":     func(i *models.Item) { i.TableID = "tbl_2" },
		"record":    func(i *models.Item) { i.RecordID = 4 },
		"operation": func(i *models.Item) { i.Op = models.OpDelete },
		"column":    func(i *models.Item) { i.Values = fields("tags", `"b"`) },
		"value":     func(i *models.Item) { i.Values = fields("title", `"c"`) },
		"edit base": func(i *models.Item) { i.EditBases = fields("title", `"z"`) },
		"no base":   func(i *models.Item) { i.EditBases = nil },
	} {
		changed := item()
		change(&changed)
		require.Falsef(t, models.SameItem(&first, &changed), "a changed %s must change the hash", name)
	}
}

// Breaks when an edit on a column that the service took away is lost, or shows
// as a conflict that nobody could settle.
func TestAnEditOnARemovedColumnWaitsForIt(t *testing.T) {
	removed := []models.Column{twoColumns[0], twoColumns[1]}
	for i := range removed {
		removed[i].Removed = removed[i].ID == "title"
	}
	r := mustSet(t, record(`{"tags":[],"title":"a"}`), fields("title", `"mine"`), nil)
	r = models.Rebase(removed, r, raw(`{"tags":[]}`))
	require.Equal(t, fields("title", `"mine"`), r.Edits)
	require.Empty(t, models.ConflictsOf(removed, &r))
	r = models.Rebase(twoColumns, r, raw(`{"tags":[],"title":"theirs"}`))
	require.Len(t, models.ConflictsOf(twoColumns, &r), 1, "it came back with another value")
}
