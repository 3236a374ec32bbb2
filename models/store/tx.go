package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"math/rand/v2"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/scratch-platform/scratch/internal/wait"
	"github.com/scratch-platform/scratch/models"
	"github.com/scratch-platform/scratch/models/store/sqlspan"
)

// txAttempts bounds how often a transaction is begun again after a
// serialization failure, a deadlock or a busy file.
const txAttempts = 6

// Tx is one writing transaction. It lives as long as the function it is given
// to; that function may be run again from the start, so it must not change
// anything outside that a second run would not put right.
type Tx struct {
	ctx    context.Context //nolint:containedctx // a transaction lives within one call
	s      *Store
	org    string // empty in System transactions
	within string // a snapshot; when set, tables of others are not found
	conn   *sql.Conn
	sql    *statements
	db     *gorm.DB // GORM on this transaction
	now    time.Time
	// events are written to the outbox as the transaction's last statements.
	events []models.Event
	// ended are jobs that end with the commit.
	ended []EndedJob
	// settled are items that come to an outcome with the commit.
	settled []settledItems
}

// tx runs fn in one writing transaction of the organization: all of it is
// committed, with its events, or nothing.
func (o *Org) tx(ctx context.Context, fn func(*Tx) error) error {
	return o.s.tx(ctx, o.id, func(tx *Tx) error {
		tx.within = o.snapshot
		return fn(tx)
	})
}

// tx runs fn in one writing transaction across organizations.
func (y *System) tx(ctx context.Context, fn func(*Tx) error) error { return y.s.tx(ctx, "", fn) }

func (s *Store) tx(ctx context.Context, org string, fn func(*Tx) error) error {
	return s.again(ctx, func(attempt int) error { return s.once(ctx, org, attempt, fn) })
}

// again tries until it succeeds, where another try may: a try leaves nothing when
// it fails, and gives the database's own error.
func (s *Store) again(ctx context.Context, try func(attempt int) error) error {
	var err error
	for attempt := range txAttempts {
		if attempt > 0 {
			if err := pause(ctx, attempt); err != nil {
				return err
			}
		}
		if err = try(attempt + 1); err == nil {
			return nil
		}
		if ctx.Err() != nil || s.dialect.classify(err) != faultRetry {
			break
		}
	}
	return s.explain(ctx, err)
}

// once tries a transaction one time, and says what it told when it is committed.
// The error is the database's own.
func (s *Store) once(ctx context.Context, org string, attempt int, fn func(*Tx) error) error {
	done, err := s.spanTx(ctx, org, attempt, fn)
	if err != nil {
		return err
	}
	if len(done.events) > 0 {
		s.wake()
	}
	for _, job := range done.ended {
		s.jobEnded(job)
	}
	for _, items := range done.settled {
		s.itemsSettled(items.SettledItems)
	}
	return nil
}

// pause waits a little, with jitter, before a transaction is begun again.
func pause(ctx context.Context, attempt int) error {
	return wait.For(ctx, time.Duration(1+rand.IntN(10<<attempt))*time.Millisecond) //nolint:gosec // jitter needs no secrecy
}

// spanTx tries once, as a span of its own where that is kept.
func (s *Store) spanTx(ctx context.Context, org string, attempt int, fn func(*Tx) error) (done *Tx, err error) {
	if s.spans {
		var end func(error)
		ctx, end = sqlspan.Transaction(ctx, s.dialect.name(), attempt)
		defer func() { end(err) }()
	}
	return s.tryTx(ctx, org, fn)
}

func (s *Store) tryTx(ctx context.Context, org string, fn func(*Tx) error) (*Tx, error) {
	pool, err := s.write.DB()
	if err != nil {
		return nil, err
	}
	// One connection for the whole transaction, so that COPY can use it raw.
	conn, err := pool.Conn(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close() }() // gives it back to the pool
	sqlTx, err := conn.BeginTx(ctx, s.dialect.beginOptions())
	if err != nil {
		return nil, err
	}
	defer func() { _ = sqlTx.Rollback() }() // nothing once committed
	run := &statements{Tx: sqlTx, conn: conn}
	db := s.write.Session(&gorm.Session{NewDB: true, Context: ctx})
	db.Statement.ConnPool = run
	tx := &Tx{ctx: ctx, s: s, org: org, conn: conn, sql: run, db: db, now: s.now()}
	if err := tx.finish(fn); err != nil {
		return nil, err
	}
	return tx, sqlTx.Commit()
}

// finish runs the transaction's work up to its commit.
func (tx *Tx) finish(fn func(*Tx) error) error {
	err := fn(tx)
	if err == nil {
		err = tx.writeOutbox()
	}
	if err == nil {
		err = tx.sql.drain(tx.ctx)
	}
	if tx.sql.failed != nil {
		return tx.sql.failed // the first cause; err followed from it
	}
	return err
}

// rows starts a query on the model's table, bound to the organization
// (Promise 11).
func (tx *Tx) rows(model any) *gorm.DB {
	q := tx.db.Model(model)
	if tx.org != "" {
		q = q.Where("organization_id = ?", tx.org)
	}
	return q
}

// exec runs one statement with "?" placeholders and says how many rows it
// touched.
func (tx *Tx) exec(query string, args ...any) (int64, error) {
	result, err := tx.sql.ExecContext(tx.ctx, tx.s.dialect.bind(query), args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// query runs one reading statement with "?" placeholders. The caller closes
// the rows before the next statement.
func (tx *Tx) query(query string, args ...any) (*sql.Rows, error) {
	return tx.sql.QueryContext(tx.ctx, tx.s.dialect.bind(query), args...)
}

// emit adds an event to the transaction. Data is marshalled at once; it is
// small (ids and changed cells, never tables).
func (tx *Tx) emit(topic, kind, origin string, data any) error {
	raw, err := json.Marshal(data)
	if err != nil {
		return err
	}
	tx.events = append(tx.events, models.Event{
		OrganizationID: tx.org, Topic: topic, Type: kind, Origin: origin, Data: raw, At: tx.now,
	})
	return nil
}

// isUnique reports whether a unique index refused a row.
func (tx *Tx) isUnique(err error) bool { return tx.s.isUnique(err) }

func (s *Store) isUnique(err error) bool { return err != nil && s.dialect.classify(err) == faultUnique }

// forUpdate locks the rows a query reads until the transaction ends; SQLite has
// one writer at a time anyway. Not FOR UPDATE: that waits for everybody who
// stored a row that refers to the locked one, as the tables of one job do to the
// job, and two of them who then lock it wait for each other. No key changes here.
var forUpdate = clause.Locking{Strength: "NO KEY UPDATE"}
