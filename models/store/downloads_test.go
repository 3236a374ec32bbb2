package store

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/models"
)

// posts is a table of posts with columns of several kinds.
func posts(t *testing.T, s *Store) (*Org, models.Actor, models.Table) {
	t.Helper()
	org, actor := newOrg(t, s)
	snapshot, connection := newSnapshot(t, org)
	table, err := org.AddTable(t.Context(), models.Table{
		SnapshotID: snapshot.ID, ConnectionID: connection.ID, Service: "wordpress", RemoteID: "posts", Name: "Posts",
		Columns: []models.Column{
			{ID: "title", Name: "Title", Kind: models.ColumnText, Compare: models.CompareTrimmed},
			{ID: "views", Name: "Views", Kind: models.ColumnNumber, Compare: models.CompareNumber},
			{ID: "tags", Name: "Tags", Kind: models.ColumnMultiSelect, Compare: models.CompareSet},
			{ID: "sticky", Name: "Sticky", Kind: models.ColumnBoolean, Compare: models.CompareExact},
			{ID: "date", Name: "Date", Kind: models.ColumnDateTime, Compare: models.CompareInstant},
			{ID: "note", Name: "Note", Kind: models.ColumnText, Local: true},
		},
	})
	require.NoError(t, err)
	return org, actor, table
}

// remote is a record as the service gives it.
func remote(id string, pairs ...string) RemoteRecord {
	f := models.Fields{}
	for i := 0; i < len(pairs); i += 2 {
		f[pairs[i]] = json.RawMessage(pairs[i+1])
	}
	return RemoteRecord{RemoteID: id, Fields: f.Object()}
}

// stored gives all records of a table by remote id, or by "#id" when they have
// none.
func allRecords(t *testing.T, org *Org, tableID string) map[string]models.Record {
	t.Helper()
	records := map[string]models.Record{}
	require.NoError(t, org.tx(t.Context(), func(tx *Tx) error {
		c, err := tx.changeRecords(tableID)
		if err != nil {
			return err
		}
		found, err := c.find("1 = 1")
		for _, r := range found {
			name := r.RemoteID
			if name == "" {
				name = fmt.Sprintf("#%d", r.ID)
			}
			records[name] = r
		}
		return err
	}))
	checkCounters(t, org, tableID, records)
	return records
}

// checkCounters holds the maintained counters to a count.
func checkCounters(t *testing.T, org *Org, tableID string, records map[string]models.Record) {
	t.Helper()
	table, err := org.Table(t.Context(), tableID)
	require.NoError(t, err)
	edited := 0
	for _, r := range records {
		if models.Edited(table.Columns, &r) {
			edited++
		}
	}
	require.EqualValues(t, len(records), table.RecordCount, "the counter of records is wrong")
	require.EqualValues(t, edited, table.EditedCount, "the counter of edited records is wrong")
}

// download runs one complete full download.
func download(t *testing.T, org *Org, table models.Table, jobID string, records ...RemoteRecord) models.DownloadRun {
	t.Helper()
	run, err := org.BeginRun(t.Context(), jobID, table.ID, models.DownloadFull)
	require.NoError(t, err)
	_, err = org.SavePage(t.Context(), &run, PageWrite{Records: records, Complete: true, Total: -1})
	require.NoError(t, err)
	require.NoError(t, org.FinishRun(t.Context(), &run, models.JobCompleted, nil, nil))
	return run
}

func TestDownloadWritesOnlyWhatChanged(t *testing.T) {
	eachStore(t, func(t *testing.T, s *Store) {
		org, _, table := posts(t, s)
		download(t, org, table, job(t, org, 1), remote("a", "title", `"A"`), remote("b", "title", `"B <p>"`, "views", `"1.0"`))
		before := allRecords(t, org, table.ID)
		require.Len(t, before, 2)

		run, err := org.BeginRun(t.Context(), job(t, org, 2), table.ID, models.DownloadFull)
		require.NoError(t, err)
		require.EqualValues(t, 2, run.HadRecords)
		result, err := org.SavePage(t.Context(), &run, PageWrite{Complete: true, Total: 3, Records: []RemoteRecord{
			remote("a", "title", `"A"`), remote("b", "title", `"B2"`), remote("c", "title", `"C"`), remote("b", "title", `"B3"`),
		}})
		require.NoError(t, err)
		require.Equal(t, PageResult{Created: 1, Updated: 1, Unchanged: 1, Version: result.Version}, result)
		require.NoError(t, org.FinishRun(t.Context(), &run, models.JobCompleted, nil, nil))
		after := allRecords(t, org, table.ID)
		require.Len(t, after, 3)
		require.Equal(t, before["a"], after["a"], "an unchanged record must not be written")
		require.Equal(t, `{"title":"B3"}`, string(after["b"].Base), "of a record given twice the last one stands")
		require.Equal(t, before["b"].ID, after["b"].ID)
		require.EqualValues(t, 3, run.Progress.Done)
		require.EqualValues(t, 3, run.Progress.Total)

		stored, err := org.Table(t.Context(), table.ID)
		require.NoError(t, err)
		require.Equal(t, models.TableReady, stored.State)
		require.NotNil(t, stored.DownloadedAt)
	})
}

