package api_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"github.com/scratch-platform/scratch/api"
	"github.com/scratch-platform/scratch/models"
	"github.com/scratch-platform/scratch/models/store"
	"github.com/scratch-platform/scratch/workflows/contract"
)

// schedule makes one of a snapshot; the engine's goes with the test.
func (g *stage) schedule(t *testing.T, snapshotID, more string) api.Schedule {
	t.Helper()
	made := post[api.Schedule](t, g, "/api/v1/schedules", fmt.Sprintf(`{"snapshot_id":%q,%s}`, snapshotID, more), 201)
	t.Cleanup(func() { _ = g.handle(t, made.ID).Delete(t.Context()) })
	return made
}

func (g *stage) handle(t *testing.T, id string) client.ScheduleHandle {
	return g.engine.ScheduleClient().GetHandle(t.Context(), contract.ScheduleID(id))
}

// A schedule's life over the API: the engine hears of everything at once.
func TestAScheduleOverTheAPI(t *testing.T) {
	g := newStage(t)
	snapshot, table := g.blog(t)
	made := g.schedule(t, snapshot.ID, `"cron":" 30  6 * * 1-5","time_zone":"Europe/Berlin","tables":["`+table.ID+`"],"note":"before work"`)
	path := "/api/v1/schedules/" + made.ID
	require.Equal(t, "30 6 * * 1-5", made.Cron)
	require.Equal(t, models.OverlapSkip, made.Overlap)
	require.Len(t, made.NextRuns, 10)
	require.False(t, made.Pending)
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	require.Equal(t, "06:30", made.NextRuns[0].In(berlin).Format("15:04"))

	changed := read[api.Schedule](t, g.play(t, scenario{method: "PATCH", path: path, body: `{"every":"6h","overlap":"buffer_one","tables":[]}`, status: 200}))
	require.Empty(t, changed.Cron)
	require.Equal(t, "6h", changed.Every)
	require.Empty(t, changed.Tables)
	require.Equal(t, "before work", changed.Note, "what was not sent stays")
	require.Equal(t, 6*time.Hour, changed.NextRuns[1].Sub(changed.NextRuns[0]))
	g.play(t, scenario{method: "PATCH", path: path, body: fmt.Sprintf(`{"note":"x","version":%d}`, made.Version), status: 409, code: "schedule.changed"})

	paused := post[api.Schedule](t, g, path+"/pause", `{"why":"holidays"}`, 200)
	require.True(t, paused.Paused)
	require.Empty(t, paused.NextRuns)
	require.Equal(t, "holidays", paused.PausedWhy)
	resumed := post[api.Schedule](t, g, path+"/resume", "", 200)
	require.False(t, resumed.Paused)
	require.NotEmpty(t, resumed.NextRuns)

	triggered := post[api.Triggered](t, g, path+"/trigger", "", 202)
	require.Nil(t, triggered.Job)
	require.Equal(t, "schedule.queued", triggered.Warnings[0].Code, "no worker is there")
	audit, _, err := g.store.Org(g.org.ID).ListAudit(t.Context(), store.Page{})
	require.NoError(t, err)
	require.Equal(t, "schedule.triggered", audit[0].Action)
	require.Equal(t, made.ID, audit[0].Subject)
	require.Eventually(t, func() bool { return len(get[api.Schedule](t, g, path).Runs) == 1 }, 10*time.Second, 50*time.Millisecond)
	require.Equal(t, models.ScheduleQueued, get[api.Schedule](t, g, path).Runs[0].Outcome, "no worker is there")
	g.play(t, scenario{method: "POST", path: path + "/backfill", status: 409, code: "schedule.backfill_refused"})

	listed := get[page[api.Schedule]](t, g, "/api/v1/schedules?snapshot="+snapshot.ID)
	require.Len(t, listed.Items, 1)
	require.NotEmpty(t, listed.Items[0].NextRuns)
	g.play(t, scenario{method: "DELETE", path: path, status: 204})
	g.play(t, scenario{method: "GET", path: path, status: 404, code: "schedule.not_found"})
	_, err = g.handle(t, made.ID).Describe(t.Context())
	require.Error(t, err, "the engine has it still")
	for _, id := range []string{"/pause", "/resume", "/trigger", "/backfill"} {
		g.play(t, scenario{method: "POST", path: path + id, status: 404, code: "schedule.not_found"})
	}
}

