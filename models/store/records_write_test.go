package store

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/scratch-platform/scratch/models"
)

func typed(pairs ...string) models.Fields {
	f := models.Fields{}
	for i := 0; i < len(pairs); i += 2 {
		f[pairs[i]] = json.RawMessage(pairs[i+1])
	}
	return f
}

func opID() string { return models.NewID(models.PrefixOperation) }

// write carries out operations that must succeed.
func write(t *testing.T, org *Org, table models.Table, actor models.Actor, writes ...models.RecordWrite) []WriteResult {
	t.Helper()
	outcome, err := org.WriteRecords(t.Context(), table.ID, actor, opID(), writes)
	require.NoError(t, err)
	return outcome.Results
}

func update(id int64, fields, seen models.Fields) models.RecordWrite {
	return models.RecordWrite{Op: models.OpUpdate, ID: id, Fields: fields, Seen: seen}
}

func TestTwoPeopleEditingOneCell(t *testing.T) {
	eachStore(t, func(t *testing.T, s *Store) {
		org, ana, table := posts(t, s)
		ben := ana
		ben.Tab = "tab-2"
		download(t, org, table, job(t, org, 1), remote("a", "title", `"A"`, "views", `"1"`))
		results := write(t, org, table, ana, update(1, typed("title", `"Ana's"`), typed("title", `"A"`)))
		require.Equal(t, []WriteResult{{ID: 1, Version: 2}}, results)

		write(t, org, table, ben, update(1, typed("views", `2`), typed("views", `"1.0"`))) // another cell merges
		_, err := org.WriteRecords(t.Context(), table.ID, ben, opID(), []models.RecordWrite{
			update(1, typed("title", `"Ben's"`, "sticky", `true`), typed("title", `"A"`)),
			{Op: models.OpCreate, Fields: typed("title", `"new"`)},
		})
		require.True(t, models.HasCode(err, "records.conflict"), "%v", err)
		problem, _ := models.AsProblem(err)
		require.Equal(t, "operations[0].fields.title", problem.Fields[0].Field)
		require.Equal(t, &models.CellConflict{Column: "title", Mine: json.RawMessage(`"Ben's"`), Theirs: json.RawMessage(`"Ana's"`), Base: json.RawMessage(`"A"`)}, problem.Fields[0].Cell)

		after := allRecords(t, org, table.ID)
		require.Len(t, after, 1, "nothing of a refused request is written")
		require.Equal(t, typed("title", `"Ana's"`, "views", `"2"`), after["a"].Edits)
		require.Equal(t, typed("title", `"A"`, "views", `"1"`), after["a"].EditBases)
	})
}

func TestARequestIsCarriedOutOnce(t *testing.T) {
	eachStore(t, func(t *testing.T, s *Store) {
		org, ana, table := posts(t, s)
		operation := opID()
		create := []models.RecordWrite{{Op: models.OpCreate, Fields: typed("title", `"one"`)}}
		first, err := org.WriteRecords(t.Context(), table.ID, ana, operation, create)
		require.NoError(t, err)
		again, err := org.WriteRecords(t.Context(), table.ID, ana, operation, create)
		require.NoError(t, err)
		require.Equal(t, first, again)
		_, err = org.WriteRecords(t.Context(), table.ID, ana, operation, []models.RecordWrite{{Op: models.OpCreate, Fields: typed("title", `"two"`)}})
		require.NoError(t, err, "another chunk of the operation")
		require.Len(t, allRecords(t, org, table.ID), 2)

		undone, err := org.Undo(t.Context(), table.SnapshotID, ana)
		require.NoError(t, err)
		require.EqualValues(t, 2, undone.Changed, "the chunks are one undo")
		require.Empty(t, allRecords(t, org, table.ID))
		_, err = org.WriteRecords(t.Context(), table.ID, ana, operation, []models.RecordWrite{{Op: models.OpCreate}})
		require.True(t, models.HasCode(err, "operation.ended"), "%v", err)
		ben := ana
		ben.Tab = "tab-2"
		_, err = org.Undo(t.Context(), table.SnapshotID, ben)
		require.True(t, models.HasCode(err, "undo.nothing"), "undo is per tab: %v", err)
		_, err = org.Redo(t.Context(), table.SnapshotID, ana)
		require.NoError(t, err)
		require.Len(t, allRecords(t, org, table.ID), 2)
	})
}

