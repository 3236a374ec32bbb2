package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/scratch-platform/scratch/models"
)

// How long things are kept that nobody needs for ever.
const (
	// keepEvents is how long a client may be away and still miss nothing.
	keepEvents = 24 * time.Hour
	// keepPlans is how long a plan that was never applied can be looked at.
	keepPlans = 7 * 24 * time.Hour
	// keepRemoved is the least time between the removal of a table and the end
	// of its records, so that what still reads or writes them has ended.
	keepRemoved = time.Hour
	// keepSuggestions is how long the decision on a suggestion can be undone.
	keepSuggestions = 30 * 24 * time.Hour
	// keepAnswers is how long a repeated request is known as one.
	keepAnswers = 7 * 24 * time.Hour
	// keepUploads is how long a file that no connection uses is kept: a person
	// who uploaded it may still be about to connect it.
	keepUploads = 7 * 24 * time.Hour
	// cleanBatch bounds what one transaction of cleaning up deletes.
	cleanBatch = 2000
)

// CleanUp deletes what is kept no longer: credentials whose time is over, old
// events, plans never applied, removed tables, decided suggestions, uploads that
// nothing uses. It says how many went, by what they were. It works in small
// transactions, goes on after a kind that failed, and may be run at any time, by
// one process or several.
func (y *System) CleanUp(ctx context.Context) (map[string]int64, error) {
	now := y.s.now()
	gone := map[string]int64{}
	var failed []error
	for _, kind := range []struct {
		name   string
		delete func() (int64, error)
	}{
		{"credentials", func() (int64, error) { return y.ExpireCredentials(ctx, cleanBatch) }},
		{"events", func() (int64, error) { return y.TrimEvents(ctx, now.Add(-keepEvents), cleanBatch) }},
		{"plans", func() (int64, error) { return y.PrunePlans(ctx, now.Add(-keepPlans), 10) }},
		{"tables", func() (int64, error) { n, err := y.DropRemoved(ctx, now.Add(-keepRemoved), 10); return int64(n), err }},
		{"suggestions", func() (int64, error) {
			return y.prune(ctx, "DELETE FROM suggestions WHERE id IN (SELECT id FROM suggestions WHERE decided_at < ? LIMIT ?)", now.Add(-keepSuggestions))
		}},
		{"answers", func() (int64, error) {
			return y.prune(ctx, `DELETE FROM operation_answers WHERE (organization_id, operation_id, request) IN (
				SELECT organization_id, operation_id, request FROM operation_answers WHERE at < ? LIMIT ?)`, now.Add(-keepAnswers))
		}},
		{"uploads", func() (int64, error) { return y.PruneUploads(ctx, now.Add(-keepUploads), cleanBatch) }},
	} {
		for {
			n, err := kind.delete()
			if err != nil {
				failed = append(failed, fmt.Errorf("clean up %s: %w", kind.name, err))
			}
			if n == 0 || err != nil {
				break
			}
			gone[kind.name] += n
		}
	}
	return gone, errors.Join(failed...)
}

// prune deletes rows by a statement that takes a time, in microseconds, and a
// limit.
func (y *System) prune(ctx context.Context, statement string, before time.Time) (n int64, err error) {
	err = y.tx(ctx, func(tx *Tx) error {
		n, err = tx.exec(statement, micros(before), cleanBatch)
		return err
	})
	return n, err
}

// ExpireCredentials forgets sign-in links, sessions and tickets whose time is
// over; at most limit of each. It says how many went.
func (y *System) ExpireCredentials(ctx context.Context, limit int) (n int64, err error) {
	err = y.tx(ctx, func(tx *Tx) error {
		n = 0
		for _, row := range []any{&signInLinkRow{}, &sessionRow{}, &wsTicketRow{}} {
			over := tx.db.Model(row).Select("hash").Where("expires_at <= ?", tx.now).Limit(limit)
			result := tx.db.Where("hash IN (?)", over).Delete(row)
			if result.Error != nil {
				return result.Error
			}
			n += result.RowsAffected
		}
		return nil
	})
	return n, err
}

// PrunePlans deletes plans made before a moment that were never applied, with
// their items, whether they were superseded, broken off while they were built, or
// looked at and left; at most limit of them. It says how many went. Plans that
// were applied are the record of what was published and stay.
func (y *System) PrunePlans(ctx context.Context, before time.Time, limit int) (n int64, err error) {
	err = y.tx(ctx, func(tx *Tx) error {
		n = 0
		var ids []string
		// Locked, so that none of them is applied meanwhile.
		err := tx.db.Model(&planRow{}).Clauses(forUpdate).Where("created_at < ? AND state IN ?", stored(before), []models.PlanState{models.PlanSuperseded, models.PlanBuilding, models.PlanReady}).
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
