package drill

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/api"
	"github.com/scratch-platform/scratch/connectors/wordpress"
	"github.com/scratch-platform/scratch/connectors/wordpress/fake"
	"github.com/scratch-platform/scratch/models"
)

// side is how many downloads go through one connection at once: more than it
// permits requests.
const side = 6

// sideBySide starts downloads of the posts through the connection of a scene,
// each into a snapshot of its own, and returns when both workers are at it.
func sideBySide(t *testing.T, first *scene) (jobs []string) {
	t.Helper()
	tables := map[string]string{}
	for range side {
		s := &scene{product: first.product, connection: first.connection}
		s.snapshot = call[api.Snapshot](s.product, http.MethodPost, "/api/v1/snapshots", map[string]any{"name": "Drill"})
		s.table = s.add("posts")
		job := s.startDownload().ID
		jobs, tables[job] = append(jobs, job), s.table.ID
	}
	eventually(t, time.Minute, "both workers are at work", func() bool {
		at := map[*process]bool{}
		for _, table := range tables {
			if worker := first.holder("download:" + table); worker != nil {
				at[worker] = true
			}
		}
		return len(at) == 2
	})
	return jobs
}

func (p *product) completed(jobs []string) {
	p.t.Helper()
	for _, id := range jobs {
		job := p.await(id, 3*time.Minute, isFinal)
		require.Equal(p.t, models.JobCompleted, job.State, "%v", job.Problem)
	}
}

// lateNote is how much later than its answer the blog may note a request's end:
// whoever has the answer may have asked again by then. An answer takes longer.
const lateNote = 50 * time.Millisecond

// most is the largest number of requests that the blog had at once, counting
// the moments from one to another (zero: no bound).
func most(entries []fake.Entry, from, to time.Time) int {
	most := 0
	for _, at := range entries {
		if at.Received.Before(from) || !to.IsZero() && at.Received.After(to) {
			continue
		}
		now := 0 // it is at its most when a request has just come
		for _, e := range entries {
			if !e.Received.After(at.Received) && (e.Ended == nil || e.Ended.After(at.Received.Add(lateNote))) {
				now++
			}
		}
		most = max(most, now)
	}
	return most
}

// What one connection permits counts for both workers together, by the log of
// the site: with Redis, while it is away, and when it is back. More requests at
// once than the service takes would be refused, or slow the user's site down.
func TestTwoWorkersKeepOneConnectionsLimit(t *testing.T) {
	p := fleet(t)
	limit := wordpress.Definition().Limits.InFlight
	b := newBlog(t, 3000)
	s := p.open(b.address)
	b.fault(fake.Fault{Kind: fake.FaultSlow, Times: -1, DelayMS: 100, Path: "/wp/v2/*"})
	mark := b.last()
	asked := func() int { return len(only(b.log(mark), isPage)) }
	jobs := sideBySide(t, s)
	eventually(t, time.Minute, "the requests meet", func() bool { return asked() > 40 })
	p.redis.Kill()
	killed := time.Now()
	before := asked()
	eventually(t, time.Minute, "downloads go on without Redis", func() bool { return asked() > before+40 })
	p.redis.Start()
	p.completed(jobs)

	entries := b.log(mark)
	together := most(entries, time.Time{}, killed)
	require.LessOrEqual(t, together, limit, "more requests at once than the connection permits")
	require.Greater(t, together, limit/2, "the requests did not meet: the drill tells nothing")
	// Right when Redis goes, each worker knows of its own requests alone: those
	// that the other has under way come on top, until they end.
	quiet := killed
	for _, e := range entries {
		if e.Received.Before(killed) && e.Ended != nil && e.Ended.After(quiet) {
			quiet = *e.Ended
		}
	}
	require.Less(t, most(entries, killed, quiet), 2*limit, "the limit was exceeded by more than what was under way")
	require.LessOrEqual(t, most(entries, quiet.Add(time.Millisecond), time.Time{}), limit, "more requests at once than the connection permits, without Redis")
}

// A site that says "not before" to one worker is left alone by both.
func TestTwoWorkersHeedOneComeBackLater(t *testing.T) {
	t.Parallel()
	p := fleet(t)
	b := newBlog(t, 3000)
	s := p.open(b.address)
	b.fault(fake.Fault{Kind: fake.FaultSlow, Times: -1, DelayMS: 100, Path: "/wp/v2/*"})
	mark := b.last()
	jobs := sideBySide(t, s)
	const pause = 4 * time.Second
	b.fault(fake.Fault{Kind: fake.FaultStatus, Status: http.StatusTooManyRequests, RetryAfter: "4", Path: "/wp/v2/posts"})
	p.completed(jobs)
	entries := b.log(mark)
	refused := only(entries, func(e fake.Entry) bool { return e.Status == http.StatusTooManyRequests })
	require.Len(t, refused, 1)
	said := *refused[0].Ended
	for _, e := range entries {
		// What was on its way when the site said so cannot be taken back.
		after := e.Received.Sub(said)
		require.False(t, after > 300*time.Millisecond && after < pause, "%s?%s was asked of the site %s after it said to come back in %s", e.Route, e.Query, after, pause)
	}
}

