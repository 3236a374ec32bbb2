package store

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/models"
)

// largePosts is a table that counts as large.
func largePosts(t *testing.T, s *Store, n int) (*Org, models.Actor, models.Table) {
	t.Helper()
	s.reading.largeTable = 10
	org, actor, table := posts(t, s)
	var records []RemoteRecord
	for i := range n {
		title := `""`
		if i%10 > 0 {
			title = fmt.Sprintf(`"t%04d"`, (i*7919)%n)
		}
		records = append(records, remote(fmt.Sprintf("r%04d", i), "title", title, "views", fmt.Sprintf(`"%d"`, i%5)))
	}
	download(t, org, table, job(t, org, 1), records...)
	return org, actor, table
}

// settle reads until the answer is neither stale nor waiting for an index.
func settle(t *testing.T, org *Org, table models.Table, options ReadOptions) RecordPage {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; {
		page, err := org.ReadRecords(t.Context(), table.ID, options)
		require.NoError(t, err)
		if !page.Preparing && !page.Stale {
			return page
		}
		require.True(t, time.Now().Before(deadline), "still preparing or stale: %+v", page)
		time.Sleep(10 * time.Millisecond) //nolint:forbidigo // nothing tells of the end of a count
	}
}

func TestALargeTableIsReadThroughIndexAnchorsAndCounts(t *testing.T) {
	eachStore(t, func(t *testing.T, s *Store) {
		org, ana, table := largePosts(t, s, 1600)
		for _, sort := range []string{"title", "-title", "-views,title"} {
			q := query(t, `{"op":"ne","column":"views","value":3}`, sort, table.Columns)
			page, err := org.ReadRecords(t.Context(), table.ID, ReadOptions{Query: q, Limit: 1})
			require.NoError(t, err)
			require.Equal(t, sort == "title" || sort == "-views,title", page.Preparing, "the first sort by a column builds its index")
			require.EqualValues(t, 1280, settle(t, org, table, ReadOptions{Query: q, Limit: 1}).Total)
			all := remoteIDs(t, org, table.ID, q, 400)
			for _, at := range []int{0, 1, 99, 100, 101, 499, 500, 501, 1151, 1152, 1279, 1280, 5000} {
				page := settle(t, org, table, ReadOptions{Query: q, At: int64(at), Limit: 3})
				for i, r := range page.Records {
					require.Equalf(t, all[at+i], r.RemoteID, "sort %s at %d", sort, at)
				}
				require.Lenf(t, page.Records, max(0, min(3, len(all)-at)), "sort %s at %d", sort, at)
			}
		}
		q := query(t, "", "title", table.Columns)
		before := settle(t, org, table, ReadOptions{Query: q, At: 700, Limit: 1})
		write(t, org, table, ana, models.RecordWrite{Op: models.OpCreate, Fields: typed("title", `"a first one"`)})
		page, err := org.ReadRecords(t.Context(), table.ID, ReadOptions{Query: q, At: 700, Limit: 1})
		require.NoError(t, err)
		require.NotEqual(t, before.ViewVersion, page.ViewVersion)
		require.EqualValues(t, 1601, page.Total)
		after := settle(t, org, table, ReadOptions{Query: q, At: 701, Limit: 1})
		require.Equal(t, before.Records[0].ID, after.Records[0].ID, "the new record pushed all behind it one on")
	})
}

func TestSortIndexesAreBounded(t *testing.T) {
	eachStore(t, func(t *testing.T, s *Store) {
		s.reading.largeTable = 1
		org, _ := newOrg(t, s)
		snapshot, connection := newSnapshot(t, org)
		var columns []models.Column
		for i := range maxSortIndexes + 2 {
			columns = append(columns, models.Column{ID: fmt.Sprintf("c%d", i), Name: fmt.Sprint(i), Kind: models.ColumnText})
		}
		table, err := org.AddTable(t.Context(), models.Table{SnapshotID: snapshot.ID, ConnectionID: connection.ID, RemoteID: "wide", Name: "wide", Columns: columns})
		require.NoError(t, err)
		download(t, org, table, job(t, org, 1), remote("a", "c0", `"x"`), remote("b", "c0", `"y"`))
		for _, c := range columns {
			settle(t, org, table, ReadOptions{Query: models.Query{Sort: []models.Sort{{Column: c.ID}}}})
		}
		built := func() []string {
			var names []string
			query := "SELECT name FROM sqlite_master WHERE type = 'index' AND name LIKE '%_sort_%' AND tbl_name = '" + recordTable(table.Seq) + "'"
			if s.Dialect() == "postgres" {
				query = "SELECT indexname FROM pg_indexes WHERE indexname LIKE '%_sort_%' AND tablename = '" + recordTable(table.Seq) + "'"
			}
			require.NoError(t, s.read.WithContext(t.Context()).Raw(query).Scan(&names).Error)
			return names
		}
		require.Eventually(t, func() bool { return len(built()) == maxSortIndexes }, 20*time.Second, 20*time.Millisecond, "the least used are dropped")
		settle(t, org, table, ReadOptions{Query: models.Query{Sort: []models.Sort{{Column: "c0"}}}})
	})
}

