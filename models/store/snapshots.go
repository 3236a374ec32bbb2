package store

import (
	"context"
	"fmt"
	"time"

	"github.com/scratch-platform/scratch/models"
)

type snapshotRow struct {
	ID             string
	OrganizationID string
	Name           string
	CreatedAt      time.Time
	UpdatedAt      time.Time
	DeletedAt      *time.Time
}

func (snapshotRow) TableName() string { return "snapshots" }

func (r snapshotRow) snapshot() models.Snapshot {
	return models.Snapshot{ID: r.ID, OrganizationID: r.OrganizationID, Name: r.Name, CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt}
}

// CreateSnapshot stores an empty snapshot; the store sets its times.
func (o *Org) CreateSnapshot(ctx context.Context, snapshot models.Snapshot) error {
	return o.tx(ctx, func(tx *Tx) error {
		row := snapshotRow{ID: snapshot.ID, OrganizationID: o.id, Name: snapshot.Name, CreatedAt: tx.now, UpdatedAt: tx.now}
		if err := tx.db.Create(&row).Error; err != nil {
			return err
		}
		return tx.snapshotChanged(row.ID, models.ChangeCreated, row.Name)
	})
}

func (tx *Tx) snapshotChanged(id, change, name string) error {
	data := models.SnapshotChanged{SnapshotID: id, Change: change, Name: name}
	if err := tx.emit(models.SnapshotTopic(id), models.EventSnapshotChanged, tx.origin(), data); err != nil {
		return err
	}
	return tx.emitUsers(models.EventSnapshotChanged, data)
}

// Snapshot gives a snapshot, or "snapshot.not_found".
func (o *Org) Snapshot(ctx context.Context, id string) (models.Snapshot, error) {
	var row snapshotRow
	if err := o.rows(ctx, &row).Where("id = ? AND deleted_at IS NULL", id).Take(&row).Error; err != nil {
		return models.Snapshot{}, o.s.one(ctx, "snapshot", id, err)
	}
	return row.snapshot(), nil
}

// ListSnapshots lists snapshots, oldest first.
func (o *Org) ListSnapshots(ctx context.Context, page Page) ([]models.Snapshot, string, error) {
	rows, next, err := pageByID(o.rows(ctx, &snapshotRow{}).Where("deleted_at IS NULL"), page, models.PrefixSnapshot, false,
		func(r *snapshotRow) string { return r.ID })
	if err != nil {
		return nil, "", o.s.explain(ctx, err)
	}
	list := make([]models.Snapshot, len(rows))
	for i, r := range rows {
		list[i] = r.snapshot()
	}
	return list, next, nil
}

// RenameSnapshot gives a snapshot another name.
func (o *Org) RenameSnapshot(ctx context.Context, id, name string) error {
	return o.tx(ctx, func(tx *Tx) error {
		result := tx.rows(&snapshotRow{}).Where("id = ? AND deleted_at IS NULL", id).
			Updates(map[string]any{"name": name, "updated_at": tx.now})
		if result.Error != nil {
			return result.Error
		}
		if result.RowsAffected == 0 {
			return notFound("snapshot", id)
		}
		return tx.snapshotChanged(id, models.ChangeUpdated, name)
	})
}

// DeleteSnapshot removes a snapshot with its tables; their records go at the
// next clean-up. While a job of it runs, or what an ended publish sent is still
// being found out, it fails with "snapshot.busy".
func (o *Org) DeleteSnapshot(ctx context.Context, id string) error {
	return o.tx(ctx, func(tx *Tx) error {
		if _, err := tx.lockSnapshot(id); err != nil {
			return err
		}
		var live int64
		if err := tx.rows(&jobRow{}).Where("snapshot_id = ? AND ended_at IS NULL", id).Count(&live).Error; err != nil {
			return err
		}
		if live > 0 {
			return models.NewProblem(models.KindConflict, "snapshot.busy", fmt.Sprintf("%d jobs of this snapshot have not ended", live),
				"cancel them or wait for their end, then delete the snapshot")
		}
		sent, err := tx.inPublish("table_id IN (SELECT tables.id FROM tables WHERE tables.snapshot_id = ?)", id)
		if err != nil {
			return err
		}
		if sent > 0 {
			return models.NewProblem(models.KindConflict, "snapshot.busy", fmt.Sprintf("what became of %d changes of an ended publish is being found out", sent),
				"it is found out within about a minute; then delete the snapshot")
		}
		if err := tx.removeSchedules(id); err != nil {
			return err
		}
		gone := map[string]any{"deleted_at": tx.now}
		if err := tx.rows(&snapshotRow{}).Where("id = ?", id).Updates(gone).Error; err != nil {
			return err
		}
		err = tx.rows(&tableRow{}).Where("snapshot_id = ? AND deleted_at IS NULL", id).
			Updates(map[string]any{"deleted_at": tx.now, "state": models.TableDeleted}).Error
		if err != nil {
			return err
		}
		return tx.snapshotChanged(id, models.ChangeDeleted, "")
	})
}

// lockSnapshot reads a snapshot and keeps others from changing it, or starting
// anything in it, until the transaction ends.
func (tx *Tx) lockSnapshot(id string) (snapshotRow, error) {
	var row snapshotRow
	err := tx.rows(&row).Clauses(forUpdate).Where("id = ? AND deleted_at IS NULL", id).Take(&row).Error
	return row, tx.s.one(tx.ctx, "snapshot", id, err)
}
