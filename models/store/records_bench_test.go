package store

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/models"
)

// quantile gives the q-th of some durations.
func quantile(d []time.Duration, q float64) time.Duration {
	slices.Sort(d)
	return d[min(len(d)-1, int(float64(len(d))*q))]
}

// times runs work n times and reports p50 and p95 in milliseconds.
func times(b *testing.B, name string, n int, work func(i int)) {
	b.Helper()
	durations := make([]time.Duration, n)
	for i := range n {
		start := time.Now()
		work(i)
		durations[i] = time.Since(start)
	}
	p50, p95 := quantile(durations, 0.5), quantile(durations, 0.95)
	b.Logf("%-40s p50 %8.2f ms   p95 %8.2f ms", name, ms(p50), ms(p95))
	b.ReportMetric(ms(p50), name+"_p50_ms")
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// BenchmarkRecords measures reading and writing a table of SCRATCH_BENCH_RECORDS
// records (100,000 when unset).
func BenchmarkRecords(b *testing.B) {
	n, err := strconv.Atoi(os.Getenv("SCRATCH_BENCH_RECORDS"))
	if err != nil {
		n = 100_000
	}
	for _, database := range []string{"postgres", "sqlite"} {
		b.Run(fmt.Sprintf("%s/%d", database, n), func(b *testing.B) {
			for b.Loop() {
				benchRecords(b, benchStore(b, database), n)
			}
		})
	}
}

func benchRecords(b *testing.B, s *Store, n int) {
	ctx, database := b.Context(), s.Dialect()
	org, actor, table := benchTable(b, s)
	benchDownload(b, org, table, n, 1000, func(int) bool { return false })
	read := func(filter, sort string, options ReadOptions) RecordPage {
		options.Query = query(b, filter, sort, table.Columns)
		page, err := org.ReadRecords(ctx, table.ID, options)
		require.NoError(b, err)
		return page
	}
	start := time.Now()
	for read("", "title", ReadOptions{}).Preparing {
		time.Sleep(50 * time.Millisecond) //nolint:forbidigo // nothing tells of the end of a build
	}
	b.Logf("index built after %v", time.Since(start))

	third := `{"op":"eq","column":"status","value":"draft"}`
	read(third, "title", ReadOptions{})
	times(b, "page_sorted_filtered", 50, func(int) { require.Len(b, read(third, "title", ReadOptions{}).Records, 100) })
	times(b, "page_sorted_descending", 50, func(int) { read(third, "-title", ReadOptions{}) })
	cursor := read(third, "title", ReadOptions{}).NextCursor
	times(b, "page_by_cursor", 50, func(int) { read(third, "title", ReadOptions{Cursor: cursor}) })
	percent := `{"op":"lt","column":"views","value":1000}`
	read(percent, "title", ReadOptions{})
	times(b, "page_filter_of_one_percent", 20, func(int) { read(percent, "title", ReadOptions{}) })
	rare := `{"op":"eq","column":"views","value":77}`
	times(b, "page_rare_filter", 5, func(int) { read(rare, "title", ReadOptions{}) })

	start = time.Now()
	for {
		_, err := org.ReadRecords(ctx, table.ID, ReadOptions{Query: query(b, "", "title", table.Columns), At: int64(n) * 9 / 10})
		if !models.HasCode(err, "records.preparing") {
			require.NoError(b, err)
			break
		}
	}
	b.Logf("first page by ordinal (anchors) after %v", time.Since(start))
	times(b, "page_at_row_1", 20, func(int) { read("", "title", ReadOptions{At: 1}) })
	times(b, "page_at_nine_tenths", 20, func(i int) { read("", "title", ReadOptions{At: int64(n)*9/10 + int64(i)*37}) })
	start = time.Now()
	read("", "", ReadOptions{At: int64(n) * 9 / 10})
	b.Logf("first page by ordinal without sort after %v", time.Since(start))

	if database == "postgres" {
		benchBare(b, s, table)
	}
	times(b, "one_cell", 100, func(i int) {
		_, err := org.WriteRecords(ctx, table.ID, actor, models.NewID(models.PrefixOperation), []models.RecordWrite{
			{Op: models.OpUpdate, ID: int64(i + 1), Fields: models.Fields{"title": json.RawMessage(`"one"`)}},
		})
		require.NoError(b, err)
	})
	times(b, "thousand_in_one_write", 5, func(i int) {
		writes := make([]models.RecordWrite, 1000)
		for j := range writes {
			writes[j] = models.RecordWrite{Op: models.OpUpdate, ID: int64(i*1000 + j + 1), Fields: models.Fields{"title": json.RawMessage(fmt.Sprintf(`"t%d"`, i))}}
		}
		_, err := org.WriteRecords(ctx, table.ID, actor, models.NewID(models.PrefixOperation), writes)
		require.NoError(b, err)
	})
	times(b, "bulk_thousand", 5, func(i int) {
		filter := &models.Filter{Op: models.FilterID, Value: json.RawMessage(idsJSON(i*1000+1, 1000))}
		changed, err := org.BulkWrite(ctx, table.ID, actor, models.NewID(models.PrefixOperation), BulkChange{
			Filter: filter, Op: models.OpUpdate, Fields: models.Fields{"views": json.RawMessage(fmt.Sprint(i + 1_000_000))},
		})
		require.NoError(b, err)
		require.EqualValues(b, 1000, changed)
	})
}

// benchBare measures what bare Go does over the same table and index.
func benchBare(b *testing.B, s *Store, table models.Table) {
	ctx := b.Context()
	pool, err := s.write.DB()
	require.NoError(b, err)
	records := recordTable(table.Seq)
	q := &querySQL{pg: true, columns: table.Columns}
	key := q.key(table.Columns[0])
	times(b, "bare_page", 50, func(int) {
		rows, err := pool.QueryContext(ctx, "SELECT id, base FROM "+records+" WHERE "+key+" IS NOT NULL ORDER BY "+key+", id LIMIT 100")
		require.NoError(b, err)
		for rows.Next() {
			var id int64
			var base []byte
			require.NoError(b, rows.Scan(&id, &base))
		}
		require.NoError(b, rows.Close())
	})
	times(b, "bare_one_cell", 100, func(i int) {
		_, err := pool.ExecContext(ctx, "UPDATE "+records+" SET edits = $1 WHERE id = $2", `{"title":"x"}`, i+90_000)
		require.NoError(b, err)
	})
	times(b, "bare_thousand", 5, func(i int) {
		_, err := pool.ExecContext(ctx, "UPDATE "+records+" SET edits = $1 WHERE id > $2 AND id <= $3", `{"title":"x"}`, i*1000+80_000, i*1000+81_000)
		require.NoError(b, err)
	})
}

func idsJSON(first, n int) []byte {
	ids := make([]int, n)
	for i := range ids {
		ids[i] = first + i
	}
	text, _ := json.Marshal(ids) //nolint:errchkjson // numbers
	return text
}
