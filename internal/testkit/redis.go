package testkit

import (
	"context"
	"crypto/rand"
	"net"
	"os"
	"os/exec"
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
func Redis(t testing.TB) (url, prefix string) {
	t.Helper()
	url = os.Getenv(redisURL)
	if url == "" {
		t.Fatalf("this test needs Redis: run `make test`, which brings one up, or set %s to the URL of a server "+
			"whose keys may be written, as redis://127.0.0.1:6379/0", redisURL)
	}
	prefix = "scratch_test_" + strings.ToLower(rand.Text()) + ":"
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), redisTimeout)
		defer cancel()
		options, err := goredis.ParseURL(url)
		require.NoError(t, err, "%s is not a URL", redisURL)
		c := goredis.NewClient(options)
		defer func() { _ = c.Close() }()
		for keys := c.Scan(ctx, 0, prefix+"*", 1000).Iterator(); keys.Next(ctx); {
			require.NoError(t, c.Del(ctx, keys.Val()).Err())
		}
	})
	return url, prefix
}

// RedisServer is a server of one test, on a port that it keeps when it is
// started again. It keeps nothing on disk: one that is started again is empty.
type RedisServer struct {
	t       testing.TB
	address string

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

// URL is where the server answers.
func (s *RedisServer) URL() string { return "redis://" + s.address + "/0" }

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
	process := startChild(s.t, nil, exec.Command(path, "--bind", "127.0.0.1", "--port", port, "--save", "", "--appendonly", "no", "--dir", s.t.TempDir()))
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
	c := goredis.NewClient(&goredis.Options{Addr: s.address, MaxRetries: -1, DialerRetries: 1})
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
	c := goredis.NewClient(&goredis.Options{Addr: s.address})
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
