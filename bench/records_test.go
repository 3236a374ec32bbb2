package bench

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// samples is how often a read or a write is measured: few enough that the API's
// limit of requests lets them all through at once.
const samples = 60

// recordsPage is what the API answers of a table's records.
type recordsPage struct {
	Items     []named `json:"items"`
	Total     int64   `json:"total"`
	Preparing bool    `json:"preparing"`
}

type clause map[string]any

func filterOf(op, column string, value any) clause {
	return clause{"op": op, "column": column, "value": value}
}

func list(b testing.TB, filter clause, sort string, more string) string {
	b.Helper()
	q := url.Values{}
	if filter != nil {
		q.Set("filter", text(b, filter))
	}
	if sort != "" {
		q.Set("sort", text(b, []clause{{"column": sort}}))
	}
	return "/records?limit=100&" + q.Encode() + more
}

// read measures one request some times over.
func (p *product) read(b testing.TB, path string, times int) []time.Duration {
	b.Helper()
	took := make([]time.Duration, 0, times)
	for range times {
		begun := time.Now()
		p.call(b, http.MethodGet, path, nil, nil)
		took = append(took, time.Since(begun))
		pause(b, 10*time.Millisecond) // under the API's limit of requests
	}
	return took
}

// prepare asks for a sort until its index is there, and says how long that took
// and whether the answers said so.
func (p *product) prepare(b testing.TB, path string) (took time.Duration, shown bool) {
	b.Helper()
	begun := time.Now()
	for {
		var page recordsPage
		p.call(b, http.MethodGet, path, nil, &page)
		if !page.Preparing {
			return time.Since(begun), shown
		}
		shown = true
		pause(b, 50*time.Millisecond)
	}
}

// BenchmarkRecords reads and writes records of a table of 100,000, over the API,
// beside bare Go over an expression index.
func BenchmarkRecords(b *testing.B) {
	const subject = "Records of 100,000, PostgreSQL"
	n := sized(100_000)
	bare := bareGrid(b, n)
	figures.note(subject, "bare Go over an expression index: list", bare.list)
	figures.note(subject, "bare Go: one cell updated", bare.update)
	figures.note(subject, "bare Go: 1,000 records updated", bare.bulk)
	p := startProduct(b, newDatabase(b))
	table, _ := p.importCSV(b, writeCSV(b, n, 0))
	view := table.path() + list(b, filterOf("eq", "status", "publish"), "title", "")
	p.prepare(b, view)
	p.read(b, view, 10)
	reads := p.read(b, view, samples)
	figures.atMost(subject, "list, filtered and sorted by an index, 100 rows: p50", milliseconds(quantile(reads, 0.5)), 5, " ms")
	figures.note(subject, "… p95", number(milliseconds(quantile(reads, 0.95)))+" ms")

	var page recordsPage
	p.call(b, http.MethodGet, table.path()+"/records?limit=500", nil, &page)
	var writes []time.Duration
	for i := range samples {
		begun := time.Now()
		p.call(b, http.MethodPatch, table.path()+"/records", operations(page.Items[i:i+1], fmt.Sprintf("Edited %d", i)), nil)
		writes = append(writes, time.Since(begun))
		pause(b, 10*time.Millisecond)
	}
	figures.atMost(subject, "one cell updated: p50", milliseconds(quantile(writes, 0.5)), 3, " ms")

	ids := page.Items
	for len(ids) < 1000 {
		p.call(b, http.MethodGet, fmt.Sprintf("%s/records?limit=500&at=%d", table.path(), len(ids)), nil, &page)
		ids = append(ids, page.Items...)
	}
	var bulk []time.Duration
	for i := range 10 {
		begun := time.Now()
		p.call(b, http.MethodPatch, table.path()+"/records", operations(ids[:1000], fmt.Sprintf("Bulk %d", i)), nil)
		bulk = append(bulk, time.Since(begun))
	}
	figures.atMost(subject, "1,000 records updated at once: p50", milliseconds(quantile(bulk, 0.5)), 100, " ms")
}

// operations writes a new title into each record.
func operations(records []named, title string) any {
	var all []map[string]any
	for _, r := range records {
		all = append(all, map[string]any{"op": "update", "id": r.ID, "fields": map[string]any{"title": title}})
	}
	return map[string]any{"operations": all}
}

// recordsAt reads records of a large table.
func recordsAt(b testing.TB, p *product, table tableOf, n int) {
	b.Helper()
	const subject = "Records of 1,000,000, PostgreSQL"
	sorted := table.path() + list(b, nil, "title", "")
	built, shown := p.prepare(b, sorted)
	require.True(b, shown, "the answers never said that the index was being built")
	figures.atMost(subject, "a sort's index built and shown as preparing", built.Seconds(), 20, " s")
	for _, view := range []struct {
		what   string
		filter clause
	}{
		{"no filter", nil},
		{"a filter that matches 33 %", filterOf("eq", "status", "publish")},
		{"a filter that matches 1 %", filterOf("lt", "views", 1000)},
	} {
		path := table.path() + list(b, view.filter, "title", "")
		p.read(b, path, 3)
		figures.atMost(subject, "list sorted by the index, "+view.what+": p95", milliseconds(quantile(p.read(b, path, samples), 0.95)), 100, " ms")
	}
	rare := p.read(b, table.path()+list(b, filterOf("eq", "id", n/2), "title", ""), 3)
	figures.atMost(subject, "… a filter that matches one row", slices.Max(rare).Seconds(), 5, " s")

	first := table.path() + list(b, nil, "title", "&at=0")
	far := table.path() + list(b, nil, "title", fmt.Sprintf("&at=%d", n*9/10))
	p.read(b, far, 3) // lays out the anchors
	p.read(b, first, 3)
	// In turns: what else the machine does must not be on one side.
	var nearby, distant []time.Duration
	for range samples {
		nearby = append(nearby, p.read(b, first, 1)...)
		at := n*8/10 + rand.IntN(n/10)
		distant = append(distant, p.read(b, table.path()+list(b, nil, "title", fmt.Sprintf("&at=%d", at)), 1)...)
	}
	near := quantile(nearby, 0.5)
	figures.note(subject, "row 1 by ordinal: p50", number(milliseconds(near))+" ms")
	figures.atMost(subject, "rows about 850,000 by ordinal: p50, of row 1's", quantile(distant, 0.5).Seconds()/near.Seconds(), 1.25, "")
}
