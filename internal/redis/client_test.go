package redis_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/internal/redis"
	"github.com/scratch-platform/scratch/internal/testkit"
	"github.com/scratch-platform/scratch/internal/vault"
)

func TestMain(m *testing.M) { testkit.Main(m) }

func open(t *testing.T, url, prefix string) (*redis.Client, *testkit.Words) {
	t.Helper()
	said := &testkit.Words{}
	c, err := redis.Open(redis.Config{URL: vault.NewSecret(url), Prefix: prefix, Log: slog.New(slog.NewTextHandler(said, nil))})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c, said
}

func serve(t *testing.T, c *redis.Client) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- c.Serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-ended)
	})
}

func eventually(t *testing.T, is func() bool, what string) {
	t.Helper()
	require.Eventually(t, is, time.Minute, time.Millisecond, what)
}

const one = `return {1}`

// Breaks when messages do not reach the other process, come out of order, or
// reach another installation on the same server.
func TestMessagesReachTheOthersInOrder(t *testing.T) {
	url, prefix := testkit.Redis(t)
	from, _ := open(t, url, prefix)
	to, _ := open(t, url, prefix)
	stranger, _ := open(t, url, prefix+"other:")
	heard := make(chan string, 2000)
	to.Hear("news", func(text string) { heard <- text })
	stranger.Hear("news", func(text string) { heard <- "stranger heard " + text })
	for _, c := range []*redis.Client{from, to, stranger} {
		serve(t, c)
	}
	eventually(t, func() bool { return to.Listening() && stranger.Listening() }, "no subscription")
	for i := range 1000 {
		require.True(t, from.Send("news", strings.Repeat("x", i)))
	}
	for i := range 1000 {
		require.Len(t, <-heard, i)
	}
	require.False(t, from.Send("news", strings.Repeat("x", redis.MaxMessage+1)), "a message has no bound")
	require.Empty(t, heard)
}

// Breaks when the number of waiting messages has no bound: a sender that waits,
// or memory that grows.
func TestTooManyMessagesAreDropped(t *testing.T) {
	url, prefix := testkit.Redis(t)
	c, _ := open(t, url, prefix) // nothing sends: it does not serve
	queued := 0
	for c.Send("news", "x") {
		queued++
		require.LessOrEqual(t, queued, 1<<16)
	}
	require.Positive(t, queued)
}

// Breaks when an absence is not noticed, not ended, told more than once, or
// makes callers wait; and when a subscription does not come back.
func TestAbsenceIsNoticedAndEnds(t *testing.T) {
	for name, absence := range map[string]struct{ begin, end func(*testkit.RedisServer) }{
		"killed": {(*testkit.RedisServer).Kill, (*testkit.RedisServer).Start},
		"hangs":  {(*testkit.RedisServer).Hang, (*testkit.RedisServer).Resume},
	} {
		t.Run(name, func(t *testing.T) {
			server := testkit.OwnRedis(t)
			c, said := open(t, server.URL(), "")
			heard, again := make(chan string, 10), make(chan struct{}, 100)
			c.Hear("news", func(text string) { heard <- text })
			c.OnAgain(func() { again <- struct{}{} })
			serve(t, c)
			eventually(t, c.Listening, "no subscription")
			for range 2 {
				_, err := c.Run(t.Context(), one, nil)
				require.NoError(t, err)
				require.True(t, c.Send("news", "x"))
				require.Equal(t, "x", <-heard)
				absence.begin(server)
				eventually(t, func() bool { _, err := c.Run(t.Context(), one, nil); return err != nil }, "the absence is not noticed")
				_, err = c.Run(t.Context(), one, nil)
				require.ErrorIs(t, err, redis.ErrAway)
				require.False(t, c.Send("news", "lost"))
				_, cause := c.Cause()
				require.Error(t, cause)
				for len(again) > 0 {
					<-again
				}
				absence.end(server)
				eventually(t, func() bool { return !c.Away() && c.Listening() }, "the return is not noticed")
				<-again
			}
			require.Equal(t, 2, said.Count("Redis is away"))
			require.Equal(t, 2, said.Count("Redis is back"))
		})
	}
}

