package schedules

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"

	"github.com/scratch-platform/scratch/internal/locks"
	"github.com/scratch-platform/scratch/models"
	"github.com/scratch-platform/scratch/workflows/contract"
)

const (
	// Every is the time between two passes: a schedule that the API could not
	// apply is applied within it.
	Every = 10 * time.Second
	// perPass bounds the schedules that one pass holds against the engine, a few
	// milliseconds each; the next pass goes on behind them.
	perPass = 200
	// passTTL is the lease of a pass, held while it runs.
	passTTL = time.Minute
	// applyTTL is the lease of one schedule while it is applied: a few calls to
	// the engine.
	applyTTL = 30 * time.Second
)

// System is what the reconciler needs of the store across organizations.
type System interface {
	DueSchedules(ctx context.Context, limit int) ([]models.Schedule, error)
	SchedulesAfter(ctx context.Context, id string, limit int) ([]models.Schedule, error)
}

// Org is what it needs of one organization's store.
type Org interface {
	ScheduleToApply(ctx context.Context, id string) (models.Schedule, error)
	ScheduleApplied(ctx context.Context, id string, version int64) error
	AdoptSchedulePause(ctx context.Context, id string, version int64, paused bool, why string) (models.Schedule, error)
	ForgetSchedule(ctx context.Context, id string) error
}

// Reconciler holds schedules against the engine. All fields are needed.
type Reconciler struct {
	System System
	Org    func(organizationID string) Org
	Engine client.Client
	// Payloads decodes what a schedule starts its runs with: the data converter
	// of the engine's client.
	Payloads converter.DataConverter
	Locks    locks.Locker
	Log      *slog.Logger
}

// Run makes a pass every few seconds until the context ends, in one process at a
// time.
func (r *Reconciler) Run(ctx context.Context) error {
	ticker := time.NewTicker(Every)
	defer ticker.Stop()
	var round round
	for {
		err := locks.TryHold(ctx, r.Locks, "schedules", passTTL, func(ctx context.Context, _ locks.Lease) error {
			return r.pass(ctx, &round)
		})
		if err != nil && ctx.Err() == nil && !errors.Is(err, locks.ErrHeld) {
			r.Log.WarnContext(ctx, "a pass over the schedules was cut short; the next one goes on", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// Pass holds everything against the engine once.
func (r *Reconciler) Pass(ctx context.Context) error {
	var all round
	for {
		if err := r.pass(ctx, &all); err != nil || all.after == "" {
			return err
		}
	}
}

// round is how far the passes have come through all schedules.
type round struct{ after string }

// pass applies every schedule that is due, and holds the next ones of the round
// against the engine. It ends at the first sign that the engine or the store is
// away: all others would fail alike.
func (r *Reconciler) pass(ctx context.Context, round *round) error {
	if err := r.keepCleanup(ctx); err != nil {
		return err
	}
	due, err := r.System.DueSchedules(ctx, perPass)
	if err != nil {
		return fmt.Errorf("list the schedules that are due: %w", err)
	}
	next, err := r.System.SchedulesAfter(ctx, round.after, perPass)
	if err != nil {
		return fmt.Errorf("list the schedules: %w", err)
	}
	round.after = ""
	if len(next) == perPass {
		round.after = next[len(next)-1].ID
	}
	for _, s := range append(due, next...) {
		if err := r.keep(ctx, s); err != nil {
			if _, refused := models.AsProblem(err); !refused || away(err) {
				return err
			}
			r.Log.WarnContext(ctx, "a schedule could not be applied", "schedule", s.ID, "error", err)
		}
	}
	return nil
}

// keep applies a schedule that the engine has otherwise. For all others one look
// at the engine is enough.
func (r *Reconciler) keep(ctx context.Context, s models.Schedule) error {
	if s.AppliedVersion == s.Version && !s.Removed {
		described, err := describe(ctx, r.Engine.ScheduleClient().GetHandle(ctx, contract.ScheduleID(s.ID)))
		if err != nil {
			return err
		}
		want, err := contract.ScheduleOptions(s)
		if err != nil {
			return err
		}
		if described != nil && r.same(described.Schedule, want) {
			return nil
		}
	}
	_, err := r.Apply(ctx, s)
	return err
}

// away reports whether the error is about more than one schedule.
func away(err error) bool {
	p, ok := models.AsProblem(err)
	return ok && p.Kind == models.KindUnavailable
}
