package locks

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/scratch-platform/scratch/models"
)

const (
	// askEvery is how often a waiting Acquire asks again when nobody can wake it.
	askEvery = 100 * time.Millisecond
	// askAnyway is how often it asks when a release wakes it: for leases that ran
	// out, and for messages that were lost.
	askAnyway = time.Second
	// answerWithin bounds one question: a statement or two.
	answerWithin = 5 * time.Second

	channelFreed = "locks.freed"
)

// Leases keeps leases where all processes see them; the store implements it.
type Leases interface {
	Lease(ctx context.Context, name, holder string, ttl time.Duration) (fence int64, ok bool, err error)
	RenewLease(ctx context.Context, name, holder string, fence int64, ttl time.Duration) (ok bool, err error)
	ReleaseLease(ctx context.Context, name, holder string, fence int64) (ok bool, err error)
}

// Messages carries word of a release to the other processes. It may lose any.
type Messages interface {
	// Send queues a message for all processes, this one too.
	Send(channel, payload string) bool
	// Hear has f called with every message of a channel.
	Hear(channel string, f func(payload string))
	// Listening reports whether messages can be heard just now.
	Listening() bool
	// OnAgain has f called when messages can be heard again.
	OnAgain(f func())
}

// Shared hands out leases kept in the database, which alone says who holds a
// name. Messages only spare those who wait from asking ten times a second, and
// the next holder the time until the next question; without them, or while they
// are lost, everything is the same and slower.
type Shared struct {
	leases   Leases
	messages Messages // nil: none

	mu      sync.Mutex
	waiting map[string][]chan struct{} // by name
}

// NewShared returns a locker over shared leases; messages may be nil.
func NewShared(leases Leases, messages Messages) *Shared {
	s := &Shared{leases: leases, messages: messages, waiting: map[string][]chan struct{}{}}
	if messages != nil {
		messages.Hear(channelFreed, s.freed)
		messages.OnAgain(s.freedAll)
	}
	return s
}

// Acquire implements Locker.
func (s *Shared) Acquire(ctx context.Context, name string, ttl time.Duration) (Lease, error) {
	woken := s.wait(name)
	defer s.leave(name, woken)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		lease, ok, err := s.try(ctx, name, ttl)
		if err != nil || ok {
			return lease, err
		}
		every := askEvery
		if s.messages != nil && s.messages.Listening() {
			every = askAnyway
		}
		timer.Reset(every)
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for the lock %q: %w", name, ctx.Err())
		case <-woken:
		case <-timer.C:
		}
	}
}

// wait begins to listen for releases of a name: before the first question, so
// that none is missed.
func (s *Shared) wait(name string) chan struct{} {
	woken := make(chan struct{}, 1)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting[name] = append(s.waiting[name], woken)
	return woken
}

// leave ends a wait. One that was woken passes it on: the lease it took may end
// elsewhere, and whoever comes next must not sleep through this release.
func (s *Shared) leave(name string, woken chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	left := slices.DeleteFunc(s.waiting[name], func(w chan struct{}) bool { return w == woken })
	if len(left) == 0 {
		delete(s.waiting, name)
		return
	}
	s.waiting[name] = left
	select {
	case <-woken:
		wake(left[0])
	default:
	}
}

// freed wakes the one that waits longest for a name: one of each process asks.
func (s *Shared) freed(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if waiting := s.waiting[name]; len(waiting) > 0 {
		wake(waiting[0])
	}
}

// freedAll wakes everybody: messages may have been lost.
func (s *Shared) freedAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, waiting := range s.waiting {
		for _, w := range waiting {
			wake(w)
		}
	}
}

func wake(w chan struct{}) {
	select {
	case w <- struct{}{}:
	default:
	}
}

// tell says that a name is free, here and elsewhere.
func (s *Shared) tell(name string) {
	if s.messages == nil || !s.messages.Send(channelFreed, name) {
		s.freed(name)
	}
}

// TryAcquire implements Locker.
func (s *Shared) TryAcquire(ctx context.Context, name string, ttl time.Duration) (Lease, error) {
	lease, ok, err := s.try(ctx, name, ttl)
	if err == nil && !ok {
		return nil, fmt.Errorf("take the lock %q: %w", name, ErrHeld)
	}
	return lease, err
}

func (s *Shared) try(ctx context.Context, name string, ttl time.Duration) (Lease, bool, error) {
	if err := Check(name, ttl); err != nil {
		return nil, false, err
	}
	if err := ctx.Err(); err != nil {
		return nil, false, fmt.Errorf("take the lock %q: %w", name, err)
	}
	// A holder of its own for each lease: two of one process exclude each other
	// like two of different ones.
	lease := &sharedLease{locks: s, name: name, holder: models.NewID("hld")}
	// A caller that goes away in the middle must not leave a lease behind that
	// nobody knows to be theirs: the answer is waited for, and then given back.
	asking, cancel := context.WithTimeout(context.WithoutCancel(ctx), answerWithin)
	defer cancel()
	fence, ok, err := s.leases.Lease(asking, name, lease.holder, ttl)
	if err != nil {
		return nil, false, fmt.Errorf("take the lock %q: %w", name, err)
	}
	if !ok {
		return nil, false, nil
	}
	lease.fence = fence
	return lease, true, nil
}

type sharedLease struct {
	locks    *Shared
	name     string
	holder   string
	fence    int64
	released atomic.Bool
}

func (l *sharedLease) Token() int64 { return l.fence }

func (l *sharedLease) Renew(ctx context.Context, ttl time.Duration) error {
	if err := Check(l.name, ttl); err != nil {
		return err
	}
	ok, err := l.locks.leases.RenewLease(ctx, l.name, l.holder, l.fence, ttl)
	if err == nil && !ok {
		err = ErrLost
	}
	if err != nil {
		return fmt.Errorf("renew the lock %q: %w", l.name, err)
	}
	return nil
}

func (l *sharedLease) Release(ctx context.Context) error {
	if l.released.Swap(true) {
		return nil
	}
	ok, err := l.locks.leases.ReleaseLease(ctx, l.name, l.holder, l.fence)
	if err == nil && !ok {
		err = ErrLost
	}
	if err != nil {
		return fmt.Errorf("release the lock %q: %w", l.name, err)
	}
	l.locks.tell(l.name)
	return nil
}
