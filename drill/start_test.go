package drill

import (
	"net/http"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/api"
	"github.com/scratch-platform/scratch/internal/testkit"
)

// Frontend, worker and cron start while nothing of what they need is there:
// they wait, say for what, and work when it has come; none of them ends.
func TestEverythingIsAwayAtTheStart(t *testing.T) {
	t.Parallel()
	database, redis := testkit.OwnPostgres(t), testkit.OwnRedis(t)
	url := database.Database()
	p := &product{t: t, dir: t.TempDir(), db: postgresOf(t, url), engine: newEngine(t), token: account(t, url)}
	p.environ = append(p.settings(filepath.Join(p.dir, "data")), "SCRATCH_DATABASE_URL="+url, "SCRATCH_REDIS_URL="+redis.URL())
	database.Kill()
	redis.Kill()
	p.engine.server.kill()

	ports := map[string]string{"frontend": testkit.FreeAddress(t), "worker": testkit.FreeAddress(t), "cron": testkit.FreeAddress(t)}
	roles := map[string]*process{}
	for role, port := range ports {
		setting := "SCRATCH_HEALTH_LISTEN="
		if role == "frontend" {
			setting = "SCRATCH_LISTEN="
		}
		roles[role] = spawn(t, append(p.environ, setting+port), "scratch", "serve", "--role="+role)
	}
	p.main, p.worker, p.address = roles["frontend"], roles["worker"], "http://"+ports["frontend"]
	waitsFor := func(code, line string) {
		t.Helper()
		for role, port := range ports {
			var text string
			eventually(t, time.Minute, role+" waits and says so: "+code, func() bool {
				p.mustRun(roles[role])
				var status int
				status, text = answers(t, port, "/readyz")
				return status == http.StatusServiceUnavailable && strings.Contains(text, code)
			})
			require.NotEmpty(t, decode[api.ProblemDocument](t, []byte(text)).Hint)
			status, _ := answers(t, port, "/healthz")
			require.Equal(t, http.StatusOK, status, "%s lives while it waits", role)
			eventually(t, time.Minute, role+"'s log says so: "+line, func() bool { return strings.Contains(roles[role].stderr.String(), line) })
		}
	}
	waitsFor("store.away", "the database is away")
	p.refused(http.MethodGet, "/api/v1/snapshots", nil, http.StatusServiceUnavailable, "store.away")
	database.Start()
	waitsFor("engine.away", "Temporal is away")
	call[any](p, http.MethodGet, "/api/v1/snapshots", nil) // what needs the database alone is there

	p.engine.start()
	for role, port := range ports {
		eventually(t, time.Minute, role+" is ready", func() bool {
			p.mustRun(roles[role])
			status, _ := answers(t, port, "/readyz")
			return status == http.StatusOK
		})
		_, text := answers(t, port, "/readyz")
		require.Contains(t, text, "redis.away", "%s tells of what it can do without", role)
		require.Contains(t, roles[role].stderr.String(), "Redis is away", role)
	}
	s := p.open(newBlog(t, 300).address)
	s.download()
	redis.Start()
	for role, port := range ports {
		eventually(t, time.Minute, role+" has Redis", func() bool {
			status, text := answers(t, port, "/readyz")
			return status == http.StatusOK && !strings.Contains(text, "redis.away")
		})
	}
	s.download()
	for role, process := range roles {
		process.drain()
		require.Equal(t, 1, strings.Count(process.stderr.String(), "the database is away"), "%s repeats itself", role)
	}
}

// A process that waits for its database is stopped like any other; one whose
// database does not let it in, or is not migrated, does not wait: that is for a
// person to mend.
func TestWhoWaitsForADatabaseCanBeStopped(t *testing.T) {
	t.Parallel()
	p := &product{t: t, dir: t.TempDir(), engine: &engine{address: testkit.FreeAddress(t)}}
	settings := p.settings(p.dir)
	waiting := spawn(t, append(settings, "SCRATCH_DATABASE_URL=postgres://nobody@"+testkit.FreeAddress(t)+"/none"), "scratch", "serve", "--role=worker")
	eventually(t, time.Minute, "it waits", func() bool {
		p.mustRun(waiting)
		return strings.Contains(waiting.stderr.String(), "the database is away")
	})
	waiting.drain()

	url := testkit.Postgres(t)
	for name, c := range map[string]struct{ url, code string }{
		"a wrong name": {strings.Replace(url, "/scratch_test_", "/no_such_", 1), "store.refused"},
		"not migrated": {url, "store.migrations_pending"},
	} {
		refused := spawn(t, append(settings, "SCRATCH_DATABASE_URL="+c.url), "scratch", "serve", "--role=worker")
		select {
		case <-refused.done:
		case <-time.After(time.Minute):
			refused.signal(syscall.SIGKILL)
			t.Fatalf("%s: it waits for what does not come", name)
		}
		require.Equal(t, 3, refused.cmd.ProcessState.ExitCode(), "%s: %s", name, refused.stderr)
		require.Contains(t, refused.stderr.String(), c.code, name)
	}
}