func TestFirstDownloadTakesARecordThatCameBefore(t *testing.T) {
	eachStore(t, func(t *testing.T, s *Store) {
		org, _, table := posts(t, s)
		run, err := org.BeginRun(t.Context(), job(t, org, 1), table.ID, models.DownloadFull)
		require.NoError(t, err)
		for range 2 { // the second page repeats the first and adds one: a page that shifted
			_, err = org.SavePage(t.Context(), &run, PageWrite{Cursor: []byte("c"), Records: []RemoteRecord{remote("a", "title", `"A"`), remote("b")}})
			require.NoError(t, err)
		}
		result, err := org.SavePage(t.Context(), &run, PageWrite{Complete: true, Records: []RemoteRecord{remote("b", "title", `"B"`), remote("c")}})
		require.NoError(t, err)
		require.Equal(t, PageResult{Created: 1, Updated: 1, Version: result.Version}, result)
		require.Len(t, allRecords(t, org, table.ID), 3)
		missing, err := org.MissingRecords(t.Context(), &run)
		require.NoError(t, err)
		require.Equal(t, Missing{Count: 0, LiveRemote: 3}, missing)
	})
}

func TestADownloadOverwritesNothingLocal(t *testing.T) { // Promise 1
	eachStore(t, func(t *testing.T, s *Store) {
		org, _, table := posts(t, s)
		download(t, org, table, job(t, org, 1), remote("a", "title", `"A"`), remote("b", "title", `"B"`), remote("c", "title", `"C"`))
		edit(t, org, table.ID, "a", "title", `"mine"`)
		edit(t, org, table.ID, "b", "title", `"B2"`)
		edit(t, org, table.ID, "c", "note", `"local"`)
		run := download(t, org, table, job(t, org, 2), remote("a", "title", `"theirs"`), remote("b", "title", `"B2"`), remote("c", "note", `"local"`, "title", `"C"`))
		after := allRecords(t, org, table.ID)
		a, b, c := after["a"], after["b"], after["c"]
		require.Equal(t, `"mine"`, string(a.Shown("title")))
		require.Len(t, models.ConflictsOf(table.Columns, &a), 1)
		require.Empty(t, b.Edits, "the service agrees with the edit: it is no change any more")
		require.Equal(t, `"local"`, string(c.Edits["note"]), "a Scratch column is never the service's")
		require.EqualValues(t, 1, run.Progress.Conflicts)

		download(t, org, table, job(t, org, 3), remote("a", "title", `"theirs"`), remote("b", "title", `"B2"`), remote("c", "note", `"local"`, "title", `"C"`))
		require.Equal(t, after, allRecords(t, org, table.ID), "a download of the same writes nothing")
	})
}

// edit sets one cell of a record, as a person would.
func edit(t *testing.T, org *Org, tableID, remoteID, column, value string) {
	t.Helper()
	require.NoError(t, org.tx(t.Context(), func(tx *Tx) error {
		c, err := tx.changeRecords(tableID)
		if err != nil {
			return err
		}
		found, err := c.find("remote_id = ?", remoteID)
		if err != nil {
			return err
		}
		after, _, _ := models.SetCells(c.columns(), found[0], models.Fields{column: json.RawMessage(value)}, nil)
		c.countEdited(&found[0], &after)
		if err := c.saveEdits([]models.Record{after}); err != nil {
			return err
		}
		return c.finish()
	}))
}

