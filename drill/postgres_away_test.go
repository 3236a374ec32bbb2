package drill

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/api"
	"github.com/scratch-platform/scratch/connectors/wordpress/fake"
	"github.com/scratch-platform/scratch/internal/testkit"
	"github.com/scratch-platform/scratch/models"
)

// serverAway is how long a killed PostgreSQL stays away: long enough that every
// request to it is refused, and an answer of a service has to be kept waiting.
const serverAway = 5 * time.Second

// Promises 5 and 7: the product's own database is killed in the middle of a
// download and of a publish, and comes back. Meanwhile the API says so; then
// both go on by themselves: no page is lost, nothing is written twice.
func TestOurDatabaseIsKilledAndComesBack(t *testing.T) {
	t.Parallel()
	server := testkit.OwnPostgres(t)
	p := fleetOn(t, server.Database())
	read, written := newBlog(t, 3000), newBlog(t, 5)
	down, up := p.open(read.address), p.open(written.address)
	up.download()
	for i := range endedCreates {
		up.write(create(createdTitle(i)))
	}
	plan := up.plan()
	readMark, writtenMark := read.last(), written.last()
	read.fault(fake.Fault{Kind: fake.FaultSlow, Method: http.MethodGet, Path: "/wp/v2/posts", Skip: 9, Times: -1, DelayMS: 1500})
	written.fault(fake.Fault{Kind: fake.FaultSlow, Path: "/batch/v1", Skip: 1, Times: -1, DelayMS: 1500})
	jobs := []api.Job{down.startDownload(), up.apply(plan)}
	read.awaitHeld(readMark)
	written.awaitHeld(writtenMark)
	records := p.db.recordsOf(down.table.ID)
	stored := func() int { return p.db.number(`SELECT count(*) FROM ` + records) }
	eventually(t, time.Minute, "some pages are stored", func() bool { return stored() > 0 })

	asked := len(only(read.log(readMark), isPage))
	server.Kill()
	killed := time.Now()
	status, text, err := p.try(http.MethodGet, "/readyz", nil)
	require.NoError(t, err)
	require.Equal(t, http.StatusServiceUnavailable, status, "%s", text)
	require.Equal(t, "store.away", decode[api.ProblemDocument](t, text).Code)
	for _, path := range []string{"/api/v1/jobs", "/api/v1/jobs/" + jobs[0].ID, "/api/v1/snapshots"} {
		p.refused(http.MethodGet, path, nil, http.StatusServiceUnavailable, "store.unavailable")
	}
	<-time.After(time.Until(killed.Add(serverAway)))
	server.Start()
	kept := stored()
	require.Positive(t, kept)
	p.awaitReady()
	read.clearFaults()
	written.clearFaults()
	for _, job := range jobs {
		ended := p.await(job.ID, 4*time.Minute, isFinal)
		require.Equal(t, models.JobCompleted, ended.State, "%s: %v", ended.Kind, ended.Problem)
	}
	t.Logf("both had ended %s after the kill", time.Since(killed).Round(time.Second))
	p.mustRun(p.main)
	p.mustRun(p.worker)
	for s, posts := range map[*scene]int{down: 3000, up: 5 + endedCreates} {
		records := p.db.recordsOf(s.table.ID)
		require.Equal(t, posts, p.db.number(`SELECT count(*) FROM `+records))
		require.Equal(t, posts, p.db.number(`SELECT count(DISTINCT remote_id) FROM `+records))
		p.noOrphans(s.snapshot.ID)
	}
	require.EqualValues(t, 3000, p.job(jobs[0].ID).Progress.Created, "the job tells what was done")
	again, left := len(only(read.log(readMark), isPage))-asked, (3000-kept)/perPage
	require.LessOrEqual(t, again, left+10, "finished pages were read again: %d pages for the %d that were left", again, left)
	requireMadeOnce(t, written, writtenMark, endedCreates)
	require.Equal(t, map[models.ItemState]int{models.ItemApplied: endedCreates}, statesOf(p.items(plan.ID)))
	down.download()
	up.write(create("After the database was away"))
	up.publish()
	require.Len(t, written.titled("After the database was away"), 1)
}

// A person's own database is killed while its rows are read: the run goes on
// behind the last page when it is back, and tells that it spans two snapshots.
func TestTheSourceIsKilledWhileItIsRead(t *testing.T) {
	t.Parallel()
	server := testkit.OwnPostgres(t)
	source := server.Database()
	const rows = 40_000 // of 4 KB: many times what is read ahead
	inDatabase(t, source, fmt.Sprintf(`CREATE TABLE long (id int PRIMARY KEY, body text);
		INSERT INTO long SELECT n, repeat('x', 4000) || n FROM generate_series(1, %d) n`, rows))
	p := fleet(t)
	s := &scene{product: p, connection: call[api.Connection](p, http.MethodPost, "/api/v1/connections",
		map[string]any{"service": "postgres", "name": "Source", "credential": map[string]any{"url": source}})}
	require.EqualValues(t, "ready", s.connection.State, "%v", s.connection.Problem)
	s.snapshot = call[api.Snapshot](p, http.MethodPost, "/api/v1/snapshots", map[string]any{"name": "Rows"})
	s.table = s.add("public.long")
	records := p.db.recordsOf(s.table.ID)
	stored := func() int { return p.db.number(`SELECT count(*) FROM ` + records) }
	job := s.startDownload()
	eventually(t, time.Minute, "some pages are stored", func() bool { return stored() > 0 })
	server.Kill()
	before := stored()
	require.Less(t, before, rows, "the kill came too late to be one")
	<-time.After(serverAway)
	server.Start()
	job = p.await(job.ID, 4*time.Minute, isFinal)
	require.Equal(t, models.JobCompleted, job.State, "%v", job.Problem)
	require.Equal(t, rows, stored())
	require.Equal(t, rows, p.db.number(`SELECT count(DISTINCT remote_id) FROM `+records))
	require.EqualValues(t, rows, job.Progress.Created, "the job tells what was done, once for each row")
	codes := []string{}
	for _, warning := range p.outcomes(job.ID)[0].Warnings {
		codes = append(codes, warning.Code)
	}
	require.Contains(t, codes, "download.two_snapshots", "killed at %d of %d rows", before, rows)
	require.Zero(t, p.db.number(`SELECT count(*) FROM `+records+` WHERE length(base->>'body') < 4000`), "rows were stored in part")
	require.EqualValues(t, rows, s.download().Progress.Unchanged)
}

// inDatabase runs statements in a database.
func inDatabase(t *testing.T, url, statements string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	connection, err := pgx.Connect(ctx, url)
	require.NoError(t, err)
	defer func() { _ = connection.Close(ctx) }()
	_, err = connection.Exec(ctx, statements)
	require.NoError(t, err)
}
