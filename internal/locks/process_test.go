package locks_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/internal/locks"
	"github.com/scratch-platform/scratch/internal/locks/lockstest"
)

func TestProcess(t *testing.T) {
	lockstest.Run(t, lockstest.Harness{
		New: func(*testing.T) locks.Locker { return locks.NewProcess(time.Now) },
		In:  synctest.Test,
	})
}

// A store that remembers the highest token must accept the holders that come after
// a restart.
func TestTokensGrowOverARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		before, err := locks.NewProcess(time.Now).TryAcquire(t.Context(), "n", time.Second)
		require.NoError(t, err)
		time.Sleep(time.Millisecond) //nolint:forbidigo // time in a synctest bubble
		after, err := locks.NewProcess(time.Now).TryAcquire(t.Context(), "n", time.Second)
		require.NoError(t, err)
		require.Greater(t, after.Token(), before.Token())
	})
}
