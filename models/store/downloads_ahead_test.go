package store

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/models"
)

// pageOf is a page of records that hold a title each.
func pageOf(cursor, title string, ids ...string) PageWrite {
	page := PageWrite{Cursor: []byte(cursor), Total: -1}
	for _, id := range ids {
		page.Records = append(page.Records, remote(id, "title", `"`+title+`"`))
	}
	return page
}

func lastPage(page PageWrite) PageWrite {
	page.Complete = true
	return page
}

// inPages stores pages as a download does, and holds what is told of them
// against their order.
func inPages(t *testing.T, org *Org, run *models.DownloadRun, pages ...PageWrite) ([]PageResult, error) {
	t.Helper()
	return throughQueue(t, &pageQueue{o: org, run: run, patience: time.Minute}, pages...)
}

func throughQueue(t *testing.T, q *pageQueue, pages ...PageWrite) ([]PageResult, error) {
	t.Helper()
	var results []PageResult
	q.saved = func(page PageWrite, result PageResult) {
		assert.Equal(t, string(pages[len(results)].Cursor), string(page.Cursor), "pages are told of in their order")
		assert.Equal(t, string(page.Cursor), string(q.run.Cursor), "the run is where the page ends")
		stored, err := q.o.Run(t.Context(), q.run.ID)
		assert.NoError(t, err)
		assert.GreaterOrEqual(t, stored.Seen, q.run.Seen, "what is told is committed")
		results = append(results, result)
	}
	feed := make(chan PageWrite, len(pages))
	for _, page := range pages {
		feed <- page
	}
	close(feed)
	err := q.save(t.Context(), feed)
	return results, err
}

// Breaks when pages that are worked on side by side come out otherwise than one
// after the other: a record twice in a page or over pages, an edited one, one
// that is gone, new ones among old.
func TestPagesSideBySideAreAsOneByOne(t *testing.T) {
	eachStore(t, func(t *testing.T, s *Store) {
		org, _, table := posts(t, s)
		_, connection := newSnapshot(t, org)
		other, err := org.AddTable(t.Context(), models.Table{
			SnapshotID: table.SnapshotID, ConnectionID: connection.ID, Service: "wordpress", RemoteID: "posts", Name: "Posts", Columns: table.Columns,
		})
		require.NoError(t, err)
		passes := [][]PageWrite{
			{pageOf("1", "A", "a", "b", "a"), pageOf("2", "B", "c", "d"), pageOf("3", "C", "d", "e"), pageOf("4", "D", "f"), lastPage(pageOf("5", "E", "a", "g"))},
			{pageOf("1", "A", "a", "b"), pageOf("2", "B9", "c", "d", "x"), pageOf("3", "C", "e", "y"), pageOf("4", "D9", "f", "c"), lastPage(pageOf("5", "E", "g"))},
			{pageOf("1", "A", "a", "b"), pageOf("2", "B", "c"), pageOf("3", "Z", "e", "y", "x", "d"), lastPage(pageOf("4", "D9", "f", "g"))},
			{lastPage(PageWrite{})},
		}
		for i, pages := range passes {
			var results [2][]PageResult
			var runs [2]models.DownloadRun
			for k, table := range []models.Table{table, other} {
				run, err := org.BeginRun(t.Context(), job(t, org, 10*i+k), table.ID, models.DownloadFull)
				require.NoError(t, err)
				if k == 0 {
					results[k], err = inPages(t, org, &run, pages...)
					require.NoError(t, err)
				} else {
					for _, page := range pages {
						result, err := org.SavePage(t.Context(), &run, page)
						require.NoError(t, err)
						results[k] = append(results[k], result)
					}
				}
				runs[k] = run
				missing, err := org.MissingRecords(t.Context(), &run)
				require.NoError(t, err)
				results[k] = append(results[k], PageResult{Unchanged: missing.Count, Created: missing.LiveRemote})
				require.NoError(t, org.FinishRun(t.Context(), &run, models.JobCompleted, nil, nil))
				// What a person types in between lives through the next pass.
				if i == 0 {
					edit(t, org, table.ID, "c", "title", `"mine"`)
					edit(t, org, table.ID, "f", "title", `"D9"`)
				}
			}
			require.Equal(t, results[1], results[0], "pass %d", i)
			require.Equal(t, runs[1].Progress, runs[0].Progress, "pass %d", i)
			require.Equal(t, runs[1].Seen, runs[0].Seen, "pass %d", i)
			require.Equal(t, plainRecords(t, org, other.ID), plainRecords(t, org, table.ID), "pass %d", i)
		}
	})
}

