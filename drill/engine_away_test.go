package drill

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/api"
	"github.com/scratch-platform/scratch/connectors/wordpress/fake"
	"github.com/scratch-platform/scratch/models"
)

// awayFor is longer than a silent activity is waited for: when the engine is
// back, it takes the ones under way for lost and starts them a second time.
const awayFor = 17 * time.Second

// Promises 5, 7 and 9: the engine is killed in the middle of a download and of
// a publish and comes back later. Jobs show that it is away, and then go on to
// their end; nothing is read or written twice, nothing runs on unseen. What was
// asked for meanwhile is done when the engine is back.
func TestEngineIsKilledAndComesBack(t *testing.T) {
	t.Parallel()
	p := fleet(t)
	read, written, waiting := newBlog(t, 3000), newBlog(t, 5), newBlog(t, 40)
	down, up, meanwhile := p.open(read.address), p.open(written.address), p.open(waiting.address)
	up.download()
	for i := range endedCreates {
		up.write(create(createdTitle(i)))
	}
	plan := up.plan()
	readMark, writtenMark := read.last(), written.last()
	read.fault(fake.Fault{Kind: fake.FaultSlow, Method: http.MethodGet, Path: "/wp/v2/posts", Skip: 9, Times: -1, DelayMS: 2500})
	written.fault(fake.Fault{Kind: fake.FaultSlow, Path: "/batch/v1", Skip: 1, Times: -1, DelayMS: 2500})
	jobs := []api.Job{down.startDownload(), up.apply(plan)}
	read.awaitHeld(readMark)
	written.awaitHeld(writtenMark)

	p.engine.server.kill()
	killed := time.Now()
	for _, job := range jobs {
		away := p.await(job.ID, truthWithin, func(j api.Job) bool { return j.EngineAway })
		require.False(t, away.Final, "a job whose run is not ended shows as %s", away.State)
	}
	queued := meanwhile.startDownload()
	require.Equal(t, models.JobQueued, queued.State)
	require.True(t, queued.EngineAway, "a job the engine did not take says why it waits")
	jobs = append(jobs, queued)
	status, problem, err := p.try(http.MethodGet, "/readyz", nil)
	require.NoError(t, err)
	require.Equal(t, http.StatusServiceUnavailable, status)
	require.Contains(t, string(problem), "engine.away")
	<-time.After(time.Until(killed.Add(awayFor)))

	p.engine.start()
	for _, job := range jobs {
		p.await(job.ID, truthWithin, func(j api.Job) bool { return !j.EngineAway })
	}
	read.clearFaults()
	written.clearFaults()
	for _, job := range jobs {
		ended := p.await(job.ID, 4*time.Minute, isFinal)
		require.Equal(t, models.JobCompleted, ended.State, "%s: %v", ended.Kind, ended.Problem)
	}
	for s, posts := range map[*scene]int{down: 3000, up: 5 + endedCreates, meanwhile: 40} {
		records := p.db.recordsOf(s.table.ID)
		require.Equal(t, posts, p.db.number(`SELECT count(*) FROM `+records))
		require.Equal(t, posts, p.db.number(`SELECT count(DISTINCT remote_id) FROM `+records))
		p.noOrphans(s.snapshot.ID)
	}
	require.EqualValues(t, 3000, p.job(jobs[0].ID).Progress.Created, "the job tells what was done")
	require.LessOrEqual(t, len(only(read.log(readMark), isPage)), 30+10, "finished pages were read again")
	require.EqualValues(t, endedCreates, p.job(jobs[1].ID).Progress.Created)
	requireMadeOnce(t, written, writtenMark, endedCreates)
	require.Equal(t, map[models.ItemState]int{models.ItemApplied: endedCreates}, statesOf(p.items(plan.ID)))

	down.download()
	up.write(create("After the engine was away"))
	up.publish()
	require.Len(t, written.titled("After the engine was away"), 1)
}
