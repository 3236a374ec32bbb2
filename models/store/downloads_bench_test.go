package store

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/models"
)

// benchStore opens one store for a benchmark.
func benchStore(b *testing.B, database string) *Store {
	b.Helper()
	address := filepath.Join(b.TempDir(), "scratch.db")
	if database == "postgres" {
		source, err := template()
		require.NoError(b, err)
		name := fmt.Sprintf("scratch_bench_%d", time.Now().UnixNano())
		require.NoError(b, execAdmin(os.Getenv(adminURL), "CREATE DATABASE "+name+" TEMPLATE "+source))
		b.Cleanup(func() { require.NoError(b, execAdmin(os.Getenv(adminURL), "DROP DATABASE "+name+" WITH (FORCE)")) })
		address = databaseURL(os.Getenv(adminURL), name)
	}
	s, err := Open(b.Context(), Config{URL: address})
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, s.Close()) })
	require.NoError(b, s.Migrate(b.Context()))
	return s
}

func benchTable(b *testing.B, s *Store) (*Org, models.Actor, models.Table) {
	b.Helper()
	ctx := b.Context()
	org := models.Organization{ID: models.NewID(models.PrefixOrganization), Name: "Bench", CreatedAt: s.now()}
	user := models.User{ID: models.NewID(models.PrefixUser), OrganizationID: org.ID, Name: "Ana", CreatedAt: s.now()}
	require.NoError(b, s.System().CreateAccount(ctx, org, user))
	o := s.Org(org.ID)
	connection := models.Connection{ID: models.NewID(models.PrefixConnection), Service: "wordpress", Name: "Blog"}
	require.NoError(b, o.CreateConnection(ctx, connection))
	snapshot := models.Snapshot{ID: models.NewID(models.PrefixSnapshot), Name: "Bench"}
	require.NoError(b, o.CreateSnapshot(ctx, snapshot))
	table, err := o.AddTable(ctx, models.Table{
		SnapshotID: snapshot.ID, ConnectionID: connection.ID, Service: "wordpress", RemoteID: "posts", Name: "Posts",
		Columns: []models.Column{
			{ID: "title", Name: "Title", Kind: models.ColumnText, Compare: models.CompareTrimmed},
			{ID: "content", Name: "Content", Kind: models.ColumnHTML, Compare: models.CompareHTML},
			{ID: "views", Name: "Views", Kind: models.ColumnNumber, Compare: models.CompareNumber},
			{ID: "status", Name: "Status", Kind: models.ColumnSelect, Compare: models.CompareExact},
		},
	})
	require.NoError(b, err)
	return o, models.Actor{OrganizationID: org.ID, UserID: user.ID, Name: "Ana", Tab: "tab"}, table
}

// benchRecord is a post of about 0.94 KB. changed makes another of it.
func benchRecord(i int, changed bool) RemoteRecord {
	title := fmt.Sprintf("Post %d about %s", i*7919%1_000_003, strings.Repeat("things ", i%5))
	if changed {
		title += " (changed)"
	}
	return RemoteRecord{RemoteID: fmt.Sprintf("p%08d", i), Fields: []byte(fmt.Sprintf(
		`{"content":%q,"date":"2026-01-%02dT10:00:00Z","status":%q,"tags":["t%d","t%d"],"title":%q,"views":"%d"}`,
		strings.Repeat("<p>Some text of a post that is worth reading.</p>", 15), i%28+1, []string{"publish", "draft", "private"}[i%3], i%10, i%7, title, i%100_000))}
}

