package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"hash/fnv"
	"time"

	"github.com/scratch-platform/scratch/internal/wait"
	"github.com/scratch-platform/scratch/models"
)

const (
	// maxSortIndexes bounds the sort indexes of one table; each makes every
	// write of a record a little dearer.
	maxSortIndexes = 8
	// indexTime bounds the building of one.
	indexTime = 10 * time.Minute
	// usedEvery is how often the use of an index is noted.
	usedEvery = time.Minute
)

type sortIndexRow struct {
	TableID        string
	ColumnID       string
	OrganizationID string
	Name           string
	Definition     string
	State          string
	StartedAt      int64
	UsedAt         int64
}

func (sortIndexRow) TableName() string { return "sort_indexes" }

// The states of a sort index.
const (
	indexPreparing = "preparing"
	indexReady     = "ready"
)

// sortState is what this process knows of one sort index.
type sortState struct {
	definition string
	ready      bool
	building   bool
	used       time.Time
}

// prepareSort makes sure of an index for a view's first sort column when the
// table is large, and says when it is not ready yet.
func (r *reading) prepareSort(v *view) (preparing, ready bool) {
	if len(v.query.Sort) == 0 || !v.large() {
		return false, false
	}
	q := v.sql()
	c := columnOf(q.columns, v.query.Sort[0].Column)
	if !q.pg && q.cell("base", c.ID)[1] == 'S' {
		return false, false // SQLite builds no index on a subquery, which this column's odd id needs
	}
	definition := q.key(c)
	key := v.table.ID + "\x00" + c.ID
	r.mu.Lock()
	defer r.mu.Unlock()
	state := r.sorts[key]
	now := r.s.now()
	if state == nil || state.definition != definition {
		state = &sortState{definition: definition, ready: r.knownReady(v, c.ID, definition)}
		r.sorts[key] = state
	}
	if !state.ready && !state.building {
		state.building = true
		r.beside(indexTime, func(ctx context.Context) { r.buildIndex(ctx, v, c, state) })
	}
	if !state.ready {
		return true, false
	}
	if now.Sub(state.used) > usedEvery {
		state.used = now
		r.beside(workTime, func(ctx context.Context) { r.noteUse(ctx, v.table.ID, c.ID) })
	}
	return false, true
}

// knownReady looks whether the index was built before this process began.
func (r *reading) knownReady(v *view, column, definition string) bool {
	ctx, cancel := context.WithTimeout(r.ctx, r.queryTime)
	defer cancel()
	var n int64
	err := v.o.rows(ctx, &sortIndexRow{}).
		Where("table_id = ? AND column_id = ? AND definition = ? AND state = ?", v.table.ID, column, definition, indexReady).Count(&n).Error
	return err == nil && n > 0 // when it cannot be told, building finds it
}

// buildIndex builds an index, or finds that it is there. When it fails, the
// next sort tries again.
func (r *reading) buildIndex(ctx context.Context, v *view, c models.Column, state *sortState) {
	err := r.ensureIndex(ctx, v, c, state.definition)
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil {
		delete(r.sorts, v.table.ID+"\x00"+c.ID)
		if ctx.Err() == nil {
			r.s.log.WarnContext(ctx, "a sort index could not be built", "table", v.table.ID, "column", c.ID, "error", err)
		}
		return
	}
	state.ready, state.used = true, r.s.now()
}

func (r *reading) ensureIndex(ctx context.Context, v *view, c models.Column, definition string) error {
	name := indexName(v.records, c.ID, definition)
	for {
		mine, ready, err := r.claimIndex(ctx, v, c, name, definition)
		if err != nil || ready {
			return err
		}
		if mine {
			break
		}
		if err := wait.For(ctx, time.Second); err != nil { // another process builds it
			return err
		}
	}
	if err := r.createIndex(ctx, v.records, name, definition); err != nil {
		_ = v.o.s.System().tx(context.WithoutCancel(ctx), func(tx *Tx) error {
			_, err := tx.exec("DELETE FROM sort_indexes WHERE table_id = ? AND column_id = ?", v.table.ID, c.ID)
			return err
		})
		return err
	}
	if err := r.markReady(ctx, v, c); err != nil {
		return err
	}
	return r.dropLeastUsed(ctx, v)
}

// markReady makes the index known to every process, and tells the readers.
func (r *reading) markReady(ctx context.Context, v *view, c models.Column) error {
	return v.o.tx(ctx, func(tx *Tx) error {
		if _, err := tx.exec("UPDATE sort_indexes SET state = ?, used_at = ? WHERE table_id = ? AND column_id = ?",
			indexReady, micros(tx.now), v.table.ID, c.ID); err != nil {
			return err
		}
		row, err := tx.table(v.table.ID)
		if err != nil {
			return err
		}
		return tx.tableChanged(&row, models.ChangeUpdated)
	})
}

