package drill

import (
	"io"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"github.com/scratch-platform/scratch/api"
	"github.com/scratch-platform/scratch/connectors/wordpress/fake"
	"github.com/scratch-platform/scratch/internal/testkit"
	"github.com/scratch-platform/scratch/models"
)

// answers asks a process for one path.
func answers(t *testing.T, address, path string) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+path, nil)
	require.NoError(t, err)
	answer, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		return 0, err.Error()
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	return answer.StatusCode, string(text)
}

// Each role runs what it is for and nothing else: a frontend and a worker alone
// schedule nothing; with a cron beside them clean-up is scheduled and runs on the
// worker, and a schedule that the engine lost comes back.
func TestRolesAsProcesses(t *testing.T) {
	t.Parallel()
	p := production(t)
	engine, err := client.Dial(client.Options{HostPort: p.engine.address, Namespace: engineNamespace})
	require.NoError(t, err)
	t.Cleanup(engine.Close)
	known := func(id string) bool {
		_, err := engine.ScheduleClient().GetHandle(t.Context(), id).Describe(t.Context())
		return err == nil
	}
	worker, cron := testkit.FreeAddress(t), testkit.FreeAddress(t)
	p.worker.stop()
	p.worker = spawn(t, append(p.environ, "SCRATCH_HEALTH_LISTEN="+worker), "scratch", "worker")
	eventually(t, 30*time.Second, "the worker is ready", func() bool { status, _ := answers(t, worker, "/readyz"); return status == 200 })

	s := p.open(newBlog(t, 20).address)
	made := call[api.Schedule](p, http.MethodPost, "/api/v1/schedules", map[string]any{"snapshot_id": s.snapshot.ID, "cron": "@yearly"})
	require.True(t, known("schedule:"+made.ID), "the frontend tells the engine at once")
	require.False(t, known("cleanup"), "frontend and worker schedule nothing of their own")
	require.NoError(t, engine.ScheduleClient().GetHandle(t.Context(), "schedule:"+made.ID).Delete(t.Context()))

	keeper := spawn(t, append(p.environ, "SCRATCH_HEALTH_LISTEN="+cron), "scratch", "serve", "--role=cron")
	eventually(t, 30*time.Second, "cron is ready", func() bool { status, _ := answers(t, cron, "/readyz"); return status == 200 })
	eventually(t, 30*time.Second, "the schedules are there", func() bool { return known("cleanup") && known("schedule:"+made.ID) })
	for _, address := range []string{cron, worker} {
		status, text := answers(t, address, "/healthz")
		require.Equal(t, 200, status, text)
		status, text = answers(t, address, "/api/v1/snapshots")
		require.Equal(t, 404, status, text)
		require.Contains(t, text, "request.no_such_path")
	}
	eventually(t, 30*time.Second, "clean-up has run on the worker", func() bool {
		described, err := engine.ScheduleClient().GetHandle(t.Context(), "cleanup").Describe(t.Context())
		return err == nil && described.Info.NumActions > 0 && len(described.Info.RunningWorkflows) == 0
	})

	triggered := call[api.Triggered](p, http.MethodPost, "/api/v1/schedules/"+made.ID+"/trigger", nil)
	require.NotNil(t, triggered.Job, "%+v", triggered.Warnings)
	var shown api.Schedule
	eventually(t, time.Minute, "the scheduled download has ended", func() bool {
		shown = call[api.Schedule](p, http.MethodGet, "/api/v1/schedules/"+made.ID, nil)
		return len(shown.Runs) == 1 && shown.Runs[0].Outcome == models.ScheduleEnded
	})
	require.Equal(t, models.JobCompleted, shown.Runs[0].State)
	require.Equal(t, made.ID, p.job(triggered.Job.ID).ScheduleID)
	require.Equal(t, triggered.Job.ID, shown.Runs[0].JobID)

	p.worker.kill()
	status, _ := answers(t, cron, "/readyz")
	require.Equal(t, 200, status, "cron needs no worker")
	keeper.stop()
	require.Zero(t, keeper.cmd.ProcessState.ExitCode(), keeper.stderr.String())
}

// A second signal ends a process at once, whatever is under way.
func TestASecondSignalEndsAtOnce(t *testing.T) {
	t.Parallel()
	p := production(t)
	site := newBlog(t, 20)
	s := p.open(site.address)
	site.fault(fake.Fault{Kind: fake.FaultSlow, Times: -1, DelayMS: 60_000, Path: "/wp/v2/posts"})
	mark := site.last()
	s.startDownload()
	site.awaitHeld(mark)
	p.worker.signal(os.Interrupt)
	eventually(t, 10*time.Second, "the worker drains", func() bool { return strings.Contains(p.worker.stderr.String(), "stopping") })
	eventually(t, 10*time.Second, "a second signal ends it", func() bool {
		p.worker.signal(syscall.SIGTERM)
		select {
		case <-p.worker.done:
			return true
		default:
			return false
		}
	})
	status, ok := p.worker.cmd.ProcessState.Sys().(syscall.WaitStatus)
	require.True(t, ok)
	require.True(t, status.Signaled(), "it drained to its end: %v", p.worker.err)
}
