package drill

import (
	"net/http"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/api"
	"github.com/scratch-platform/scratch/api/live"
	"github.com/scratch-platform/scratch/connectors/wordpress/fake"
	"github.com/scratch-platform/scratch/models"
)

const (
	// drainWithin is SCRATCH_DRAIN as it is when nobody sets it.
	drainWithin = 20 * time.Second
	// onAtOnce is shorter than an engine waits for a worker that went without a
	// word: work that goes on sooner was handed on.
	onAtOnce = 10 * time.Second
)

// drain asks a process to stop, as a supervisor does, and holds that it ends
// well, and in time. It gives the moment at which it was gone.
func (p *process) drain() time.Time {
	p.t.Helper()
	p.signal(syscall.SIGTERM)
	return p.drained()
}

// drained waits for the end of a process that was asked to stop.
func (p *process) drained() time.Time {
	p.t.Helper()
	select {
	case <-p.done:
	case <-time.After(drainWithin):
		p.t.Fatalf("it did not stop within %s:\n%s", drainWithin, tail(p.stderr.String(), 6000))
	}
	require.Zero(p.t, p.cmd.ProcessState.ExitCode(), tail(p.stderr.String(), 6000))
	return time.Now()
}

// resumedAfter holds that the blog was asked on soon after a worker was gone.
func (b *blog) resumedAfter(gone time.Time, is func(fake.Entry) bool) {
	b.t.Helper()
	var took time.Duration
	eventually(b.t, onAtOnce+5*time.Second, "another worker goes on", func() bool {
		after := only(b.log(0), func(e fake.Entry) bool { return is(e) && e.Received.After(gone) })
		if len(after) > 0 {
			took = after[0].Received.Sub(gone)
		}
		return len(after) > 0
	})
	b.t.Logf("another worker went on %s after the first was gone", took.Round(10*time.Millisecond))
	require.Less(b.t, took, onAtOnce, "the work was not handed on, it was found lost")
}

// The worker that reads is asked to stop in the middle: it ends in time, what it
// read is stored, and another goes on there at once (Promise 7).
func TestAWorkerDrainsInMidDownload(t *testing.T) {
	t.Parallel()
	p := fleet(t)
	const pages = 40
	b := newBlog(t, pages*perPage)
	s := p.open(b.address)
	b.fault(fake.Fault{Kind: fake.FaultSlow, Method: http.MethodGet, Path: "/wp/v2/posts", Skip: 3, Times: -1, DelayMS: 1500})
	mark := b.last()
	job := s.startDownload()
	records := p.db.recordsOf(s.table.ID)
	stored := func() int { return p.db.number(`SELECT count(*) FROM ` + records) }
	eventually(t, time.Minute, "some pages are stored", func() bool { return stored() >= 6*perPage })
	worker := p.holder("download:" + s.table.ID)
	require.NotNil(t, worker)
	told := time.Now()
	gone := worker.drain()
	kept := stored()
	// The other asks on at once: what was asked for since is none of this.
	asked := len(only(b.log(mark), func(e fake.Entry) bool { return isPage(e) && e.Received.Before(told) }))
	b.resumedAfter(gone, isPage)
	b.clearFaults()
	job = p.await(job.ID, 2*time.Minute, isFinal)
	require.Equal(t, models.JobCompleted, job.State, "%v", job.Problem)
	require.Equal(t, pages*perPage, stored())
	require.EqualValues(t, pages*perPage, job.Progress.Created, "the job tells what was done")
	// Of what it had asked for ahead, all but the next page may be left.
	require.GreaterOrEqual(t, kept, rowsOf(asked-aheadOfPages), "pages that were read were not stored")
	require.LessOrEqual(t, len(only(b.log(mark), isPage)), pages+aheadOfPages+1, "pages were read twice")
	p.requireOthers()
}

// aheadOfPages is how many pages a download asks for ahead.
const aheadOfPages = 4

// The worker that publishes is asked to stop in the middle of a batch: it waits
// for the answer, stores it, and another sends the next batch at once; nothing
// has to be looked up.
func TestAWorkerDrainsInMidPublish(t *testing.T) {
	t.Parallel()
	p := fleet(t)
	b := newBlog(t, 5)
	s := p.open(b.address)
	s.download()
	const creates = 6 * perBatch
	for i := range creates {
		s.write(create(createdTitle(i)))
	}
	plan := s.plan()
	mark := b.last()
	b.fault(fake.Fault{Kind: fake.FaultSlow, Path: "/batch/v1", Skip: 1, Times: -1, DelayMS: 2500})
	job := s.apply(plan)
	b.awaitHeld(mark)
	worker := p.holder("publish:" + plan.ID)
	require.NotNil(t, worker)
	leases := p.db.rows(`SELECT DISTINCT lease FROM items WHERE plan_id = ? AND state = 'sending'`, plan.ID)
	require.Len(t, leases, 1)
	gone := worker.drain()
	require.Zero(t, p.db.number(`SELECT count(*) FROM items WHERE plan_id = ? AND state = 'sending' AND lease = ?`, plan.ID, leases[0][0]), "it left something in flight")
	b.resumedAfter(gone, isWrite)
	b.clearFaults()
	job = p.await(job.ID, 2*time.Minute, isFinal)
	require.Equal(t, models.JobCompleted, job.State, "%v", job.Problem)
	require.EqualValues(t, creates, job.Progress.Created)
	requireMadeOnce(t, b, mark, creates)
	require.Equal(t, map[models.ItemState]int{models.ItemApplied: creates}, statesOf(p.items(plan.ID)))
	p.requireOthers()
}

// A frontend is asked to stop: what is asked of it is answered, who listens is
// told to come back, and misses nothing at the other.
func TestAFrontendDrains(t *testing.T) {
	t.Parallel()
	p := fleet(t)
	b := newBlog(t, 3000)
	s := p.open(b.address)
	first, second := p.frontends[0], p.frontends[1]
	b.fault(fake.Fault{Kind: fake.FaultSlow, Method: http.MethodGet, Path: "/wp/v2/posts", Times: -1, DelayMS: 400})
	job := s.startDownload()
	ear := p.listen(first, "job:"+job.ID, "")
	ear.until("progress", func(m live.Message) bool { return m.Type == models.EventJobProgressed })

	// A test of the connection waits for the site while the frontend stops.
	slow := newBlog(t, 3)
	slow.fault(fake.Fault{Kind: fake.FaultSlow, Times: -1, DelayMS: 700})
	mark := slow.last()
	answered := make(chan api.Connection, 1)
	at := *p
	at.frontends = []*frontend{first}
	go func() { answered <- at.connect(credential(slow.address)) }()
	slow.awaitHeld(mark)
	first.process.signal(syscall.SIGTERM)
	require.Equal(t, closedGoingAway, ear.ended(), "a client is told that the server goes")
	first.process.drained()
	p.spread(second)
	select {
	case connection := <-answered:
		require.EqualValues(t, "ready", connection.State, "%v", connection.Problem)
	case <-time.After(time.Minute):
		t.Fatal("a request that was under way was not answered")
	}

	again := p.listen(second, "job:"+job.ID, ear.last)
	b.clearFaults()
	again.untilEnd()
	require.Equal(t, models.JobCompleted, p.job(job.ID).State)
	all := p.listen(second, "job:"+job.ID, ear.from)
	all.untilEnd()
	require.Equal(t, all.ids, append(ear.ids, again.ids...), "events were missed, or came twice")
	p.mustRun(second.process)
}
