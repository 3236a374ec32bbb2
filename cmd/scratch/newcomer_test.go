package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/api"
	"github.com/scratch-platform/scratch/models"
)

// asCommand makes the test's own program run as scratch, so that a process can
// be interrupted and killed as an operator would.
const asCommand = "SCRATCH_TEST_AS_COMMAND"

func TestMain(m *testing.M) {
	if os.Getenv(asCommand) != "" {
		main()
	}
	os.Exit(m.Run())
}

// machine is a folder with 'scratch dev' running in it.
type machine struct {
	t       *testing.T
	folder  string
	process *exec.Cmd
	said    bytes.Buffer
}

func (m *machine) command(ctx context.Context, args ...string) *exec.Cmd {
	self, err := os.Executable()
	require.NoError(m.t, err)
	c := exec.CommandContext(ctx, self, append(args, "--data-dir", m.folder)...)
	c.Env = append(os.Environ(), asCommand+"=1")
	return c
}

// start runs 'scratch dev' until a download could start.
func (m *machine) start() {
	m.t.Helper()
	m.process = m.command(context.WithoutCancel(m.t.Context()), "dev", "--port", "0", "--temporal-port", "0", "--temporal-ui-port", "0")
	m.said.Reset()
	m.process.Stderr = &m.said
	require.NoError(m.t, os.RemoveAll(filepath.Join(m.folder, addressFile)))
	require.NoError(m.t, m.process.Start())
	require.Eventually(m.t, func() bool {
		address := readDevFiles(m.folder).server
		detail, err := askReady(m.t.Context(), address)
		return address != "" && err == nil && detail == ""
	}, time.Minute, 50*time.Millisecond, "scratch dev did not become ready")
}

func (m *machine) end(signal os.Signal) error {
	require.NoError(m.t, m.process.Process.Signal(signal))
	return m.process.Wait()
}

// run is a client command in this folder.
func (m *machine) run(args ...string) ran {
	m.t.Helper()
	var out, errs bytes.Buffer
	c := m.command(m.t.Context(), args...)
	c.Stdout, c.Stderr = &out, &errs
	if err := c.Run(); err != nil {
		require.NotNil(m.t, c.ProcessState, "it did not start: %v", err)
	}
	return ran{c.ProcessState.ExitCode(), out.String(), errs.String()}
}

// must runs a command that has to complete.
func (m *machine) must(args ...string) string {
	m.t.Helper()
	got := m.run(args...)
	require.Equal(m.t, exitCompleted, got.code, "%v: %s%s", args, got.out, got.err)
	return got.out
}

func answerOf[T any](t *testing.T, text string) T {
	t.Helper()
	var answer T
	require.NoError(t, json.Unmarshal([]byte(text), &answer), text)
	return answer
}

// demo asks the demo service itself.
func (m *machine) demo(method, path, body string) string {
	m.t.Helper()
	text, err := os.ReadFile(filepath.Join(m.folder, "demo.json"))
	require.NoError(m.t, err)
	port := answerOf[demoState](m.t, string(text)).Port
	request, err := http.NewRequestWithContext(m.t.Context(), method, "http://127.0.0.1:"+strconv.Itoa(port)+path, strings.NewReader(body))
	require.NoError(m.t, err)
	answer, err := (&http.Client{Timeout: time.Minute}).Do(request)
	require.NoError(m.t, err)
	defer answer.Body.Close()
	content, err := io.ReadAll(answer.Body)
	require.NoError(m.t, err)
	return string(content)
}

// Breaks when the README's words no longer lead from nothing to a changed
// service, when a stop is not clean, or when a start after a SIGKILL does not go
// on where it was.
func TestNewcomerByCommandLine(t *testing.T) {
	m := &machine{t: t, folder: filepath.Join(t.TempDir(), "data")}
	m.start()
	t.Cleanup(func() {
		if m.process.ProcessState == nil {
			_ = m.end(syscall.SIGINT)
		}
		if t.Failed() {
			t.Log(m.said.String())
		}
	})
	require.Eventually(t, func() bool { return strings.Contains(m.run("snapshot", "list").out, "Demo blog") }, time.Minute, 200*time.Millisecond)
	m.must("download", "Demo blog")
	m.must("table", "set", "Demo blog", "Posts", "1", "title=A calmer title")
	require.Contains(t, m.must("record", "show", "Demo blog", "Posts", "1"), "A calmer title")
	m.must("undo", "Demo blog")
	require.NotContains(t, m.must("record", "show", "Demo blog", "Posts", "1"), "A calmer title")
	m.must("redo", "Demo blog")
	require.NotContains(t, m.demo(http.MethodGet, "/_fake/state?table=posts", ""), "A calmer title", "published without a word")
	done := answerOf[published](t, m.must("publish", "Demo blog", "--yes", "--json"))
	require.Equal(t, int64(1), done.Plan.Counts.Applied)
	require.Contains(t, m.demo(http.MethodGet, "/_fake/state?table=posts", ""), "A calmer title")
	require.Contains(t, m.must("publish", "Demo blog"), "Nothing to publish")
	importTwice(t, m)
	m.must("doctor")

	require.NoError(t, m.end(os.Interrupt), "Ctrl-C did not end it cleanly: %s", m.said.String())
	began := time.Now()
	m.start()
	t.Logf("the second start took %s", time.Since(began).Round(time.Millisecond))
	require.Contains(t, m.must("record", "show", "Demo blog", "Posts", "1"), "A calmer title")

	// The port of a free choice differs after a restart, so the following
	// command is started after it, too.
	m.demo(http.MethodPost, "/_fake/faults", `{"kind":"slow","times":-1,"delay_ms":2000,"path":"/wp/v2/*","method":"GET"}`)
	job := answerOf[followed](t, m.must("download", "Demo blog", "--table", "Posts", "--detach", "--json")).Job
	require.False(t, job.Final)
	require.Error(t, m.end(syscall.SIGKILL))
	m.start()
	got := m.run("job", "follow", job.ID, "--json")
	require.Equal(t, exitCompleted, got.code, got.err)
	require.Equal(t, models.JobCompleted, answerOf[followed](t, got.out).Job.State)
	require.NoError(t, m.end(os.Interrupt))
}

// importTwice brings a file in, then a newer one over an edit.
func importTwice(t *testing.T, m *machine) {
	t.Helper()
	folder := t.TempDir()
	first, second, broken := filepath.Join(folder, "stock.csv"), filepath.Join(folder, "stock-new.csv"), filepath.Join(folder, "empty.csv")
	require.NoError(t, writeFile(first, "sku,name\n1,\"a, b\"\n2,c\n"))
	require.NoError(t, writeFile(second, "sku,name\n1,\"a, b\"\n2,changed\n3,new\n"))
	require.NoError(t, writeFile(broken, ""))
	m.must("table", "import", "Demo blog", first, "--identity", "sku")
	m.must("table", "import", "Demo blog", second, "--into", "stock")
	page := answerOf[api.RecordsPage](t, m.must("table", "records", "Demo blog", "stock", "--json"))
	require.Equal(t, int64(3), page.Total, "rows were doubled or lost")
	exported := m.must("table", "export", "Demo blog", "stock")
	require.Contains(t, exported, "changed")
	before := m.must("connection", "list", "--json")
	got := m.run("table", "import", "Demo blog", broken)
	require.Equal(t, exitBadInput, got.code)
	require.Equal(t, before, m.must("connection", "list", "--json"), "a failed import left a connection behind")
}