func TestBadWritesAreRefusedByField(t *testing.T) {
	eachStore(t, func(t *testing.T, s *Store) {
		org, ana, table := posts(t, s)
		download(t, org, table, job(t, org, 1), remote("a", "title", `"A"`))
		for code, w := range map[string]models.RecordWrite{
			"records.invalid_character": update(1, typed("title", `"a\u0000"`), nil),
			"records.invalid_value":     update(1, typed("views", `"many"`), nil),
			"records.unknown_column":    update(1, typed("nope", `1`), nil),
			"records.unknown_operation": {Op: "drop", ID: 1},
			"record.not_found":          update(99, typed("title", `"x"`), nil),
		} {
			_, err := org.WriteRecords(t.Context(), table.ID, ana, opID(), []models.RecordWrite{update(1, typed("title", `"fine"`), nil), w})
			require.Truef(t, models.HasCode(err, code), "%s: %v", code, err)
			problem, _ := models.AsProblem(err)
			require.NotEmpty(t, problem.Hint)
			require.Contains(t, problem.Fields[0].Field, "operations[1]")
		}
		_, err := org.WriteRecords(t.Context(), table.ID, ana, "", nil)
		require.True(t, models.HasCode(err, "operation.bad_id"), "%v", err)
		require.Empty(t, allRecords(t, org, table.ID)["a"].Edits, "nothing of a refused request is written")
	})
}

func TestDeleteRestoreRevertAndTheirUndo(t *testing.T) {
	eachStore(t, func(t *testing.T, s *Store) {
		org, ana, table := posts(t, s)
		download(t, org, table, job(t, org, 1), remote("a", "title", `"A"`), remote("b", "title", `"B"`))
		made := write(t, org, table, ana, models.RecordWrite{Op: models.OpCreate, Fields: typed("title", `"new"`)})
		start := allRecords(t, org, table.ID)
		write(t, org, table, ana, models.RecordWrite{Op: models.OpDelete, ID: 1}, models.RecordWrite{Op: models.OpDelete, ID: made[0].ID})
		after := allRecords(t, org, table.ID)
		require.Equal(t, models.RecordDeleted, after["a"].State)
		require.Len(t, after, 2, "a record that is nowhere else is gone")

		_, err := org.WriteRecords(t.Context(), table.ID, ana, opID(), []models.RecordWrite{update(1, typed("title", `"x"`), nil)})
		require.True(t, models.HasCode(err, "records.marked_deleted"), "%v", err)
		_, err = org.Undo(t.Context(), table.SnapshotID, ana)
		require.NoError(t, err)
		undone := allRecords(t, org, table.ID)
		require.Equal(t, start[fmt.Sprintf("#%d", made[0].ID)].Edits, undone[fmt.Sprintf("#%d", made[0].ID)].Edits)
		require.Equal(t, models.RecordLive, undone["a"].State)

		_, err = org.Redo(t.Context(), table.SnapshotID, ana)
		require.NoError(t, err)
		require.Len(t, allRecords(t, org, table.ID), 2)
		write(t, org, table, ana, models.RecordWrite{Op: models.OpRestore, ID: 1}, update(2, typed("title", `"B2"`, "views", `5`), nil))
		write(t, org, table, ana, models.RecordWrite{Op: models.OpRevert, ID: 2, Cells: []string{"views"}})
		require.Equal(t, typed("title", `"B2"`), allRecords(t, org, table.ID)["b"].Edits)
		_, err = org.Undo(t.Context(), table.SnapshotID, ana)
		require.NoError(t, err)
		require.Equal(t, typed("title", `"B2"`, "views", `"5"`), allRecords(t, org, table.ID)["b"].Edits)
	})
}

func TestUndoSkipsWhatSomebodyElseChanged(t *testing.T) {
	eachStore(t, func(t *testing.T, s *Store) {
		org, ana, table := posts(t, s)
		ben := ana
		ben.Tab = "tab-2"
		download(t, org, table, job(t, org, 1), remote("a", "title", `"A"`), remote("b", "title", `"B"`))
		write(t, org, table, ana, update(1, typed("title", `"A1"`), nil), update(2, typed("title", `"B1"`), nil))
		write(t, org, table, ben, update(2, typed("title", `"Ben's"`), nil))
		undone, err := org.Undo(t.Context(), table.SnapshotID, ana)
		require.NoError(t, err)
		require.EqualValues(t, 1, undone.Changed)
		require.Equal(t, []SkippedCell{{TableID: table.ID, RecordID: 2, Column: "title"}}, undone.Skipped)
		after := allRecords(t, org, table.ID)
		require.Empty(t, after["a"].Edits)
		require.Equal(t, `"Ben's"`, string(after["b"].Edits["title"]))

		changes, _, err := org.History(t.Context(), table.ID, 2, Page{})
		require.NoError(t, err)
		require.Len(t, changes, 2)
		require.Equal(t, `"B1"`, string(changes[0].From))
		require.Equal(t, "tab-2", changes[0].Actor.Tab)
		changes, _, err = org.History(t.Context(), table.ID, 1, Page{})
		require.NoError(t, err)
		require.Len(t, changes, 2, "an undo is part of the history")
	})
}

