package locks_test

import (
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/internal/locks"
	"github.com/scratch-platform/scratch/internal/locks/lockstest"
	"github.com/scratch-platform/scratch/internal/testkit"
	"github.com/scratch-platform/scratch/models/store"
)

func TestSharedOverTheStore(t *testing.T) {
	for name, address := range map[string]func(testing.TB) string{"sqlite": testkit.SQLite, "postgres": testkit.Postgres} {
		t.Run(name, func(t *testing.T) {
			lockstest.Run(t, lockstest.Harness{
				New: func(t *testing.T) locks.Locker {
					s, err := store.Open(t.Context(), store.Config{URL: address(t), Log: slog.New(slog.DiscardHandler), Now: time.Now})
					require.NoError(t, err)
					t.Cleanup(func() { require.NoError(t, s.Close()) })
					require.NoError(t, s.Migrate(t.Context()))
					return locks.NewShared(s.System())
				},
				Peer:  func(_ *testing.T, of locks.Locker) locks.Locker { return of },
				Slack: 2 * time.Second,
			})
		})
	}
}
