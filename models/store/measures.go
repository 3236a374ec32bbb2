package store

import (
	"context"
	"time"

	"gorm.io/gorm"

	"github.com/scratch-platform/scratch/models"
)

// EndedJob is what is counted of a job that ended.
type EndedJob struct {
	Kind  models.JobKind
	State models.JobState
	Took  time.Duration // since it was asked for
}

// SettledItems counts items of applied plans that came to an outcome: by what was
// sent, by what was found out later, by a person's word, or because the publish
// ended before them. An item whose outcome was not known counts again when it is.
type SettledItems struct {
	Service string
	Op      models.Operation
	State   models.ItemState
	N       int64
}

// itemsSettled has items counted when the transaction is committed.
func (tx *Tx) itemsSettled(tableID string, op models.Operation, state models.ItemState, n int64) error {
	if n == 0 || state == models.ItemPlanned || state == models.ItemSending {
		return nil
	}
	for i := range tx.settled {
		if s := &tx.settled[i]; s.table == tableID && s.Op == op && s.State == state {
			s.N += n
			return nil
		}
	}
	var service string // also of a table that was removed meanwhile
	if err := tx.rows(&tableRow{}).Select("service").Where("id = ?", tableID).Limit(1).Scan(&service).Error; err != nil {
		return err
	}
	tx.settled = append(tx.settled, settledItems{tableID, SettledItems{Service: service, Op: op, State: state, N: n}})
	return nil
}

type settledItems struct {
	table string
	SettledItems
}

// PoolUse is how a pool of connections is used.
type PoolUse struct {
	Pool   string // "all", or "read" and "write" where they differ
	Max    int
	InUse  int
	Idle   int
	Waits  int64         // times somebody waited for a connection
	Waited time.Duration // altogether
}

// Pools tells the use of the store's connections; it asks no database.
func (s *Store) Pools() []PoolUse {
	if s.read == s.write {
		return []PoolUse{poolUse("all", s.read)}
	}
	return []PoolUse{poolUse("read", s.read), poolUse("write", s.write)}
}

func poolUse(name string, of *gorm.DB) PoolUse {
	pool, err := of.DB()
	if err != nil {
		return PoolUse{Pool: name} // never: the pool is what the store was opened with
	}
	stats := pool.Stats()
	return PoolUse{
		Pool: name, Max: stats.MaxOpenConnections, InUse: stats.InUse, Idle: stats.Idle,
		Waits: stats.WaitCount, Waited: stats.WaitDuration,
	}
}

// Backlog is what waits, over all organizations.
type Backlog struct {
	// Oldest is how long the oldest event has waited for the relay; 0 when none
	// does.
	Oldest time.Duration
	// Jobs counts the jobs that have not ended.
	Jobs []LiveJobs
	// Unapplied is how long the engine has not known of a change of a schedule,
	// the longest; 0 when it knows of all.
	Unapplied time.Duration
}

// LiveJobs counts jobs of one kind in one state.
type LiveJobs struct {
	Kind  models.JobKind
	State models.JobState
	N     int64
}

// Backlog looks at what waits. It reads the outbox's first row and the index of
// live jobs: cheap enough for every scrape.
func (y *System) Backlog(ctx context.Context) (Backlog, error) {
	var b Backlog
	var oldest []outboxRow
	if err := y.rows(ctx, &outboxRow{}).Select("seq", "at").Order("seq").Limit(1).Find(&oldest).Error; err != nil {
		return b, y.s.explain(ctx, err)
	}
	if len(oldest) > 0 {
		b.Oldest = max(y.s.now().Sub(oldest[0].At), 0)
	}
	err := y.rows(ctx, &jobRow{}).Select("kind", "state", "count(*) AS n").Where("ended_at IS NULL").
		Group("kind, state").Scan(&b.Jobs).Error
	if err != nil {
		return b, y.s.explain(ctx, err)
	}
	var due []scheduleRow
	waited := y.rows(ctx, &scheduleRow{}).Select("updated_at", "deleted_at").Where(scheduleDue).Order("coalesce(deleted_at, updated_at)")
	if err := waited.Limit(1).Find(&due).Error; err != nil {
		return b, y.s.explain(ctx, err)
	}
	for _, s := range due {
		since := s.UpdatedAt
		if s.DeletedAt != nil {
			since = *s.DeletedAt
		}
		b.Unapplied = max(0, y.s.now().Sub(since))
	}
	return b, nil
}
