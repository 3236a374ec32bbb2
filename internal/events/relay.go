package events

import (
	"context"
	"log/slog"
	"time"

	"github.com/scratch-platform/scratch/models"
)

const (
	// LookEvery is how often the outbox is looked at when no commit of this
	// process says so: what another process wrote, or died before relaying, is
	// at most this late.
	LookEvery = time.Second

	batch = 500
)

// Outbox numbers what waits, at most limit rows, and gives the events as they
// now stand in the log. It holds a lock of its own: several relays side by side
// are safe.
type Outbox interface {
	Relay(ctx context.Context, limit int) ([]models.Event, error)
}

// Relay moves events from the outbox into the numbered log.
type Relay struct {
	outbox Outbox
	tell   func([]models.Event)
	log    *slog.Logger
	wake   chan struct{}
}

// NewRelay makes a relay; tell is called with events once they are in the log,
// and must not block.
func NewRelay(outbox Outbox, tell func([]models.Event), log *slog.Logger) *Relay {
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
		numbered, err := r.outbox.Relay(ctx, batch)
		if len(numbered) > 0 {
			r.tell(numbered)
		}
		if err != nil || len(numbered) < batch {
			return err
		}
	}
}
