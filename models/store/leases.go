package store

import (
	"context"
	"time"

	"gorm.io/gorm/clause"
)

// leaseRow is a name somebody holds until a moment: the locks of several
// processes that share PostgreSQL.
type leaseRow struct {
	Name   string `gorm:"primaryKey"`
	Holder string
	Until  time.Time
	Fence  int64
}

func (leaseRow) TableName() string { return "leases" }

// Lease takes or renews a name for holder until now + ttl. ok is false while
// another holds it. fence grows each time the name changes hands and is never
// given twice, so that work of a former holder can be told from the present
// one's. Times are the database server's, so that a process whose clock is wrong
// takes nothing from others.
func (y *System) Lease(ctx context.Context, name, holder string, ttl time.Duration) (fence int64, ok bool, err error) {
	err = y.tx(ctx, func(tx *Tx) error {
		fence, ok = 0, false
		if err := tx.readClock(); err != nil {
			return err
		}
		fresh := leaseRow{Name: name, Holder: holder, Until: tx.now.Add(ttl), Fence: 1}
		result := tx.db.Clauses(clause.OnConflict{DoNothing: true}).Create(&fresh)
		if result.Error != nil {
			return result.Error
		}
		if result.RowsAffected == 1 {
			fence, ok = 1, true
			return nil
		}
		var row leaseRow
		if err := tx.db.Clauses(forUpdate).Where("name = ?", name).Take(&row).Error; err != nil {
			return err
		}
		// The row may have been waited for.
		if err := tx.readClock(); err != nil {
			return err
		}
		held := row.Until.After(tx.now)
		if held && row.Holder != holder {
			return nil
		}
		if row.Holder != holder || !held {
			row.Fence++
		}
		fence, ok = row.Fence, true
		return tx.db.Model(&leaseRow{}).Where("name = ?", name).
			Updates(map[string]any{"holder": holder, "until": tx.now.Add(ttl), "fence": row.Fence}).Error
	})
	return fence, ok, err
}

// RenewLease makes a lease last until now + ttl; ok is false when it was lost
// (another took it, or it ran out).
func (y *System) RenewLease(ctx context.Context, name, holder string, fence int64, ttl time.Duration) (ok bool, err error) {
	return y.changeLease(ctx, name, holder, fence, ttl)
}

// ReleaseLease frees a name at once; ok is false when it was lost before. The
// row stays, so that the fence keeps growing.
func (y *System) ReleaseLease(ctx context.Context, name, holder string, fence int64) (ok bool, err error) {
	return y.changeLease(ctx, name, holder, fence, 0)
}

func (y *System) changeLease(ctx context.Context, name, holder string, fence int64, ttl time.Duration) (ok bool, err error) {
	err = y.tx(ctx, func(tx *Tx) error {
		if err := tx.readClock(); err != nil {
			return err
		}
		result := tx.db.Model(&leaseRow{}).Where("name = ? AND holder = ? AND fence = ? AND until > ?", name, holder, fence, tx.now).
			Update("until", tx.now.Add(ttl))
		ok = result.RowsAffected == 1
		return result.Error
	})
	return ok, err
}
