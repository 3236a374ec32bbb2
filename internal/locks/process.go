package locks

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// sweepAt is how many names are kept before expired ones are dropped.
const sweepAt = 1024

// Process keeps leases in the memory of one process. Names that are free take no
// memory, beyond those not yet swept.
type Process struct {
	now func() time.Time

	mu      sync.Mutex
	held    map[string]*holding
	token   int64
	sweepAt int
}

// holding is one lease of one name.
type holding struct {
	token   int64
	expires time.Time
	freed   chan struct{} // closed on release
}

// NewProcess returns a locker; now is the clock, time.Now in production. Tokens
// start from the time, so that they also grow over a restart.
func NewProcess(now func() time.Time) *Process {
	return &Process{now: now, held: make(map[string]*holding), token: now().UnixMicro(), sweepAt: sweepAt}
}

// Acquire implements Locker.
func (p *Process) Acquire(ctx context.Context, name string, ttl time.Duration) (Lease, error) {
	for {
		lease, other, err := p.try(ctx, name, ttl)
		if err != nil || lease != nil {
			return lease, err
		}
		if err := p.await(ctx, other); err != nil {
			return nil, fmt.Errorf("wait for the lock %q: %w", name, err)
		}
	}
}

// TryAcquire implements Locker.
func (p *Process) TryAcquire(ctx context.Context, name string, ttl time.Duration) (Lease, error) {
	lease, _, err := p.try(ctx, name, ttl)
	if err == nil && lease == nil {
		return nil, fmt.Errorf("take the lock %q: %w", name, ErrHeld)
	}
	return lease, err
}

// try takes the name, or answers who holds it.
func (p *Process) try(ctx context.Context, name string, ttl time.Duration) (Lease, *holding, error) {
	if err := Check(name, ttl); err != nil {
		return nil, nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, nil, fmt.Errorf("take the lock %q: %w", name, err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	if other, ok := p.held[name]; ok && now.Before(other.expires) {
		return nil, other, nil
	}
	if len(p.held) >= p.sweepAt {
		p.sweep(now)
	}
	p.token++
	mine := &holding{token: p.token, expires: now.Add(ttl), freed: make(chan struct{})}
	p.held[name] = mine
	return &processLease{locks: p, name: name, holding: mine}, nil, nil
}

// await returns when the holding was released or may have expired.
func (p *Process) await(ctx context.Context, other *holding) error {
	p.mu.Lock()
	left := other.expires.Sub(p.now())
	p.mu.Unlock()
	expiry := time.NewTimer(left)
	defer expiry.Stop()
	select {
	case <-other.freed:
	case <-expiry.C:
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}

func (p *Process) sweep(now time.Time) {
	for name, h := range p.held {
		if !now.Before(h.expires) {
			delete(p.held, name)
		}
	}
	p.sweepAt = max(sweepAt, 2*len(p.held))
}

type processLease struct {
	locks    *Process
	name     string
	holding  *holding
	released bool // guarded by locks.mu
}

// Token implements Lease.
func (l *processLease) Token() int64 { return l.holding.token }

// Renew implements Lease.
func (l *processLease) Renew(ctx context.Context, ttl time.Duration) error {
	if err := Check(l.name, ttl); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("renew the lock %q: %w", l.name, err)
	}
	l.locks.mu.Lock()
	defer l.locks.mu.Unlock()
	if !l.mine() {
		return fmt.Errorf("renew the lock %q: %w", l.name, ErrLost)
	}
	l.holding.expires = l.locks.now().Add(ttl)
	return nil
}

// Release implements Lease.
func (l *processLease) Release(context.Context) error {
	l.locks.mu.Lock()
	defer l.locks.mu.Unlock()
	if l.released {
		return nil
	}
	if !l.mine() {
		return fmt.Errorf("release the lock %q: %w", l.name, ErrLost)
	}
	l.released = true
	delete(l.locks.held, l.name)
	close(l.holding.freed)
	return nil
}

// mine reports whether the lease still holds its name: neither expired nor taken
// by another since. The caller holds the lock.
func (l *processLease) mine() bool {
	return l.locks.held[l.name] == l.holding && l.locks.now().Before(l.holding.expires)
}
