package store

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/models"
)

// Breaks when the number beside Publish, the filter "edited" and a plan disagree
// about records whose edits lie on columns that the service no longer has, or
// when the number is not right again once such a column is back.
func TestEditsOnRemovedColumnsAreNotCounted(t *testing.T) {
	eachStore(t, func(t *testing.T, s *Store) {
		org, actor, table := posts(t, s)
		download(t, org, table, job(t, org, 1), remote("a", "title", `"A"`, "views", `"1"`), remote("b", "views", `"2"`), remote("c", "views", `"3"`))
		edit(t, org, table.ID, "a", "title", `"A2"`)
		edit(t, org, table.ID, "a", "views", `"10"`)
		edit(t, org, table.ID, "b", "views", `"20"`)
		edit(t, org, table.ID, "c", "note", `"never published"`)
		agree := func(want int64, why string) {
			t.Helper()
			now, err := org.Table(t.Context(), table.ID)
			require.NoError(t, err)
			require.Equal(t, want, now.EditedCount, why)
			filter := query(t, `{"op":"edited"}`, "", now.Columns)
			require.Len(t, remoteIDs(t, org, table.ID, filter, 100), int(want), why)
			plan := build(t, org, actor, table)
			require.Equal(t, want, plan.Counts.Creates+plan.Counts.Updates+plan.Counts.Deletes, why)
		}
		agree(2, "both columns are there")

		withoutViews := []models.Column{table.Columns[0], table.Columns[2], table.Columns[3], table.Columns[4]}
		_, err := org.ApplySchema(t.Context(), table.ID, withoutViews, "", false, "")
		require.NoError(t, err)
		agree(1, "b is edited in views alone, which is gone")
		edit(t, org, table.ID, "b", "title", `"B2"`)
		agree(2, "b has an edit that can be sent")

		// A number that was counted otherwise before is put right by the next look
		// at the columns, and told.
		require.NoError(t, org.tx(t.Context(), func(tx *Tx) error {
			_, err := tx.exec("UPDATE tables SET edited_count = 7 WHERE id = ?", table.ID)
			return err
		}))
		_, err = org.ApplySchema(t.Context(), table.ID, withoutViews, "", false, "")
		require.NoError(t, err)
		agree(2, "counted anew")

		change(t, org, table.ID, "remote_id = 'b'", func(r *models.Record) {
			r.Edits = models.Fields{"views": r.Edits["views"]}
			r.EditBases = models.Fields{"views": r.EditBases["views"]}
		})
		agree(1, "b is back to the edit that cannot be sent")
		_, err = org.ApplySchema(t.Context(), table.ID, table.Columns[:5], "", false, "")
		require.NoError(t, err)
		agree(2, "views is back, and b's edit with it")
	})
}
