package deploy

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/internal/testkit"
)

// The compose file without a container engine: each service's command and
// environment are taken from it and run as a process of this machine, with hosts,
// ports, paths and the databases' names replaced, and nothing else.

const (
	// startTime bounds the start of one service, on a machine that does other
	// things as well.
	startTime = 2 * time.Minute
	lookEvery = 200 * time.Millisecond
)

// stage is where the services run.
type stage struct {
	t       *testing.T
	project *types.Project
	scratch string            // our program, as the Dockerfile builds it
	tools   string            // folder with the programs of the images
	admin   *url.URL          // the PostgreSQL server's administrator
	suffix  string            // of roles and databases
	ports   map[string]string // addresses of this machine by those of the file
	data    string
}

func newStage(t *testing.T) *stage {
	t.Helper()
	text := os.Getenv("SCRATCH_TEST_POSTGRES_URL")
	require.NotEmpty(t, text, "this test needs PostgreSQL: run `make test`")
	admin, err := url.Parse(text)
	require.NoError(t, err)
	s := &stage{
		t: t, project: loaded(t), scratch: program(t), tools: programs(t), admin: admin,
		suffix: "_" + strings.ToLower(rand.Text())[:12], ports: map[string]string{"postgres:5432": admin.Host}, data: t.TempDir(),
	}
	for _, address := range []string{"redis:6379", "temporal:7233", "frontend 127.0.0.1:3010", "worker 127.0.0.1:3011", "worker-before 127.0.0.1:3011", "cron 127.0.0.1:3011"} {
		// Temporal keeps its ports as numbers below 32768: these are.
		s.ports[address] = testkit.FreeAddress(t)
	}
	return s
}

// here says a text of the file in this machine's terms, for one service.
func (s *stage) here(service, text string) string {
	pairs := []string{
		"postgres://scratch:", "postgres://scratch" + s.suffix + ":", "postgres:5432/scratch?", s.ports["postgres:5432"] + "/scratch" + s.suffix + "?",
		"0.0.0.0:3010", s.ports[service+" 127.0.0.1:3010"],
	}
	for of, address := range s.ports {
		if only, rest, ok := strings.Cut(of, " "); ok {
			if only != service {
				continue
			}
			of = rest
		}
		pairs = append(pairs, of, address)
	}
	// In one pass: an address that was put in may begin like one to be replaced.
	text = strings.NewReplacer(pairs...).Replace(text)
	if text == "/data" {
		return s.data
	}
	for _, v := range s.project.Services[service].Volumes {
		if v.Type == types.VolumeTypeBind && text == v.Target {
			return v.Source
		}
	}
	if text == "/scratch" {
		return s.scratch
	}
	return text
}

// environ is the environment of a service and nothing else; more replaces some.
func (s *stage) environ(service string, more ...string) []string {
	// HOME is set by the engine; here it keeps this user's own files out.
	environ := []string{"PATH=" + s.tools + string(filepath.ListSeparator) + os.Getenv("PATH"), "HOME=" + s.data}
	for name, value := range s.project.Services[service].Environment {
		environ = append(environ, name+"="+s.here(service, *value))
	}
	return append(environ, more...)
}

// command is what the container would run.
func (s *stage) command(service string) []string {
	config := s.project.Services[service]
	entry := config.Entrypoint
	if len(entry) == 0 && slices.Contains(ours, service) {
		entry = []string{"/scratch"} // the Dockerfile's
	}
	var line []string
	for _, word := range append(append([]string{}, entry...), config.Command...) {
		line = append(line, s.here(service, word))
	}
	return line
}

// job runs a service that ends, twice: a second run must do no harm.
func (s *stage) job(service string, more ...string) {
	s.t.Helper()
	for range 2 {
		output, err := s.once(s.command(service), s.environ(service, more...))
		require.NoError(s.t, err, "%s: %s", service, output)
	}
}

func (s *stage) once(line, environ []string) (string, error) {
	ctx, cancel := context.WithTimeout(s.t.Context(), startTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, line[0], line[1:]...)
	cmd.Env = environ
	output, err := cmd.CombinedOutput()
	return string(output), err
}

// process is a service that runs.
type process struct {
	name string
	cmd  *exec.Cmd
	said *safeBuffer
	done chan struct{}
	err  error
}

type safeBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// start runs a service and returns when its health check passes.
func (s *stage) start(service string, line, environ, health []string) *process {
	s.t.Helper()
	p := &process{name: service, cmd: exec.Command(line[0], line[1:]...), said: &safeBuffer{}, done: make(chan struct{})}
	p.cmd.Env, p.cmd.Stdout, p.cmd.Stderr = environ, p.said, p.said
	p.cmd.Dir = s.t.TempDir()
	require.NoError(s.t, p.cmd.Start(), service)
	go func() {
		defer close(p.done)
		p.err = p.cmd.Wait()
	}()
	s.t.Cleanup(func() {
		p.stop()
		if s.t.Failed() {
			text := p.said.String()
			s.t.Logf("%s said:\n%s", service, text[max(0, len(text)-4000):])
		}
	})
	s.await(p, func() bool {
		_, err := s.once(health, environ)
		return err == nil
	})
	return p
}

