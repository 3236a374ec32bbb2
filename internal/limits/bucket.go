package limits

import (
	"math"
	"slices"
	"time"

	"github.com/scratch-platform/scratch/connectors"
)

// turn is one request that waits.
type turn struct{ granted chan struct{} }

// bucket is the budget of one key. The limiter's lock guards it.
type bucket struct {
	rate     connectors.Rate
	tokens   float64
	filled   time.Time // when tokens was counted
	fresh    bool      // no rate was set yet: the first one fills the bucket
	inFlight int
	penalty  time.Time // nobody starts before
	queue    []*turn
	alarm    *time.Timer
}

// setRate takes a changed rate over. Tokens saved so far are kept, up to the new
// burst.
func (b *bucket) setRate(now time.Time, rate connectors.Rate) {
	rate.Burst = max(rate.Burst, 1)
	if b.fresh {
		b.rate, b.tokens, b.filled, b.fresh = rate, float64(rate.Burst), now, false
		return
	}
	b.fill(now)
	b.rate = rate
	b.tokens = min(b.tokens, float64(rate.Burst))
}

func (b *bucket) limited() bool { return b.rate.PerSecond > 0 }

func (b *bucket) fill(now time.Time) {
	if elapsed := now.Sub(b.filled); elapsed > 0 {
		b.tokens = min(float64(b.rate.Burst), b.tokens+elapsed.Seconds()*b.rate.PerSecond)
	}
	b.filled = now
}

// take starts a request when the budget allows it. Else it answers how long to
// wait, or 0 when only a release can help.
func (b *bucket) take(now time.Time) (time.Duration, bool) {
	if b.rate.InFlight > 0 && b.inFlight >= b.rate.InFlight {
		return 0, false
	}
	if wait := b.penalty.Sub(now); wait > 0 {
		return wait, false
	}
	if b.limited() {
		b.fill(now)
		// A nanosecond's rounding of the alarm must not send the turn back to wait.
		const almost = 1 - 1e-6
		if b.tokens < almost {
			seconds := (1 - b.tokens) / b.rate.PerSecond
			return time.Duration(math.Ceil(min(seconds, MaxPenalty.Seconds()) * float64(time.Second))), false
		}
		b.tokens--
	}
	b.inFlight++
	return 0, true
}

// refund undoes a take.
func (b *bucket) refund() {
	b.inFlight--
	if b.limited() {
		b.tokens = min(float64(b.rate.Burst), b.tokens+1)
	}
}

func (b *bucket) wake(after time.Duration, f func()) {
	if b.alarm == nil {
		b.alarm = time.AfterFunc(after, f)
		return
	}
	b.alarm.Reset(after)
}

// quiet stops the alarm when nobody waits.
func (b *bucket) quiet() {
	if b.alarm != nil {
		b.alarm.Stop()
	}
}

func (b *bucket) remove(t *turn) {
	if at := slices.Index(b.queue, t); at >= 0 {
		b.queue = slices.Delete(b.queue, at, at+1)
	}
}

// idle reports whether forgetting the bucket changes nothing.
func (b *bucket) idle(now time.Time) bool {
	if len(b.queue) > 0 || b.inFlight > 0 || b.penalty.After(now) {
		return false
	}
	if b.limited() {
		b.fill(now)
		return b.tokens >= float64(b.rate.Burst)
	}
	return true
}