// Breaks when whoever triggers a schedule is not told which job came of it, or
// what stands in its way. What a worker makes of the run is put in its place here;
// the worker's own tests hold it to that.
func TestATriggerAnswersWithItsJob(t *testing.T) {
	g := newStage(t)
	snapshot, _ := g.blog(t)
	made := g.schedule(t, snapshot.ID, `"cron":"@daily","overlap":"allow_all"`)
	path := "/api/v1/schedules/" + made.ID + "/trigger"
	db := g.store.Org(g.org.ID)
	job, _, err := db.CreateJob(t.Context(), models.Job{
		ID: models.NewID(models.PrefixJob), SnapshotID: snapshot.ID, Kind: models.JobDownload, State: models.JobRunning,
		WorkflowID: "download-snapshot:" + snapshot.ID, Input: []byte(`{}`), ScheduleID: made.ID,
	})
	require.NoError(t, err)
	refused := models.NewProblem(models.KindNotFound, "schedule.tables_gone", "The tables of this schedule are no longer in the snapshot.", "Choose others.")
	for i, c := range []struct {
		run    models.ScheduleRun
		status int
		code   string
	}{
		{models.ScheduleRun{Outcome: models.ScheduleStarted, JobID: job.ID}, 202, ""},
		{models.ScheduleRun{Outcome: models.ScheduleShared, JobID: job.ID}, 202, ""},
		{models.ScheduleRun{Outcome: models.ScheduleWaiting, JobID: job.ID}, 202, "schedule.waiting"},
		{models.ScheduleRun{Outcome: models.ScheduleSkipped, JobID: job.ID}, 409, "job.already_running"},
		{models.ScheduleRun{Outcome: models.ScheduleFailed, Problem: refused}, 404, "schedule.tables_gone"},
	} {
		c.run.At = time.Now().Add(time.Duration(i) * time.Hour)
		ended := make(chan error, 1)
		go func() { ended <- g.takesUp(t.Context(), made.ID, c.run) }()
		if c.status != 202 {
			g.play(t, scenario{method: "POST", path: path, status: c.status, code: c.code})
		} else {
			came := post[api.Triggered](t, g, path, "", 202)
			require.Equal(t, job.ID, came.Job.ID)
			require.Equal(t, c.code == "schedule.waiting", came.Waits)
			require.Equal(t, c.code != "", len(came.Warnings) > 0)
		}
		require.NoError(t, <-ended)
	}
}

// takesUp records what came of a time once the engine has begun its run.
func (g *stage) takesUp(ctx context.Context, id string, run models.ScheduleRun) error {
	handle := g.engine.ScheduleClient().GetHandle(ctx, contract.ScheduleID(id))
	before, err := handle.Describe(ctx)
	for err == nil {
		var now *client.ScheduleDescription
		if now, err = handle.Describe(ctx); err == nil && now.Info.NumActions > before.Info.NumActions {
			return g.store.Org(g.org.ID).RecordScheduleRun(ctx, id, run)
		}
	}
	return err
}

// Promise 9: what an operator did to a schedule with Temporal's own tools shows
// when it is read, without waiting for role cron.
func TestAnOperatorsPauseShows(t *testing.T) {
	g := newStage(t)
	snapshot, _ := g.blog(t)
	made := g.schedule(t, snapshot.ID, `"cron":"@daily"`)
	path := "/api/v1/schedules/" + made.ID
	require.NoError(t, g.handle(t, made.ID).Pause(t.Context(), client.SchedulePauseOptions{Note: "maintenance"}))
	listed := get[page[api.Schedule]](t, g, "/api/v1/schedules").Items[0]
	require.True(t, listed.Paused)
	shown := get[api.Schedule](t, g, path)
	require.True(t, shown.Paused)
	require.Equal(t, "maintenance", shown.PausedWhy)
	require.False(t, post[api.Schedule](t, g, path+"/resume", "", 200).Paused)
	require.NoError(t, g.handle(t, made.ID).Delete(t.Context()))
	require.NotEmpty(t, get[api.Schedule](t, g, path).NextRuns, "a deleted one is made again")
}