func TestBulkAndReplace(t *testing.T) {
	eachStore(t, func(t *testing.T, s *Store) {
		org, ana, table := posts(t, s)
		var records []RemoteRecord
		for i := range 2300 {
			records = append(records, remote(fmt.Sprintf("r%04d", i), "title", fmt.Sprintf(`"Post %d of 2023"`, i), "views", fmt.Sprintf(`"%d"`, i)))
		}
		download(t, org, table, job(t, org, 1), records...)
		filter := query(t, `{"op":"lt","column":"views","value":1500}`, "", table.Columns).Filter
		changed, err := org.BulkWrite(t.Context(), table.ID, ana, opID(), BulkChange{Filter: filter, Op: models.OpUpdate, Fields: typed("sticky", `true`)})
		require.NoError(t, err)
		require.EqualValues(t, 1500, changed)

		change := Replacement{Find: "of 2023", With: "(2024)", Columns: []string{"title", "note"}, Filter: filter, Preview: true}
		preview, err := org.Replace(t.Context(), table.ID, ana, opID(), change)
		require.NoError(t, err)
		require.EqualValues(t, 1500, preview.Cells)
		require.Equal(t, `"Post 0 (2024)"`, string(preview.Examples[0].To))
		table2, err := org.Table(t.Context(), table.ID)
		require.NoError(t, err)
		require.EqualValues(t, 1500, table2.EditedCount)
		change.Preview = false
		done, err := org.Replace(t.Context(), table.ID, ana, opID(), change)
		require.NoError(t, err)
		require.Equal(t, preview, done, "a preview says what will be done")

		for range 2 {
			undone, err := org.Undo(t.Context(), table.SnapshotID, ana)
			require.NoError(t, err)
			require.EqualValues(t, 1500, undone.Changed)
		}
		table2, err = org.Table(t.Context(), table.ID)
		require.NoError(t, err)
		require.Zero(t, table2.EditedCount)
		_, err = org.Replace(t.Context(), table.ID, ana, opID(), Replacement{Find: "x", Columns: []string{"tags"}})
		require.True(t, models.HasCode(err, "records.not_text"), "%v", err)

		change = Replacement{Find: "POST", With: "x", Columns: []string{"title"}, CaseSensitive: true}
		done, err = org.Replace(t.Context(), table.ID, ana, opID(), change)
		require.NoError(t, err)
		require.Zero(t, done.Cells)
	})
}

func TestResolvingConflicts(t *testing.T) {
	eachStore(t, func(t *testing.T, s *Store) {
		org, ana, table := posts(t, s)
		download(t, org, table, job(t, org, 1), remote("a", "title", `"A"`), remote("b", "title", `"B"`), remote("c", "title", `"C"`))
		for id := range int64(3) {
			write(t, org, table, ana, update(id+1, typed("title", `"mine"`), nil))
		}
		download(t, org, table, job(t, org, 2), remote("a", "title", `"A2"`), remote("b", "title", `"B2"`), remote("c", "title", `"C2"`))
		for i, choose := range []string{"mine", "theirs", "base"} {
			changed, err := org.ResolveConflicts(t.Context(), table.ID, ana, opID(), []Cell{{int64(i + 1), "title"}}, choose)
			require.NoError(t, err)
			require.EqualValues(t, 1, changed)
		}
		after := allRecords(t, org, table.ID)
		shown := func(id string) string { r := after[id]; return string(r.Shown("title")) }
		require.Equal(t, []string{`"mine"`, `"B2"`, `"C"`}, []string{shown("a"), shown("b"), shown("c")})
		require.Empty(t, remoteIDs(t, org, table.ID, query(t, `{"op":"conflict"}`, "", table.Columns), 10))
		_, err := org.ResolveConflicts(t.Context(), table.ID, ana, opID(), []Cell{{1, "title"}}, "both")
		require.True(t, models.HasCode(err, "records.unknown_choice"), "%v", err)
	})
}

