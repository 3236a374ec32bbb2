package testkit

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"github.com/stretchr/testify/require"
)

const (
	// redisURL names the server the tests share, redisProgram the program for
	// servers of a test's own.
	redisURL     = "SCRATCH_TEST_REDIS_URL"
	redisProgram = "SCRATCH_TEST_REDIS_SERVER"

	redisTimeout = 30 * time.Second
)

// Redis returns the URL of the server that tests share, and a prefix for this
// test's keys and channels, which are deleted when it ends. A test that stops,
// kills or empties its server uses OwnRedis.
func Redis(t testing.TB) (address, prefix string) {
	t.Helper()
	address = os.Getenv(redisURL)
	if address == "" {
		t.Fatalf("this test needs Redis: run `make test`, which brings one up, or set %s to the URL of a server "+
			"whose keys may be written, as redis://127.0.0.1:6379/0", redisURL)
	}
	prefix = "scratch_test_" + strings.ToLower(rand.Text()) + ":"
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), redisTimeout)
		defer cancel()
		options, err := goredis.ParseURL(address)
		require.NoError(t, err, "%s is not a URL", redisURL)
		c := goredis.NewClient(options)
		defer func() { _ = c.Close() }()
		for keys := c.Scan(ctx, 0, prefix+"*", 1000).Iterator(); keys.Next(ctx); {
			require.NoError(t, c.Del(ctx, keys.Val()).Err())
		}
	})
	return address, prefix
}

// RedisServer is a server of one test, on a port that it keeps when it is
// started again. It keeps nothing on disk: one that is started again is empty.
type RedisServer struct {
	t        testing.TB
	address  string
	password string
	roots    *x509.CertPool // nil: it speaks no TLS
	settings []string

	mu      sync.Mutex
	process *child // nil while it is not running
}

// OwnRedis starts a server for this test alone and ends it with the test.
func OwnRedis(t testing.TB) *RedisServer {
	t.Helper()
	s := &RedisServer{t: t, address: FreeAddress(t)}
	s.Start()
	t.Cleanup(s.Kill)
	return s
}

// GuardedRedis starts a server for this test alone that speaks TLS only, with a
// certificate of its own, and wants a password. roots is the file of who signed
// the certificate.
func GuardedRedis(t testing.TB, password string) (server *RedisServer, roots string) {
	t.Helper()
	folder := t.TempDir()
	pool := selfSigned(t, folder)
	certificate := filepath.Join(folder, "certificate.pem")
	s := &RedisServer{t: t, address: FreeAddress(t), password: password, roots: pool, settings: []string{
		"--requirepass", password, "--tls-cert-file", certificate, "--tls-key-file", filepath.Join(folder, "key.pem"),
		"--tls-ca-cert-file", certificate, "--tls-auth-clients", "no",
	}}
	s.Start()
	t.Cleanup(s.Kill)
	return s, certificate
}

// URL is where the server answers.
func (s *RedisServer) URL() string {
	to := url.URL{Scheme: "redis", Host: s.address, Path: "/0"}
	if s.roots != nil {
		to.Scheme, to.User = "rediss", url.UserPassword("default", s.password)
	}
	return to.String()
}

// Follow makes the server a copy of another, which cannot be written. With nil it
// stands by itself again.
func (s *RedisServer) Follow(leader *RedisServer) {
	s.t.Helper()
	host, port := "NO", "ONE"
	if leader != nil {
		var err error
		host, port, err = net.SplitHostPort(leader.address)
		require.NoError(s.t, err)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(s.t.Context()), redisTimeout)
	defer cancel()
	c := s.client()
	defer func() { _ = c.Close() }()
	require.NoError(s.t, c.Do(ctx, "REPLICAOF", host, port).Err())
}

func (s *RedisServer) client() *goredis.Client {
	options := &goredis.Options{Addr: s.address, Password: s.password, MaxRetries: -1, DialerRetries: 1}
	if s.roots != nil {
		options.TLSConfig = &tls.Config{RootCAs: s.roots, MinVersion: tls.VersionTLS12}
	}
	return goredis.NewClient(options)
}

// Start starts the server, empty, and returns when it answers.
func (s *RedisServer) Start() {
	s.t.Helper()
	program := os.Getenv(redisProgram)
	if program == "" {
		program = "redis-server"
	}
	path, err := exec.LookPath(program)
	require.NoError(s.t, err, "this test needs redis-server: run `make test`, or set %s", redisProgram)
	_, port, err := net.SplitHostPort(s.address)
	require.NoError(s.t, err)
	args := []string{"--bind", "127.0.0.1", "--port", port, "--save", "", "--appendonly", "no", "--dir", s.t.TempDir()}
	if s.roots != nil {
		args = append(args, "--port", "0", "--tls-port", port)
	}
	process := startChild(s.t, nil, exec.Command(path, append(args, s.settings...)...))
	s.mu.Lock()
	s.process = process
	s.mu.Unlock()
	s.await(process)
}

func (s *RedisServer) await(process *child) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(s.t.Context()), redisTimeout)
	defer cancel()
	logging.Disable() // the library writes of every attempt
	c := s.client()
	defer func() { _ = c.Close() }()
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for c.Ping(ctx).Err() != nil {
		select {
		case <-process.ended:
			s.t.Fatalf("redis-server on port %s ended: %s", s.address, process.words.String())
		case <-ctx.Done():
			s.t.Fatalf("redis-server on port %s does not answer", s.address)
		case <-ticker.C:
		}
	}
}

// Kill ends the server at once, with all it knew. A server that is not running
// stays so.
func (s *RedisServer) Kill() {
	s.mu.Lock()
	process := s.process
	s.process = nil
	s.mu.Unlock()
	if process != nil {
		process.end(syscall.SIGKILL)
	}
}

// Hang stops the server's process without ending it: connections stay open and
// nothing answers. Resume has it go on.
func (s *RedisServer) Hang() { s.signal(syscall.SIGSTOP) }

// Resume ends a Hang.
func (s *RedisServer) Resume() { s.signal(syscall.SIGCONT) }

// Set changes one of the server's settings.
func (s *RedisServer) Set(name, value string) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(s.t.Context()), redisTimeout)
	defer cancel()
	c := s.client()
	defer func() { _ = c.Close() }()
	require.NoError(s.t, c.ConfigSet(ctx, name, value).Err())
}

func (s *RedisServer) signal(signal syscall.Signal) {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	require.NotNil(s.t, s.process, "redis-server is not running")
	require.NoError(s.t, s.process.cmd.Process.Signal(signal))
}
