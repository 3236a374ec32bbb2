package store

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/scratch-platform/scratch/models"
)

type scheduleRow struct {
	ID             string
	OrganizationID string
	SnapshotID     string
	Cron           string
	EverySeconds   int64
	TimeZone       string
	Overlap        models.OverlapPolicy
	Mode           models.DownloadMode
	Tables         jsonOf[[]string]
	Note           string
	Paused         bool
	PausedWhy      string
	Runs           jsonOf[[]models.ScheduleRun]
	CreatedBy      string
	CreatedAt      time.Time
	UpdatedAt      time.Time
	Version        int64
	AppliedVersion int64
	DeletedAt      *time.Time
}

func (scheduleRow) TableName() string { return "schedules" }

func (r scheduleRow) schedule() models.Schedule {
	return models.Schedule{
		ID: r.ID, OrganizationID: r.OrganizationID, SnapshotID: r.SnapshotID, Cron: r.Cron,
		Every: time.Duration(r.EverySeconds) * time.Second, TimeZone: r.TimeZone, Overlap: r.Overlap, Mode: r.Mode,
		Tables: r.Tables.V, Note: r.Note, Paused: r.Paused, PausedWhy: r.PausedWhy, Runs: r.Runs.V,
		CreatedBy: r.CreatedBy, CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt, Version: r.Version,
		AppliedVersion: r.AppliedVersion, Removed: r.DeletedAt != nil,
	}
}

// asked takes over what a person may choose.
func (r *scheduleRow) asked(s models.Schedule) {
	r.Cron, r.EverySeconds, r.TimeZone = s.Cron, int64(s.Every/time.Second), s.TimeZone
	r.Overlap, r.Mode, r.Tables = s.Overlap, s.Mode, asJSON(shown(s.Tables))
	r.Note, r.Paused, r.PausedWhy = s.Note, s.Paused, s.PausedWhy
}

// CreateSchedule stores a schedule that models.CheckSchedule has passed. The
// store sets id (when empty), version and times. A snapshot that has
// models.MaxSchedules of them fails with "schedule.too_many", a table that is
// not the snapshot's with "table.not_found".
func (o *Org) CreateSchedule(ctx context.Context, s models.Schedule) (models.Schedule, error) {
	var row scheduleRow
	err := o.tx(ctx, func(tx *Tx) error {
		if _, err := tx.lockSnapshot(s.SnapshotID); err != nil {
			return err
		}
		if err := tx.checkScheduled(s); err != nil {
			return err
		}
		var have int64
		if err := tx.rows(&scheduleRow{}).Where("snapshot_id = ? AND deleted_at IS NULL", s.SnapshotID).Count(&have).Error; err != nil {
			return err
		}
		if have >= models.MaxSchedules {
			return models.NewProblem(models.KindConflict, "schedule.too_many", fmt.Sprintf("This snapshot has %d schedules already.", have),
				"Change one of them, or remove one first.")
		}
		row = scheduleRow{
			ID: s.ID, OrganizationID: o.id, SnapshotID: s.SnapshotID, Runs: asJSON([]models.ScheduleRun{}),
			CreatedBy: s.CreatedBy, CreatedAt: tx.now, UpdatedAt: tx.now, Version: 1,
		}
		if row.ID == "" {
			row.ID = models.NewID(models.PrefixSchedule)
		}
		row.asked(s)
		if err := tx.db.Create(&row).Error; err != nil {
			return err
		}
		return tx.scheduleChanged(&row, models.ChangeCreated)
	})
	return row.schedule(), err
}

// checkScheduled refuses tables that the snapshot does not have.
func (tx *Tx) checkScheduled(s models.Schedule) error {
	for _, id := range s.Tables {
		table, err := tx.table(id)
		if err != nil {
			return err
		}
		if table.SnapshotID != s.SnapshotID {
			return notFound("table", id)
		}
	}
	return nil
}

// scheduleChanged tells the snapshot's topic, and the audit who did it.
func (tx *Tx) scheduleChanged(row *scheduleRow, change string) error {
	if err := tx.scheduleMoved(row, change); err != nil {
		return err
	}
	actor := tx.actor()
	if actor.UserID == "" {
		return nil
	}
	return tx.audit(actor, "schedule."+change, row.ID, map[string]any{
		"snapshot_id": row.SnapshotID, "cron": row.Cron, "every_seconds": row.EverySeconds, "time_zone": row.TimeZone,
		"overlap": row.Overlap, "mode": row.Mode, "paused": row.Paused,
	})
}

func (tx *Tx) scheduleMoved(row *scheduleRow, change string) error {
	return tx.emit(models.SnapshotTopic(row.SnapshotID), models.EventScheduleChanged, tx.origin(),
		models.ScheduleChanged{ScheduleID: row.ID, Change: change})
}

// Schedule gives a schedule, or "schedule.not_found".
func (o *Org) Schedule(ctx context.Context, id string) (models.Schedule, error) {
	var row scheduleRow
	if err := o.rows(ctx, &row).Where("id = ? AND deleted_at IS NULL", id).Take(&row).Error; err != nil {
		return models.Schedule{}, o.s.one(ctx, "schedule", id, err)
	}
	return row.schedule(), nil
}

