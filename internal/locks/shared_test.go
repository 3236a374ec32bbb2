package locks_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/internal/locks"
	"github.com/scratch-platform/scratch/internal/locks/lockstest"
	"github.com/scratch-platform/scratch/internal/testkit"
	"github.com/scratch-platform/scratch/models"
	"github.com/scratch-platform/scratch/models/store"
)

// named gives each test names of its own in one store.
type named struct {
	locks.Locker
	prefix string
}

func (n named) Acquire(ctx context.Context, name string, ttl time.Duration) (locks.Lease, error) {
	return n.Locker.Acquire(ctx, n.name(name), ttl)
}

func (n named) TryAcquire(ctx context.Context, name string, ttl time.Duration) (locks.Lease, error) {
	return n.Locker.TryAcquire(ctx, n.name(name), ttl)
}

// name leaves names alone that are refused whatever comes before them.
func (n named) name(name string) string {
	if name == "" || len(name) > 200 {
		return name
	}
	return n.prefix + name
}

func TestSharedOverTheStore(t *testing.T) {
	for name, address := range map[string]func(testing.TB) string{"sqlite": testkit.SQLite, "postgres": testkit.Postgres} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // its time is spent waiting
			s, err := store.Open(t.Context(), store.Config{URL: address(t), Log: slog.New(slog.DiscardHandler), Now: time.Now})
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, s.Close()) })
			require.NoError(t, s.Migrate(t.Context()))
			lockstest.Run(t, lockstest.Harness{
				New: func(*testing.T) locks.Locker {
					return named{locks.NewShared(s.System(), nil), models.NewID("tst") + "/"}
				},
				Peer:  func(_ *testing.T, of locks.Locker) locks.Locker { return of },
				TTL:   3 * time.Second,
				Slack: 3 * time.Second,
			})
		})
	}
}

// hangUp is the leases of a store whose callers go away in the moment in which
// their question is answered.
type hangUp struct {
	locks.Leases
	gone context.CancelFunc
}

func (h hangUp) Lease(ctx context.Context, name, holder string, ttl time.Duration) (int64, bool, error) {
	fence, ok, err := h.Leases.Lease(context.WithoutCancel(ctx), name, holder, ttl)
	h.gone()
	if ctx.Err() != nil {
		return 0, false, ctx.Err() // what it was told is lost
	}
	return fence, ok, err
}

// Breaks when a tab that is closed in mid-request leaves a lock behind that nobody
// holds, and everybody waits for until it runs out.
func TestACallerThatGoesAwayLeavesNothingLocked(t *testing.T) {
	s, err := store.Open(t.Context(), store.Config{URL: testkit.SQLite(t), Log: slog.New(slog.DiscardHandler), Now: time.Now})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	require.NoError(t, s.Migrate(t.Context()))
	ctx, gone := context.WithCancel(t.Context())
	err = locks.Hold(ctx, locks.NewShared(hangUp{s.System(), gone}, nil), "schedule", time.Minute, func(ctx context.Context, _ locks.Lease) error {
		return ctx.Err()
	})
	require.ErrorIs(t, err, context.Canceled)
	lease, err := locks.NewShared(s.System(), nil).TryAcquire(t.Context(), "schedule", time.Minute)
	require.NoError(t, err, "the name is locked, and nobody has it")
	require.NoError(t, lease.Release(t.Context()))
}
