package locks

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/scratch-platform/scratch/models"
)

var (
	// ErrHeld says that someone else holds the name (TryAcquire).
	ErrHeld = errors.New("held by another")
	// ErrLost says that the lease ended before it was renewed or released.
	ErrLost = errors.New("lease lost")
)

// MaxTTL bounds a lease: after a crash the name is free no later than this.
const MaxTTL = time.Hour

// Locker hands out leases.
type Locker interface {
	// Acquire waits until the name is free or the context ends.
	Acquire(ctx context.Context, name string, ttl time.Duration) (Lease, error)
	// TryAcquire fails with ErrHeld when the name is not free.
	TryAcquire(ctx context.Context, name string, ttl time.Duration) (Lease, error)
}

// Lease is the right to a name until it expires. It is safe for use by many
// goroutines.
type Lease interface {
	// Token grows with every lease of a name, also over restarts. A store that
	// remembers the highest token seen can refuse a holder that came too late.
	Token() int64
	// Renew makes the lease last ttl from now; it fails with ErrLost.
	Renew(ctx context.Context, ttl time.Duration) error
	// Release frees the name at once. After the lease was lost it fails with
	// ErrLost and frees nothing; after a release it does nothing.
	Release(ctx context.Context) error
}

// Hold runs work while it holds the name, renewing as long as work runs, and
// frees it afterwards. When the lease is lost, work's context is cancelled with
// the cause ErrLost, and Hold fails with ErrLost unless work fails otherwise.
func Hold(ctx context.Context, locker Locker, name string, ttl time.Duration, work func(context.Context, Lease) error) error {
	lease, err := locker.Acquire(ctx, name, ttl)
	if err != nil {
		return err
	}
	return hold(ctx, lease, ttl, work)
}

// TryHold is Hold that fails with ErrHeld instead of waiting.
func TryHold(ctx context.Context, locker Locker, name string, ttl time.Duration, work func(context.Context, Lease) error) error {
	lease, err := locker.TryAcquire(ctx, name, ttl)
	if err != nil {
		return err
	}
	return hold(ctx, lease, ttl, work)
}

func hold(ctx context.Context, lease Lease, ttl time.Duration, work func(context.Context, Lease) error) error {
	working, stop := context.WithCancelCause(ctx)
	renewed := make(chan struct{})
	go func() {
		defer close(renewed)
		keep(working, lease, ttl, stop)
	}()
	// Deferred, so that a panic in work frees the name too.
	release := func() error {
		stop(context.Canceled)
		<-renewed
		// The name is freed even when the caller is gone.
		freeing, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		return lease.Release(freeing)
	}
	var released bool
	defer func() {
		if !released {
			_ = release()
		}
	}()
	err := work(working, lease)
	released = true
	if lost := release(); err == nil {
		return lost
	}
	return err
}

// keep renews three times per lease, so that one lost renewal is made up for, and
// gives up when the time is over.
func keep(ctx context.Context, lease Lease, ttl time.Duration, stop context.CancelCauseFunc) {
	every := time.NewTicker(ttl / 3)
	defer every.Stop()
	last := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-every.C:
		}
		attempt := time.Now()
		err := lease.Renew(ctx, ttl)
		switch {
		case err == nil:
			last = attempt
		case errors.Is(err, ErrLost), time.Since(last) >= ttl:
			stop(fmt.Errorf("renew: %w", ErrLost))
			return
		}
	}
}

// Check is what every implementation requires of a name and a ttl.
func Check(name string, ttl time.Duration) error {
	if name == "" || len(name) > 256 {
		return models.NewProblem(models.KindInternal, "lock.invalid_name", "a lock's name must have 1 to 256 bytes", "")
	}
	if ttl <= 0 || ttl > MaxTTL {
		return models.NewProblem(models.KindInternal, "lock.invalid_ttl",
			fmt.Sprintf("a lease of %s was asked for %q; it must be above 0 and at most %s", ttl, name, MaxTTL), "")
	}
	return nil
}
