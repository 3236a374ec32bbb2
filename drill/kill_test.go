package drill

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/scratch-platform/scratch/connectors/wordpress/fake"
)

func withoutCancel(r *http.Request) context.Context { return context.WithoutCancel(r.Context()) }

// phase is where a request was when its sender was killed.
type phase string

const (
	beforeSend   phase = "before send"   // the blog never received it
	afterSend    phase = "after send"    // the blog had it and had not answered
	afterAnswer  phase = "after answer"  // the blog had answered, the product had not heard it
	beforeCommit phase = "before commit" // the product had heard it and not stored it
	anyMoment    phase = "any moment"
)

// aims are dealt out over the seeds: three seeds each of dev and worker together
// aim at each of the four and at chance.
var aims = []phase{beforeSend, afterSend, afterAnswer, beforeCommit, anyMoment}

// shot is one kill: where it is aimed, and what was there.
type shot struct {
	t       *testing.T
	chance  *rand.Rand
	blog    *blog
	gate    *gate
	holder  func() *process // who is killed: the process that does the work
	victim  *process        // as it was when its request came
	at      time.Time
	matches func(*http.Request) bool
	// settled tells from SQL alone whether what the answers said is stored.
	settled func() bool
	fired   chan struct{}
	told    bool // the victim had been sent the answer
}

// fire kills the victim in the aimed phase of the matching request that comes
// after skip others.
func (s *shot) fire(aim phase, skip int) {
	s.fired = make(chan struct{})
	kill := func() {
		defer close(s.fired)
		if s.victim == nil {
			s.t.Error("nobody does the work")
			return
		}
		s.at = time.Now()
		s.victim.kill()
	}
	switch aim {
	case beforeSend:
		s.gate.at(skip, s.matches, func(g *gate) {
			g.before = func() bool {
				s.find()
				kill()
				return false
			}
		})
	case afterSend:
		// The site is slow, so that the request is surely under way.
		s.gate.at(skip, s.matches, func(g *gate) {
			var seen int64
			g.before = func() bool {
				s.find()
				seen = s.blog.last()
				s.blog.fault(fake.Fault{Kind: fake.FaultSlow, DelayMS: 8000, Path: s.path()})
				return true
			}
			g.during = func() {
				s.awaitPending(seen)
				kill()
			}
		})
	case afterAnswer:
		s.gate.at(skip, s.matches, func(g *gate) {
			var seen int64
			g.before = func() bool {
				s.find()
				seen = s.blog.last()
				return true
			}
			g.after = func() {
				s.awaitAnswered(seen)
				kill()
			}
		})
	case beforeCommit:
		s.armCommit(skip, kill)
	case anyMoment:
		s.gate.at(skip, s.matches, func(g *gate) {
			g.before = func() bool { s.find(); return true }
			g.told = func() {
				go func() {
					<-time.After(time.Duration(s.chance.IntN(120)) * time.Millisecond)
					kill()
				}()
			}
		})
	}
}

// find settles who is killed, while its request is held.
func (s *shot) find() {
	if found := s.holder(); found != nil {
		s.victim = found
	}
}

// armCommit stops the victim right when it has been told, looks whether it has
// stored what it was told, and tries the next request when it has.
func (s *shot) armCommit(skip int, kill func()) {
	s.gate.at(skip, s.matches, func(g *gate) {
		g.before = func() bool { s.find(); return true }
		g.told = func() {
			s.victim.signal(syscall.SIGSTOP)
			if !s.settled() {
				s.told = true
				kill()
				return
			}
			s.armCommit(0, kill)
			s.victim.signal(syscall.SIGCONT)
		}
	})
}

// path is the glob of what the slow fault strikes: writes, or pages.
func (s *shot) path() string {
	r, _ := http.NewRequest(http.MethodPost, "http://x/wp-json/batch/v1", nil)
	if s.matches(r) {
		return "/batch/v1"
	}
	return "/wp/v2/posts"
}

// awaitPending waits until the blog has a request after one that it does not
// answer for now.
func (s *shot) awaitPending(after int64) {
	over := time.Now().Add(7 * time.Second)
	for time.Now().Before(over) {
		for _, e := range s.blog.log(after) {
			if e.Answer == fake.AnswerPending && len(e.Faults) > 0 {
				return
			}
		}
		<-time.After(5 * time.Millisecond)
	}
}

// awaitAnswered waits until the blog has written down that it answered: the
// gate has the answer a moment before.
func (s *shot) awaitAnswered(after int64) {
	over := time.Now().Add(7 * time.Second)
	for time.Now().Before(over) {
		for _, e := range s.blog.log(after) {
			if e.Ended != nil {
				return
			}
		}
		<-time.After(5 * time.Millisecond)
	}
}

// await waits until the victim is dead.
func (s *shot) await() {
	s.t.Helper()
	select {
	case <-s.fired:
	case <-time.After(2 * time.Minute):
		s.t.Fatalf("the drill never got to kill")
	}
}

// unanswered are the requests that were under way at the kill.
func (s *shot) unanswered(is func(fake.Entry) bool, after int64) []fake.Entry {
	s.t.Helper()
	return only(s.blog.log(after), func(e fake.Entry) bool {
		return is(e) && e.Received.Before(s.at) && (e.Ended == nil || e.Ended.After(s.at))
	})
}

// chanceOf makes a seed's randomness: the same seed aims at the same moment.
func chanceOf(t *testing.T, seed int) *rand.Rand {
	t.Helper()
	return rand.New(rand.NewPCG(uint64(seed), uint64(len(t.Name()))))
}

// eachSeed runs a kill drill over modes and seeds. Each seed has an aim; together
// they cover every phase.
func eachSeed(t *testing.T, do func(t *testing.T, m mode, seed int, aim phase)) {
	t.Helper()
	for at, m := range modes {
		for seed := range seeds(t, m.few) {
			aim := aims[(seed+at*3)%len(aims)]
			t.Run(fmt.Sprintf("%s/seed %d/%s", m.name, seed, strings.ReplaceAll(string(aim), " ", "-")), func(t *testing.T) {
				t.Parallel()
				do(t, m, seed, aim)
			})
		}
	}
}
