package lockstest

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/internal/locks"
)

// Harness is the locker under test and the time it lives in.
type Harness struct {
	// New makes a locker; lockers made in one test share nothing, unless by Peer.
	New func(t *testing.T) locks.Locker
	// Peer makes another locker over the same leases, as another process would. It
	// is nil for a locker that lives in one process.
	Peer func(t *testing.T, of locks.Locker) locks.Locker
	// In runs a test's body: inside testing/synctest for a locker without a
	// network, plainly otherwise. nil is plainly.
	In func(t *testing.T, body func(t *testing.T))
	// TTL is how long the leases of the tests last; 0 takes 600 ms. A locker over
	// a network needs several times the slowest call.
	TTL time.Duration
	// Slack is how much later than due something may happen.
	Slack time.Duration
}

// shortTTL suits a locker whose calls take no time worth counting.
const shortTTL = 600 * time.Millisecond

// Run runs the suite.
func Run(t *testing.T, h Harness) {
	t.Helper()
	if h.TTL == 0 {
		h.TTL = shortTTL
	}
	cases := []struct {
		name string
		body func(*testing.T, Harness)
	}{
		{"one holder at a time", oneHolder},
		{"names do not disturb one another", separateNames},
		{"a release wakes who waits", releaseWakes},
		{"an expired lease is taken over, and its holder told", takeover},
		{"renewing keeps the name", renewing},
		{"a late release frees nothing of the next holder's", lateRelease},
		{"tokens grow from holder to holder", tokensGrow},
		{"a cancelled wait ends at once", cancelledWait},
		{"a crowd is served one by one", crowd},
		{"Hold renews, and frees at the end", holdRenews},
		{"Hold frees after a failure and a panic", holdFrees},
		{"Hold cancels the work when the lease is lost", holdLoses},
		{"bad names and times are refused", badInput},
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

func (h Harness) two(t *testing.T) (a, b locks.Locker) {
	t.Helper()
	a = h.New(t)
	if h.Peer == nil {
		return a, a
	}
	return a, h.Peer(t, a)
}

func (h Harness) take(t *testing.T, l locks.Locker, name string) locks.Lease {
	t.Helper()
	lease, err := l.TryAcquire(t.Context(), name, h.TTL)
	require.NoError(t, err)
	return lease
}

func (h Harness) requireHeld(t *testing.T, l locks.Locker, name string) {
	t.Helper()
	_, err := l.TryAcquire(t.Context(), name, h.TTL)
	require.ErrorIs(t, err, locks.ErrHeld)
	require.ErrorContains(t, err, name)
}

// elapse lets time pass: the suite is about time, so there is no event to wait for
// instead. Within synctest it takes none.
func elapse(d time.Duration) {
	time.Sleep(d) //nolint:forbidigo // see above
}

func oneHolder(t *testing.T, h Harness) {
	a, b := h.two(t)
	lease := h.take(t, a, "n")
	h.requireHeld(t, a, "n")
	h.requireHeld(t, b, "n")
	require.NoError(t, lease.Release(t.Context()))
	require.NoError(t, lease.Release(t.Context()), "a second release does nothing")
	h.take(t, b, "n")
}

func separateNames(t *testing.T, h Harness) {
	a, b := h.two(t)
	h.take(t, a, "n1")
	h.take(t, b, "n2")
}

func releaseWakes(t *testing.T, h Harness) {
	a, b := h.two(t)
	lease := h.take(t, a, "n")
	start := time.Now()
	time.AfterFunc(h.TTL/3, func() { _ = lease.Release(context.WithoutCancel(t.Context())) })
	_, err := b.Acquire(t.Context(), "n", h.TTL)
	require.NoError(t, err)
	require.LessOrEqual(t, time.Since(start), h.TTL/3+h.Slack)
}

func takeover(t *testing.T, h Harness) {
	a, b := h.two(t)
	old := h.take(t, a, "n")
	start := time.Now()
	_, err := b.Acquire(t.Context(), "n", h.TTL)
	require.NoError(t, err)
	require.GreaterOrEqual(t, time.Since(start), h.TTL-h.Slack/10)
	require.LessOrEqual(t, time.Since(start), h.TTL+h.Slack)
	require.ErrorIs(t, old.Renew(t.Context(), h.TTL), locks.ErrLost)
}

func renewing(t *testing.T, h Harness) {
	a, b := h.two(t)
	lease := h.take(t, a, "n")
	for range 4 {
		elapse(h.TTL / 2)
		require.NoError(t, lease.Renew(t.Context(), h.TTL))
		h.requireHeld(t, b, "n")
	}
}

func lateRelease(t *testing.T, h Harness) {
	a, b := h.two(t)
	old := h.take(t, a, "n")
	elapse(h.TTL + h.Slack/2)
	next := h.take(t, b, "n")
	require.ErrorIs(t, old.Release(t.Context()), locks.ErrLost)
	h.requireHeld(t, a, "n")
	require.NoError(t, next.Release(t.Context()))
}

func tokensGrow(t *testing.T, h Harness) {
	a, b := h.two(t)
	var last int64
	for range 5 {
		for _, l := range []locks.Locker{a, b} {
			lease := h.take(t, l, "n")
			require.Greater(t, lease.Token(), last)
			last = lease.Token()
			require.NoError(t, lease.Renew(t.Context(), h.TTL))
			require.Equal(t, last, lease.Token(), "renewing keeps the token")
			require.NoError(t, lease.Release(t.Context()))
		}
	}
	expired := h.take(t, a, "n")
	elapse(h.TTL + h.Slack/2)
	require.Greater(t, h.take(t, b, "n").Token(), expired.Token())
}

func cancelledWait(t *testing.T, h Harness) {
	a, b := h.two(t)
	h.take(t, a, "n")
	ctx, cancel := context.WithTimeout(t.Context(), h.TTL/4)
	defer cancel()
	start := time.Now()
	_, err := b.Acquire(ctx, "n", h.TTL)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.LessOrEqual(t, time.Since(start), h.TTL/4+h.Slack)
	_, err = b.TryAcquire(ctx, "other", h.TTL)
	require.Error(t, err, "an ended context takes nothing")
}

func crowd(t *testing.T, h Harness) {
	a, b := h.two(t)
	var inside, total, together atomic.Int32
	var wg sync.WaitGroup
	for i := range 30 {
		wg.Go(func() {
			l := a
			if i%2 == 0 {
				l = b
			}
			_ = locks.Hold(t.Context(), l, "n", h.TTL, func(context.Context, locks.Lease) error {
				if inside.Add(1) > 1 {
					together.Add(1)
				}
				elapse(time.Millisecond)
				inside.Add(-1)
				total.Add(1)
				return nil
			})
		})
	}
	wg.Wait()
	require.EqualValues(t, 30, total.Load())
	require.Zero(t, together.Load(), "two were inside at once")
}

func holdRenews(t *testing.T, h Harness) {
	a, b := h.two(t)
	err := locks.TryHold(t.Context(), a, "n", h.TTL, func(ctx context.Context, _ locks.Lease) error {
		elapse(3 * h.TTL)
		_, err := b.TryAcquire(ctx, "n", h.TTL)
		require.ErrorIs(t, err, locks.ErrHeld)
		require.ErrorIs(t, locks.TryHold(ctx, b, "n", h.TTL, func(context.Context, locks.Lease) error { return nil }), locks.ErrHeld)
		return ctx.Err()
	})
	require.NoError(t, err)
	h.take(t, b, "n")
}

func holdFrees(t *testing.T, h Harness) {
	a, b := h.two(t)
	failure := context.DeadlineExceeded
	require.ErrorIs(t, locks.Hold(t.Context(), a, "n", h.TTL, func(context.Context, locks.Lease) error { return failure }), failure)
	require.Panics(t, func() {
		_ = locks.Hold(t.Context(), b, "n", h.TTL, func(context.Context, locks.Lease) error { panic("broken") })
	})
	ctx, cancel := context.WithCancel(t.Context())
	require.NoError(t, locks.Hold(ctx, a, "n", h.TTL, func(context.Context, locks.Lease) error { cancel(); return nil }))
	h.take(t, b, "n")
}

func holdLoses(t *testing.T, h Harness) {
	a, _ := h.two(t)
	err := locks.Hold(t.Context(), a, "n", h.TTL, func(ctx context.Context, lease locks.Lease) error {
		if err := lease.Release(ctx); err != nil { // as if it had expired
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(3 * h.TTL):
			return nil
		}
	})
	require.ErrorIs(t, err, locks.ErrLost)
}

func badInput(t *testing.T, h Harness) {
	a, _ := h.two(t)
	for _, c := range []struct {
		name string
		ttl  time.Duration
	}{{"", h.TTL}, {strings.Repeat("x", 257), h.TTL}, {"n", 0}, {"n", -h.TTL}, {"n", locks.MaxTTL + 1}} {
		_, err := a.Acquire(t.Context(), c.name, c.ttl)
		require.Error(t, err)
		_, err = a.TryAcquire(t.Context(), c.name, c.ttl)
		require.Error(t, err)
	}
	lease := h.take(t, a, "n")
	require.Error(t, lease.Renew(t.Context(), 0))
}
