package devserver

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.uber.org/goleak"
)

// parentFolder, when set, makes the test binary play a parent process: it
// starts a server on that folder, prints a line, and waits to be killed.
const (
	parentFolder   = "SCRATCH_TEST_DEVSERVER_PARENT"
	parentSurvived = "SCRATCH_TEST_DEVSERVER_SURVIVES"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(parentFolder); dir != "" {
		playParent(dir)
		return
	}
	goleak.VerifyTestMain(m)
}

func playParent(dir string) {
	cli, err := Finder{Path: os.Getenv("SCRATCH_TEST_TEMPORAL")}.Find(context.Background())
	if err == nil {
		_, err = Start(context.Background(), Options{
			CLI: cli, DataDir: dir, surviveParent: os.Getenv(parentSurvived) != "",
		})
	}
	fmt.Println("started:", err)
	select {}
}

// killedParent starts a server from a process of its own and kills that process
// with SIGKILL. It returns the server's pid.
func killedParent(t *testing.T, cli, dir string, childSurvives bool) (pid int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), parentFolder+"="+dir, "SCRATCH_TEST_TEMPORAL="+cli)
	if childSurvives {
		cmd.Env = append(cmd.Env, parentSurvived+"=1")
	}
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	var started string
	_, err = fmt.Fscanln(out, new(string), &started)
	require.NoError(t, err)
	require.Equal(t, "<nil>", started, "the parent could not start a server")
	left, ok := readRecord(filepath.Join(dir, "temporal.json"))
	require.True(t, ok, "a running server is recorded")
	require.NoError(t, cmd.Process.Kill())
	require.Error(t, cmd.Wait())
	return left.PID
}

// temporalCLI is the CLI the whole test run uses.
func temporalCLI(t *testing.T) string {
	t.Helper()
	cli, err := Finder{Path: os.Getenv("SCRATCH_TEST_TEMPORAL"), Report: func(line string) { t.Log(line) }}.Find(t.Context())
	require.NoError(t, err, "the tests need a Temporal CLI: run make test")
	return cli
}

// startServer starts a server that ends with the test. Lines reported to the
// user arrive on the channel.
func startServer(t *testing.T, o Options) (*Server, <-chan string) {
	t.Helper()
	said := make(chan string, 100)
	o.CLI = temporalCLI(t)
	o.Report = func(line string) { said <- line }
	server, err := Start(t.Context(), o)
	require.NoError(t, err)
	t.Cleanup(func() { stopServer(t, server) })
	return server, said
}

func stopServer(t *testing.T, server *Server) {
	t.Helper()
	select {
	case <-server.done: // the test stopped it itself
	default:
		require.NoError(t, server.Stop(context.WithoutCancel(t.Context())))
	}
}

func dial(t *testing.T, server *Server) client.Client {
	t.Helper()
	c, err := client.DialContext(t.Context(), client.Options{
		HostPort: server.Address(), Namespace: server.Namespace(), Logger: silent{},
	})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

// awaitLine waits until a line holds the word.
func awaitLine(t *testing.T, said <-chan string, match func(string) bool) string {
	t.Helper()
	deadline := time.After(30 * time.Second)
	var lines []string
	for {
		select {
		case line := <-said:
			lines = append(lines, line)
			if match(line) {
				return line
			}
		case <-deadline:
			require.Fail(t, "the line was never reported", "reported: %q", lines)
		}
	}
}
