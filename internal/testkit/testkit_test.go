package testkit_test

import (
	"context"
	"os"
	"os/exec"
	"runtime"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	goredis "github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/scratch-platform/scratch/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// Breaks when two tests share a database, or leave theirs behind.
func TestPostgresGivesEachTestItsOwn(t *testing.T) {
	var name string
	t.Run("inner", func(t *testing.T) {
		first, second := testkit.Postgres(t), testkit.Postgres(t)
		require.NotEqual(t, first, second)
		connection, err := pgx.Connect(t.Context(), first)
		require.NoError(t, err)
		require.NoError(t, connection.QueryRow(t.Context(), `SELECT current_database()`).Scan(&name))
		// Left open on purpose: a leaked connection must not keep the database.
		t.Cleanup(func() { _ = connection.Close(context.Background()) })
	})
	connection, err := pgx.Connect(t.Context(), testkit.Postgres(t))
	require.NoError(t, err)
	defer func() { require.NoError(t, connection.Close(context.Background())) }()
	var left int
	require.NoError(t, connection.QueryRow(t.Context(), `SELECT count(*) FROM pg_database WHERE datname = $1`, name).Scan(&left))
	require.Zero(t, left)
}

// Breaks when a missing PostgreSQL is skipped over instead of failing.
func TestMissingPostgresFailsAndSaysWhatToRun(t *testing.T) {
	if os.Getenv("TESTKIT_WITHOUT_POSTGRES") != "" {
		testkit.Postgres(t)
		return
	}
	again := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestMissingPostgresFailsAndSaysWhatToRun$")
	again.Env = append(os.Environ(), "TESTKIT_WITHOUT_POSTGRES=1", "SCRATCH_TEST_POSTGRES_URL=")
	out, err := again.CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(out), "make test")
}

// Breaks when a test sees another's keys in Redis, or leaves its own behind.
func TestRedisGivesEachTestItsOwn(t *testing.T) {
	var url, first, second string
	t.Run("inner", func(t *testing.T) {
		url, first = testkit.Redis(t)
		_, second = testkit.Redis(t)
		require.NotEqual(t, first, second)
		require.NoError(t, inRedis(t, url).Set(t.Context(), first+"key", "1", 0).Err())
	})
	left, err := inRedis(t, url).Exists(t.Context(), first+"key").Result()
	require.NoError(t, err)
	require.Zero(t, left)
}

// Breaks when a killed server keeps its keys or its port is another one.
func TestOwnRedisComesBackEmpty(t *testing.T) {
	server := testkit.OwnRedis(t)
	url := server.URL()
	require.NoError(t, inRedis(t, url).Set(t.Context(), "key", "1", 0).Err())
	server.Kill()
	server.Kill()
	require.Error(t, inRedis(t, url).Ping(t.Context()).Err())
	server.Start()
	require.Equal(t, url, server.URL())
	left, err := inRedis(t, url).Exists(t.Context(), "key").Result()
	require.NoError(t, err)
	require.Zero(t, left)
}

func inRedis(t *testing.T, url string) *goredis.Client {
	t.Helper()
	options, err := goredis.ParseURL(url)
	require.NoError(t, err)
	options.MaxRetries, options.DialerRetries = -1, 1
	c := goredis.NewClient(options)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c
}

// Breaks when the shared server cannot run a workflow, or is not shared.
func TestTemporalRunsAWorkflow(t *testing.T) {
	server := testkit.Temporal(t)
	require.Same(t, server, testkit.Temporal(t))
	c := testkit.TemporalClient(t, client.Options{})
	w := worker.New(c, "testkit", worker.Options{})
	w.RegisterWorkflowWithOptions(func(workflow.Context) (string, error) { return "done", nil }, workflow.RegisterOptions{Name: "Answer"})
	require.NoError(t, w.Start())
	defer w.Stop()
	run, err := c.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: "testkit", TaskQueue: "testkit"}, "Answer")
	require.NoError(t, err)
	var answer string
	require.NoError(t, run.Get(t.Context(), &answer))
	require.Equal(t, "done", answer)
}

// Breaks when a test that kills its server reaches the shared one.
func TestOwnTemporalIsAnother(t *testing.T) {
	own := testkit.OwnTemporal(t)
	require.NotEqual(t, testkit.Temporal(t).Address(), own.Address())
}

// Breaks when NoLeaks reports what belongs to the shared server.
func TestNoLeaksIgnoresTheSharedServer(t *testing.T) {
	testkit.NoLeaks(t)
	testkit.Temporal(t)
}

// Breaks when a leaked goroutine goes unseen.
func TestNoLeaksSeesALeak(t *testing.T) {
	watched := &failing{TB: t}
	testkit.NoLeaks(watched)
	release := make(chan struct{})
	started := make(chan struct{})
	go func() {
		close(started)
		<-release
	}()
	<-started
	watched.cleanup()
	close(release)
	require.True(t, watched.failed)
	runtime.Gosched()
}

// failing records a failure instead of failing, and holds its clean-up.
type failing struct {
	testing.TB
	cleanup func()
	failed  bool
}

func (f *failing) Cleanup(do func())     { f.cleanup = do }
func (f *failing) Error(...any)          { f.failed = true }
func (f *failing) Errorf(string, ...any) { f.failed = true }

func TestClockMovesByHand(t *testing.T) {
	clock := testkit.NewClock()
	before := clock.Now()
	clock.Advance(time.Minute)
	require.Equal(t, time.Minute, clock.Now().Sub(before))
}