func TestBadSchedulesAreRefused(t *testing.T) {
	g := newStage(t)
	snapshot, table := g.blog(t)
	other := post[api.Snapshot](t, g, "/api/v1/snapshots", `{"name":"Other"}`, 201)
	for body, want := range map[string]struct {
		status int
		code   string
	}{
		`"cron":"61 * * * *"`:                        {422, "schedule.bad_cron"},
		`"cron":"0 0 30 6 * *"`:                      {422, "schedule.bad_cron"},
		`"cron":"0 0 30 2 *"`:                        {422, "schedule.bad_cron"},
		`"cron":"@every 1s"`:                         {422, "schedule.bad_cron"},
		`"cron":"TZ=UTC"`:                            {422, "schedule.bad_cron"},
		`"cron":"@daily","time_zone":"Mars/Olympus"`: {422, "schedule.unknown_time_zone"},
		`"cron":"@daily","time_zone":"Local"`:        {422, "schedule.unknown_time_zone"},
		`"every":"30s"`:                              {422, "schedule.bad_interval"},
		`"every":"soon"`:                             {422, "schedule.bad_interval"},
		`"every":"6h","cron":"@daily"`:               {422, "schedule.no_time"},
		`"note":"x"`:                                 {422, "schedule.no_time"},
		`"cron":"@daily","overlap":"both"`:           {422, "request.invalid"},
		`"cron":"@daily","tables":["tbl_none"]`:      {404, "table.not_found"},
	} {
		g.play(t, scenario{method: "POST", path: "/api/v1/schedules", body: fmt.Sprintf(`{"snapshot_id":%q,%s}`, snapshot.ID, body), status: want.status, code: want.code})
	}
	g.play(t, scenario{method: "POST", path: "/api/v1/schedules", body: `{"snapshot_id":"snp_none","cron":"@daily"}`, status: 404, code: "snapshot.not_found"})
	g.play(t, scenario{method: "POST", path: "/api/v1/schedules", body: fmt.Sprintf(`{"snapshot_id":%q,"cron":"@daily","tables":[%q]}`, other.ID, table.ID), status: 404, code: "table.not_found"})
	g.play(t, scenario{method: "GET", path: "/api/v1/schedules?snapshot=snp_none", status: 404, code: "snapshot.not_found"})
	made := g.schedule(t, snapshot.ID, `"cron":"@daily"`)
	g.play(t, scenario{method: "PATCH", path: "/api/v1/schedules/" + made.ID, body: `{"every":"1s"}`, status: 422, code: "schedule.bad_interval"})
	g.play(t, scenario{method: "PATCH", path: "/api/v1/schedules/" + made.ID, body: `{"cron":""}`, status: 422, code: "schedule.no_time"})
	require.Equal(t, "@daily", get[api.Schedule](t, g, "/api/v1/schedules/"+made.ID).Cron)
}

// A schedule made while the engine is away is kept, shows as pending, and is
// applied when it is back.
func TestASchedulePendsWhileTheEngineIsAway(t *testing.T) {
	g := newStage(t)
	snapshot, _ := g.blog(t)
	working := g.schedules.Engine
	away, err := client.NewLazyClient(client.Options{HostPort: "127.0.0.1:1"})
	require.NoError(t, err)
	t.Cleanup(away.Close)
	g.schedules.Engine = away
	made := g.schedule(t, snapshot.ID, `"cron":"@daily"`)
	require.True(t, made.Pending)
	require.True(t, made.EngineAway)
	require.Empty(t, made.NextRuns)
	path := "/api/v1/schedules/" + made.ID
	g.play(t, scenario{method: "POST", path: path + "/trigger", status: 503, code: "engine.away"})
	g.schedules.Engine = working
	require.NoError(t, g.schedules.Pass(t.Context()))
	require.Eventually(t, func() bool {
		shown := get[api.Schedule](t, g, path)
		return !shown.Pending && !shown.EngineAway && len(shown.NextRuns) > 0
	}, 20*time.Second, 100*time.Millisecond)
}