func TestASupersededAttemptStoresNothing(t *testing.T) { // Promise 7
	eachStore(t, func(t *testing.T, s *Store) {
		org, _, table := posts(t, s)
		first, err := org.BeginRun(t.Context(), job(t, org, 1), table.ID, models.DownloadFull)
		require.NoError(t, err)
		_, err = org.SavePage(t.Context(), &first, PageWrite{Records: []RemoteRecord{remote("a")}, Cursor: []byte("1"), Total: -1})
		require.NoError(t, err)

		second, err := org.BeginRun(t.Context(), job(t, org, 1), table.ID, models.DownloadFull)
		require.NoError(t, err)
		require.Equal(t, first.ID, second.ID)
		require.Equal(t, 2, second.Attempt)
		require.Equal(t, []byte("1"), second.Cursor, "it goes on from the last stored page")
		require.True(t, second.Spanned)
		_, err = org.SavePage(t.Context(), &first, PageWrite{Records: []RemoteRecord{remote("zombie")}})
		require.True(t, models.HasCode(err, "run.superseded"), "%v", err)
		_, err = org.SavePage(t.Context(), &second, PageWrite{Records: []RemoteRecord{remote("b")}, Complete: true})
		require.NoError(t, err)

		other, err := org.BeginRun(t.Context(), job(t, org, 2), table.ID, models.DownloadFull)
		require.NoError(t, err)
		require.NotEqual(t, second.ID, other.ID)
		_, err = org.Sweep(t.Context(), &second, []int64{1})
		require.True(t, models.HasCode(err, "run.superseded"), "two downloads of one table: %v", err)
		require.Len(t, allRecords(t, org, table.ID), 2)

		stranger, _ := newOrg(t, s)
		_, err = stranger.Run(t.Context(), other.ID) // Promise 11
		require.True(t, models.HasCode(err, "run.not_found"), "%v", err)
		_, err = stranger.SavePage(t.Context(), &other, PageWrite{})
		require.True(t, models.HasCode(err, "table.not_found"), "%v", err)
	})
}

func TestOnlyConfirmedRecordsOfACompleteRunAreSwept(t *testing.T) { // Promise 2
	eachStore(t, func(t *testing.T, s *Store) {
		org, _, table := posts(t, s)
		download(t, org, table, job(t, org, 1), remote("a"), remote("b"), remote("c", "title", `"C"`), remote("d"))
		edit(t, org, table.ID, "c", "title", `"mine"`)
		run, err := org.BeginRun(t.Context(), job(t, org, 2), table.ID, models.DownloadFull)
		require.NoError(t, err)
		_, err = org.SavePage(t.Context(), &run, PageWrite{Records: []RemoteRecord{remote("a")}, Cursor: []byte("1")})
		require.NoError(t, err)
		_, err = org.Sweep(t.Context(), &run, []int64{2})
		require.True(t, models.HasCode(err, "run.incomplete"), "%v", err)
		_, err = org.SavePage(t.Context(), &run, PageWrite{Complete: true})
		require.NoError(t, err)

		missing, err := org.MissingRecords(t.Context(), &run)
		require.NoError(t, err)
		require.Equal(t, Missing{Count: 3, LiveRemote: 4}, missing)
		batch, err := org.MissingBatch(t.Context(), &run, 0, 2)
		require.NoError(t, err)
		require.Len(t, batch, 2)
		rest, err := org.MissingBatch(t.Context(), &run, batch[1].ID, 2)
		require.NoError(t, err)
		require.Len(t, rest, 1)

		swept, err := org.Sweep(t.Context(), &run, []int64{batch[0].ID, batch[1].ID}) // d was not confirmed
		require.NoError(t, err)
		require.Equal(t, SweepResult{Removed: 1, Kept: 1}, swept)
		after := allRecords(t, org, table.ID)
		require.Len(t, after, 3)
		require.Equal(t, models.RecordRemoteDeleted, after["c"].State, "a record with an edit stays")
		require.NoError(t, org.FinishRun(t.Context(), &run, models.JobCompleted, nil, nil))

		download(t, org, table, job(t, org, 3), remote("a"), remote("c", "title", `"C"`), remote("d"))
		after = allRecords(t, org, table.ID)
		require.Equal(t, models.RecordLive, after["c"].State, "it is at the service again")
		require.Equal(t, `"mine"`, string(after["c"].Edits["title"]))
	})
}

