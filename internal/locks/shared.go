package locks

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/scratch-platform/scratch/models"
)

// askEvery is how often a waiting Acquire asks again: shared leases have nobody
// to wake it.
const askEvery = 100 * time.Millisecond

// Leases keeps leases where all processes see them; the store implements it.
type Leases interface {
	Lease(ctx context.Context, name, holder string, ttl time.Duration) (fence int64, ok bool, err error)
	RenewLease(ctx context.Context, name, holder string, fence int64, ttl time.Duration) (ok bool, err error)
	ReleaseLease(ctx context.Context, name, holder string, fence int64) (ok bool, err error)
}

// Shared hands out leases kept in the database: what several processes use
// where there is no Redis.
type Shared struct{ leases Leases }

// NewShared returns a locker over shared leases.
func NewShared(leases Leases) *Shared { return &Shared{leases: leases} }

// Acquire implements Locker.
func (s *Shared) Acquire(ctx context.Context, name string, ttl time.Duration) (Lease, error) {
	ticker := time.NewTicker(askEvery)
	defer ticker.Stop()
	for {
		lease, ok, err := s.try(ctx, name, ttl)
		if err != nil || ok {
			return lease, err
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for the lock %q: %w", name, ctx.Err())
		case <-ticker.C:
		}
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
	// A holder of its own for each lease: two of one process exclude each other
	// like two of different ones.
	lease := &sharedLease{leases: s.leases, name: name, holder: models.NewID("hld")}
	fence, ok, err := s.leases.Lease(ctx, name, lease.holder, ttl)
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
	leases   Leases
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
	ok, err := l.leases.RenewLease(ctx, l.name, l.holder, l.fence, ttl)
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
	ok, err := l.leases.ReleaseLease(ctx, l.name, l.holder, l.fence)
	if err == nil && !ok {
		err = ErrLost
	}
	if err != nil {
		return fmt.Errorf("release the lock %q: %w", l.name, err)
	}
	return nil
}