func TestSuggestions(t *testing.T) {
	eachStore(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		org, ana, table := posts(t, s)
		download(t, org, table, job(t, org, 1), remote("a", "title", `"A"`), remote("b", "title", `"B"`), remote("c", "title", `"C"`))
		suggest := func(proposed ...models.Suggestion) []models.Suggestion {
			stored, err := org.CreateSuggestions(ctx, table.ID, ana, proposed)
			require.NoError(t, err)
			return stored
		}
		value := func(id int64, v string) models.Suggestion {
			return models.Suggestion{Op: models.OpUpdate, RecordID: id, Column: "title", Value: json.RawMessage(v), RunID: "run_1", Reason: "shouting"}
		}
		first := suggest(value(1, `"older"`))
		require.Equal(t, `"A"`, string(first[0].Seen))
		suggest(value(1, `"newer"`), value(2, `"b"`), value(3, `"c"`),
			models.Suggestion{Op: models.OpCreate, Value: json.RawMessage(`{"title":"made"}`), RunID: "run_1"},
			models.Suggestion{Op: models.OpDelete, RecordID: 3})
		require.Empty(t, allRecords(t, org, table.ID)["a"].Edits, "a suggestion changes nothing (Promise 8)")
		open, _, err := org.ListSuggestions(ctx, table.ID, SuggestionFilter{State: models.SuggestionOpen}, Page{})
		require.NoError(t, err)
		require.Len(t, open, 5, "a newer one replaces the older")
		require.Equal(t, []string{"a", "b", "c"}, remoteIDs(t, org, table.ID, query(t, `{"op":"suggested"}`, "", table.Columns), 10))

		write(t, org, table, ana, update(2, typed("title", `"typed since"`), nil))
		decided, err := org.AcceptSuggestions(ctx, table.ID, ana, opID(), SuggestionSelector{RunID: "run_1", Columns: []string{"title"}})
		require.NoError(t, err)
		require.Equal(t, Decided{Decided: 2, Conflicts: 1}, decided)
		after := allRecords(t, org, table.ID)
		require.Equal(t, `"newer"`, string(after["a"].Edits["title"]))
		require.Equal(t, `"A"`, string(after["a"].EditBases["title"]))
		require.Equal(t, `"typed since"`, string(after["b"].Edits["title"]))

		undone, err := org.Undo(ctx, table.SnapshotID, ana)
		require.NoError(t, err)
		require.EqualValues(t, 2, undone.Changed)
		open, _, err = org.ListSuggestions(ctx, table.ID, SuggestionFilter{State: models.SuggestionOpen}, Page{})
		require.NoError(t, err)
		require.Len(t, open, 5)
		_, err = org.Redo(ctx, table.SnapshotID, ana)
		require.NoError(t, err)

		decided, err = org.AcceptSuggestions(ctx, table.ID, ana, opID(), SuggestionSelector{Cells: []Cell{{2, "title"}}})
		require.NoError(t, err)
		require.EqualValues(t, 1, decided.Decided, "whoever names the cell has seen both values")
		decided, err = org.RejectSuggestions(ctx, table.ID, ana, opID(), SuggestionSelector{Filter: query(t, `{"op":"id","value":[3]}`, "", table.Columns).Filter})
		require.NoError(t, err)
		require.EqualValues(t, 1, decided.Decided)
		require.Equal(t, models.RecordLive, allRecords(t, org, table.ID)["c"].State, "what was rejected changes nothing (Promise 8)")
		decided, err = org.AcceptSuggestions(ctx, table.ID, ana, opID(), SuggestionSelector{All: true})
		require.NoError(t, err)
		require.EqualValues(t, 1, decided.Decided)
		require.Len(t, allRecords(t, org, table.ID), 4)
		_, err = org.Undo(ctx, table.SnapshotID, ana)
		require.NoError(t, err)
		require.Len(t, allRecords(t, org, table.ID), 3, "the accepted new record is gone again")
		_, err = org.Undo(ctx, table.SnapshotID, ana)
		require.NoError(t, err)
		open, _, err = org.ListSuggestions(ctx, table.ID, SuggestionFilter{State: models.SuggestionOpen}, Page{})
		require.NoError(t, err)
		require.Len(t, open, 2, "the rejected one and the new record are open again")

		_, err = org.AcceptSuggestions(ctx, table.ID, ana, opID(), SuggestionSelector{})
		require.True(t, models.HasCode(err, "suggestions.none_selected"), "%v", err)
		_, err = org.CreateSuggestions(ctx, table.ID, ana, []models.Suggestion{value(1, `3`)})
		require.True(t, models.HasCode(err, "records.invalid_value"), "%v", err)
		_, err = org.CreateSuggestions(ctx, table.ID, ana, []models.Suggestion{value(77, `"x"`)})
		require.True(t, models.HasCode(err, "record.not_found"), "%v", err)
	})
}

