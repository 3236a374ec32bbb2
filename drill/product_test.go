package drill

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/api"
	"github.com/scratch-platform/scratch/internal/testkit"
)

// binaries holds the commands under drill, built once for all tests. They are
// built without the race detector: what is drilled is the product as it runs.
var binaries string

// atOnce is how many drills run side by side: most of a drill is waiting for
// leases to end, so more than there are processors.
const atOnce = "6"

func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", atOnce); err != nil {
		panic(err)
	}
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "scratch-drill")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	binaries = dir
	build := exec.Command("go", "build", "-o", dir+string(filepath.Separator), "../cmd/scratch", "../connectors/wordpress/fake/wpfake")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "build the binaries under drill:", err)
		return 1
	}
	return m.Run()
}

// process is a command of ours that runs beside the test.
type process struct {
	t      *testing.T
	cmd    *exec.Cmd
	stderr *words
	done   chan struct{}
	err    error
}

// words keeps what a process says; it may be read while it is written.
type words struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (w *words) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.Write(p)
}

func (w *words) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.String()
}

// spawn starts a command: one of the binaries under drill, or a path. What still
// runs at the test's end is ended.
func spawn(t *testing.T, environ []string, name string, args ...string) *process {
	t.Helper()
	// It must outlive the context of the test, to be ended in order.
	path := name
	if !filepath.IsAbs(path) {
		path = filepath.Join(binaries, name)
	}
	p := &process{t: t, cmd: exec.Command(path, args...), stderr: &words{}, done: make(chan struct{})}
	p.cmd.Env = append(cleanEnviron(), environ...)
	p.cmd.Stderr, p.cmd.Stdout = p.stderr, p.stderr
	require.NoError(t, p.cmd.Start())
	go func() {
		defer close(p.done)
		p.err = p.cmd.Wait()
	}()
	t.Cleanup(func() {
		p.signal(syscall.SIGCONT)
		p.stop()
		if t.Failed() {
			t.Logf("%s %s said:\n%s", name, strings.Join(args, " "), tail(p.stderr.String(), 6000))
		}
	})
	return p
}

// cleanEnviron is the environment without anyone's own settings of Scratch and
// of Temporal's CLI.
func cleanEnviron() []string {
	var out []string
	for _, entry := range os.Environ() {
		if !strings.HasPrefix(entry, "SCRATCH_") && !strings.HasPrefix(entry, "SERVICE_TYPE=") && !strings.HasPrefix(entry, "TEMPORAL_") {
			out = append(out, entry)
		}
	}
	return out
}

func tail(text string, n int) string { return text[max(0, len(text)-n):] }

func (p *process) signal(s os.Signal) { _ = p.cmd.Process.Signal(s) }

// kill ends the process as a power cut does, and waits until it is gone.
func (p *process) kill() {
	p.signal(syscall.SIGKILL)
	<-p.done
}

// stop ends the process as Ctrl-C does.
func (p *process) stop() {
	p.signal(os.Interrupt)
	select {
	case <-p.done:
	case <-time.After(30 * time.Second):
		p.t.Errorf("%s did not stop within 30 s of an interrupt", p.cmd.Path)
		p.kill()
	}
}

// product is Scratch as somebody runs it, with what is needed to speak to it.
type product struct {
	t       *testing.T
	dir     string // its data folder
	db      *database
	address string
	token   string

	main    *process // dev, or the frontend
	worker  *process // the latest; nil in dev mode: it is in main
	engine  *engine  // nil in dev mode: main runs its own
	environ []string // of dev, or of frontend and worker

	workers   []*process  // all that were started, the killed ones too
	frontends []*frontend // where there are several: requests go to them in turn
	turn      *atomic.Int64
	redis     *testkit.RedisServer // nil: none
}

// in hands the product to a subtest, which then fails by itself.
func (p *product) in(t *testing.T) *product {
	own, db := *p, *p.db
	db.t = t
	own.t, own.db = t, &db
	return &own
}

// dev starts `scratch dev` on a folder of its own, with settings.
func dev(t *testing.T, settings ...string) *product {
	t.Helper()
	return devIn(t, t.TempDir(), settings...)
}

func devIn(t *testing.T, dir string, settings ...string) *product {
	t.Helper()
	p := &product{t: t, dir: dir, db: sqliteOf(t, filepath.Join(dir, "scratch.db")), environ: settings}
	p.startDev()
	return p
}

