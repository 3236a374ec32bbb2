package testkit

import (
	"context"
	"os"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"

	"github.com/scratch-platform/scratch/internal/devserver"
)

// temporalCLI names the CLI the tests use; empty: found as `scratch dev` does.
const temporalCLI = "SCRATCH_TEST_TEMPORAL"

// shared is one server for the whole test binary: a start costs 0.4 s. It keeps
// its state in memory and ends with the process.
var shared struct {
	once   sync.Once
	server *devserver.Server
	err    error
}

// Temporal returns the dev server that the tests of this binary share, with the
// contract's search attributes. Tests that run side by side keep apart by their
// workflow ids. A test that stops or kills its server uses OwnTemporal.
func Temporal(t testing.TB) *devserver.Server {
	t.Helper()
	shared.once.Do(func() { shared.server, shared.err = startTemporal(t, "") })
	require.NoError(t, shared.err, "this test needs Temporal's dev server: run `make test`")
	return shared.server
}

// OwnTemporal starts a dev server for this test alone, with its state in a
// folder of the test's, and stops it when the test ends. Kill server.PID() to
// have it restarted with its state. settings are the server's own, as
// name=value.
func OwnTemporal(t testing.TB, settings ...string) *devserver.Server {
	t.Helper()
	server, err := startTemporal(t, t.TempDir(), settings...)
	require.NoError(t, err, "this test needs Temporal's dev server: run `make test`")
	t.Cleanup(func() {
		require.NoError(t, server.Stop(context.WithoutCancel(t.Context())))
	})
	return server
}

// TemporalCLI is the path of the CLI that the tests' servers are run with, for
// tests that use it as an operator does.
func TemporalCLI(t testing.TB) string {
	t.Helper()
	cli, err := findCLI(t.Context())
	require.NoError(t, err, "this test needs Temporal's CLI: run `make test`")
	return cli
}

func report(line string) { _, _ = os.Stderr.WriteString("temporal: " + line + "\n") }

func findCLI(ctx context.Context) (string, error) {
	return devserver.Finder{Path: os.Getenv(temporalCLI), Report: report}.Find(ctx)
}

func startTemporal(t testing.TB, dataDir string, settings ...string) (*devserver.Server, error) {
	t.Helper()
	// The server outlives the test that happened to start it.
	ctx := context.WithoutCancel(t.Context())
	cli, err := findCLI(ctx)
	if err != nil {
		return nil, err
	}
	return devserver.Start(ctx, devserver.Options{CLI: cli, DataDir: dataDir, UIPort: -1, Report: report, Dynamic: settings})
}

// TemporalClient connects to the shared server and is closed when the test ends.
// options may set what the test is about (a data converter, interceptors);
// address, namespace and logger are filled in where they are empty.
func TemporalClient(t testing.TB, options client.Options) client.Client {
	t.Helper()
	return Dial(t, Temporal(t), options)
}

// Dial is TemporalClient for a server of the test's own.
func Dial(t testing.TB, server *devserver.Server, options client.Options) client.Client {
	t.Helper()
	if options.HostPort == "" {
		options.HostPort = server.Address()
	}
	if options.Namespace == "" {
		options.Namespace = server.Namespace()
	}
	if options.Logger == nil {
		options.Logger = NewLog(t)
	}
	c, err := client.DialContext(t.Context(), options)
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

// Log is Temporal's logger that writes into the test's log, where it is seen
// when the test fails. After the test's end it is silent.
type Log struct {
	mu sync.Mutex
	t  testing.TB
}

var _ log.Logger = (*Log)(nil)

// NewLog returns a logger for the clients and workers of one test.
func NewLog(t testing.TB) *Log {
	l := &Log{t: t}
	t.Cleanup(func() { // a worker's last words may come after the test
		l.mu.Lock()
		defer l.mu.Unlock()
		l.t = nil
	})
	return l
}

func (l *Log) write(level, message string, pairs []any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.t != nil {
		l.t.Helper()
		l.t.Logf("%s %s %v", level, message, pairs)
	}
}

// Debug says nothing: the SDK's debug lines drown the test's.
func (l *Log) Debug(string, ...any) {}

// Info writes to the test's log.
func (l *Log) Info(message string, pairs ...any) { l.write("INFO", message, pairs) }

// Warn writes to the test's log.
func (l *Log) Warn(message string, pairs ...any) { l.write("WARN", message, pairs) }

// Error writes to the test's log.
func (l *Log) Error(message string, pairs ...any) { l.write("ERROR", message, pairs) }
