package limitstest

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/connectors"
)

// Harness is the limiter under test and the time it lives in.
type Harness struct {
	// New makes a limiter; limiters made in one test share nothing, unless Peer is set.
	New func(t *testing.T) connectors.Limiter
	// Peer makes another limiter over the same budget, as another process would.
	// It is nil for a limiter that lives in one process.
	Peer func(t *testing.T, of connectors.Limiter) connectors.Limiter
	// In runs a test's body: inside testing/synctest for a limiter without a
	// network, plainly otherwise. nil is plainly.
	In func(t *testing.T, body func(t *testing.T))
	// Slack is how much later than due a request may start.
	Slack time.Duration
}

// Run runs the suite.
func Run(t *testing.T, h Harness) {
	t.Helper()
	cases := []struct {
		name string
		body func(*testing.T, Harness)
	}{
		{"a burst starts at once and the rate follows", burstThenRate},
		{"no limit means no wait", unlimited},
		{"requests in flight are capped until released", inFlight},
		{"release counts once", releaseOnce},
		{"a penalty holds everyone who waits", penalty},
		{"a penalty is never shortened and is bounded", penaltyBounds},
		{"keys do not disturb one another", separateKeys},
		{"a cancelled wait ends at once and costs nothing", cancelled},
		{"those who wait are served in order", order},
		{"the rate given last counts", changedRate},
		{"saved tokens do not exceed the burst", burstIsCapped},
		{"the cap holds under a crowd", crowd},
		{"a second process shares the budget", peers},
		{"a limit that is lowered meanwhile holds for all", lowered},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			in := h.In
			if in == nil {
				in = func(t *testing.T, body func(*testing.T)) { t.Helper(); body(t) }
			}
			in(t, func(t *testing.T) { t.Helper(); c.body(t, h) })
		})
	}
}

// took runs f and requires that it lasted as long as it should.
func (h Harness) took(t *testing.T, due time.Duration, f func()) {
	t.Helper()
	start := time.Now()
	f()
	lasted := time.Since(start)
	// A little early is a clock's rounding; a lot is a broken limit.
	require.GreaterOrEqual(t, lasted, due-h.Slack/10-time.Microsecond, "too early")
	require.LessOrEqual(t, lasted, due+h.Slack+time.Microsecond, "too late")
}

func wait(t *testing.T, l connectors.Limiter, key string, rate connectors.Rate) func() {
	t.Helper()
	release, err := l.Wait(t.Context(), key, rate)
	require.NoError(t, err)
	return release
}

// elapse lets time pass: the suite is about time, so there is no event to wait for
// instead. Within synctest it takes none.
func elapse(d time.Duration) {
	time.Sleep(d) //nolint:forbidigo // see above
}

var tenPerSecond = connectors.Rate{PerSecond: 10, Burst: 3}

func burstThenRate(t *testing.T, h Harness) {
	l := h.New(t)
	h.took(t, 0, func() {
		for range 3 {
			wait(t, l, "k", tenPerSecond)()
		}
	})
	h.took(t, 500*time.Millisecond, func() {
		for range 5 {
			wait(t, l, "k", tenPerSecond)()
		}
	})
}

func unlimited(t *testing.T, h Harness) {
	l := h.New(t)
	h.took(t, 0, func() {
		for range 50 {
			wait(t, l, "k", connectors.Rate{})
		}
	})
}

func inFlight(t *testing.T, h Harness) {
	l := h.New(t)
	rate := connectors.Rate{InFlight: 2}
	first := wait(t, l, "k", rate)
	wait(t, l, "k", rate)

	brief, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err := l.Wait(brief, "k", rate)
	require.ErrorIs(t, err, context.DeadlineExceeded)

	time.AfterFunc(200*time.Millisecond, first)
	h.took(t, 200*time.Millisecond, func() { wait(t, l, "k", rate) })
}

func releaseOnce(t *testing.T, h Harness) {
	l := h.New(t)
	rate := connectors.Rate{InFlight: 1}
	release := wait(t, l, "k", rate)
	release()
	release()
	release()
	wait(t, l, "k", rate)
	brief, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err := l.Wait(brief, "k", rate)
	require.ErrorIs(t, err, context.DeadlineExceeded, "a release called twice must not make room for two")
}

func penalty(t *testing.T, h Harness) {
	l := h.New(t)
	rate := connectors.Rate{InFlight: 1}
	release := wait(t, l, "k", rate)
	start := time.Now()

	// Three wait for the slot when the service answers 429.
	var started [3]time.Duration
	var wg sync.WaitGroup
	for i := range started {
		wg.Go(func() {
			r, err := l.Wait(t.Context(), "k", rate)
			if err == nil {
				started[i] = time.Since(start)
				r()
			}
		})
	}
	l.Penalize("k", start.Add(400*time.Millisecond))
	release()
	wg.Wait()
	for _, at := range started {
		require.GreaterOrEqual(t, at, 400*time.Millisecond-h.Slack/10)
		require.LessOrEqual(t, at, 400*time.Millisecond+h.Slack)
	}
}