// startDev starts it, again on what an earlier one left.
func (p *product) startDev(flags ...string) {
	p.t.Helper()
	address := filepath.Join(p.dir, "address")
	_ = os.Remove(address)
	args := append([]string{"dev", "--data-dir", p.dir, "--port", "0", "--temporal-port", "0", "--temporal-ui-port", "0", "--demo=false"}, flags...)
	p.main = spawn(p.t, p.environ, "scratch", args...)
	eventually(p.t, 60*time.Second, "scratch dev tells its address", func() bool {
		p.mustRun(p.main)
		text, err := os.ReadFile(address)
		p.address = strings.TrimSpace(string(text))
		return err == nil
	})
	text, err := os.ReadFile(filepath.Join(p.dir, "api-token"))
	require.NoError(p.t, err)
	p.token = strings.TrimSpace(string(text))
	p.awaitReady()
}

func (p *product) mustRun(of *process) {
	p.t.Helper()
	select {
	case <-of.done:
		p.t.Fatalf("%s ended (%v):\n%s", strings.Join(of.cmd.Args, " "), of.err, tail(of.stderr.String(), 6000))
	default:
	}
}

func (p *product) awaitReady() {
	p.t.Helper()
	eventually(p.t, 60*time.Second, "readyz", func() bool {
		p.mustRun(p.main)
		status, _, err := p.try(http.MethodGet, "/readyz", nil)
		return err == nil && status == http.StatusOK
	})
}

// try sends one request and gives status and body.
func (p *product) try(method, path string, body any) (int, []byte, error) {
	var reader io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return 0, nil, err
		}
		reader = bytes.NewReader(text)
	}
	return p.send(method, path, "application/json", reader)
}

// tryWith is try with further headers.
func (p *product) tryWith(method, path string, body any, header map[string]string) (int, []byte, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return 0, nil, err
	}
	return p.sendWith(method, path, "application/json", bytes.NewReader(text), header)
}

// send sends one request with a body of any kind, or none.
func (p *product) send(method, path, contentType string, body io.Reader) (int, []byte, error) {
	return p.sendWith(method, path, contentType, body, nil)
}

func (p *product) sendWith(method, path, contentType string, body io.Reader, header map[string]string) (int, []byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, p.next()+path, body)
	if err != nil {
		return 0, nil, err
	}
	request.Header.Set("Authorization", "Bearer "+p.token)
	if body != nil {
		request.Header.Set("Content-Type", contentType)
	}
	for name, value := range header {
		request.Header.Set(name, value)
	}
	answer, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		return 0, nil, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	return answer.StatusCode, text, err
}

// call sends a request that must succeed.
func call[T any](p *product, method, path string, body any) T {
	p.t.Helper()
	status, text, err := p.try(method, path, body)
	require.NoError(p.t, err, "%s %s", method, path)
	require.Less(p.t, status, 300, "%s %s: %s", method, path, text)
	if len(text) == 0 {
		var none T
		return none
	}
	return decode[T](p.t, text)
}

func decode[T any](t *testing.T, text []byte) T {
	t.Helper()
	var out T
	require.NoError(t, json.Unmarshal(text, &out), "%s", text)
	return out
}

// refused sends a request that must be refused, with a code and a hint.
func (p *product) refused(method, path string, body any, status int, code string) api.ProblemDocument {
	p.t.Helper()
	got, text, err := p.try(method, path, body)
	require.NoError(p.t, err, "%s %s", method, path)
	require.Equal(p.t, status, got, "%s %s: %s", method, path, text)
	problem := decode[api.ProblemDocument](p.t, text)
	require.Equal(p.t, code, problem.Code, "%s", text)
	require.NotEmpty(p.t, problem.Hint, "%s", text)
	return problem
}

// eventually waits for something that is seen by looking.
func eventually(t *testing.T, within time.Duration, what string, is func() bool) {
	t.Helper()
	over := time.Now().Add(within)
	tick := time.NewTicker(25 * time.Millisecond)
	defer tick.Stop()
	for !is() {
		if time.Now().After(over) {
			t.Fatalf("not within %s: %s", within, what)
		}
		<-tick.C
	}
}

// seeds is how many kills each kind of drill gets: without a word about it, few.
func seeds(t *testing.T, few int) int {
	t.Helper()
	text := os.Getenv("SCRATCH_KILL_SEEDS")
	if text == "" {
		return few
	}
	n, err := strconv.Atoi(text)
	require.NoError(t, err, "SCRATCH_KILL_SEEDS must be a number")
	return n
}

// firstLine waits for the first line a process prints.
func firstLine(r io.Reader) (string, error) {
	line, err := bufio.NewReader(r).ReadString('\n')
	return strings.TrimSpace(line), err
}