// Whatever people, downloads and suggestions do to a table in whatever order:
// what a person typed stays until it is replaced by a person (Promise 1), and
// the counters are right.
func TestWhateverHappensNothingTypedIsLost(t *testing.T) {
	eachStore(t, func(t *testing.T, s *Store) {
		org, ana, table := posts(t, s)
		download(t, org, table, job(t, org, 1), remote("a", "title", `"0"`), remote("b", "title", `"0"`))
		n := 1
		rapid.Check(t, func(rt *rapid.T) {
			last := map[string]string{}
			for range rapid.IntRange(1, 12).Draw(rt, "steps") {
				n++
				id := rapid.SampledFrom([]string{"a", "b"}).Draw(rt, "record")
				record := map[string]int64{"a": 1, "b": 2}[id]
				switch rapid.SampledFrom([]string{"type", "download", "half a download", "suggest", "accept", "undo and redo"}).Draw(rt, "action") {
				case "type":
					last[id] = fmt.Sprintf(`"typed %d"`, n)
					write(t, org, table, ana, update(record, typed("title", last[id]), nil))
				case "download":
					download(t, org, table, job(t, org, n), remote("a", "title", fmt.Sprintf(`"there %d"`, n)), remote("b", "title", `"there"`))
				case "half a download":
					run, err := org.BeginRun(t.Context(), job(t, org, n), table.ID, models.DownloadFull)
					require.NoError(t, err)
					_, err = org.SavePage(t.Context(), &run, PageWrite{Records: []RemoteRecord{remote(id, "title", fmt.Sprintf(`"half %d"`, n))}})
					require.NoError(t, err)
					require.NoError(t, org.FinishRun(t.Context(), &run, models.JobFailed, nil, nil))
				case "suggest":
					_, err := org.CreateSuggestions(t.Context(), table.ID, ana, []models.Suggestion{{Op: models.OpUpdate, RecordID: record, Column: "title", Value: json.RawMessage(fmt.Sprintf(`"suggested %d"`, n))}})
					require.NoError(t, err)
				case "accept":
					if last[id] == "" {
						_, err := org.RejectSuggestions(t.Context(), table.ID, ana, opID(), SuggestionSelector{Records: []int64{record}})
						require.NoError(t, err)
					}
				case "undo and redo":
					if last[id] == "" {
						continue
					}
					_, err := org.Undo(t.Context(), table.SnapshotID, ana)
					require.NoError(t, err)
					_, err = org.Redo(t.Context(), table.SnapshotID, ana)
					require.NoError(t, err)
				}
				for id, value := range last {
					r := allRecords(t, org, table.ID)[id]
					if string(r.Shown("title")) != value {
						rt.Fatalf("record %s shows %s, typed was %s", id, r.Shown("title"), value)
					}
				}
			}
			write(t, org, table, ana, models.RecordWrite{Op: models.OpRevert, ID: 1}, models.RecordWrite{Op: models.OpRevert, ID: 2})
		})
	})
}

// Breaks when a path that names a table of another snapshot is quietly right.
func TestATableIsFoundInItsOwnSnapshotOnly(t *testing.T) {
	eachStore(t, func(t *testing.T, s *Store) {
		org, ana, table := posts(t, s)
		other, _ := newSnapshot(t, org)
		add := []models.RecordWrite{{Op: models.OpCreate, Fields: typed("title", `"one"`)}}
		_, err := org.In(other.ID).WriteRecords(t.Context(), table.ID, ana, opID(), add)
		require.True(t, models.HasCode(err, "table.not_found"), "%v", err)
		_, err = org.In(table.SnapshotID).WriteRecords(t.Context(), table.ID, ana, opID(), add)
		require.NoError(t, err)
	})
}
