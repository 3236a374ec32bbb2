package limits_test

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/connectors"
	"github.com/scratch-platform/scratch/internal/testkit"
)

// hammer has four requests after another come through each limiter until it is
// stopped, and counts those that started.
type hammer struct {
	t       *testing.T
	rate    connectors.Rate
	start   time.Time
	started []atomic.Int64 // by limiter
	now     atomic.Int64   // in flight
	most    atomic.Int64
	stop    context.CancelFunc
	wg      sync.WaitGroup
}

func hit(t *testing.T, rate connectors.Rate, through ...connectors.Limiter) *hammer {
	ctx, stop := context.WithCancel(t.Context())
	h := &hammer{t: t, rate: rate, start: time.Now(), started: make([]atomic.Int64, len(through)), stop: stop}
	for i, l := range through {
		for range 4 {
			h.wg.Go(func() {
				for {
					release, err := l.Wait(ctx, "k", rate)
					if err != nil {
						return
					}
					h.started[i].Add(1)
					n := h.now.Add(1)
					for m := h.most.Load(); n > m && !h.most.CompareAndSwap(m, n); m = h.most.Load() {
					}
					h.now.Add(-1)
					release()
				}
			})
		}
	}
	t.Cleanup(h.end)
	return h
}

func (h *hammer) end() {
	h.stop()
	h.wg.Wait()
}

func (h *hammer) total() (n int64) {
	for i := range h.started {
		n += h.started[i].Load()
	}
	return n
}

// more waits until so many more have started.
func (h *hammer) more(n int64) {
	h.t.Helper()
	from := h.total()
	require.Eventually(h.t, func() bool { return h.total() >= from+n }, time.Minute, time.Millisecond, "requests stopped being let through")
}

// kept requires that the rate was never exceeded, by the time that has passed.
// bursts is how many full buckets there were.
func (h *hammer) kept(bursts int) {
	h.t.Helper()
	most := float64(bursts*h.rate.Burst) + h.rate.PerSecond*time.Since(h.start).Seconds()
	require.LessOrEqual(h.t, float64(h.total()), most+1, "more requests than the limit")
}

// Breaks when two workers each use the whole budget of one connection, or one
// of them starves the other.
func TestTwoProcessesShareOneLimit(t *testing.T) {
	url, prefix := testkit.Redis(t)
	for name, rate := range map[string]connectors.Rate{
		"rate": {PerSecond: 100, Burst: 10}, "rate and in flight": {PerSecond: 100, Burst: 10, InFlight: 2},
	} {
		t.Run(name, func(t *testing.T) {
			one, two := shared(t, url, prefix+name, time.Now, silent), shared(t, url, prefix+name, time.Now, silent)
			h := hit(t, rate, one, two)
			h.more(150)
			h.kept(1)
			h.end()
			for i := range h.started {
				require.Greater(t, h.started[i].Load(), h.total()/4, "a process was starved")
			}
			if rate.InFlight > 0 {
				require.LessOrEqual(t, h.most.Load(), int64(rate.InFlight))
			}
		})
	}
}

// Breaks when times of one process's clock reach another: an hour's difference
// would open or close the limit for an hour.
func TestClocksAnHourOff(t *testing.T) {
	url, prefix := testkit.Redis(t)
	at := func(off time.Duration) func() time.Time { return func() time.Time { return time.Now().Add(off) } }
	fast, slow := shared(t, url, prefix, at(time.Hour), silent), shared(t, url, prefix, at(-time.Hour), silent)
	h := hit(t, connectors.Rate{PerSecond: 100, Burst: 10, InFlight: 3}, fast, slow)
	h.more(100)
	h.kept(1)
	h.end()
	require.LessOrEqual(t, h.most.Load(), int64(3))

	for i, l := range []struct {
		off       time.Duration
		from, who connectors.Limiter
	}{{time.Hour, fast, slow}, {-time.Hour, slow, fast}} {
		key := []string{"a", "b"}[i]
		start := time.Now()
		l.from.Penalize(key, start.Add(l.off+400*time.Millisecond))
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		release, err := l.who.Wait(ctx, key, connectors.Rate{})
		require.NoError(t, err, "a penalty of 0.4 s lasts")
		release()
		require.GreaterOrEqual(t, time.Since(start), 350*time.Millisecond, "the penalty was not kept")
	}
}

// Breaks when requests stop, or exceed their limit, because Redis was killed,
// hangs, or comes back empty; and when the log says so more than once.
func TestRedisIsKilledAndComesBack(t *testing.T) {
	for name, absence := range map[string]struct{ begin, end func(*testkit.RedisServer) }{
		"killed": {(*testkit.RedisServer).Kill, (*testkit.RedisServer).Start},
		"hangs":  {(*testkit.RedisServer).Hang, (*testkit.RedisServer).Resume},
	} {
		t.Run(name, func(t *testing.T) {
			server := testkit.OwnRedis(t)
			said := &testkit.Words{}
			log := slog.New(slog.NewTextHandler(said, nil))
			one, two := shared(t, server.URL(), "k:", time.Now, log), shared(t, server.URL(), "k:", time.Now, silent)
			h := hit(t, connectors.Rate{PerSecond: 100, Burst: 10}, one, two)
			h.more(50)
			absence.begin(server)
			h.more(150)
			h.kept(2)
			require.Equal(t, 1, said.Count(`msg="Redis is away`))
			require.Equal(t, 1, said.Count("by this process alone"))
			absence.end(server)
			require.Eventually(t, func() bool { return said.Count("Redis is back") == 1 }, time.Minute, time.Millisecond)
			h.more(300)
			h.kept(2)
			require.Equal(t, 1, said.Count(`msg="Redis is away`))
		})
	}
}

