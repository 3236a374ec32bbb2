package limits_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/connectors"
	"github.com/scratch-platform/scratch/internal/limits"
	"github.com/scratch-platform/scratch/internal/limits/limitstest"
	"github.com/scratch-platform/scratch/internal/redis"
	"github.com/scratch-platform/scratch/internal/testkit"
	"github.com/scratch-platform/scratch/internal/vault"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// connect gives a process's connection to a server; it lives as long as the
// test.
func connect(t testing.TB, url, prefix string, log *slog.Logger) *redis.Client {
	t.Helper()
	c, err := redis.Open(redis.Config{URL: vault.NewSecret(url), Prefix: prefix, Log: log})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c
}

// serve owns a loop for the length of the test.
func serve(t testing.TB, loop func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- loop(ctx) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-ended)
	})
}

// shared makes a limiter as one process has it.
func shared(t testing.TB, url, prefix string, now func() time.Time, log *slog.Logger) *limits.Shared {
	t.Helper()
	c := connect(t, url, prefix, log)
	l := limits.NewShared(c, now, log)
	t.Cleanup(func() { require.NoError(t, l.Close()) })
	serve(t, c.Serve)
	serve(t, l.Serve)
	return l
}

var silent = slog.New(slog.DiscardHandler)

func TestSharedOverRedis(t *testing.T) {
	url, _ := testkit.Redis(t)
	prefixes := map[connectors.Limiter]string{}
	limitstest.Run(t, limitstest.Harness{
		New: func(t *testing.T) connectors.Limiter {
			_, prefix := testkit.Redis(t)
			l := shared(t, url, prefix, time.Now, silent)
			prefixes[l] = prefix
			return l
		},
		Peer: func(t *testing.T, of connectors.Limiter) connectors.Limiter {
			return shared(t, url, prefixes[of], time.Now, silent)
		},
		Slack: time.Second,
	})
}
