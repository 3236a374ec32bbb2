package drill

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/api"
	"github.com/scratch-platform/scratch/connectors/wordpress/fake"
	"github.com/scratch-platform/scratch/models"
)

// The times within which the product shows what an operator did, and a cancel
// has ended the requests to the service.
const (
	truthWithin  = 10 * time.Second
	cancelWithin = 3 * time.Second
	quietAfter   = 2 * time.Second
	watched      = 5 * time.Second // longer than the faults hold a request
)

// tool is what an operator does to a run with the engine's CLI.
type tool struct {
	name   string
	args   []string
	within time.Duration   // until the job shows it
	end    models.JobState // how the job ends
}

var tools = []tool{
	{"cancel", []string{"workflow", "cancel"}, cancelWithin, models.JobCancelled},
	{"terminate", []string{"workflow", "terminate", "--reason", "drill"}, truthWithin, models.JobTerminated},
	{"reset", []string{"workflow", "reset", "--type", "FirstWorkflowTask", "--reason", "drill"}, 0, models.JobCompleted},
}

// moment is where a run is when the operator acts: the blog holds one of its
// requests open, and would go on holding the ones that follow, so that a run
// that is not ended is seen asking for more.
type moment struct {
	name string
	hold fake.Fault
}

// Promise 9, with the binary, the engine and its CLI: whatever an operator does
// to a run, at whatever moment, the job shows it, nothing runs on unseen, and
// the next run works. Not parallel with other drills: it holds the product to
// seconds.
func TestEndedWithTheEnginesTools(t *testing.T) {
	endAll(t, dev(t), publishMoments, downloadMoments, "parent", "child")
}

// The same where the run, who watches it and who is asked are processes of their
// own, two of each: in the middle alone, since the moments are the run's affair.
func TestEndedWithTheEnginesToolsOnAFleet(t *testing.T) {
	endAll(t, fleet(t), publishMoments[:1], downloadMoments[1:2], "parent")
}

func endAll(t *testing.T, p *product, publishes, downloads []moment, runs ...string) {
	for _, with := range tools {
		for _, m := range publishes {
			t.Run(fmt.Sprintf("publish/%s/%s", with.name, m.name), func(t *testing.T) {
				t.Parallel()
				endPublish(t, p.in(t), with, m)
			})
		}
		for _, m := range downloads {
			for _, of := range runs {
				t.Run(fmt.Sprintf("download/%s/%s/%s", with.name, of, m.name), func(t *testing.T) {
					t.Parallel()
					endDownload(t, p.in(t), with, of, m)
				})
			}
		}
	}
}

// use does it to a run, and gives the moment from which it was so.
func (w tool) use(p *product, workflowID string) time.Time {
	p.t.Helper()
	p.temporal(append(append([]string{}, w.args...), "--workflow-id", workflowID)...)
	return time.Now()
}

// shows waits for the truth in SQL, where only the product's own pass over the
// jobs can have put it, and holds the API to the same.
func (w tool) shows(s *scene, job api.Job, at time.Time) {
	s.t.Helper()
	state := func() string { return s.db.rows(`SELECT state FROM jobs WHERE id = ?`, job.ID)[0][0] }
	for state() != string(w.end) {
		require.Less(s.t, time.Since(at), w.within, "the job still shows as %s", state())
		<-time.After(20 * time.Millisecond)
	}
	shown := s.job(job.ID)
	require.Equal(s.t, w.end, shown.State)
	require.True(s.t, shown.Final)
	require.False(s.t, shown.EngineAway)
}

// quiet watches the blog: nothing may be asked of it once the run has ended.
func (b *blog) quiet(at time.Time) {
	b.t.Helper()
	<-time.After(time.Until(at.Add(watched)))
	for _, e := range b.log(0) {
		require.Less(b.t, e.Received.Sub(at), quietAfter, "%s %s?%s was asked of the service after the run had ended", e.Method, e.Route, e.Query)
	}
}

// awaitHeld waits until a fault holds a request open.
func (b *blog) awaitHeld(after int64) {
	b.t.Helper()
	eventually(b.t, time.Minute, "the service holds a request", func() bool {
		return len(only(b.log(after), func(e fake.Entry) bool { return e.Answer == fake.AnswerPending && len(e.Faults) > 0 })) > 0
	})
}

// The download under the operator's hands: 20 pages, and 150 records to confirm.
const (
	endedPosts = 2000
	endedGone  = 150
)

var downloadMoments = []moment{
	{"before the first page", fake.Fault{Kind: fake.FaultSlow, Method: http.MethodOptions, Path: "/wp/v2/posts", Times: -1, DelayMS: 3500}},
	{"in the middle", fake.Fault{Kind: fake.FaultSlow, Method: http.MethodGet, Path: "/wp/v2/posts", Skip: 8, Times: -1, DelayMS: 1500}},
	{"while confirming", fake.Fault{Kind: fake.FaultSlow, Method: http.MethodGet, Path: "/wp/v2/posts", Contains: "include=", Times: -1, DelayMS: 2500}},
}

