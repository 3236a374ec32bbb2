package store

import (
	"context"
	"time"

	"github.com/scratch-platform/scratch/models"
)

// ExpireCredentials forgets sign-in links, sessions and tickets whose time is
// over.
func (y *System) ExpireCredentials(ctx context.Context) error {
	return y.tx(ctx, func(tx *Tx) error {
		for _, row := range []any{&signInLinkRow{}, &sessionRow{}, &wsTicketRow{}} {
			if err := tx.db.Where("expires_at <= ?", tx.now).Delete(row).Error; err != nil {
				return err
			}
		}
		return nil
	})
}

// PrunePlans deletes plans made before a moment that were superseded, or whose
// building was broken off, with their items; at most limit of them. It says how
// many went. Plans that were applied are the record of what was published and
// stay.
func (y *System) PrunePlans(ctx context.Context, before time.Time, limit int) (n int64, err error) {
	err = y.tx(ctx, func(tx *Tx) error {
		n = 0
		var ids []string
		err := tx.db.Model(&planRow{}).Where("created_at < ? AND state IN ?", stored(before), []models.PlanState{models.PlanSuperseded, models.PlanBuilding}).
			Order("id").Limit(limit).Pluck("id", &ids).Error
		if err != nil || len(ids) == 0 {
			return err
		}
		if err := tx.db.Where("plan_id IN ?", ids).Delete(&itemRow{}).Error; err != nil {
			return err
		}
		result := tx.db.Where("id IN ?", ids).Delete(&planRow{})
		n = result.RowsAffected
		return result.Error
	})
	return n, err
}

// keptOfTables are the tables that hold something of a Scratch table under its
// table_id, besides plans and jobs, which are the record of what was done.
var keptOfTables = []string{"views", "schema_changes", "suggestions", "record_history", "sort_indexes", "download_runs"}

// DropRemoved deletes the records of tables that were removed before a moment,
// and what else was kept of these tables; at most limit of them. It says how
// many went.
func (y *System) DropRemoved(ctx context.Context, before time.Time, limit int) (n int, err error) {
	var tables []tableRow
	err = y.rows(ctx, &tableRow{}).Select("id", "seq").Where("deleted_at < ?", stored(before)).Order("id").Limit(limit).Find(&tables).Error
	if err != nil {
		return 0, y.s.explain(ctx, err)
	}
	for _, table := range tables {
		err := y.tx(ctx, func(tx *Tx) error {
			for _, name := range keptOfTables {
				if _, err := tx.exec("DELETE FROM "+name+" WHERE table_id = ?", table.ID); err != nil {
					return err
				}
			}
			if err := dropRecordTable(tx, table.Seq); err != nil {
				return err
			}
			return tx.db.Where("id = ?", table.ID).Delete(&tableRow{}).Error
		})
		if err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}
