package store

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/models"
)

// Breaks when a page that was asked for before a publish settled, and came after
// it, puts the older base back (a conflict with oneself), brings back what was
// just deleted, or has an incremental download pass by what was not taken.
func TestAPageOlderThanASettlementTakesNothingBack(t *testing.T) {
	eachStore(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		org, actor, table := edited(t, s)
		plan := build(t, org, actor, table)
		by := itemsByOp(t, org, plan.ID)
		start(t, org, actor, plan)
		send(t, org, "w1", by[models.OpUpdate].ID, by[models.OpCreate].ID, by[models.OpDelete].ID)
		run, err := org.BeginRun(ctx, job(t, org, 2), table.ID, models.DownloadFull)
		require.NoError(t, err)

		// The page is asked for; the publish settles; the page arrives.
		page := PageWrite{
			Cursor: []byte("2"), Watermark: []byte("w2"), AsOf: run.AsOf, Deleted: []string{"n"},
			Records: []RemoteRecord{remote("a", "title", `"A"`, "views", `"1"`), remote("b", "title", `"B"`), remote("c", "title", `"C9"`)},
		}
		stored, made := remote("a", "title", `"A2"`, "views", `"1"`), remote("n", "title", `"New"`)
		require.NoError(t, org.SettleItems(ctx, []Settlement{
			{ItemID: by[models.OpUpdate].ID, State: models.ItemApplied, Stored: &stored},
			{ItemID: by[models.OpCreate].ID, State: models.ItemApplied, RemoteID: "n", Stored: &made},
			{ItemID: by[models.OpDelete].ID, State: models.ItemApplied},
		}))
		edit(t, org, table.ID, "a", "title", `"A3"`)
		result, err := org.SavePage(ctx, &run, page)
		require.NoError(t, err)
		require.Equal(t, PageResult{Updated: 1, Unchanged: 3, PassedOver: 3, Version: result.Version}, result)
		records := allRecords(t, org, table.ID)
		require.Len(t, records, 3)
		require.NotContains(t, records, "b", "its delete was applied after the page was asked for")
		require.Contains(t, records, "n", "its create was applied after the page was asked for")
		require.JSONEq(t, string(stored.Fields), string(records["a"].Base))
		a := records["a"]
		require.Empty(t, models.ConflictsOf(table.Columns, &a), "in conflict with what we published ourselves")
		require.JSONEq(t, `{"title":"C9"}`, string(records["c"].Base), "what no publish touched is taken")
		missing, err := org.MissingRecords(ctx, &run)
		require.NoError(t, err)
		require.EqualValues(t, 1, missing.Count, "what was passed over was seen all the same: only n was not")

		// The same page asked for after that is the newer one.
		page = PageWrite{Complete: true, Watermark: []byte("w3"), AsOf: result.Version, Records: []RemoteRecord{remote("a", "title", `"Theirs"`), made}}
		result, err = org.SavePage(ctx, &run, page)
		require.NoError(t, err)
		require.Zero(t, result.PassedOver)
		a = allRecords(t, org, table.ID)["a"]
		require.Len(t, models.ConflictsOf(table.Columns, &a), 1)
		require.NoError(t, org.FinishRun(ctx, &run, models.JobCompleted, nil, nil))
		now, err := org.Table(ctx, table.ID)
		require.NoError(t, err)
		require.Nil(t, now.Watermark, "the next download reads again what this one passed over")

		run, err = org.BeginRun(ctx, job(t, org, 3), table.ID, models.DownloadFull)
		require.NoError(t, err)
		_, err = org.SavePage(ctx, &run, PageWrite{Complete: true, Watermark: []byte("w4"), Records: []RemoteRecord{remote("a", "title", `"Theirs"`), made}})
		require.NoError(t, err)
		require.NoError(t, org.FinishRun(ctx, &run, models.JobCompleted, nil, nil))
		now, err = org.Table(ctx, table.ID)
		require.NoError(t, err)
		require.Equal(t, []byte("w4"), now.Watermark)
	})
}

// Breaks when a reading back that was asked for before a download stored a newer
// base puts the older one over it.
func TestAReadingBackOlderThanAPageTakesNothingBack(t *testing.T) {
	eachStore(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		org, actor, table := edited(t, s)
		plan := build(t, org, actor, table)
		item := itemsByOp(t, org, plan.ID)[models.OpUpdate]
		start(t, org, actor, plan)
		send(t, org, "w1", item.ID)
		require.NoError(t, org.SettleItems(ctx, []Settlement{{ItemID: item.ID, State: models.ItemApplied, ReadBack: true}}))

		readBack := func(asked map[int64][]byte, title string) {
			stored := remote("a", "title", title, "views", `"1"`)
			require.NoError(t, org.SettleItems(ctx, []Settlement{{ItemID: item.ID, State: models.ItemApplied, Stored: &stored, ReadOver: asked[item.RecordID]}}))
		}
		before, err := org.BaseHashes(ctx, table.ID, []int64{item.RecordID})
		require.NoError(t, err)
		require.Len(t, before[item.RecordID], 16)
		download(t, org, table, job(t, org, 2), remote("a", "title", `"Theirs"`, "views", `"1"`), remote("b", "title", `"B"`), remote("c", "title", `"C"`))
		readBack(before, `"A2"`)
		require.JSONEq(t, `{"title":"Theirs","views":"1"}`, string(allRecords(t, org, table.ID)["a"].Base))
		left, err := org.NeedReadBack(ctx, plan.ID, 10)
		require.NoError(t, err)
		require.Len(t, left, 1, "what is not known is read again")

		before, err = org.BaseHashes(ctx, table.ID, []int64{item.RecordID})
		require.NoError(t, err)
		readBack(before, `"Theirs, corrected"`)
		require.JSONEq(t, `{"title":"Theirs, corrected","views":"1"}`, string(allRecords(t, org, table.ID)["a"].Base))
		left, err = org.NeedReadBack(ctx, plan.ID, 10)
		require.NoError(t, err)
		require.Empty(t, left)
	})
}

// Breaks when a total that was counted beforehand, of a file whose pages do not
// say, is lost with the first page, and no progress bar shows.
func TestATotalCountedBeforehandStays(t *testing.T) {
	eachStore(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		org, _, table := posts(t, s)
		jobID := job(t, org, 1)
		run, err := org.BeginRun(ctx, jobID, table.ID, models.DownloadFull)
		require.NoError(t, err)
		require.NoError(t, org.ExpectRecords(ctx, &run, 3))
		total := func() int64 {
			now, err := org.Run(ctx, run.ID)
			require.NoError(t, err)
			return now.Progress.Total
		}
		require.EqualValues(t, 3, total())
		_, err = org.SavePage(ctx, &run, PageWrite{Cursor: []byte("1"), Total: -1, Records: []RemoteRecord{remote("a")}})
		require.NoError(t, err)
		require.EqualValues(t, 3, total())
		require.NoError(t, org.RestartRun(ctx, &run))
		require.EqualValues(t, 3, total())
		_, err = org.SavePage(ctx, &run, PageWrite{Complete: true, Total: -1, Records: []RemoteRecord{remote("a"), remote("b")}})
		require.NoError(t, err)
		require.EqualValues(t, 2, total(), "what came is what there was")
	})
}