func penaltyBounds(t *testing.T, h Harness) {
	l := h.New(t)
	start := time.Now()
	l.Penalize("k", start.Add(300*time.Millisecond))
	l.Penalize("k", start.Add(100*time.Millisecond))
	l.Penalize("k", start.Add(-time.Hour))
	h.took(t, 300*time.Millisecond, func() { wait(t, l, "k", connectors.Rate{}) })
	h.took(t, 0, func() { wait(t, l, "k", connectors.Rate{}) })
}

func separateKeys(t *testing.T, h Harness) {
	l := h.New(t)
	wait(t, l, "a", connectors.Rate{InFlight: 1})
	l.Penalize("b", time.Now().Add(time.Minute))
	h.took(t, 0, func() { wait(t, l, "c", connectors.Rate{PerSecond: 0.001, InFlight: 1}) })
}

func cancelled(t *testing.T, h Harness) {
	l := h.New(t)
	slow := connectors.Rate{PerSecond: 2, Burst: 1}
	wait(t, l, "k", slow)()

	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	var failed atomic.Int32
	for range 20 {
		wg.Go(func() {
			if _, err := l.Wait(ctx, "k", slow); err != nil {
				failed.Add(1)
			}
		})
	}
	time.AfterFunc(100*time.Millisecond, cancel)
	h.took(t, 100*time.Millisecond, wg.Wait)
	require.EqualValues(t, 20, failed.Load())

	// The twenty took nothing: the next is due half a second after the first.
	h.took(t, 400*time.Millisecond, func() { wait(t, l, "k", slow) })
	_, err := l.Wait(ctx, "k", slow)
	require.ErrorIs(t, err, context.Canceled)
}

func order(t *testing.T, h Harness) {
	l := h.New(t)
	rate := connectors.Rate{PerSecond: 20, Burst: 1}
	wait(t, l, "k", rate)()
	var mu sync.Mutex
	var served []int
	var wg sync.WaitGroup
	for i := range 5 {
		wg.Go(func() {
			if r, err := l.Wait(t.Context(), "k", rate); err == nil {
				mu.Lock()
				served = append(served, i)
				mu.Unlock()
				r()
			}
		})
		elapse(5 * time.Millisecond) // each asks after the one before it
	}
	wg.Wait()
	require.Equal(t, []int{0, 1, 2, 3, 4}, served)
}

func changedRate(t *testing.T, h Harness) {
	l := h.New(t)
	wait(t, l, "k", connectors.Rate{PerSecond: 0.01, Burst: 1})()
	h.took(t, 100*time.Millisecond, func() { wait(t, l, "k", connectors.Rate{PerSecond: 10, Burst: 1}) })
}

func burstIsCapped(t *testing.T, h Harness) {
	l := h.New(t)
	rate := connectors.Rate{PerSecond: 20, Burst: 2}
	wait(t, l, "k", rate)()
	elapse(time.Second)
	h.took(t, 100*time.Millisecond, func() {
		for range 4 {
			wait(t, l, "k", rate)()
		}
	})
}

func crowd(t *testing.T, h Harness) {
	l := h.New(t)
	rate := connectors.Rate{InFlight: 4}
	var now, most atomic.Int32
	var wg sync.WaitGroup
	for range 100 {
		wg.Go(func() {
			release, err := l.Wait(t.Context(), "k", rate)
			if err != nil {
				return
			}
			defer release()
			n := now.Add(1)
			for {
				m := most.Load()
				if n <= m || most.CompareAndSwap(m, n) {
					break
				}
			}
			elapse(time.Millisecond)
			now.Add(-1)
		})
	}
	wg.Wait()
	require.EqualValues(t, 4, most.Load(), "at most %d and, when many wait, all of them", rate.InFlight)
}

func peers(t *testing.T, h Harness) {
	l := h.New(t)
	other := l
	if h.Peer != nil {
		other = h.Peer(t, l)
	}
	for range 3 {
		wait(t, l, "k", tenPerSecond)()
	}
	h.took(t, 100*time.Millisecond, func() { wait(t, other, "k", tenPerSecond)() })
	l.Penalize("k", time.Now().Add(300*time.Millisecond))
	h.took(t, 300*time.Millisecond, func() { wait(t, other, "k", tenPerSecond)() })
}

// lowered: a person lowers a limit while requests are under way and others wait;
// one process hears of it before the other.
func lowered(t *testing.T, h Harness) {
	l := h.New(t)
	other := l
	if h.Peer != nil {
		other = h.Peer(t, l)
	}
	before := connectors.Rate{InFlight: 4}
	var under []func()
	for range 3 {
		under = append(under, wait(t, other, "k", before))
	}
	after := connectors.OwnLimits{PerSecond: 10, AtOnce: 1}.Narrow(before)
	brief, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err := l.Wait(brief, "k", after)
	require.ErrorIs(t, err, context.DeadlineExceeded, "more at once than permitted by now")
	for _, release := range under {
		release()
	}
	wait(t, l, "k", after)()
	h.took(t, 400*time.Millisecond, func() {
		for range 2 {
			wait(t, other, "k", after)()
			wait(t, l, "k", after)()
		}
	})
}