// ListSchedules lists schedules, of one snapshot or of all (empty), oldest
// first.
func (o *Org) ListSchedules(ctx context.Context, snapshotID string, page Page) ([]models.Schedule, string, error) {
	q := o.rows(ctx, &scheduleRow{}).Where("deleted_at IS NULL")
	if snapshotID != "" {
		q = q.Where("snapshot_id = ?", snapshotID)
	}
	rows, next, err := pageByID(q, page, models.PrefixSchedule, false, func(r *scheduleRow) string { return r.ID })
	if err != nil {
		return nil, "", o.s.explain(ctx, err)
	}
	list := make([]models.Schedule, len(rows))
	for i, r := range rows {
		list[i] = r.schedule()
	}
	return list, next, nil
}

// UpdateSchedule writes what a person may choose if the stored version is still
// s.Version; else "schedule.changed".
func (o *Org) UpdateSchedule(ctx context.Context, s models.Schedule) (models.Schedule, error) {
	var row scheduleRow
	err := o.tx(ctx, func(tx *Tx) error {
		var err error
		if row, err = tx.lockSchedule(s.ID); err != nil {
			return err
		}
		if row.Version != s.Version {
			return models.NewProblem(models.KindConflict, "schedule.changed", "The schedule was changed since you read it.",
				"Read it again and repeat your change.")
		}
		s.SnapshotID = row.SnapshotID
		if err := tx.checkScheduled(s); err != nil {
			return err
		}
		row.asked(s)
		return tx.saveSchedule(&row)
	})
	return row.schedule(), err
}

// PauseSchedule pauses a schedule, with a reason, or lets it go on.
func (o *Org) PauseSchedule(ctx context.Context, id string, paused bool, why string) (models.Schedule, error) {
	var row scheduleRow
	err := o.tx(ctx, func(tx *Tx) error {
		var err error
		if row, err = tx.lockSchedule(id); err != nil {
			return err
		}
		if row.Paused == paused && (!paused || row.PausedWhy == why) {
			return nil
		}
		row.Paused, row.PausedWhy = paused, why
		return tx.saveSchedule(&row)
	})
	return row.schedule(), err
}

// saveSchedule writes a changed schedule as its next version.
func (tx *Tx) saveSchedule(row *scheduleRow) error {
	row.Version++
	row.UpdatedAt = tx.now
	if err := tx.rows(&scheduleRow{}).Where("id = ?", row.ID).Select("*").UpdateColumns(row).Error; err != nil {
		return err
	}
	return tx.scheduleChanged(row, models.ChangeUpdated)
}

// DeleteSchedule removes a schedule; its row goes when the engine has let go of
// it. A download under way goes on.
func (o *Org) DeleteSchedule(ctx context.Context, id string) error {
	return o.tx(ctx, func(tx *Tx) error {
		row, err := tx.lockSchedule(id)
		if err != nil {
			return err
		}
		return tx.removeSchedule(&row)
	})
}

func (tx *Tx) removeSchedule(row *scheduleRow) error {
	if err := tx.rows(&scheduleRow{}).Where("id = ?", row.ID).Updates(map[string]any{"deleted_at": tx.now, "version": row.Version + 1}).Error; err != nil {
		return err
	}
	return tx.scheduleChanged(row, models.ChangeDeleted)
}

// removeSchedules removes all schedules of a snapshot that goes.
func (tx *Tx) removeSchedules(snapshotID string) error {
	var rows []scheduleRow
	if err := tx.rows(&scheduleRow{}).Where("snapshot_id = ? AND deleted_at IS NULL", snapshotID).Order("id").Find(&rows).Error; err != nil {
		return err
	}
	for i := range rows {
		if err := tx.removeSchedule(&rows[i]); err != nil {
			return err
		}
	}
	return nil
}

func (tx *Tx) lockSchedule(id string) (scheduleRow, error) {
	var row scheduleRow
	err := tx.rows(&row).Clauses(forUpdate).Where("id = ? AND deleted_at IS NULL", id).Take(&row).Error
	return row, tx.s.one(tx.ctx, "schedule", id, err)
}

// RecordScheduleRun keeps what came of one scheduled time, in place of what was
// known of it before.
func (o *Org) RecordScheduleRun(ctx context.Context, id string, run models.ScheduleRun) error {
	run.At = stored(run.At)
	return o.tx(ctx, func(tx *Tx) error {
		row, err := tx.lockSchedule(id)
		if err != nil {
			return err
		}
		runs := slices.DeleteFunc(row.Runs.V, func(r models.ScheduleRun) bool { return r.At.Equal(run.At) })
		runs = append(runs, run)
		slices.SortStableFunc(runs, func(a, b models.ScheduleRun) int { return b.At.Compare(a.At) })
		row.Runs = asJSON(runs[:min(len(runs), models.MaxScheduleRuns)])
		if err := tx.rows(&scheduleRow{}).Where("id = ?", id).UpdateColumn("runs", row.Runs).Error; err != nil {
			return err
		}
		return tx.scheduleMoved(&row, models.ChangeUpdated)
	})
}
