package bench

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

const csvHeader = "id,title,status,author,views,price,published,body\n"

// writeCSV writes n rows of about 0.9 KB. Every changed-th one differs from what
// changed 0 writes.
func writeCSV(b testing.TB, n, changed int) string {
	b.Helper()
	path := filepath.Join(b.TempDir(), fmt.Sprintf("rows-%d-%d.csv", n, changed))
	file, err := os.Create(path)
	require.NoError(b, err)
	w := bufio.NewWriterSize(file, 1<<20)
	body := strings.Repeat("Some text of a row, with a comma and \"\"quotes\"\" in it. ", 14)
	_, err = w.WriteString(csvHeader)
	require.NoError(b, err)
	for i := range n {
		mark := ""
		if changed > 0 && i%changed == 0 {
			mark = " (changed)"
		}
		_, err = fmt.Fprintf(w, "%d,Row %07d%s,%s,author %d,%d,%d.%02d,2026-%02d-%02d,\"%s%d\"\n",
			i+1, i*7919%10_000_019, mark, []string{"publish", "draft", "private"}[i%3], i%500, i*31%100_000, i%900, i%100, i%12+1, i%28+1, body, i)
		require.NoError(b, err)
	}
	require.NoError(b, w.Flush())
	require.NoError(b, file.Close())
	return path
}

// bareCSV lets the database read the file itself: COPY to a temporary table,
// then one upsert.
func bareCSV(b testing.TB, d *database, path string, n int) measured {
	b.Helper()
	conn := d.conn(b)
	for _, statement := range []string{
		"DROP TABLE IF EXISTS bare_csv, incoming_csv",
		"CREATE TABLE bare_csv (id bigint PRIMARY KEY, title text, status text, author text, views bigint, price numeric, published date, body text)",
		"CREATE TEMP TABLE incoming_csv (LIKE bare_csv)",
		"CHECKPOINT",
	} {
		_, err := conn.Exec(b.Context(), statement)
		require.NoError(b, err)
	}
	return measure(b, d, n, func() error {
		return pgx.BeginFunc(b.Context(), conn, func(tx pgx.Tx) error { return upsertCSV(b.Context(), tx, path) })
	})
}

func upsertCSV(ctx context.Context, tx pgx.Tx, path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	if _, err := tx.Conn().PgConn().CopyFrom(ctx, file, "COPY incoming_csv FROM STDIN (FORMAT csv, HEADER true)"); err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `INSERT INTO bare_csv SELECT * FROM incoming_csv ON CONFLICT (id) DO UPDATE SET title = excluded.title, status = excluded.status,
		author = excluded.author, views = excluded.views, price = excluded.price, published = excluded.published, body = excluded.body
		WHERE (bare_csv.*) IS DISTINCT FROM (excluded.*)`)
	return err
}

// importCSV makes a table of a file.
func (p *product) importCSV(b testing.TB, path string) (tableOf, downloaded) {
	b.Helper()
	connection := p.connect(b, "csv", map[string]any{"upload_id": p.upload(b, path)})
	table := p.addTable(b, connection, "rows", map[string]any{"identity": []string{"id"}})
	return table, p.download(b, table)
}

// BenchmarkCSV imports a million rows, imports them again with 1 % changed, and
// reads and writes the table's records.
func BenchmarkCSV(b *testing.B) {
	const subject = "CSV → PostgreSQL, 1,000,000 rows"
	n, small := sized(1_000_000), sized(100_000)
	d := newDatabase(b)
	p := startProduct(b, d)
	first := writeCSV(b, n, 0)
	bare := bareCSV(b, newDatabase(b), first, n)
	few := writeCSV(b, small, 0)
	bareLittle := bareCSV(b, newDatabase(b), few, small)
	_, little := p.importCSV(b, few)
	table, got := p.importCSV(b, first)
	require.EqualValues(b, n, got.job.Progress.Created)
	figures.note(subject, "COPY to a temporary table and upsert", bare.String())
	figures.note(subject, "Scratch", got.String())
	figures.atLeast(subject, "rows a second, of bare's", got.rate()/bare.rate(), 0.55, "")
	figures.atMost(subject, "memory at its highest", got.peak, 200, " MB RSS")
	figures.note(subject, "COPY and upsert, 100,000 rows", bareLittle.String())
	figures.note(subject, "Scratch, 100,000 rows", little.String())
	// A database writes its millionth row slower than its first: what it does
	// to bare's rows is not ours.
	growth, bareGrowth := little.rate()/got.rate(), bareLittle.rate()/bare.rate()
	figures.note(subject, "COPY and upsert: time per row, of that at 100,000", number(bareGrowth))
	figures.note(subject, "time per row, of that at 100,000", number(growth))
	figures.atMost(subject, "time per row in bare's, of that at 100,000", growth/bareGrowth, 1.15, "")
	figures.note(subject, "CPU time per row, of that at 100,000", number(got.perRecord()/little.perRecord()))

	before := d.writes(b)
	upload := p.upload(b, writeCSV(b, n, 100))
	p.call(b, http.MethodPatch, "/api/v1/connections/"+table.connection, map[string]any{"credential": map[string]any{"upload_id": upload}}, nil)
	again := p.download(b, table)
	require.EqualValues(b, n/100, again.job.Progress.Updated)
	require.EqualValues(b, n-n/100, again.job.Progress.Unchanged)
	const second = "CSV again, 1 % of 1,000,000 rows changed"
	figures.note(second, "Scratch", again.String())
	figures.atMost(second, "rows written", float64(d.writes(b)-before)/float64(n)*100, 2, " %")
	figures.atMost(second, "time, of the first's", again.took.Seconds()/got.took.Seconds(), 1, "")
	recordsAt(b, p, table, n)
}

// writes counts the rows written to the tables of records.
func (d *database) writes(b testing.TB) (n int64) {
	b.Helper()
	// A connection reports what it did at the latest after ten idle seconds.
	pause(b, 11*time.Second)
	err := d.watch.QueryRow(b.Context(), `SELECT coalesce(sum(n_tup_ins + n_tup_upd + n_tup_del), 0)::bigint
		FROM pg_stat_user_tables WHERE relname ~ '^records_[0-9]+$'`).Scan(&n)
	require.NoError(b, err)
	return n
}
