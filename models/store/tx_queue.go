package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"

	"github.com/jackc/pgx/v5"
)

// queued is a statement whose answer nobody waits for.
type queued struct {
	query string
	args  []any
	then  func(affected int64) error // nil: whatever it touched
}

// queue adds a statement whose answer nobody needs: it runs before the next one
// whose answer is needed, at the latest with the commit. On PostgreSQL all that
// were queued travel together, for the time of one, which is most of what a
// small write costs. The order of statements is that of the calls, and a failure
// ends the transaction as any other.
func (tx *Tx) queue(query string, args ...any) error { return tx.queueThen(nil, query, args...) }

// queueThen is queue with a look at how many rows the statement touched, once it
// has run; an error of then fails the transaction. then must run no statement
// that would have to come before others that are queued.
func (tx *Tx) queueThen(then func(affected int64) error, query string, args ...any) error {
	if tx.s.dialect.name() != "postgres" {
		affected, err := tx.exec(query, args...)
		if err == nil && then != nil {
			err = then(affected)
		}
		return err
	}
	for i, arg := range args {
		if v, ok := arg.(driver.Valuer); ok { // as database/sql would
			value, err := v.Value()
			if err != nil {
				return err
			}
			args[i] = value
		}
	}
	tx.sql.waiting = append(tx.sql.waiting, queued{tx.s.dialect.bind(query), args, then})
	return nil
}

// statements is the transaction as statements are run on it: what was queued
// runs first.
type statements struct {
	*sql.Tx
	conn    *sql.Conn
	waiting []queued
	// failed is what ended the transaction while nobody waited for an answer;
	// what comes after it fails for that reason alone.
	failed error
}

// drain runs what was queued.
func (s *statements) drain(ctx context.Context) error {
	if len(s.waiting) == 0 {
		return s.failed
	}
	var batch pgx.Batch
	for _, q := range s.waiting {
		batch.Queue(q.query, q.args...)
	}
	sent, affected := s.waiting, make([]int64, len(s.waiting))
	s.waiting = nil
	s.failed = onPgx(s.conn, func(c *pgx.Conn) error {
		answers := c.SendBatch(ctx, &batch)
		for i := range sent {
			tag, err := answers.Exec()
			if err != nil {
				return errors.Join(err, answers.Close())
			}
			affected[i] = tag.RowsAffected()
		}
		return answers.Close()
	})
	for i := 0; i < len(sent) && s.failed == nil; i++ {
		if sent[i].then != nil {
			s.failed = sent[i].then(affected[i])
		}
	}
	return s.failed
}

// PrepareContext runs what was queued, then prepares a statement.
func (s *statements) PrepareContext(ctx context.Context, query string) (*sql.Stmt, error) {
	if err := s.drain(ctx); err != nil {
		return nil, err
	}
	return s.Tx.PrepareContext(ctx, query)
}

// ExecContext runs what was queued, then the statement.
func (s *statements) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	if err := s.drain(ctx); err != nil {
		return nil, err
	}
	return s.Tx.ExecContext(ctx, query, args...)
}

// QueryContext runs what was queued, then the query.
func (s *statements) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if err := s.drain(ctx); err != nil {
		return nil, err
	}
	return s.Tx.QueryContext(ctx, query, args...)
}

// QueryRowContext runs what was queued, then the query. When what was queued
// fails, so does the query, for a reason that says less: tryTx gives the first.
func (s *statements) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	_ = s.drain(ctx) // kept in failed
	return s.Tx.QueryRowContext(ctx, query, args...)
}
