package store

import (
	"context"

	"gorm.io/gorm"

	"github.com/scratch-platform/scratch/models"
)

// What the reconciler of schedules needs: which the engine does not know of
// yet, and what it was told.

// ScheduleToApply gives a schedule, also one that was removed and that the
// engine still has; or "schedule.not_found".
func (o *Org) ScheduleToApply(ctx context.Context, id string) (models.Schedule, error) {
	var row scheduleRow
	if err := o.rows(ctx, &row).Where("id = ?", id).Take(&row).Error; err != nil {
		return models.Schedule{}, o.s.one(ctx, "schedule", id, err)
	}
	s := row.schedule()
	err := o.s.scheduledServices(o.rows(ctx, &tableRow{}), []*models.Schedule{&s})
	return s, o.s.explain(ctx, err)
}

// ScheduleApplied notes that the engine knows a version of a schedule. A change
// made meanwhile keeps the schedule due.
func (o *Org) ScheduleApplied(ctx context.Context, id string, version int64) error {
	return o.tx(ctx, func(tx *Tx) error {
		return tx.rows(&scheduleRow{}).Where("id = ? AND version = ? AND applied_version < ?", id, version, version).
			UpdateColumn("applied_version", version).Error
	})
}

// AdoptSchedulePause takes over that an operator paused a schedule, or let it
// go on, with the engine's own tools (Promise 9). It changes nothing when the
// schedule is no longer at the version that the engine was told.
func (o *Org) AdoptSchedulePause(ctx context.Context, id string, version int64, paused bool, why string) (models.Schedule, error) {
	var row scheduleRow
	err := o.tx(ctx, func(tx *Tx) error {
		var err error
		if row, err = tx.lockSchedule(id); err != nil {
			return err
		}
		if row.Version != version || row.AppliedVersion != version || row.Paused == paused {
			return nil
		}
		row.Paused, row.PausedWhy = paused, models.Bound(why, models.MaxProblemText)
		row.AppliedVersion++ // the engine knows: it is where this comes from
		return tx.saveSchedule(&row)
	})
	return row.schedule(), err
}

// ForgetSchedule drops a removed schedule that the engine no longer has.
func (o *Org) ForgetSchedule(ctx context.Context, id string) error {
	return o.tx(ctx, func(tx *Tx) error {
		return tx.rows(&scheduleRow{}).Where("id = ? AND deleted_at IS NOT NULL", id).Delete(&scheduleRow{}).Error
	})
}

// scheduleDue holds for schedules that the engine does not know as they are.
const scheduleDue = "deleted_at IS NOT NULL OR applied_version < version"

// DueSchedules gives schedules of all organizations that the engine does not
// know as they are, removed ones included, oldest first.
func (y *System) DueSchedules(ctx context.Context, limit int) ([]models.Schedule, error) {
	return y.schedules(ctx, limit, scheduleDue)
}

// SchedulesAfter gives schedules of all organizations behind an id, in order of
// id: what is held against the engine, piece by piece.
func (y *System) SchedulesAfter(ctx context.Context, id string, limit int) ([]models.Schedule, error) {
	return y.schedules(ctx, limit, "deleted_at IS NULL AND id > ?", id)
}

func (y *System) schedules(ctx context.Context, limit int, where string, args ...any) ([]models.Schedule, error) {
	var rows []scheduleRow
	if err := y.rows(ctx, &scheduleRow{}).Where(where, args...).Order("id").Limit(limit).Find(&rows).Error; err != nil {
		return nil, y.s.explain(ctx, err)
	}
	list, each := make([]models.Schedule, len(rows)), make([]*models.Schedule, len(rows))
	for i, r := range rows {
		list[i] = r.schedule()
		each[i] = &list[i]
	}
	if err := y.s.scheduledServices(y.rows(ctx, &tableRow{}), each); err != nil {
		return nil, y.s.explain(ctx, err)
	}
	return list, nil
}

// scheduledServices reads which services the schedules' tables are of; tables is
// a query on those that may be seen.
func (s *Store) scheduledServices(tables *gorm.DB, schedules []*models.Schedule) error {
	snapshots := make([]string, len(schedules))
	for i, one := range schedules {
		snapshots[i] = one.SnapshotID
	}
	var found []struct{ SnapshotID, Service string }
	// A session of its own for each query: they are built from one another's.
	tables = tables.Session(&gorm.Session{}).Where("deleted_at IS NULL").Session(&gorm.Session{})
	err := tables.Where("snapshot_id IN ?", snapshots).Distinct("snapshot_id", "service").Order("snapshot_id, service").Find(&found).Error
	if err != nil {
		return err
	}
	of := map[string][]string{}
	for _, f := range found {
		of[f.SnapshotID] = append(of[f.SnapshotID], f.Service)
	}
	for _, one := range schedules {
		one.Services = of[one.SnapshotID]
		if len(one.Tables) == 0 || len(one.Services) < 2 {
			continue
		}
		one.Services = nil
		if err := tables.Where("id IN ?", one.Tables).Distinct().Order("service").Pluck("service", &one.Services).Error; err != nil {
			return err
		}
	}
	return nil
}
