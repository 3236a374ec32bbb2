package bench

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const rounds = 3

// BenchmarkDownload is the first load of 100,000 records from an HTTP service
// into PostgreSQL, from the API's request to the job's end, beside L and D.
func BenchmarkDownload(b *testing.B) {
	const subject = "HTTP → PostgreSQL, 100,000 records, first load"
	n := sized(100_000)
	s := startSite(b, n)
	bare, p := newDatabase(b), startProduct(b, newDatabase(b))
	connection := p.connectSite(b, s)
	var ratios, costs []float64
	for round := range rounds {
		load := bareLoad(b, s, bare, n)
		down := bareDownload(b, s, bare, n)
		got := p.download(b, p.addTable(b, connection, "posts", nil))
		require.EqualValues(b, n, got.job.Progress.Created)
		figures.note(subject, fmt.Sprintf("round %d: L", round+1), load.String())
		figures.note(subject, fmt.Sprintf("round %d: D", round+1), down.String())
		figures.note(subject, fmt.Sprintf("round %d: Scratch", round+1), got.String())
		ratios = append(ratios, got.rate()/down.rate())
		costs = append(costs, got.perRecord()/down.perRecord())
		if round == rounds-1 {
			figures.atMost(subject, "memory at its highest", got.peak, 200, " MB RSS")
		}
	}
	figures.atLeast(subject, "records a second, of D's", median(ratios), 0.85, "")
	figures.note(subject, "CPU time of process and database, of D's", number(median(costs)))
}

// BenchmarkMillion downloads ten times as many records: a record must not cost
// more for it, nor the process grow.
func BenchmarkMillion(b *testing.B) {
	const subject = "HTTP → PostgreSQL, 1,000,000 records, first load"
	n, small := sized(1_000_000), sized(100_000)
	p := startProduct(b, newDatabase(b))
	bare := newDatabase(b)
	load := func(n int) (down measured, got downloaded) {
		s := startSite(b, n)
		defer s.stop()
		down = bareDownload(b, s, bare, n)
		got = p.download(b, p.addTable(b, p.connectSite(b, s), "posts", nil))
		require.EqualValues(b, n, got.job.Progress.Created)
		return down, got
	}
	few, little := load(small)
	all, got := load(n)
	figures.note(subject, "D, 100,000 records", few.String())
	figures.note(subject, "Scratch, 100,000 records", little.String())
	figures.note(subject, "D", all.String())
	figures.note(subject, "Scratch", got.String())
	// The database's own tables and indexes outgrow its memory: D pays for that
	// too.
	figures.note(subject, "D: time per record, of that at 100,000", number(few.rate()/all.rate()))
	figures.note(subject, "time per record, of that at 100,000", number(little.rate()/got.rate()))
	figures.atMost(subject, "time per record in D's, of that at 100,000", little.rate()/few.rate()/(got.rate()/all.rate()), 1.15, "")
	figures.atMost(subject, "CPU time of the process per record, of that at 100,000", got.cpu.Seconds()/little.cpu.Seconds()*float64(small)/float64(n), 1.15, "")
	figures.atMost(subject, "memory at its highest", got.peak, 200, " MB RSS")
}

// BenchmarkSlowService adds 50 ms to each page of the service, which permits
// pages side by side.
func BenchmarkSlowService(b *testing.B) {
	const subject = "HTTP → PostgreSQL, 20,000 records, each page 50 ms late"
	n := sized(20_000)
	s := startSite(b, n)
	bare, p := newDatabase(b), startProduct(b, newDatabase(b))
	connection := p.connectSite(b, s)
	s.slow(b, 50*time.Millisecond)
	loop := sequential(b, s, bare, n)
	got := p.download(b, p.addTable(b, connection, "posts", nil))
	require.EqualValues(b, n, got.job.Progress.Created)
	figures.note(subject, "sequential loop", loop.String())
	figures.note(subject, "Scratch", got.String())
	figures.atLeast(subject, "records a second, of the loop's", got.rate()/loop.rate(), 2, "")
}

// BenchmarkSQLite downloads the same records into a SQLite file and into
// PostgreSQL, and reads the table over the API while it is written.
func BenchmarkSQLite(b *testing.B) {
	const subject = "HTTP → SQLite, 100,000 records"
	n := sized(100_000)
	s := startSite(b, n)
	onServer, onFile := startProduct(b, newDatabase(b)), startProduct(b, nil)
	server := onServer.download(b, onServer.addTable(b, onServer.connectSite(b, s), "posts", nil))

	table := onFile.addTable(b, onFile.connectSite(b, s), "posts", nil)
	cpu, begun := cpuOf(onFile.pid), time.Now()
	id := onFile.start(b, table)
	var reads []time.Duration
	for {
		var j job
		onFile.call(b, http.MethodGet, "/api/v1/jobs/"+id, nil, &j)
		if j.Final {
			require.Equal(b, "completed", j.State, "%s", j.Problem)
			require.EqualValues(b, n, j.Progress.Created)
			break
		}
		asked := time.Now()
		onFile.call(b, http.MethodGet, table.path()+"/records?limit=100", nil, nil)
		reads = append(reads, time.Since(asked))
		pause(b, 30*time.Millisecond)
	}
	took := time.Since(begun)
	cpu = cpuOf(onFile.pid) - cpu
	_, peak := memoryOf(b, onFile.pid)
	figures.note(subject, "PostgreSQL", server.String())
	figures.note(subject, "SQLite", measured{records: n, took: took, cpu: cpu}.String())
	figures.atMost(subject, "time, of PostgreSQL's", took.Seconds()/server.took.Seconds(), 3, "")
	figures.atMost(subject, fmt.Sprintf("p95 of %d API reads meanwhile", len(reads)), milliseconds(quantile(reads, 0.95)), 100, " ms")
	figures.atMost(subject, "memory at its highest", peak, 200, " MB RSS")
}

// perRecord is the CPU time a record cost, in the process and in the database.
func (m measured) perRecord() float64 {
	return (m.cpu + m.database).Seconds() / float64(m.records)
}
