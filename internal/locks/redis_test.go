package locks_test

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/internal/locks"
	"github.com/scratch-platform/scratch/internal/locks/lockstest"
	"github.com/scratch-platform/scratch/internal/redis"
	"github.com/scratch-platform/scratch/internal/testkit"
	"github.com/scratch-platform/scratch/internal/vault"
	"github.com/scratch-platform/scratch/models"
	"github.com/scratch-platform/scratch/models/store"
)

// connect gives a process's connection to Redis, serving for the length of the
// test.
func connect(t *testing.T, url, prefix string) *redis.Client {
	t.Helper()
	c, err := redis.Open(redis.Config{URL: vault.NewSecret(url), Prefix: prefix, Log: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	return c
}

func serve(t *testing.T, c *redis.Client) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- c.Serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-ended)
		require.NoError(t, c.Close())
	})
}

// counted counts the questions to the database.
type counted struct {
	locks.Leases
	asked atomic.Int64
}

func (c *counted) Lease(ctx context.Context, name, holder string, ttl time.Duration) (int64, bool, error) {
	c.asked.Add(1)
	return c.Leases.Lease(ctx, name, holder, ttl)
}

// process is a locker as one process has it, over a shared database and Redis.
func process(t *testing.T, leases locks.Leases, url, prefix string) *locks.Shared {
	t.Helper()
	c := connect(t, url, prefix)
	l := locks.NewShared(leases, c)
	serve(t, c)
	require.Eventually(t, c.Listening, time.Minute, time.Millisecond)
	return l
}

func openPostgres(t *testing.T) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), store.Config{URL: testkit.Postgres(t), Log: slog.New(slog.DiscardHandler), Now: time.Now})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	require.NoError(t, s.Migrate(t.Context()))
	return s
}

func TestSharedWithRedis(t *testing.T) {
	t.Parallel() // its time is spent waiting
	s := openPostgres(t)
	url, prefix := testkit.Redis(t)
	lockstest.Run(t, lockstest.Harness{
		New: func(t *testing.T) locks.Locker {
			return named{process(t, s.System(), url, prefix), models.NewID("tst") + "/"}
		},
		Peer: func(t *testing.T, of locks.Locker) locks.Locker {
			return named{process(t, s.System(), url, prefix), of.(named).prefix}
		},
		TTL:   3 * time.Second,
		Slack: 3 * time.Second,
	})
}

// Breaks when a release no longer wakes the other process: it would ask the
// database again and again, and come later.
func TestAReleaseWakesTheOtherProcess(t *testing.T) {
	s := openPostgres(t)
	url, prefix := testkit.Redis(t)
	holder := process(t, s.System(), url, prefix)
	leases := &counted{Leases: s.System()}
	waiter := process(t, leases, url, prefix)
	start := time.Now()
	const rounds = 20
	for range rounds {
		lease, err := holder.TryAcquire(t.Context(), "n", time.Minute)
		require.NoError(t, err)
		asked := leases.asked.Load()
		taken := make(chan locks.Lease, 1)
		go func() {
			if l, err := waiter.Acquire(t.Context(), "n", time.Minute); err == nil {
				taken <- l
			}
		}()
		require.Eventually(t, func() bool { return leases.asked.Load() > asked }, time.Minute, time.Millisecond)
		require.NoError(t, lease.Release(t.Context()))
		require.NoError(t, (<-taken).Release(t.Context()))
	}
	// Two questions a round, now and then a third that crossed the release, and
	// one more for each second that passed.
	require.LessOrEqual(t, leases.asked.Load(), int64(2*rounds+rounds/2+time.Since(start).Seconds()+1))
}

// Breaks when a lost or restarted Redis lets two hold one name, or leaves one
// waiting for ever.
func TestLocksOutliveRedis(t *testing.T) {
	s := openPostgres(t)
	server := testkit.OwnRedis(t)
	lockers := []*locks.Shared{process(t, s.System(), server.URL(), "k:"), process(t, s.System(), server.URL(), "k:")}
	var inside, done, together atomic.Int64
	var mu sync.Mutex
	var last int64
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for i := range 6 {
		wg.Go(func() {
			for ctx.Err() == nil {
				_ = locks.Hold(ctx, lockers[i%2], "n", time.Minute, func(_ context.Context, lease locks.Lease) error {
					if inside.Add(1) > 1 {
						together.Add(1)
					}
					mu.Lock()
					if lease.Token() <= last {
						together.Add(1)
					}
					last = lease.Token()
					mu.Unlock()
					inside.Add(-1)
					done.Add(1)
					return nil
				})
			}
		})
	}
	more := func() {
		t.Helper()
		from := done.Load()
		require.Eventually(t, func() bool { return done.Load() >= from+20 }, time.Minute, time.Millisecond, "nobody gets the lock any more")
	}
	for range 2 {
		more()
		server.Kill()
		more()
		server.Start()
		more()
		server.Hang()
		more()
		server.Resume()
		more()
	}
	stop()
	wg.Wait()
	require.Zero(t, together.Load(), "two held one name, or a token did not grow")
}
