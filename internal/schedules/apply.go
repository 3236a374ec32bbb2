package schedules

import (
	"context"
	"errors"
	"fmt"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/scratch-platform/scratch/internal/locks"
	"github.com/scratch-platform/scratch/models"
	"github.com/scratch-platform/scratch/workflows/contract"
)

// Applied is a schedule as the store and the engine have it.
type Applied struct {
	Schedule models.Schedule
	Sight    Sight
}

// Apply makes the engine's schedule what the store says, one process at a time.
// The engine's errors are its client's.
func (r *Reconciler) Apply(ctx context.Context, s models.Schedule) (Applied, error) {
	var applied Applied
	err := locks.Hold(ctx, r.Locks, contract.ScheduleID(s.ID), applyTTL, func(ctx context.Context, _ locks.Lease) error {
		var err error
		applied, err = r.apply(ctx, r.Org(s.OrganizationID), s.ID)
		return err
	})
	return applied, err
}

func (r *Reconciler) apply(ctx context.Context, db Org, id string) (Applied, error) {
	handle := r.Engine.ScheduleClient().GetHandle(ctx, contract.ScheduleID(id))
	described, err := describe(ctx, handle)
	if err != nil {
		return Applied{}, err
	}
	// The store is read last: what a person changed meanwhile counts.
	s, err := db.ScheduleToApply(ctx, id)
	if err != nil {
		return Applied{}, err
	}
	if s.Removed {
		return Applied{Schedule: s}, r.remove(ctx, db, handle, s)
	}
	if known := s.AppliedVersion == s.Version; known && described != nil && described.Schedule.State.Paused != s.Paused {
		// An operator's doing: everything of ours was told before.
		adopted, err := db.AdoptSchedulePause(ctx, id, s.Version, described.Schedule.State.Paused, described.Schedule.State.Note)
		if err != nil {
			return Applied{}, err
		}
		adopted.Services = s.Services
		s = adopted
	}
	want, err := contract.ScheduleOptions(s)
	if err != nil {
		return Applied{}, err
	}
	changed, err := r.put(ctx, handle, described, want)
	if err != nil {
		return Applied{}, fmt.Errorf("tell the engine schedule %s: %w", id, err)
	}
	if changed && s.AppliedVersion == s.Version {
		r.Log.WarnContext(ctx, "a schedule was changed or deleted at the engine and is as it was again", "schedule", id)
	}
	if changed {
		if described, err = describe(ctx, handle); err != nil {
			return Applied{}, err
		}
	}
	if s.AppliedVersion != s.Version {
		if err := db.ScheduleApplied(ctx, id, s.Version); err != nil {
			return Applied{}, err
		}
		s.AppliedVersion = s.Version
	}
	return Applied{Schedule: s, Sight: sightOf(described)}, nil
}

// put makes the engine's schedule as wanted, and says whether it was not.
func (r *Reconciler) put(ctx context.Context, handle client.ScheduleHandle, described *client.ScheduleDescription, want client.ScheduleOptions) (changed bool, err error) {
	if described == nil {
		_, err := r.Engine.ScheduleClient().Create(ctx, want)
		if !errors.Is(err, temporal.ErrScheduleAlreadyRunning) {
			return true, err
		}
		// Somebody else's, this moment: make it ours.
	} else if r.same(described.Schedule, want) {
		return false, nil
	}
	return true, handle.Update(ctx, client.ScheduleUpdateOptions{
		DoUpdate: func(client.ScheduleUpdateInput) (*client.ScheduleUpdate, error) {
			return &client.ScheduleUpdate{Schedule: scheduleOf(want)}, nil
		},
	})
}

// remove takes a removed schedule from the engine, then from the store. A
// download that it started goes on.
func (r *Reconciler) remove(ctx context.Context, db Org, handle client.ScheduleHandle, s models.Schedule) error {
	err := handle.Delete(ctx)
	var gone *serviceerror.NotFound
	if err != nil && !errors.As(err, &gone) {
		return fmt.Errorf("take schedule %s from the engine: %w", s.ID, err)
	}
	return db.ForgetSchedule(ctx, s.ID)
}

// keepCleanup sees to it that clean-up is scheduled. An operator's pause stays.
func (r *Reconciler) keepCleanup(ctx context.Context) error {
	handle := r.Engine.ScheduleClient().GetHandle(ctx, contract.CleanupScheduleID)
	described, err := describe(ctx, handle)
	if err != nil {
		return err
	}
	want := contract.CleanupSchedule()
	if described != nil {
		want.Paused, want.Note = described.Schedule.State.Paused, described.Schedule.State.Note
	}
	changed, err := r.put(ctx, handle, described, want)
	if err != nil {
		return fmt.Errorf("schedule the clean-up: %w", err)
	}
	if changed {
		r.Log.InfoContext(ctx, "clean-up is scheduled", "every", contract.CleanupEvery.String())
	}
	return nil
}

// describe gives nil for a schedule that the engine does not have.
func describe(ctx context.Context, handle client.ScheduleHandle) (*client.ScheduleDescription, error) {
	described, err := handle.Describe(ctx)
	var gone *serviceerror.NotFound
	switch {
	case errors.As(err, &gone):
		return nil, nil //nolint:nilnil // there is none
	case err != nil:
		return nil, fmt.Errorf("describe %s: %w", handle.GetID(), err)
	}
	return described, nil
}
