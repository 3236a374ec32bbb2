package limits

import (
	"slices"
	"time"

	"github.com/scratch-platform/scratch/connectors"
)

// line is what one process knows of one key: who waits, what it holds, and what
// of it the server has yet to be told. The limiter's lock guards it; while
// pumping, one goroutine speaks to the server for it, so that the server hears
// of everything in order.
type line struct {
	key     string
	rate    connectors.Rate
	queue   []*turn
	held    int  // requests in flight
	told    int  // of them, what the server last heard
	refund  int  // tokens to give back
	waiting bool // the server keeps a place for us
	renew   bool // the claim is to be told again

	penalty   time.Time // nobody starts before; ours and what the server said
	penalized bool      // the server does not know it yet
	tell      []chan struct{}

	pumping bool
	poke    chan struct{} // wakes the pump while it rests

	own     bucket    // our share of the budget while the server is away
	ownFrom time.Time // the absence that it is for
}

// question is what the server is asked in one step.
type question struct {
	want, held, refund int
	rate               connectors.Rate
	penalty            time.Time // zero: nothing new
	tell               []chan struct{}
}

// unsaid reports whether the server is to be told something although nobody
// waits.
func (l *line) unsaid() bool {
	return l.penalized || l.renew || l.waiting ||
		l.rate.InFlight > 0 && l.held != l.told || l.refund > 0 && l.rate.PerSecond > 0
}

// ask takes the next question. With processes above 1, the others may still go
// by their shares: then we ask for no more than ours.
func (l *line) ask(processes int) question {
	q := question{want: min(len(l.queue), atOnce), held: l.held, refund: l.refund, rate: l.rate, tell: l.tell}
	if processes > 1 {
		part := share(l.rate, processes)
		q.rate.PerSecond = part.PerSecond
		if part.InFlight > 0 {
			q.want = max(0, min(q.want, part.InFlight-l.held))
		}
	}
	if l.penalized {
		q.penalty = l.penalty
	}
	l.tell, l.renew = nil, false
	return q
}

// grant lets the first in line go; it reports whether there was one.
func (l *line) grant() bool {
	if len(l.queue) == 0 {
		return false
	}
	l.held++
	close(l.queue[0].granted)
	l.queue = l.queue[1:]
	return true
}

func (l *line) remove(t *turn) {
	if at := slices.Index(l.queue, t); at >= 0 {
		l.queue = slices.Delete(l.queue, at, at+1)
	}
}

// answered takes an answer over and says how long to rest before asking again;
// 0 is not at all.
func (l *line) answered(q question, a answer, now time.Time) time.Duration {
	l.told = q.held + a.granted
	l.refund -= q.refund
	l.waiting = a.granted < q.want
	if l.penalty.Equal(q.penalty) {
		l.penalized = false
	}
	if left := now.Add(a.penalty); a.penalty > 0 && left.After(l.penalty) {
		l.penalty = left
	}
	for range a.granted {
		if !l.grant() {
			l.refund++ // who asked for it has gone
		}
	}
	if len(l.queue) == 0 || a.granted == q.want && q.want > 0 {
		return 0
	}
	if a.wait <= 0 {
		return lookAgain // a release is what helps, and says so
	}
	return min(a.wait, lookAgain)
}

// alone decides without the server, from a share of the budget that was empty
// when the absence began.
func (l *line) alone(from, now time.Time, processes int) time.Duration {
	rate := share(l.rate, processes)
	if !l.ownFrom.Equal(from) {
		l.own, l.ownFrom = bucket{rate: rate, filled: from}, from
	}
	l.own.setRate(now, rate)
	l.own.penalty = l.penalty
	l.refund = 0 // nothing was taken from the share that can be given back
	for len(l.queue) > 0 {
		l.own.inFlight = l.held
		wait, ok := l.own.take(now)
		if !ok && wait <= 0 {
			return lookAgain
		}
		if !ok {
			return min(wait, lookAgain)
		}
		l.grant()
	}
	return 0
}

// share is the part of a budget that one of several processes may use by itself.
func share(rate connectors.Rate, processes int) connectors.Rate {
	part := connectors.Rate{PerSecond: rate.PerSecond / float64(processes), Burst: max(1, rate.Burst/processes)}
	if rate.InFlight > 0 {
		part.InFlight = max(1, rate.InFlight/processes)
	}
	return part
}

// idle reports whether forgetting the line changes nothing.
func (l *line) idle(now time.Time) bool {
	return !l.pumping && len(l.queue) == 0 && l.held == 0 && !l.unsaid() && !l.penalty.After(now)
}
