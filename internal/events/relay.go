package events

import (
	"context"
	"log/slog"
	"time"
)

const (
	// LookEvery is how often the outbox is looked at when no commit of this
	// process says so: what another process wrote, or died before relaying, is
	// at most this late.
	LookEvery = time.Second

	batch = 500
)

// Outbox numbers what waits, at most limit rows, and says how many it did. It
// holds a lock of its own: several relays side by side are safe.
type Outbox interface {
	Relay(ctx context.Context, limit int) (int, error)
}

// Relay moves events from the outbox into the numbered log.
type Relay struct {
	outbox Outbox
	tell   func()
	log    *slog.Logger
	wake   chan struct{}
}

// NewRelay makes a relay; tell is called after events were numbered, and must
// not block.
func NewRelay(outbox Outbox, tell func(), log *slog.Logger) *Relay {
	return &Relay{outbox: outbox, tell: tell, log: log, wake: make(chan struct{}, 1)}
}

// Wake says that the outbox has grown. It never blocks.
func (r *Relay) Wake() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// Run relays until the context ends.
func (r *Relay) Run(ctx context.Context) error {
	ticker := time.NewTicker(LookEvery)
	defer ticker.Stop()
	for {
		if err := r.drain(ctx); err != nil && ctx.Err() == nil {
			r.log.WarnContext(ctx, "relaying events failed; trying again", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-r.wake:
		case <-ticker.C:
		}
	}
}

func (r *Relay) drain(ctx context.Context) error {
	for {
		n, err := r.outbox.Relay(ctx, batch)
		if n > 0 {
			r.tell()
		}
		if err != nil || n < batch {
			return err
		}
	}
}
