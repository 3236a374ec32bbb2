package locks

import (
	"context"
	"errors"
	"time"
)

// Outcomes of asking for a lease, as Measured tells them.
const (
	OutcomeTaken  = "taken"
	OutcomeHeld   = "held" // by another, and not waited for
	OutcomeFailed = "failed"
)

// Measured tells how long each asking for a lease took and what came of it.
func Measured(next Locker, now func() time.Time, tell func(name, outcome string, took time.Duration)) Locker {
	return measured{next: next, now: now, tell: tell}
}

type measured struct {
	next Locker
	now  func() time.Time
	tell func(name, outcome string, took time.Duration)
}

// Acquire implements Locker.
func (m measured) Acquire(ctx context.Context, name string, ttl time.Duration) (Lease, error) {
	begun := m.now()
	lease, err := m.next.Acquire(ctx, name, ttl)
	m.tell(name, outcomeOf(err), m.now().Sub(begun))
	return lease, err
}

// TryAcquire implements Locker.
func (m measured) TryAcquire(ctx context.Context, name string, ttl time.Duration) (Lease, error) {
	begun := m.now()
	lease, err := m.next.TryAcquire(ctx, name, ttl)
	m.tell(name, outcomeOf(err), m.now().Sub(begun))
	return lease, err
}

func outcomeOf(err error) string {
	switch {
	case err == nil:
		return OutcomeTaken
	case errors.Is(err, ErrHeld):
		return OutcomeHeld
	default:
		return OutcomeFailed
	}
}
