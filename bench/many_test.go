package bench

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// BenchmarkMany downloads 200 tables of 1,000 records at once on one worker.
// The service of 20 of them asks every request to come again later, until all
// others are done: those that get on must not wait for those that cannot.
func BenchmarkMany(b *testing.B) {
	const tables, every, n, subject = 200, 10, 1_000, "200 downloads of 1,000 records at once, one worker"
	busy, free := startSite(b, n), startSite(b, n)
	p := startProduct(b, newDatabase(b))
	all := make([]tableOf, tables)
	for i := range all {
		from := free
		if i%every == 0 {
			from = busy
		}
		all[i] = p.addTable(b, p.connectSite(b, from), "posts", nil)
	}
	busy.refuse(b)
	forgetPeak(b, p.pid)
	cpu, begun := cpuOf(p.pid), time.Now()
	jobs := make([]string, tables)
	for i, t := range all {
		jobs[i] = p.start(b, t)
	}
	completed := func(waited bool) {
		for i, id := range jobs {
			if (i%every == 0) != waited {
				continue
			}
			j := p.await(b, id)
			require.Equal(b, "completed", j.State, "%s", j.Problem)
			require.EqualValues(b, n, j.Progress.Created)
		}
	}
	completed(false)
	figures.note(subject, fmt.Sprintf("%d complete, while the service of %d turns them away, after", tables-tables/every, tables/every),
		number(time.Since(begun).Seconds())+" s")
	busy.slow(b, 0)
	completed(true)
	_, peak := memoryOf(b, p.pid)
	figures.note(subject, "all complete after", number(time.Since(begun).Seconds())+" s")
	figures.note(subject, "CPU time of the process", number((cpuOf(p.pid)-cpu).Seconds())+" s")
	figures.atMost(subject, "memory at its highest", peak, 200, " MB RSS")
}

// refuse makes the site ask every reader to come again in two seconds.
func (s *site) refuse(b testing.TB) {
	b.Helper()
	s.inject(b, map[string]any{"kind": "status", "method": "GET", "path": "/wp/v2/posts", "times": -1, "status": http.StatusTooManyRequests, "retry_after": "2"})
}
