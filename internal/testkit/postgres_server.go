package testkit

import (
	"context"
	"crypto/rand"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

const (
	// postgresPrograms names the folder of initdb and postgres, for servers of a
	// test's own.
	postgresPrograms = "SCRATCH_TEST_POSTGRES_BIN"

	// serverTimeout bounds the start of a server, recovery included.
	serverTimeout = time.Minute
)

// PostgresServer is a server of one test, on a port and with data that it keeps
// when it is started again.
type PostgresServer struct {
	t        testing.TB
	programs string
	dir      string
	address  string
	password string
	owner    *syscall.Credential
	process  *child // nil while it is not running
}

// OwnPostgres starts a server for this test alone and ends it with the test. It
// syncs to disk as any does: what survives its Kill is what was committed.
func OwnPostgres(t testing.TB) *PostgresServer {
	t.Helper()
	dir, err := os.MkdirTemp("", "scratch-test-postgres-") //nolint:usetesting // not below the test's own folder, which other users may not enter
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	s := &PostgresServer{t: t, programs: os.Getenv(postgresPrograms), dir: dir, address: FreeAddress(t), password: rand.Text(), owner: serverOwner(t)}
	s.initialize()
	s.Start()
	t.Cleanup(s.Kill)
	return s
}

// serverOwner is the user a server runs as, where the test's own will not do:
// PostgreSQL refuses to run as root.
func serverOwner(t testing.TB) *syscall.Credential {
	t.Helper()
	if os.Geteuid() != 0 {
		return nil
	}
	account, err := user.Lookup("postgres")
	if err != nil {
		account, err = user.Lookup("nobody")
	}
	require.NoError(t, err, "PostgreSQL does not run as root")
	id := func(text string) uint32 {
		n, err := strconv.ParseUint(text, 10, 32)
		require.NoError(t, err)
		return uint32(n)
	}
	return &syscall.Credential{Uid: id(account.Uid), Gid: id(account.Gid)}
}

// command is one of PostgreSQL's programs.
func (s *PostgresServer) command(name string, args ...string) *exec.Cmd {
	path := name
	if s.programs != "" {
		path = filepath.Join(s.programs, name)
	}
	cmd := exec.Command(path, args...)
	cmd.Dir = s.dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "TZ=UTC", "HOME=" + s.dir}
	return cmd
}

func (s *PostgresServer) initialize() {
	s.t.Helper()
	word := filepath.Join(s.dir, "password")
	require.NoError(s.t, os.WriteFile(word, []byte(s.password), 0o600))
	if s.owner != nil {
		for _, path := range []string{s.dir, word} {
			require.NoError(s.t, os.Chown(path, int(s.owner.Uid), int(s.owner.Gid)))
		}
	}
	cmd := s.command("initdb", "--pgdata", filepath.Join(s.dir, "data"), "--username", "scratch", "--pwfile", word,
		"--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C", "--no-sync")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.owner}
	out, err := cmd.CombinedOutput()
	require.NoError(s.t, err, "this test needs a PostgreSQL of its own: run `make test`, or set %s to the folder of initdb\n%s", postgresPrograms, out)
}

// URL names a database of the server, as its administrator.
func (s *PostgresServer) URL(database string) string {
	return (&url.URL{
		Scheme: "postgres", User: url.UserPassword("scratch", s.password), Host: s.address, Path: "/" + database, RawQuery: "sslmode=disable",
	}).String()
}

// Database makes an empty database as Postgres does, and returns its URL.
func (s *PostgresServer) Database() string {
	s.t.Helper()
	return s.URL(createDatabase(s.t, s.URL("postgres")))
}

// Start starts the server, on what it had, and returns when it answers.
func (s *PostgresServer) Start() {
	s.t.Helper()
	_, port, err := net.SplitHostPort(s.address)
	require.NoError(s.t, err)
	s.process = startChild(s.t, s.owner, s.command("postgres", "-D", filepath.Join(s.dir, "data"), "-p", port,
		"-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "max_connections=200", "-c", "shared_buffers=64MB"))
	ctx, cancel := context.WithTimeout(context.WithoutCancel(s.t.Context()), serverTimeout)
	defer cancel()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for !s.answers(ctx) {
		select {
		case <-s.process.ended:
			s.t.Fatalf("postgres on %s ended: %s", s.address, s.process.words.String())
		case <-ctx.Done():
			s.t.Fatalf("postgres on %s does not answer: %s", s.address, s.process.words.String())
		case <-ticker.C:
		}
	}
}

func (s *PostgresServer) answers(ctx context.Context) bool {
	connection, err := pgx.Connect(ctx, s.URL("postgres"))
	if err != nil {
		return false
	}
	return connection.Close(ctx) == nil
}

// Kill shuts the server down in immediate mode: its sessions are cut off, and
// the next start recovers, as after a crash. A server that is not running stays
// so.
func (s *PostgresServer) Kill() {
	if s.process == nil {
		return
	}
	s.process.end(syscall.SIGQUIT)
	s.process = nil
}

// Write puts a file into the folder of the server's data, in place of what is
// there. It counts from the next Start.
func (s *PostgresServer) Write(name, content string) {
	s.t.Helper()
	path := filepath.Join(s.dir, "data", name)
	require.NoError(s.t, os.WriteFile(path, []byte(content), 0o600))
	if s.owner != nil {
		require.NoError(s.t, os.Chown(path, int(s.owner.Uid), int(s.owner.Gid)))
	}
}
