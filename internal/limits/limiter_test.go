package limits

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/connectors"
	"github.com/scratch-platform/scratch/internal/limits/limitstest"
)

func TestLimiter(t *testing.T) {
	limitstest.Run(t, limitstest.Harness{
		New: func(*testing.T) connectors.Limiter { return New(time.Now) },
		In:  synctest.Test,
	})
}

// Keys are connection ids: they come and go for as long as the process lives.
func TestIdleKeysAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(time.Now)
		held, err := l.Wait(t.Context(), "held", connectors.Rate{InFlight: 1})
		require.NoError(t, err)
		l.Penalize("penalized", time.Now().Add(time.Hour))
		for i := range 20 * sweepAt {
			release, err := l.Wait(t.Context(), fmt.Sprint(i), connectors.Rate{PerSecond: 100, Burst: 1})
			require.NoError(t, err)
			release()
			time.Sleep(time.Millisecond) //nolint:forbidigo // time in a synctest bubble
		}
		require.LessOrEqual(t, len(l.keys), 2*sweepAt)
		require.Contains(t, l.keys, "held")
		require.Contains(t, l.keys, "penalized")
		held()
	})
}

func TestPenaltyIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(time.Now)
		start := time.Now()
		l.Penalize("k", start.AddDate(8000, 0, 0))
		_, err := l.Wait(t.Context(), "k", connectors.Rate{})
		require.NoError(t, err)
		require.Equal(t, MaxPenalty, time.Since(start))
	})
}

func BenchmarkWait(b *testing.B) {
	l := New(time.Now)
	for b.Loop() {
		release, _ := l.Wait(b.Context(), "k", connectors.Rate{PerSecond: 1e9, Burst: 1 << 30, InFlight: 8})
		release()
	}
}