func TestIncrementalRuns(t *testing.T) {
	eachStore(t, func(t *testing.T, s *Store) {
		org, _, table := posts(t, s)
		run, err := org.BeginRun(t.Context(), job(t, org, 1), table.ID, models.DownloadIncremental)
		require.NoError(t, err)
		require.Equal(t, models.DownloadFull, run.Mode, "without a watermark there is nothing to start from")
		_, err = org.SavePage(t.Context(), &run, PageWrite{Records: []RemoteRecord{remote("a"), remote("b")}, Watermark: []byte("w1"), Complete: true})
		require.NoError(t, err)
		require.NoError(t, org.FinishRun(t.Context(), &run, models.JobCompleted, nil, nil))

		run, err = org.BeginRun(t.Context(), job(t, org, 2), table.ID, models.DownloadIncremental)
		require.NoError(t, err)
		require.Equal(t, models.DownloadIncremental, run.Mode)
		result, err := org.SavePage(t.Context(), &run, PageWrite{Deleted: []string{"b", "never known"}, Watermark: []byte("w2"), Complete: true})
		require.NoError(t, err)
		require.EqualValues(t, 1, result.Deleted)
		_, err = org.Sweep(t.Context(), &run, []int64{1})
		require.True(t, models.HasCode(err, "run.incomplete"), "an incremental run never sweeps: %v", err)
		require.NoError(t, org.FinishRun(t.Context(), &run, models.JobFailed, nil, nil))
		after, err := org.Table(t.Context(), table.ID)
		require.NoError(t, err)
		require.Equal(t, []byte("w1"), after.Watermark, "only completion advances the watermark")
		require.Len(t, allRecords(t, org, table.ID), 1)
	})
}

func TestRestartForgetsWhatWasSeen(t *testing.T) {
	eachStore(t, func(t *testing.T, s *Store) {
		org, _, table := posts(t, s)
		run, err := org.BeginRun(t.Context(), job(t, org, 1), table.ID, models.DownloadFull)
		require.NoError(t, err)
		_, err = org.SavePage(t.Context(), &run, PageWrite{Records: []RemoteRecord{remote("a"), remote("b")}, Cursor: []byte("1")})
		require.NoError(t, err)
		require.NoError(t, org.RestartRun(t.Context(), &run))
		require.Nil(t, run.Cursor)
		require.EqualValues(t, 2, run.HadRecords)
		_, err = org.SavePage(t.Context(), &run, PageWrite{Records: []RemoteRecord{remote("a")}, Complete: true})
		require.NoError(t, err)
		missing, err := org.MissingRecords(t.Context(), &run)
		require.NoError(t, err)
		require.Equal(t, Missing{Count: 1, LiveRemote: 2}, missing)
	})
}

func TestWarningsAreBounded(t *testing.T) {
	eachStore(t, func(t *testing.T, s *Store) {
		org, _, table := posts(t, s)
		run, err := org.BeginRun(t.Context(), job(t, org, 1), table.ID, models.DownloadFull)
		require.NoError(t, err)
		for range 30 {
			_, err = org.SavePage(t.Context(), &run, PageWrite{Warnings: []models.Problem{*models.NewProblem(models.KindInvalid, "csv.ragged", "line 3", "")}})
			require.NoError(t, err)
		}
		require.NoError(t, org.FinishRun(t.Context(), &run, models.JobCompleted, nil, []models.Problem{*models.NewProblem(models.KindInvalid, "download.empty_answer", "", "")}))
		warnings, err := org.RunWarnings(t.Context(), run.ID)
		require.NoError(t, err)
		require.Len(t, warnings, 11)
	})
}

func TestARecordTooLargeIsRefusedByName(t *testing.T) {
	eachStore(t, func(t *testing.T, s *Store) {
		org, _, table := posts(t, s)
		run, err := org.BeginRun(t.Context(), job(t, org, 1), table.ID, models.DownloadFull)
		require.NoError(t, err)
		big := RemoteRecord{RemoteID: "big", Fields: make([]byte, models.MaxRecordBytes+1)}
		_, err = org.SavePage(t.Context(), &run, PageWrite{Records: []RemoteRecord{big}})
		require.True(t, models.HasCode(err, "records.too_large"), "%v", err)
	})
}

// job makes sure of a job by number and gives its id.
func job(t testing.TB, org *Org, n int) string {
	t.Helper()
	j, _, err := org.CreateJob(t.Context(), models.Job{ID: models.NewID(models.PrefixJob), Kind: models.JobDownload, WorkflowID: fmt.Sprintf("download-snapshot:%s:%d", org.ID(), n)})
	require.NoError(t, err)
	return j.ID
}
