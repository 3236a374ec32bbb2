package limits

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/scratch-platform/scratch/connectors"
)

// MaxPenalty bounds what a service can ask for with Retry-After: a header that
// says "in the year 9999" must not silence a connection until then.
const MaxPenalty = 24 * time.Hour

// sweepAt is how many keys are kept before idle ones are looked for.
const sweepAt = 1024

var _ connectors.Limiter = (*Limiter)(nil)

// Limiter is a token bucket and a cap of requests in flight per key, served in the
// order of arrival. Memory is bounded by the keys in use: a key that is idle, with
// its bucket full and no penalty, is the same as a new one and is dropped.
type Limiter struct {
	now func() time.Time

	mu      sync.Mutex
	keys    map[string]*bucket
	sweepAt int
}

// New returns a limiter; now is the clock, time.Now in production.
func New(now func() time.Time) *Limiter {
	return &Limiter{now: now, keys: make(map[string]*bucket), sweepAt: sweepAt}
}

// Wait blocks until a request of that key may start, first come, first served. The
// rate given last counts for the key. release must be called when the answer is
// in; calling it again does nothing. When the context ends first, nothing was
// taken from the budget.
func (l *Limiter) Wait(ctx context.Context, key string, rate connectors.Rate) (func(), error) {
	if err := ctx.Err(); err != nil {
		return nil, waitError(key, err)
	}
	l.mu.Lock()
	b := l.bucket(key)
	b.setRate(l.now(), rate)
	turn := &turn{granted: make(chan struct{})}
	b.queue = append(b.queue, turn)
	l.serve(b)
	l.mu.Unlock()

	select {
	case <-turn.granted:
		return sync.OnceFunc(func() { l.release(b) }), nil
	case <-ctx.Done():
		l.leave(b, turn)
		return nil, waitError(key, ctx.Err())
	}
}

// Penalize makes every user of the key wait until then (at most MaxPenalty from
// now), those already waiting included. It never shortens an earlier penalty.
func (l *Limiter) Penalize(key string, until time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	if latest := now.Add(MaxPenalty); until.After(latest) {
		until = latest
	}
	if !until.After(now) {
		return
	}
	b := l.bucket(key)
	if until.After(b.penalty) {
		b.penalty = until
	}
}

// release gives a slot back.
func (l *Limiter) release(b *bucket) {
	l.mu.Lock()
	defer l.mu.Unlock()
	b.inFlight--
	l.serve(b)
}

// leave takes a turn out of the queue; one that was granted at the same moment is
// undone, so that a cancelled request costs nothing.
func (l *Limiter) leave(b *bucket, t *turn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case <-t.granted:
		b.refund()
	default:
		b.remove(t)
	}
	l.serve(b)
}

// serve grants turns as far as the budget goes and, where only time is missing,
// sets the alarm for the next one. The caller holds the lock.
func (l *Limiter) serve(b *bucket) {
	now := l.now()
	for len(b.queue) > 0 {
		wait, ok := b.take(now)
		if !ok {
			if wait > 0 {
				b.wake(wait, func() { l.onAlarm(b) })
			}
			return
		}
		close(b.queue[0].granted)
		b.queue = b.queue[1:]
	}
	b.quiet()
}

func (l *Limiter) onAlarm(b *bucket) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.serve(b)
}

// bucket finds or makes the key's bucket. The caller holds the lock.
func (l *Limiter) bucket(key string) *bucket {
	if b, ok := l.keys[key]; ok {
		return b
	}
	if len(l.keys) >= l.sweepAt {
		l.sweep()
	}
	b := &bucket{fresh: true}
	l.keys[key] = b
	return b
}

// sweep drops idle keys; the next one comes when the number kept has doubled, so
// its cost is spread over the keys added.
func (l *Limiter) sweep() {
	now := l.now()
	for key, b := range l.keys {
		if b.idle(now) {
			delete(l.keys, key)
		}
	}
	l.sweepAt = max(sweepAt, 2*len(l.keys))
}

func waitError(key string, err error) error {
	return fmt.Errorf("wait for the request limit of %q: %w", key, err)
}