// claimIndex takes the building upon this process, unless the index is there or
// another process is at it. One that began too long ago has died.
func (r *reading) claimIndex(ctx context.Context, v *view, c models.Column, name, definition string) (mine, ready bool, err error) {
	err = v.o.tx(ctx, func(tx *Tx) error {
		mine, ready = false, false
		now := micros(tx.now)
		n, err := tx.exec(`INSERT INTO sort_indexes (table_id, column_id, organization_id, name, definition, state, started_at, used_at)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (table_id, column_id) DO NOTHING`,
			v.table.ID, c.ID, tx.org, name, definition, indexPreparing, now, now)
		if err != nil || n == 1 {
			mine = n == 1
			return err
		}
		var row sortIndexRow
		if err := tx.rows(&row).Where("table_id = ? AND column_id = ?", v.table.ID, c.ID).Take(&row).Error; err != nil {
			return err
		}
		if row.Definition == definition && row.State == indexReady {
			ready = true
			return nil
		}
		if row.State == indexPreparing && now-row.StartedAt < indexTime.Microseconds() {
			return nil
		}
		mine = true // of another kind now, or its builder died
		_, err = tx.exec("UPDATE sort_indexes SET name = ?, definition = ?, state = ?, started_at = ? WHERE table_id = ? AND column_id = ?",
			name, definition, indexPreparing, now, v.table.ID, c.ID)
		return err
	})
	return mine, ready, err
}

// createIndex builds without keeping writers out on PostgreSQL; what is left of
// a build that broke off goes first.
func (r *reading) createIndex(ctx context.Context, records, name, definition string) error {
	pool, err := r.s.write.DB()
	if err != nil {
		return err
	}
	drop, create := "DROP INDEX IF EXISTS "+name, "CREATE INDEX "+name+" ON "+records+" (("+definition+"), id)"
	if r.s.dialect.name() != "postgres" {
		return errors.Join(execOn(ctx, pool, drop), execOn(ctx, pool, create))
	}
	conn, err := pool.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	for _, statement := range []string{
		"DROP INDEX CONCURRENTLY IF EXISTS " + name,
		"SET maintenance_work_mem = '256MB'",
		"CREATE INDEX CONCURRENTLY " + name + " ON " + records + " ((" + definition + "), id)",
		"RESET maintenance_work_mem",
		"ANALYZE " + records, // the planner knows an expression by its index's statistics
	} {
		if _, err := conn.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

func execOn(ctx context.Context, pool *sql.DB, statement string) error {
	_, err := pool.ExecContext(ctx, statement)
	return err
}

// dropLeastUsed keeps a table's sort indexes within bounds.
func (r *reading) dropLeastUsed(ctx context.Context, v *view) error {
	var rows []sortIndexRow
	err := v.o.rows(ctx, &sortIndexRow{}).Where("table_id = ? AND state = ?", v.table.ID, indexReady).Order("used_at DESC").Find(&rows).Error
	if err != nil || len(rows) <= maxSortIndexes {
		return err
	}
	pool, err := r.s.write.DB()
	if err != nil {
		return err
	}
	for _, row := range rows[maxSortIndexes:] {
		err := v.o.tx(ctx, func(tx *Tx) error {
			_, err := tx.exec("DELETE FROM sort_indexes WHERE table_id = ? AND column_id = ?", row.TableID, row.ColumnID)
			return err
		})
		if err != nil {
			return err
		}
		if err := execOn(ctx, pool, "DROP INDEX IF EXISTS "+row.Name); err != nil {
			return err
		}
		r.mu.Lock()
		delete(r.sorts, row.TableID+"\x00"+row.ColumnID)
		r.mu.Unlock()
	}
	return nil
}

// noteUse keeps an index from being the least used. One that another process
// dropped is forgotten, so that the next sort builds it again.
func (r *reading) noteUse(ctx context.Context, tableID, columnID string) {
	var there int64
	err := r.s.System().tx(ctx, func(tx *Tx) (err error) {
		there, err = tx.exec("UPDATE sort_indexes SET used_at = ? WHERE table_id = ? AND column_id = ?", micros(tx.now), tableID, columnID)
		return err
	})
	if err == nil && there == 0 {
		r.mu.Lock()
		delete(r.sorts, tableID+"\x00"+columnID)
		r.mu.Unlock()
	}
	if err != nil && ctx.Err() == nil {
		r.s.log.WarnContext(ctx, "the use of a sort index could not be noted", "table", tableID, "error", err)
	}
}

// indexName names an index by what it is on.
func indexName(records, column, definition string) string {
	h := fnv.New64a()
	_, _ = h.Write([]byte(column + "\x00" + definition)) // never fails
	return fmt.Sprintf("%s_sort_%x", records, h.Sum64())
}
