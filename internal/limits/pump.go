package limits

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// answer is what the server said to a question.
type answer struct {
	granted int
	wait    time.Duration // until the next may start; 0: until a release
	penalty time.Duration // left of it
	call    bool          // another process waits for what was given back
}

// stir has somebody speak to the server for the line, now. The caller holds the
// lock.
func (s *Shared) stir(l *line) {
	if l.pumping {
		select {
		case l.poke <- struct{}{}:
		default:
		}
		return
	}
	if s.closed || len(l.queue) == 0 && !l.unsaid() {
		return
	}
	l.pumping = true
	s.pumps.Go(func() { s.pump(l) })
}

// pump speaks to the server for one line until there is nothing more to say.
func (s *Shared) pump(l *line) {
	for {
		s.mu.Lock()
		if s.closed || len(l.queue) == 0 && !l.unsaid() {
			l.pumping = false
			hang(l.tell)
			l.tell = nil
			s.mu.Unlock()
			return
		}
		q := l.ask(s.others())
		s.mu.Unlock()
		a, err := s.put(l, &q)
		rest, ended := s.settle(l, q, a, err)
		hang(q.tell)
		if ended {
			return
		}
		if rest > 0 {
			s.rest(l, rest)
		}
	}
}

func hang(waiting []chan struct{}) {
	for _, told := range waiting {
		close(told)
	}
}

// settle takes over what came of a question. ended says that the pump is over:
// nobody waits, and the server that is to be told something is away.
func (s *Shared) settle(l *line, q question, a answer, err error) (rest time.Duration, ended bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	if err == nil {
		if s.alone {
			s.alone, s.trusted = false, now
		}
		rest = l.answered(q, a, now)
		if a.call {
			s.server.Send(channelFreed, l.key)
		}
		return rest, false
	}
	if s.life.Err() != nil {
		l.pumping = false
		return 0, true
	}
	processes := s.sharers()
	if !s.alone {
		s.alone, s.aloneFrom = true, now
		s.log.Warn("request limits are kept by this process alone, at a share of them", "processes", processes, "error", err)
	}
	rest = l.alone(s.aloneFrom, now, processes)
	if len(l.queue) == 0 {
		l.pumping = false
		return 0, true
	}
	return rest, false
}

// sharers is by how many a budget is divided while the server is away. The
// caller holds the lock.
func (s *Shared) sharers() int {
	if s.processes == 0 {
		return unknownProcesses
	}
	return max(2, s.processes)
}

// others is by how many it is divided now: until the other processes have
// certainly found the server too, by as many as while it was away; else 1. The
// caller holds the lock.
func (s *Shared) others() int {
	if s.alone || !s.trusted.IsZero() && s.now().Sub(s.trusted) < wary {
		return s.sharers()
	}
	return 1
}

// put asks the server. Contents that are not those it knew are not believed.
func (s *Shared) put(l *line, q *question) (answer, error) {
	key := l.key
	for range 3 {
		s.mu.Lock()
		epoch, now := s.epoch, s.now()
		if l.penalized {
			// Contents that began since the question was made lack it.
			q.penalty = l.penalty
		}
		age := int64(-1)
		switch {
		case s.alone:
			age = 0
		case !s.trusted.IsZero():
			age = now.Sub(s.trusted).Microseconds()
		}
		s.mu.Unlock()
		said, err := s.server.Run(s.life, takeScript, []string{"limits.key." + key, epochKey},
			epoch, newEpoch(), s.process, q.held, q.want, q.refund,
			max(q.rate.PerSecond, 0), q.rate.Burst, max(q.rate.InFlight, 0), age, left(q.penalty, now).Microseconds(), s.lasts.Microseconds())
		if err != nil {
			return answer{}, err
		}
		if len(said) != 4 {
			return answer{}, fmt.Errorf("the server's answer about %q has %d numbers", key, len(said))
		}
		if said[0] >= 0 {
			return answer{
				granted: int(said[0]), wait: time.Duration(said[1]) * time.Microsecond,
				penalty: time.Duration(said[2]) * time.Microsecond, call: said[3] != 0,
			}, nil
		}
		s.begin(epoch, said[1])
	}
	return answer{}, fmt.Errorf("the server's contents changed under every question about %q", key)
}

// begin takes a new epoch over. When it is not the first, the server lost what
// it knew: budgets count from now, and every claim is told again.
func (s *Shared) begin(was, epoch int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.epoch != was {
		return // another question has seen it
	}
	s.epoch = epoch
	if was != 0 {
		s.trusted = s.now()
		s.log.Info("the shared request limits were lost and begin anew")
		for _, l := range s.lines {
			if l.penalty.After(s.trusted) {
				l.penalized = true
				s.stir(l)
			}
		}
		s.renewAll()
	}
}

func left(until, now time.Time) time.Duration {
	if until.IsZero() {
		return 0
	}
	return max(0, until.Sub(now))
}

func newEpoch() int64 { return 1 + rand.Int64N(1<<52) } //nolint:gosec // told apart, not kept secret

// rest waits for a while, or until something happens.
func (s *Shared) rest(l *line, wait time.Duration) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-l.poke:
	case <-s.life.Done():
	}
}