func benchDownload(b *testing.B, org *Org, table models.Table, n, page int, changed func(i int) bool) PageResult {
	b.Helper()
	ctx := b.Context()
	run, err := org.BeginRun(ctx, job(b, org, int(time.Now().UnixNano())), table.ID, models.DownloadFull)
	require.NoError(b, err)
	var sum PageResult
	for first := 0; first < n; first += page {
		records := make([]RemoteRecord, 0, page)
		for i := first; i < min(first+page, n); i++ {
			records = append(records, benchRecord(i, changed(i)))
		}
		result, err := org.SavePage(ctx, &run, PageWrite{Records: records, Cursor: []byte("c"), Complete: first+page >= n, Total: -1})
		require.NoError(b, err)
		sum.Created += result.Created
		sum.Updated += result.Updated
		sum.Unchanged += result.Unchanged
	}
	_, err = org.MissingRecords(ctx, &run)
	require.NoError(b, err)
	require.NoError(b, org.FinishRun(ctx, &run, models.JobCompleted, nil, nil))
	return sum
}

// BenchmarkDownload measures the store's part of a download of 100,000 records
// in pages of 1,000: first, unchanged, and with 1 % changed.
func BenchmarkDownload(b *testing.B) {
	const n, page = 100_000, 1_000
	for _, database := range []string{"postgres", "sqlite"} {
		b.Run(database, func(b *testing.B) {
			s := benchStore(b, database)
			for b.Loop() {
				org, _, table := benchTable(b, s)
				for _, pass := range []struct {
					name    string
					changed func(int) bool
				}{
					{"first", func(int) bool { return false }},
					{"one_percent", func(i int) bool { return i%100 == 0 }},
					{"all", func(i int) bool { return i%100 != 0 }},
				} {
					start := time.Now()
					result := benchDownload(b, org, table, n, page, pass.changed)
					b.ReportMetric(n/time.Since(start).Seconds(), pass.name+"_records/s")
					b.Logf("%s %s: %+v %v", database, pass.name, result, time.Since(start))
				}
			}
		})
	}
}

// BenchmarkBareUpsert is what the download is held against: COPY to a temporary
// table, upsert and a checkpoint row, per 1,000 records.
func BenchmarkBareUpsert(b *testing.B) {
	const n, page = 100_000, 1_000
	s := benchStore(b, "postgres")
	_ = s
	ctx := b.Context()
	pool, err := s.write.DB()
	require.NoError(b, err)
	conn, err := pool.Conn(ctx)
	require.NoError(b, err)
	defer func() { _ = conn.Close() }()
	for b.Loop() {
		start := time.Now()
		require.NoError(b, onPgx(conn, func(c *pgx.Conn) error { return bareUpsert(ctx, c, n, page) }))
		b.ReportMetric(n/time.Since(start).Seconds(), "records/s")
	}
}

func bareUpsert(ctx context.Context, c *pgx.Conn, n, page int) error {
	for _, q := range []string{
		"DROP TABLE IF EXISTS bare", "DROP TABLE IF EXISTS bare_mark",
		"CREATE TABLE bare (remote_id text PRIMARY KEY, base jsonb NOT NULL)",
		"CREATE TABLE bare_mark (id int PRIMARY KEY, cursor text)",
		"INSERT INTO bare_mark VALUES (1, '')",
		"CREATE TEMP TABLE IF NOT EXISTS incoming (remote_id text, base jsonb) ON COMMIT DELETE ROWS",
	} {
		if _, err := c.Exec(ctx, q); err != nil {
			return err
		}
	}
	for first := 0; first < n; first += page {
		rows := make([][]any, 0, page)
		for i := first; i < first+page; i++ {
			r := benchRecord(i, false)
			rows = append(rows, []any{r.RemoteID, r.Fields})
		}
		err := pgx.BeginFunc(ctx, c, func(tx pgx.Tx) error {
			if _, err := tx.CopyFrom(ctx, pgx.Identifier{"incoming"}, []string{"remote_id", "base"}, pgx.CopyFromRows(rows)); err != nil {
				return err
			}
			if _, err := tx.Exec(ctx, `INSERT INTO bare SELECT remote_id, base FROM incoming ON CONFLICT (remote_id) DO UPDATE SET base = excluded.base WHERE bare.base IS DISTINCT FROM excluded.base`); err != nil {
				return err
			}
			_, err := tx.Exec(ctx, "UPDATE bare_mark SET cursor = $1 WHERE id = 1", fmt.Sprint(first))
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}
