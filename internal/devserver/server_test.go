package devserver

import (
	"context"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/sdk/client"
)

// Breaks when a fresh server lacks what the product relies on: the namespace,
// the search attributes, the file for scripts, a Web UI on loopback.
func TestStartServesWithEverythingSet(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	server, _ := startServer(t, Options{DataDir: dir, CodecEndpoint: "http://127.0.0.1:3010/codec"})

	answer, err := dial(t, server).OperatorService().ListSearchAttributes(t.Context(),
		&operatorservice.ListSearchAttributesRequest{Namespace: server.Namespace()})
	require.NoError(t, err)
	require.Equal(t, map[string]enums.IndexedValueType{
		"ScratchOrg":       enums.INDEXED_VALUE_TYPE_KEYWORD,
		"ScratchSnapshot":  enums.INDEXED_VALUE_TYPE_KEYWORD,
		"ScratchJobKind":   enums.INDEXED_VALUE_TYPE_KEYWORD,
		"ScratchOutcome":   enums.INDEXED_VALUE_TYPE_KEYWORD,
		"ScratchConnector": enums.INDEXED_VALUE_TYPE_KEYWORD_LIST,
	}, only(answer.GetCustomAttributes(), "Scratch"))

	text, err := os.ReadFile(filepath.Join(dir, AddressFile))
	require.NoError(t, err)
	require.Equal(t, server.Address()+"\ndefault\n", string(text))

	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.UIURL(), nil)
	require.NoError(t, err)
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	response, err := transport.RoundTrip(request)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, http.StatusOK, response.StatusCode)

	pid := server.PID()
	group, err := syscall.Getpgid(pid)
	require.NoError(t, err)
	require.Equal(t, pid, group, "the terminal's Ctrl-C must not reach the server before us")

	stopServer(t, server)
	require.NoFileExists(t, filepath.Join(dir, AddressFile), "a stopped server is announced to no script")
	var dialer net.Dialer
	_, err = dialer.DialContext(t.Context(), "tcp", server.Address())
	require.Error(t, err, "a stopped server does not listen")
	require.False(t, isRunning(pid, server.mark()))
}

func only[V any](in map[string]V, prefix string) map[string]V {
	out := map[string]V{}
	for key, value := range in {
		if strings.HasPrefix(key, prefix) {
			out[key] = value
		}
	}
	return out
}

// startRun starts a workflow that no worker takes: state that must survive.
func startRun(t *testing.T, server *Server, id string) {
	t.Helper()
	_, err := dial(t, server).ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: id, TaskQueue: "nobody"}, "Nothing")
	require.NoError(t, err)
}

func requireRun(t *testing.T, server *Server, id string) {
	t.Helper()
	run, err := dial(t, server).DescribeWorkflowExecution(t.Context(), id, "")
	require.NoError(t, err)
	require.Equal(t, enums.WORKFLOW_EXECUTION_STATUS_RUNNING, run.GetWorkflowExecutionInfo().GetStatus())
}

// Breaks Promise 7 for `scratch dev`: a second start forgets what ran.
func TestRestartKeepsState(t *testing.T) {
	dir := t.TempDir()
	first, _ := startServer(t, Options{DataDir: dir})
	startRun(t, first, "kept")
	stopServer(t, first)

	second, _ := startServer(t, Options{DataDir: dir})
	require.False(t, second.Adopted())
	requireRun(t, second, "kept")
}

// Breaks when a server that died leaves the product without an engine.
func TestServerThatEndsByItselfIsStartedAgain(t *testing.T) {
	server, said := startServer(t, Options{DataDir: t.TempDir()})
	startRun(t, server, "kept")
	address, pid := server.Address(), server.PID()

	require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
	awaitLine(t, said, func(line string) bool { return strings.Contains(line, "gone") })
	awaitLine(t, said, func(line string) bool { return strings.Contains(line, "back on "+address) })
	require.NotEqual(t, pid, server.PID())
	require.Equal(t, 1, server.Restarts())
	requireRun(t, server, "kept")
}

