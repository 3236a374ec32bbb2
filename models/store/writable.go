package store

import (
	"context"
	"strings"
	"sync"
	"time"

	"gorm.io/gorm/clause"

	"github.com/scratch-platform/scratch/models"
)

const (
	// tryAgain is the time between two writes that find out whether changes are
	// taken again. Nothing is written for that while they are.
	tryAgain = 5 * time.Second
	// tryBytes is what such a write holds: more than is free within the pages a
	// database has already, so that it needs the room that others need.
	tryBytes = 256 << 10
	// tryName is the row that is written.
	tryName = "writable"
)

// refusal remembers that the database refused a change for want of room, or
// because it takes none.
type refusal struct {
	mu    sync.Mutex
	last  *models.Problem // nil while changes are taken
	tried time.Time       // when that was known last
}

// refused notes what a change was refused for, and gives it back.
func (s *Store) refused(p *models.Problem) *models.Problem {
	s.refusal.mu.Lock()
	defer s.refusal.mu.Unlock()
	s.refusal.last, s.refusal.tried = p, s.clock()
	return p
}

// Writable fails as Ping does and, while the database takes no changes, with
// "store.disk_full" or "store.read_only". A standby and a read-only setting are
// read; a full disk is known by a change of this process that was refused. Only
// then, and at most every few seconds, a row is written to see whether there is
// room again.
func (s *Store) Writable(ctx context.Context) error {
	if err := s.Ping(ctx); err != nil {
		return err
	}
	if s.dialect.name() == "postgres" {
		var readOnlyNow string
		if err := s.write.WithContext(ctx).Raw("SELECT current_setting('transaction_read_only')").Scan(&readOnlyNow).Error; err != nil {
			return s.explain(ctx, err)
		}
		if readOnlyNow == "on" {
			return s.refused(readOnly(nil))
		}
	}
	known, due := s.refusalNow()
	if known == nil {
		return nil
	}
	if !due {
		return known
	}
	return s.tryWriting(ctx)
}

// refusalNow gives what changes are refused for, and whether it is this caller's
// turn to find out whether they still are.
func (s *Store) refusalNow() (known *models.Problem, due bool) {
	s.refusal.mu.Lock()
	defer s.refusal.mu.Unlock()
	now := s.clock()
	if s.refusal.last == nil || now.Sub(s.refusal.tried) < tryAgain {
		return s.refusal.last, false
	}
	s.refusal.tried = now
	return s.refusal.last, true
}

// tryWriting writes one row of some size and empties it again.
func (s *Store) tryWriting(ctx context.Context) error {
	filler := strings.Repeat(models.NewID("try"), tryBytes/30)
	for _, holder := range []string{filler, ""} {
		err := s.tx(ctx, "", func(tx *Tx) error {
			row := leaseRow{Name: tryName, Holder: holder, Until: tx.now, Fence: 1}
			return tx.db.Clauses(clause.OnConflict{UpdateAll: true}).Create(&row).Error
		})
		if err != nil {
			return err // explained, and noted again where it is the same
		}
	}
	s.refusal.mu.Lock()
	defer s.refusal.mu.Unlock()
	s.refusal.last = nil
	return nil
}