// await waits until a service is well, or has ended.
func (s *stage) await(p *process, well func() bool) {
	s.t.Helper()
	deadline := time.After(startTime)
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for !well() {
		select {
		case <-p.done:
			require.Fail(s.t, p.name+" ended", "%v", p.err)
		case <-deadline:
			require.Fail(s.t, p.name+" does not become healthy")
		case <-ticker.C:
		}
	}
}

// serve starts one of our services, with its own health check; more replaces some
// of its environment.
func (s *stage) serve(service string, more ...string) *process {
	s.t.Helper()
	test := s.project.Services[service].HealthCheck.Test
	require.Equal(s.t, "CMD", test[0], "the image has no shell")
	var health []string
	for _, word := range test[1:] {
		health = append(health, s.here(service, word))
	}
	return s.start(service, s.command(service), s.environ(service, more...), health)
}

// stop ends a service as `docker compose stop` does; killed after its grace.
func (p *process) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(45 * time.Second):
		_ = p.cmd.Process.Kill()
		<-p.done
	}
}

// psql runs a statement as a role.
func (s *stage) psql(user *url.Userinfo, database, statement string) (string, error) {
	to := *s.admin
	to.Path = "/" + database
	if user != nil {
		to.User = user
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(s.t.Context()), startTime)
	defer cancel()
	output, err := exec.CommandContext(ctx, "psql", "--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set", "ON_ERROR_STOP=1", "--command", statement, to.String()).CombinedOutput()
	return strings.TrimSpace(string(output)), err
}

// databases runs the script of PostgreSQL's first start, with names of this test.
func (s *stage) databases() {
	s.t.Helper()
	var names, roles []string
	environ := []string{"PATH=" + os.Getenv("PATH"), "PGHOST=" + s.admin.Hostname(), "PGPORT=" + s.admin.Port(), "POSTGRES_USER=" + s.admin.User.Username()}
	if password, ok := s.admin.User.Password(); ok {
		environ = append(environ, "PGPASSWORD="+password)
	}
	given := s.project.Services["postgres"].Environment
	var pairs []string
	for _, pair := range strings.Fields(*given["DATABASES"]) {
		name, role, _ := strings.Cut(pair, "=")
		environ = append(environ, "PASSWORD_"+role+s.suffix+"="+*given["PASSWORD_"+role])
		names, roles = append(names, name+s.suffix), append(roles, role+s.suffix)
		pairs = append(pairs, name+s.suffix+"="+role+s.suffix)
	}
	s.t.Cleanup(func() {
		for _, name := range names {
			_, err := s.psql(nil, "postgres", `DROP DATABASE IF EXISTS "`+name+`" WITH (FORCE)`)
			require.NoError(s.t, err)
		}
		for _, role := range roles {
			_, err := s.psql(nil, "postgres", `DROP ROLE IF EXISTS "`+role+`"`)
			require.NoError(s.t, err)
		}
	})
	environ = append(environ, "DATABASES="+strings.Join(pairs, " "))
	for range 2 {
		output, err := s.once([]string{"/bin/sh", s.here("postgres", "/docker-entrypoint-initdb.d/databases.sh")}, environ)
		require.NoError(s.t, err, output)
	}
	scratch := url.UserPassword("scratch"+s.suffix, *given["PASSWORD_scratch"])
	owner, err := s.psql(scratch, "scratch"+s.suffix, "SELECT current_user")
	require.NoError(s.t, err, owner)
	require.Equal(s.t, "scratch"+s.suffix, owner)
	refused, err := s.psql(scratch, "temporal"+s.suffix, "SELECT 1")
	require.Error(s.t, err, "Scratch's role reaches Temporal's database")
	require.Contains(s.t, refused, "permission denied")
}

// redis runs the file's Redis with the program of this machine, and asks it as the
// health check does.
func (s *stage) redis() *process {
	s.t.Helper()
	host, port, err := net.SplitHostPort(s.ports["redis:6379"])
	require.NoError(s.t, err)
	line := s.command("redis")
	require.Equal(s.t, "valkey-server", line[0])
	server := os.Getenv("SCRATCH_TEST_REDIS_SERVER")
	if server == "" {
		server = "redis-server"
	}
	line[0], err = exec.LookPath(server)
	require.NoError(s.t, err, "this test needs redis-server: run `make test`, or set SCRATCH_TEST_REDIS_SERVER")
	test := s.project.Services["redis"].HealthCheck.Test
	health := strings.Replace(test[1], "valkey-cli", fmt.Sprintf("redis-cli -h %s -p %s", host, port), 1)
	return s.start("redis", append(line, "--bind", host, "--port", port), s.environ("redis"), []string{"/bin/sh", "-c", health})
}