// Breaks when a server that was emptied, or replaced while nobody asked, is
// taken for one where nothing was used yet: every bucket would be full again,
// every penalty forgotten and every slot free.
func TestAnEmptyServerIsNotBelieved(t *testing.T) {
	server := testkit.OwnRedis(t)
	said := &testkit.Words{}
	l := shared(t, server.URL(), "k:", time.Now, slog.New(slog.NewTextHandler(said, nil)))
	// Used up, and so slow that nothing comes back within the test.
	empty := connectors.Rate{PerSecond: 0.001, Burst: 5}
	for range 5 {
		release, err := l.Wait(t.Context(), "spent", empty)
		require.NoError(t, err)
		release()
	}
	_, err := l.Wait(t.Context(), "held", connectors.Rate{InFlight: 1})
	require.NoError(t, err)
	l.Penalize("penalized", time.Now().Add(time.Hour))

	server.Kill()
	server.Start()
	for key, rate := range map[string]connectors.Rate{"spent": empty, "held": {InFlight: 1}, "penalized": {}, "never used": empty} {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		_, err := l.Wait(ctx, key, rate)
		cancel()
		require.ErrorIs(t, err, context.DeadlineExceeded, "%s is let through", key)
	}
	require.Eventually(t, func() bool { return said.Count("begin anew") == 1 }, time.Minute, 10*time.Millisecond)
	// Another process learns of the penalty and the slot from the first.
	other := shared(t, server.URL(), "k:", time.Now, silent)
	for key, rate := range map[string]connectors.Rate{"held": {InFlight: 1}, "penalized": {}} {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		_, err := other.Wait(ctx, key, rate)
		cancel()
		require.ErrorIs(t, err, context.DeadlineExceeded, "%s is let through elsewhere", key)
	}
}

// Breaks when a worker cannot start without Redis, or does not find it later.
func TestRedisIsAwayAtStart(t *testing.T) {
	server := testkit.OwnRedis(t)
	server.Kill()
	said := &testkit.Words{}
	l := shared(t, server.URL(), "k:", time.Now, slog.New(slog.NewTextHandler(said, nil)))
	h := hit(t, connectors.Rate{PerSecond: 100, Burst: 10}, l)
	h.more(30)
	h.kept(0)
	server.Start()
	require.Eventually(t, func() bool { return said.Count("Redis is back") == 1 }, time.Minute, time.Millisecond)
	h.more(200)
	h.kept(1)
}

// Breaks when the requests of a worker that died stay in flight for ever, or
// when those of a living one end while they are under way.
func TestClaimsOfTheDeadEnd(t *testing.T) {
	url, prefix := testkit.Redis(t)
	one := connectors.Rate{InFlight: 1}
	dead := shared(t, url, prefix, time.Now, silent)
	dead.Lasts(500 * time.Millisecond)
	_, err := dead.Wait(t.Context(), "k", one)
	require.NoError(t, err)
	require.NoError(t, dead.Close())
	start := time.Now()
	release, err := shared(t, url, prefix, time.Now, silent).Wait(t.Context(), "k", one)
	require.NoError(t, err, "a dead worker's request is still counted")
	require.GreaterOrEqual(t, time.Since(start), 200*time.Millisecond, "the claim was no claim")
	release()
}

// Breaks when the end of a limiter leaves somebody waiting.
func TestCloseSendsAwayWhoWaits(t *testing.T) {
	url, prefix := testkit.Redis(t)
	l := shared(t, url, prefix, time.Now, silent)
	_, err := l.Wait(t.Context(), "k", connectors.Rate{InFlight: 1})
	require.NoError(t, err)
	ended := make(chan error, 1)
	go func() {
		_, err := l.Wait(context.WithoutCancel(t.Context()), "k", connectors.Rate{InFlight: 1})
		ended <- err
	}()
	require.NoError(t, l.Close())
	require.ErrorContains(t, <-ended, "closed")
	_, err = l.Wait(t.Context(), "k", connectors.Rate{})
	require.ErrorContains(t, err, "closed")
}

func BenchmarkSharedWait(b *testing.B) {
	url, prefix := testkit.Redis(b)
	l := shared(b, url, prefix, time.Now, silent)
	for name, rate := range map[string]connectors.Rate{
		"rate": {PerSecond: 1e6, Burst: 1 << 20}, "in flight": {PerSecond: 1e6, Burst: 1 << 20, InFlight: 8},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				release, err := l.Wait(b.Context(), "k", rate)
				if err != nil {
					b.Fatal(err)
				}
				release()
			}
		})
	}
}