func TestAQueryThatTakesTooLongIsGivenUp(t *testing.T) {
	eachStore(t, func(t *testing.T, s *Store) {
		org, _, table := largePosts(t, s, 300)
		s.reading.queryTime = -1 // over before it begins: the shortest timer can be late
		_, err := org.ReadRecords(t.Context(), table.ID, ReadOptions{Query: query(t, `{"op":"search","value":"x"}`, "-title", table.Columns)})
		require.True(t, models.HasCode(err, "records.query_too_slow"), "%v", err)
		problem, _ := models.AsProblem(err)
		require.NotEmpty(t, problem.Hint)

		_, err = org.ReadRecords(t.Context(), table.ID, ReadOptions{At: 200})
		require.True(t, models.HasCode(err, "records.preparing") || models.HasCode(err, "records.query_too_slow"), "%v", err)

		s.reading.queryTime = queryTime
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err = org.ReadRecords(ctx, table.ID, ReadOptions{})
		require.ErrorIs(t, err, context.Canceled, "a reader who went away did not ask too much")
	})
}

func TestExportGivesEveryRecordInOrder(t *testing.T) {
	eachStore(t, func(t *testing.T, s *Store) {
		org, _, table := largePosts(t, s, 1600)
		q := query(t, `{"op":"lt","column":"views","value":4}`, "-title", table.Columns)
		var ids []string
		require.NoError(t, org.StreamRecords(t.Context(), table.ID, q, func(r models.Record) error {
			ids = append(ids, r.RemoteID)
			return nil
		}))
		settle(t, org, table, ReadOptions{Query: q})
		require.Equal(t, remoteIDs(t, org, table.ID, q, 1000), ids)
		stop := fmt.Errorf("enough")
		require.ErrorIs(t, org.StreamRecords(t.Context(), table.ID, q, func(models.Record) error { return stop }), stop)
	})
}

func TestATableThatIsOnlyReadTakesScratchColumns(t *testing.T) {
	eachStore(t, func(t *testing.T, s *Store) {
		org, ana, table := posts(t, s)
		download(t, org, table, job(t, org, 1), remote("a", "title", `"A"`))
		_, err := org.ApplySchema(t.Context(), table.ID, table.Columns[:5], "Posts", true, "this account may only read")
		require.NoError(t, err)
		for _, w := range []models.RecordWrite{update(1, typed("title", `"x"`), nil), {Op: models.OpCreate}, {Op: models.OpDelete, ID: 1}} {
			_, err = org.WriteRecords(t.Context(), table.ID, ana, opID(), []models.RecordWrite{w})
			require.True(t, models.HasCode(err, "table.read_only"), "%v", err)
			require.ErrorContains(t, err, "may only read")
		}
		write(t, org, table, ana, update(1, typed("note", `"mine"`), nil))
		stored, err := org.Table(t.Context(), table.ID)
		require.NoError(t, err)
		require.Zero(t, stored.EditedCount, "a Scratch column is never published")
	})
}

// Breaks when a row is looked for from the wrong anchor.
func TestTheAnchorBeforeARow(t *testing.T) {
	a := &anchors{every: 100, places: []place{{ID: 10}, {ID: 20}, {ID: 30}}}
	for row, want := range map[int64]struct{ id, skip int64 }{0: {10, 0}, 99: {10, 99}, 100: {20, 0}, 250: {30, 50}, 1000: {30, 800}} {
		from, skip := a.before(row)
		require.Equal(t, want.id, from.ID, "row %d", row)
		require.Equal(t, want.skip, skip, "row %d", row)
		require.True(t, from.inclusive)
	}
	from, skip := (&anchors{every: 100}).before(7)
	require.Nil(t, from, "a view without rows")
	require.EqualValues(t, 7, skip)
}
