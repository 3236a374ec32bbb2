package bench

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/internal/testkit"
)

// BenchmarkWorkers downloads 40 tables with one worker, and 40 more with two,
// from a service that answers each page a second late.
//
// What bounds a worker here is SCRATCH_TABLES_AT_ONCE, the tables it moves at one
// time, at its default of 12: each table has a connection of its own, and a
// snapshot has no more than are moved at once (8), so that neither a connection's
// limit of requests in flight (4 at WordPress, over all workers) nor a snapshot's
// is met before; and the service is waited for long enough that the machine's
// cores have little to do. Where a worker is bound by the machine or by the
// service, a second one on that machine does not help.
func BenchmarkWorkers(b *testing.B) {
	const snapshots, tables, late = 5, 8, time.Second
	n := sized(2000)
	subject := fmt.Sprintf("%d downloads of %d records, each page %v late", snapshots*tables, n, late)
	s := startSite(b, n)
	i := install(b, newDatabase(b), "SCRATCH_REDIS_URL="+testkit.OwnRedis(b).URL())
	workers := []*product{i.serve(b, "worker")}
	front := i.serve(b, "frontend")
	connections := make([]string, snapshots*tables)
	for c := range connections {
		connections[c] = front.connectSite(b, s)
	}
	run := func(what string) float64 {
		fresh := make([]tableOf, snapshots)
		for t, connection := range connections {
			if of := &fresh[t/tables]; t%tables == 0 {
				*of = front.addTable(b, connection, "posts", nil)
			} else {
				front.call(b, http.MethodPost, "/api/v1/snapshots/"+of.snapshot+"/tables", map[string]any{"connection_id": connection, "remote_id": "posts"}, nil)
			}
		}
		s.slow(b, late)
		defer s.slow(b, 0)
		used := make([]time.Duration, len(workers))
		for w, worker := range workers {
			used[w] = cpuOf(worker.pid)
		}
		begun := time.Now()
		jobs := make([]string, snapshots)
		for t := range fresh {
			jobs[t] = front.start(b, fresh[t])
		}
		for _, id := range jobs {
			j := front.await(b, id)
			require.Equal(b, "completed", j.State, "%s", j.Problem)
			require.EqualValues(b, n*tables, j.Progress.Created)
		}
		took := time.Since(begun)
		var cpu []string
		for w, worker := range workers {
			cpu = append(cpu, number((cpuOf(worker.pid) - used[w]).Seconds()))
		}
		rate := snapshots * tables / took.Minutes()
		figures.note(subject, what, fmt.Sprintf("%s tables a minute (%s s, %s CPU-s)", number(rate), number(took.Seconds()), strings.Join(cpu, " + ")))
		return rate
	}
	one := run("one worker")
	workers = append(workers, i.serve(b, "worker"))
	two := run("two workers")
	figures.atLeast(subject, "two workers' tables a minute, of one's", two/one, 1.6, "")
}