// Breaks when a taken port stops the start, or is passed over in silence.
func TestTakenPortsAreSteppedOver(t *testing.T) {
	var config net.ListenConfig
	taken, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = taken.Close() }()
	port := taken.Addr().(*net.TCPAddr).Port

	server, said := startServer(t, Options{Port: port, UIPort: port})
	_, chosen, err := net.SplitHostPort(server.Address())
	require.NoError(t, err)
	number, err := strconv.Atoi(chosen)
	require.NoError(t, err)
	require.Greater(t, number, port)
	require.NotContains(t, server.UIURL(), ":"+chosen, "two listeners cannot share a port")
	awaitLine(t, said, func(line string) bool {
		return strings.HasPrefix(line, "port "+strconv.Itoa(port)+" is taken; Temporal listens on "+chosen)
	})
	awaitLine(t, said, func(line string) bool { return strings.Contains(line, "Web UI listens on") })
}

// Breaks when two processes write one database.
func TestSecondProcessOnTheFolderIsRefused(t *testing.T) {
	dir := t.TempDir()
	first, _ := startServer(t, Options{DataDir: dir, UIPort: -1})
	_, err := Start(t.Context(), Options{CLI: first.options.CLI, DataDir: dir})
	require.ErrorIs(t, err, ErrInUse)
	require.ErrorContains(t, err, dir)
}

// Breaks when a killed `scratch dev` leaves a server behind, or when the next
// start cannot go on where it was.
func TestKilledParentTakesItsServerAlong(t *testing.T) {
	dir := t.TempDir()
	pid := killedParent(t, temporalCLI(t), dir, surviveByNature)
	server, _ := startServer(t, Options{DataDir: dir})
	require.Equal(t, surviveByNature, server.Adopted())
	if !surviveByNature {
		require.NotEqual(t, pid, server.PID())
	}
}

// Breaks when a server that outlived its parent is started a second time beside
// itself, or when we lose the runs it holds.
func TestOrphanIsAdopted(t *testing.T) {
	dir := t.TempDir()
	pid := killedParent(t, temporalCLI(t), dir, true)

	server, said := startServer(t, Options{DataDir: dir})
	awaitLine(t, said, func(line string) bool { return strings.Contains(line, "earlier run left") })
	require.True(t, server.Adopted())
	require.Equal(t, pid, server.PID())
	startRun(t, server, "kept")

	// An adopted server is watched as any other.
	require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
	awaitLine(t, said, func(line string) bool { return strings.Contains(line, "back on "+server.Address()) })
	require.False(t, server.Adopted())
	requireRun(t, server, "kept")
}

// Breaks when stopping leaves an adopted server running.
func TestStopEndsAnAdoptedServer(t *testing.T) {
	dir := t.TempDir()
	pid := killedParent(t, temporalCLI(t), dir, true)
	server, _ := startServer(t, Options{DataDir: dir})
	require.True(t, server.Adopted())
	stopServer(t, server)
	require.False(t, isRunning(pid, server.mark()))
}

// Breaks when an orphan with other settings is taken for ours: its Web UI would
// decode through an address where nobody listens.
func TestOrphanWithOtherSettingsIsEnded(t *testing.T) {
	dir := t.TempDir()
	pid := killedParent(t, temporalCLI(t), dir, true)
	server, said := startServer(t, Options{DataDir: dir, CodecEndpoint: "http://127.0.0.1:3999/codec"})
	awaitLine(t, said, func(line string) bool { return strings.Contains(line, "ended the Temporal server") })
	require.False(t, server.Adopted())
	require.NotEqual(t, pid, server.PID())
	require.False(t, isRunning(pid, server.mark()) && pid == server.PID())
}

// Breaks when a server that cannot start hides its own words.
func TestFailedStartQuotesTheServer(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "temporal.db"), []byte("this is no database, and long enough to be read as one"), 0o600))
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	_, err := Start(ctx, Options{CLI: temporalCLI(t), DataDir: dir})
	require.ErrorContains(t, err, "did not become healthy")
	require.ErrorContains(t, err, "not a database")
}

// Breaks when the child is handed the parent's secrets, or a TEMPORAL_ setting
// of the user's that points it elsewhere.
func TestChildSeesNoSecretOfOurs(t *testing.T) {
	t.Setenv("SCRATCH_VAULT_KEY", "canary")
	t.Setenv("TEMPORAL_ADDRESS", "elsewhere:7233")
	seen := strings.Join(environment(), "\n")
	require.NotContains(t, seen, "canary")
	require.NotContains(t, seen, "elsewhere")
	require.Contains(t, seen, "PATH=")
}
