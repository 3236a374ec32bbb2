package locks_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/internal/locks"
)

// Breaks when an asking for a lease is told with another outcome than it had.
func TestAskingForALeaseIsTold(t *testing.T) {
	var told []string
	locker := locks.Measured(locks.NewProcess(time.Now), time.Now, func(name, outcome string, took time.Duration) {
		require.GreaterOrEqual(t, took, time.Duration(0))
		told = append(told, name+" "+outcome)
	})
	lease, err := locker.TryAcquire(t.Context(), "a", time.Minute)
	require.NoError(t, err)
	_, err = locker.TryAcquire(t.Context(), "a", time.Minute)
	require.ErrorIs(t, err, locks.ErrHeld)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = locker.Acquire(gone, "a", time.Minute)
	require.ErrorIs(t, err, context.Canceled)
	require.NoError(t, lease.Release(t.Context()))
	_, err = locker.Acquire(t.Context(), "a", time.Minute)
	require.NoError(t, err)
	require.Equal(t, []string{"a taken", "a held", "a failed", "a taken"}, told)
}