// plainRecords are a table's records without what two tables never share.
func plainRecords(t *testing.T, org *Org, tableID string) map[string]models.Record {
	t.Helper()
	records := allRecords(t, org, tableID)
	for id, r := range records {
		r.ID, r.UpdatedAt = 0, time.Time{}
		records[id] = r
	}
	return records
}

// held is a queue whose pages named stand still once they are ready, until let
// go.
type held struct {
	queue *pageQueue
	ready chan string
	let   map[string]chan struct{}
}

func hold(org *Org, run *models.DownloadRun, cursors ...string) *held {
	h := &held{ready: make(chan string, 16), let: map[string]chan struct{}{}}
	for _, cursor := range cursors {
		h.let[cursor] = make(chan struct{})
	}
	h.queue = &pageQueue{o: org, run: run, patience: time.Minute, ready: func(page PageWrite) {
		h.ready <- string(page.Cursor)
		if let, ok := h.let[string(page.Cursor)]; ok {
			<-let
		}
	}}
	return h
}

// start stores pages beside the test and gives the outcome.
func (h *held) start(t *testing.T, pages ...PageWrite) <-chan error {
	t.Helper()
	outcome := make(chan error, 1)
	go func() {
		_, err := throughQueue(t, h.queue, pages...)
		outcome <- err
	}()
	return outcome
}

// await gives the pages that are ready once n are.
func (h *held) await(t *testing.T, n int) {
	t.Helper()
	for range n {
		select {
		case <-h.ready:
		case <-time.After(time.Minute):
			t.Fatal("no page is worked on ahead of its turn")
		}
	}
}

func onPostgres(t *testing.T) *Store {
	t.Helper()
	return openStore(t, postgresDatabase(t))
}

// Breaks when an attempt that was taken over stores a page it had in the
// database's hands, or the successor repeats or misses one (Promise 7).
func TestASupersededAttemptStoresNoPageAhead(t *testing.T) {
	org, _, table := posts(t, onPostgres(t))
	first := pageOf("1", "A", "a", "b")
	second := lastPage(pageOf("2", "B", "c", "d"))
	run, err := org.BeginRun(t.Context(), job(t, org, 1), table.ID, models.DownloadFull)
	require.NoError(t, err)
	h := hold(org, &run, "1")
	outcome := h.start(t, first, second)
	h.await(t, 2)

	next, err := org.BeginRun(t.Context(), job(t, org, 1), table.ID, models.DownloadFull)
	require.NoError(t, err)
	require.Equal(t, 2, next.Attempt)
	require.Nil(t, next.Cursor)
	close(h.let["1"])
	err = <-outcome
	require.True(t, models.HasCode(err, "run.superseded"), "%v", err)
	require.Empty(t, allRecords(t, org, table.ID), "rows of an attempt that may write no more")

	results, err := inPages(t, org, &next, first, second)
	require.NoError(t, err)
	require.Len(t, results, 2)
	require.Len(t, allRecords(t, org, table.ID), 4)
	require.EqualValues(t, 4, next.Progress.Created)
}

// Breaks when a page that is ready first is stored first: the place to go on from
// would be behind records that are not there (Promise 7).
func TestAPageAheadWaitsForItsTurn(t *testing.T) {
	org, _, table := posts(t, onPostgres(t))
	run, err := org.BeginRun(t.Context(), job(t, org, 1), table.ID, models.DownloadFull)
	require.NoError(t, err)
	h := hold(org, &run, "1")
	outcome := h.start(t, pageOf("1", "A", "a", "b"), lastPage(pageOf("2", "B", "c")))
	h.await(t, 2)
	require.Never(t, func() bool {
		stored, err := org.Run(t.Context(), run.ID)
		return err != nil || stored.Seen > 0
	}, 200*time.Millisecond, 10*time.Millisecond)
	close(h.let["1"])
	require.NoError(t, <-outcome)
	stored, err := org.Run(t.Context(), run.ID)
	require.NoError(t, err)
	require.True(t, stored.Complete)
	require.Equal(t, "2", string(stored.Cursor))
	require.Len(t, allRecords(t, org, table.ID), 3)
}