func endDownload(t *testing.T, p *product, with tool, of string, m moment) {
	b := newBlog(t, endedPosts)
	s := p.open(b.address)
	records := p.db.recordsOf(s.table.ID)
	stored := func() int { return p.db.number(`SELECT count(*) FROM ` + records) }
	confirming := m.hold.Contains != ""
	if confirming {
		s.download()
		for id := int64(1); id <= endedGone; id++ {
			b.do(http.MethodDelete, fmt.Sprintf("/wp-json/wp/v2/posts/%d?force=true", id), nil)
		}
	}
	mark := b.last()
	b.fault(m.hold)
	job := s.startDownload()
	b.awaitHeld(mark)
	id := "download-snapshot:" + s.snapshot.ID
	if of == "child" {
		id = "download:" + s.table.ID
	}
	before := stored()
	at := with.use(p, id)
	if with.name == "reset" {
		b.clearFaults()
		ended := p.await(job.ID, time.Minute, isFinal)
		require.Equal(t, models.JobCompleted, ended.State, "a reset goes on as the same job: %v", ended.Problem)
	} else {
		with.shows(s, job, at)
		b.quiet(at)
		if confirming {
			require.Equal(t, endedPosts, stored(), "a download that did not come to its end removed records (Promise 2)")
		}
	}
	p.noOrphans(s.snapshot.ID)
	require.GreaterOrEqual(t, stored(), min(before, endedPosts-endedGone), "what was stored is lost")

	b.clearFaults()
	next := s.download()
	require.NotEqual(t, job.ID, next.ID)
	live := len(b.posts())
	require.Equal(t, live, stored(), "the next run brings everything, and removes what is gone")
	require.Equal(t, live, p.db.number(`SELECT count(DISTINCT remote_id) FROM `+records))
}

// The publish under the operator's hands: three batches of creates.
const endedCreates = 3 * perBatch

// In mid-batch the blog makes the posts at once and never answers: what became
// of them has to be found out.
var publishMoments = []moment{
	{"in mid-batch", fake.Fault{Kind: fake.FaultDrop, Apply: true, Path: "/batch/v1", Skip: 1, HoldMS: 4000}},
	{"near the end", fake.Fault{Kind: fake.FaultDrop, Apply: true, Path: "/batch/v1", Skip: 2, HoldMS: 4000}},
	{"before the first batch", fake.Fault{Kind: fake.FaultSlow, Method: http.MethodGet, Path: "/", Times: -1, DelayMS: 3500}},
}

func endPublish(t *testing.T, p *product, with tool, m moment) {
	b := newBlog(t, 5)
	s := p.open(b.address)
	s.download()
	for i := range endedCreates {
		s.write(create(createdTitle(i)))
	}
	plan := s.plan()
	mark := b.last()
	b.fault(m.hold)
	job := s.apply(plan)
	b.awaitHeld(mark)
	at := with.use(p, "publish:"+plan.ID)
	if with.name == "reset" {
		b.clearFaults()
		ended := p.await(job.ID, 4*time.Minute, isFinal)
		require.Equal(t, models.JobCompleted, ended.State, "a reset goes on as the same job: %v", ended.Problem)
		require.EqualValues(t, endedCreates, ended.Progress.Created)
	} else {
		with.shows(s, job, at)
		b.quiet(at)
		b.clearFaults()
		s.publish() // at once: what is in flight is in no other plan
		eventually(t, 3*time.Minute, "what was in flight is found out", func() bool {
			return p.db.number(`SELECT count(*) FROM items WHERE plan_id = ? AND state IN ('planned', 'sending')`, plan.ID) == 0
		})
		require.Equal(t, with.end, p.job(job.ID).State, "the job keeps its end")
		s.publish()
	}
	p.noOrphans(s.snapshot.ID)
	require.Zero(t, s.plan().Counts.Planned, "nothing is left to publish")

	requireMadeOnce(t, b, mark, endedCreates)
	records := p.db.recordsOf(s.table.ID)
	require.Equal(t, 5+endedCreates, p.db.number(`SELECT count(DISTINCT remote_id) FROM `+records), "every create knows its post")
}

// publish plans and applies what there is, and must complete.
func (s *scene) publish() {
	s.t.Helper()
	plan := s.plan()
	if plan.Counts.Planned == 0 {
		return
	}
	job := s.await(s.apply(plan).ID, 3*time.Minute, isFinal)
	require.Equal(s.t, models.JobCompleted, job.State, "%v", job.Problem)
}

// requireMadeOnce holds the blog's log and state to n posts, each made once.
func requireMadeOnce(t *testing.T, b *blog, mark int64, n int) {
	t.Helper()
	made := map[string]int{}
	for _, e := range b.log(mark) {
		for _, c := range e.Changes {
			require.Equal(t, "create", c.Op)
			made[c.Title]++
		}
	}
	require.Len(t, made, n)
	for title, times := range made {
		require.Equal(t, 1, times, "%q was created %d times (Promise 5)", title, times)
		require.Len(t, b.titled(title), 1)
	}
}