// Breaks when a server that does not let us write counts as there: every take
// from a budget would fail, again and again.
func TestAServerWeCannotUseIsAway(t *testing.T) {
	server := testkit.OwnRedis(t)
	c, said := open(t, server.URL(), "")
	server.Set("maxmemory", "1")
	serve(t, c)
	eventually(t, c.Away, "a server that is full is not away")
	_, err := c.Look(t.Context())
	require.ErrorContains(t, err, "OOM")
	require.Equal(t, 1, said.Count("Redis is away"))
}

// Breaks when a copy that cannot be written counts as there, as after a failover
// to the wrong server; or when the copy that became the leader does not.
func TestAServerThatFollowsAnotherIsAway(t *testing.T) {
	leader, server := testkit.OwnRedis(t), testkit.OwnRedis(t)
	server.Follow(leader)
	c, said := open(t, server.URL(), "")
	serve(t, c)
	eventually(t, c.Away, "a server that cannot be written is not away")
	_, err := c.Look(t.Context())
	require.ErrorContains(t, err, "READONLY")
	server.Follow(nil)
	eventually(t, func() bool { return !c.Away() }, "the new leader is not noticed")
	require.Equal(t, 1, said.Count("Redis is back"))
}

// Breaks when a server behind TLS and a password cannot be used, or one whose
// certificate nobody we trust has signed can.
func TestTLSAndAPassword(t *testing.T) {
	const password = "p@ss:w/rd ?#%"
	server, roots := testkit.GuardedRedis(t, password)
	strange, _ := testkit.GuardedRedis(t, password)
	// The system's authorities, which are read once in a process: nothing else here
	// speaks TLS.
	t.Setenv("SSL_CERT_FILE", roots)
	t.Setenv("SSL_CERT_DIR", t.TempDir())
	c, _ := open(t, server.URL(), "")
	heard := make(chan string, 1)
	c.Hear("news", func(text string) { heard <- text })
	serve(t, c)
	eventually(t, c.Listening, "no subscription")
	_, err := c.Run(t.Context(), one, nil)
	require.NoError(t, err)
	require.True(t, c.Send("news", "x"))
	require.Equal(t, "x", <-heard)

	other, said := open(t, strange.URL(), "")
	_, err = other.Run(t.Context(), one, nil)
	require.ErrorContains(t, err, "certificate")
	require.Zero(t, said.Count("w/rd"), "the password is in the log")
}

// Breaks when doctor cannot tell that a server drops keys when it is full: limits
// would forget what was spent.
func TestAServerThatEvictsIsTold(t *testing.T) {
	server := testkit.OwnRedis(t)
	c, _ := open(t, server.URL(), "")
	for _, at := range []struct {
		memory, policy string
		evicts         bool
	}{{"0", "allkeys-lru", false}, {"64mb", "noeviction", false}, {"64mb", "volatile-ttl", true}, {"64mb", "allkeys-lru", true}} {
		server.Set("maxmemory", at.memory)
		server.Set("maxmemory-policy", at.policy)
		facts, err := c.Look(t.Context())
		require.NoError(t, err)
		require.Equal(t, at.evicts, facts.Evicts, "%s with %s", at.policy, at.memory)
	}
}

// Breaks when a password reaches an error or the log.
func TestThePasswordStaysInside(t *testing.T) {
	_, err := redis.Open(redis.Config{URL: vault.NewSecret("redis://:canary-4711@host:port/0")})
	require.Error(t, err)
	require.NotContains(t, err.Error(), "canary-4711")
	server := testkit.OwnRedis(t)
	c, said := open(t, strings.Replace(server.URL(), "redis://", "redis://someone:canary-4711@", 1), "")
	_, err = c.Run(t.Context(), one, nil)
	require.ErrorContains(t, err, "WRONGPASS")
	_, err = c.Look(t.Context())
	require.NotContains(t, err.Error(), "canary-4711")
	require.Zero(t, said.Count("canary-4711"))
}

func TestFactsOfTheServer(t *testing.T) {
	url, prefix := testkit.Redis(t)
	c, _ := open(t, url, prefix)
	facts, err := c.Look(t.Context())
	require.NoError(t, err)
	require.False(t, facts.Older("6.2"), facts.Version)
	for version, older := range map[string]bool{"5.0.14": true, "6.0.16": true, "6.2.0": false, "7.0.15": false, "10.1.2": false, "unstable": false} {
		require.Equal(t, older, redis.Facts{Version: version}.Older("6.2"), version)
	}
}