// Breaks when a connection that dies with a page ahead takes the stored one with
// it, or lets the place to go on from run before the records (Promise 7).
func TestAPageAheadIsLostWithItsConnection(t *testing.T) {
	s := onPostgres(t)
	org, _, table := posts(t, s)
	pages := []PageWrite{pageOf("1", "A", "a", "b"), pageOf("2", "B", "c", "d"), lastPage(pageOf("3", "C", "e"))}
	run, err := org.BeginRun(t.Context(), job(t, org, 1), table.ID, models.DownloadFull)
	require.NoError(t, err)
	h, runID := hold(org, &run, "2"), run.ID
	outcome := h.start(t, pages[0], pages[1])
	h.await(t, 2)
	require.Eventually(t, func() bool {
		stored, err := org.Run(t.Context(), runID)
		require.NoError(t, err)
		return string(stored.Cursor) == "1"
	}, time.Minute, time.Millisecond)
	ended := count(t, s, `SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
		WHERE datname = current_database() AND state = 'idle in transaction' AND query LIKE 'COPY records%'`)
	require.EqualValues(t, 1, ended, "the page ahead has a connection of its own")
	close(h.let["2"])
	require.Error(t, <-outcome)

	next, err := org.BeginRun(t.Context(), job(t, org, 1), table.ID, models.DownloadFull)
	require.NoError(t, err)
	require.Equal(t, "1", string(next.Cursor))
	require.Len(t, allRecords(t, org, table.ID), 2)
	_, err = inPages(t, org, &next, pages[1:]...)
	require.NoError(t, err)
	require.Len(t, allRecords(t, org, table.ID), 5)
	require.EqualValues(t, 5, next.Progress.Created)
	missing, err := org.MissingRecords(t.Context(), &next)
	require.NoError(t, err)
	require.Equal(t, Missing{LiveRemote: 5}, missing, "what was seen is what was stored")
}

// Breaks when an error in the middle keeps the pages before it from being
// stored, or lets one behind it be.
func TestAnErrorEndsTheQueueAtItsPlace(t *testing.T) {
	eachStore(t, func(t *testing.T, s *Store) {
		org, _, table := posts(t, s)
		bad := pageOf("2", "B", "c")
		bad.Records[0].Fields = []byte(`{"title":"` + strings.Repeat("x", models.MaxRecordBytes) + `"}`)
		run, err := org.BeginRun(t.Context(), job(t, org, 1), table.ID, models.DownloadFull)
		require.NoError(t, err)
		results, err := inPages(t, org, &run, pageOf("1", "A", "a", "b"), bad, lastPage(pageOf("3", "C", "d")))
		require.True(t, models.HasCode(err, "records.too_large"), "%v", err)
		require.Len(t, results, 1)
		require.Equal(t, "1", string(run.Cursor))
		require.Len(t, allRecords(t, org, table.ID), 2)
	})
	t.Run("found by the database", func(t *testing.T) {
		org, _, table := posts(t, onPostgres(t))
		bad := pageOf("2", "B", "c")
		bad.Records[0].Fields = []byte(`{"title":"\u0000"}`)
		for pass, ids := range [][]string{{"a", "b"}, {"a", "b"}} { // a first load, and a later one
			run, err := org.BeginRun(t.Context(), job(t, org, 1+pass), table.ID, models.DownloadFull)
			require.NoError(t, err)
			if pass == 1 {
				bad.Records[0].RemoteID = "b"
				ids = ids[:1]
			}
			results, err := inPages(t, org, &run, pageOf("1", fmt.Sprint(pass), ids...), bad, lastPage(pageOf("3", "C", "d")))
			require.True(t, models.HasCode(err, "records.bad_text"), "%v", err)
			require.Len(t, results, 1)
			require.NotContains(t, allRecords(t, org, table.ID), "d")
		}
	})
	t.Run("cancelled", func(t *testing.T) {
		org, _, table := posts(t, onPostgres(t))
		run, err := org.BeginRun(t.Context(), job(t, org, 1), table.ID, models.DownloadFull)
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		pages := make(chan PageWrite, 2)
		pages <- pageOf("1", "A", "a")
		pages <- pageOf("2", "B", "b")
		h := hold(org, &run)
		ready := h.queue.ready
		h.queue.ready = func(page PageWrite) {
			ready(page)
			<-ctx.Done()
		}
		h.queue.saved = func(PageWrite, PageResult) { t.Error("a page was stored after the cancel") }
		outcome := make(chan error, 1)
		go func() { outcome <- h.queue.save(ctx, pages) }()
		h.await(t, 2)
		cancel()
		require.ErrorIs(t, <-outcome, context.Canceled)
		require.Empty(t, allRecords(t, org, table.ID))
	})
}

