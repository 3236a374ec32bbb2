package bench

import (
	"bytes"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// BenchmarkMany downloads 200 tables of 1,000 records at once on one worker,
// 20 of them from a service that turns requests away for half a minute: the
// others must not wait for those.
func BenchmarkMany(b *testing.B) {
	const tables, failing, n, subject = 200, 20, 1_000, "200 downloads of 1,000 records at once, one worker"
	good, bad := startSite(b, n), startSite(b, n)
	d := newDatabase(b)
	p := startProduct(b, d)
	all := make([]tableOf, tables)
	for i := range all {
		from := good
		if i%(tables/failing) == 0 {
			from = bad
		}
		all[i] = p.addTable(b, p.connectSite(b, from), "posts", nil)
	}
	const away = 30 * time.Second
	fault := fmt.Sprintf(`{"kind":"status","method":"GET","path":"/wp/v2/posts","times":-1,"status":503,"retry_after":"%d"}`, 2)
	request, err := http.NewRequestWithContext(b.Context(), http.MethodPost, bad.url+"/_fake/faults", bytes.NewReader([]byte(fault)))
	require.NoError(b, err)
	bad.control(b, request)

	forgetPeak(b, p.pid)
	begun := time.Now()
	jobs := make([]string, tables)
	for i, t := range all {
		jobs[i] = p.start(b, t)
	}
	var healthy time.Duration
	for i, id := range jobs {
		if i%(tables/failing) == 0 {
			continue
		}
		j := p.await(b, id)
		require.Equal(b, "completed", j.State, "%s", j.Problem)
		require.EqualValues(b, n, j.Progress.Created)
	}
	healthy = time.Since(begun)
	figures.atMost(subject, fmt.Sprintf("the %d whose service answers, while %d wait for theirs (away for %.0f s)", tables-failing, failing, away.Seconds()),
		healthy.Seconds(), away.Seconds(), " s")
	pause(b, max(0, away-healthy))
	bad.slow(b, 0)
	for i, id := range jobs {
		if i%(tables/failing) == 0 {
			j := p.await(b, id)
			require.Equal(b, "completed", j.State, "%s", j.Problem)
			require.EqualValues(b, n, j.Progress.Created)
		}
	}
	_, peak := memoryOf(b, p.pid)
	figures.note(subject, "all complete after", number(time.Since(begun).Seconds())+" s")
	figures.atMost(subject, "memory at its highest", peak, 200, " MB RSS")
}