// A worker is killed while its request is all that the connection permits at once.
// Nobody is left who could give the place back; the other worker must have it by
// the time it is given the work.
func TestALostWorkersRequestIsNotHeldAgainstTheOther(t *testing.T) {
	t.Parallel()
	p := fleet(t)
	b := newBlog(t, 3000)
	s := p.open(b.address)
	call[api.Connection](p, http.MethodPatch, "/api/v1/connections/"+s.connection.ID, map[string]any{"limits": map[string]any{"requests_at_once": 1}})
	mark := b.last()
	pages := func() []fake.Entry { return only(b.log(mark), isPage) }
	job := s.startDownload()
	eventually(t, time.Minute, "the download is under way", func() bool { return len(pages()) > 5 })
	b.fault(fake.Fault{Kind: fake.FaultSlow, Times: -1, DelayMS: 60_000, Path: "/wp/v2/posts"})
	eventually(t, time.Minute, "a request waits for the site", func() bool { return len(only(pages(), func(e fake.Entry) bool { return e.Ended == nil })) == 1 })
	holder := s.holder("download:" + s.table.ID)
	require.NotNil(t, holder)
	killed := &shot{t: t, blog: b, at: time.Now()}
	holder.kill()
	b.clearFaults()
	p.completed([]string{job.ID})
	killed.replaced(isPage)
}

// What the owner of a site permits counts for requests of both workers together,
// from shortly after it was set, also for jobs that run already: with Redis,
// while it is away, and when it is back.
func TestTwoWorkersKeepTheRateAPersonSets(t *testing.T) {
	const (
		rate, together = 8.0, 2
		// heard is when both workers have looked at the connection since.
		heard = 4 * time.Second
	)
	p := fleet(t)
	b := newBlog(t, 6000)
	s := p.open(b.address)
	b.fault(fake.Fault{Kind: fake.FaultSlow, Times: -1, DelayMS: 100, Path: "/wp/v2/*"})
	mark := b.last()
	asked := func() int { return len(only(b.log(mark), isPage)) }
	jobs := sideBySide(t, s)
	eventually(t, time.Minute, "the requests meet", func() bool { return asked() > 40 })
	set := call[api.Connection](p, http.MethodPatch, "/api/v1/connections/"+s.connection.ID,
		map[string]any{"limits": map[string]any{"requests_per_second": rate, "requests_at_once": together}})
	require.EqualValues(t, "ready", set.State)
	from := time.Now().Add(heard)
	progress := func(what string) {
		t.Helper()
		before := asked()
		eventually(t, time.Minute, what, func() bool { return asked() > before+40 })
	}
	<-time.After(time.Until(from))
	progress("downloads go on at the rate")
	p.redis.Kill()
	killed := time.Now()
	progress("downloads go on without Redis")
	p.redis.Start()
	back := time.Now()
	p.completed(jobs)

	entries := b.log(mark)
	// In any window there are, beside what the rate gives, those that had their
	// turn right before it and come in within it (as many as may be at once), and
	// what was saved: one, by Redis; without it, one by each worker.
	fastest(t, entries, from, killed, rate, together+1)
	// Right when Redis goes each worker knows of its own requests alone.
	fastest(t, entries, from, time.Time{}, rate, 2*together+2)
	calm := entries[len(entries)-1].Received
	require.Greater(t, calm, back, "the downloads were over before Redis was back")
	n := len(only(entries, func(e fake.Entry) bool { return e.Received.After(from) }))
	require.Greater(t, float64(n), rate*calm.Sub(from).Seconds()/3, "so few requests met no limit: the drill tells nothing")
	t.Logf("%d requests in %s at %g a second", n, calm.Sub(from).Round(time.Second), rate)
}

// fastest requires that in no window between two moments (zero: no bound) more
// requests came than a rate gives, and so many more.
func fastest(t *testing.T, entries []fake.Entry, from, to time.Time, rate float64, more int) {
	t.Helper()
	entries = only(entries, func(e fake.Entry) bool { return e.Received.After(from) && (to.IsZero() || e.Received.Before(to)) })
	worst := 0.0
	for i, first := range entries {
		for j, last := range entries[i:] {
			worst = max(worst, float64(j+1)-rate*last.Received.Sub(first.Received).Seconds())
		}
	}
	t.Logf("%d requests, at most %.1f more than the rate gives", len(entries), worst)
	require.LessOrEqual(t, worst, float64(more), "more requests than the person permits")
}