// Breaks when an edit made between the look at a page's records and their turn
// is judged by the look: an edit the service now agrees with would stay, and a
// conflict not be counted (Promise 1).
func TestAnEditOvertakesAPageAhead(t *testing.T) {
	org, _, table := posts(t, onPostgres(t))
	download(t, org, table, job(t, org, 1), remote("a", "title", `"A"`), remote("b", "title", `"B"`), remote("c", "title", `"C"`), remote("d", "title", `"D"`))
	run, err := org.BeginRun(t.Context(), job(t, org, 2), table.ID, models.DownloadFull)
	require.NoError(t, err)
	h := hold(org, &run, "2")
	outcome := h.start(t, pageOf("1", "A2", "a"), lastPage(pageOf("2", "B2", "b", "c", "d")))
	h.await(t, 2)
	edit(t, org, table.ID, "b", "title", `"B2"`)
	edit(t, org, table.ID, "c", "title", `"mine"`)
	close(h.let["2"])
	require.NoError(t, <-outcome)
	records := allRecords(t, org, table.ID)
	require.Empty(t, records["b"].Edits, "the service agrees with it")
	require.JSONEq(t, `{"title":"B2"}`, string(records["b"].Base))
	c := records["c"]
	require.JSONEq(t, `"mine"`, string(c.Edits["title"]))
	require.Len(t, models.ConflictsOf(table.Columns, &c), 1)
	require.EqualValues(t, 1, run.Progress.Conflicts)
	require.EqualValues(t, 4, run.Progress.Updated)
}

// Breaks when a page that was asked for before a publish settled puts the older
// base back in its turn, whether it was looked at before or after (Promise 4).
func TestASettlementOvertakesAPageAhead(t *testing.T) {
	for name, before := range map[string]bool{"settled before the look": true, "settled after the look": false} {
		t.Run(name, func(t *testing.T) {
			org, actor, table := edited(t, onPostgres(t))
			plan := build(t, org, actor, table)
			item := itemsByOp(t, org, plan.ID)[models.OpUpdate]
			start(t, org, actor, plan)
			send(t, org, "w1", item.ID)
			run, err := org.BeginRun(t.Context(), job(t, org, 2), table.ID, models.DownloadFull)
			require.NoError(t, err)
			stored := remote("a", "title", `"A2"`, "views", `"1"`)
			settle := func() {
				require.NoError(t, org.SettleItems(t.Context(), []Settlement{{ItemID: item.ID, State: models.ItemApplied, Stored: &stored}}))
			}
			if before {
				settle()
			}
			// The first is overtaken as well, and the second given up with it: both are
			// held until both are ready.
			h := hold(org, &run, "1", "2")
			outcome := h.start(t, pageOf("1", "C9", "c"), lastPage(pageOf("2", "A", "a")))
			h.await(t, 2)
			if !before {
				settle()
			}
			close(h.let["1"])
			close(h.let["2"])
			require.NoError(t, <-outcome)
			require.JSONEq(t, string(stored.Fields), string(allRecords(t, org, table.ID)["a"].Base))
		})
	}
}

// Breaks when rows that wait for their turn keep others waiting for ever, or
// what came in their place is stored twice.
func TestWhoWaitsForAPageAheadIsLetThrough(t *testing.T) {
	s := onPostgres(t)
	org, _, table := posts(t, s)
	run, err := org.BeginRun(t.Context(), job(t, org, 1), table.ID, models.DownloadFull)
	require.NoError(t, err)
	h := hold(org, &run, "1")
	h.queue.patience = 50 * time.Millisecond
	outcome := h.start(t, pageOf("1", "A", "a"), lastPage(pageOf("2", "B", "b", "c")))
	h.await(t, 2)
	pool, err := s.write.DB()
	require.NoError(t, err)
	_, err = pool.ExecContext(t.Context(), "INSERT INTO "+recordTable(table.Seq)+" (created_at, updated_at, remote_id, base) VALUES (1, 1, 'b', '{}')")
	require.NoError(t, err, "it waits for the page that has the same record")
	_, err = pool.ExecContext(t.Context(), "UPDATE tables SET record_count = record_count + 1 WHERE id = $1", table.ID)
	require.NoError(t, err)
	close(h.let["1"])
	require.NoError(t, <-outcome)
	require.Len(t, allRecords(t, org, table.ID), 3)
	require.EqualValues(t, 2, run.Progress.Created)
	require.EqualValues(t, 1, run.Progress.Updated)
}
