package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/scratch-platform/scratch/models"
)

// errOvertaken ends the work on a page ahead of its turn: it rests on what is no
// longer so, or waited too long.
var errOvertaken = errors.New("the page was overtaken while it waited for its turn")

// turn tells a page that the one before it is committed.
type turn struct {
	after *versions // of the page before; nil: there was none under way
}

// versions are those of a table's records before and after a page.
type versions struct{ before, after int64 }

// earlyPage is a page that is worked on ahead of its turn, on a connection of
// its own. first and seq are its ids and its table, of a first load.
type earlyPage struct {
	page    PageWrite
	records pageRecords
	allNew  bool
	first   int64
	seq     int64
	cancel  context.CancelFunc
	turn    chan turn

	done    chan struct{} // closed at the end; what follows may be read then
	inTurn  bool
	next    models.DownloadRun
	result  PageResult
	version versions
	err     error
}

// fly is the page's one transaction. It is tried once: whoever is behind it
// cannot be kept waiting.
func (f *earlyPage) fly(ctx context.Context, q *pageQueue, run *models.DownloadRun) {
	f.err = q.o.s.once(ctx, q.o.id, 1, func(tx *Tx) error {
		tx.within = q.o.snapshot
		p := newPageSave(tx, run, f.page, f.records, f.allNew)
		prepare := f.compare
		if f.allNew {
			prepare = f.load
		}
		if err := tx.beginEarly(); err != nil {
			return err
		}
		known, err := prepare(p, run)
		if err != nil {
			return err
		}
		before, err := f.await(ctx, q)
		if err != nil {
			return err
		}
		return f.store(p, run, known, before)
	})
}

// await waits for the page's turn.
func (f *earlyPage) await(ctx context.Context, q *pageQueue) (turn, error) {
	if q.ready != nil {
		q.ready(f.page)
	}
	timer := time.NewTimer(q.patience)
	defer timer.Stop()
	select {
	case before := <-f.turn:
		f.inTurn = true
		return before, nil
	case <-timer.C:
		return turn{}, errOvertaken
	case <-ctx.Done():
		return turn{}, ctx.Err()
	}
}

// beginEarly sets what holds for this transaction alone. The server ends it
// where our process has stopped in the middle, so that nobody waits for rows
// that may never come; and a batch meets a table of any size by its index.
func (tx *Tx) beginEarly() error {
	var now time.Time
	var set string
	err := tx.sql.QueryRowContext(tx.ctx, `SELECT clock_timestamp(), concat(set_config('idle_in_transaction_session_timeout', '15s', true),
		set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true))`).Scan(&now, &set)
	tx.now = stored(now)
	return err
}

// load puts the rows of a first download into the table. They show to nobody
// before the commit; a row that is there already is refused by the unique index.
func (f *earlyPage) load(p *pageSave, _ *models.DownloadRun) (version int64, err error) {
	records := p.underIDs(f.records.list, f.first)
	return 0, p.tx.pgx(func(ctx context.Context, conn *pgx.Conn) error {
		return copyRecords(ctx, conn, recordTable(f.seq), records, micros(p.tx.now))
	})
}

// compare finds what changed, and has the server parse it into a table of the
// transaction's own. The version is of before the look: what is found is good as
// long as that is the version still.
func (f *earlyPage) compare(p *pageSave, run *models.DownloadRun) (version int64, err error) {
	row, err := p.tx.table(run.TableID)
	if err != nil {
		return 0, err
	}
	p.c = &recordChanges{tx: p.tx, row: row, records: recordTable(row.Seq)}
	if err := p.compare(); err != nil {
		return 0, err
	}
	return row.RecordsVersion, p.stage()
}

// store is the page's turn: what SavePage does, but for what is done already.
func (f *earlyPage) store(p *pageSave, run *models.DownloadRun, known int64, before turn) error {
	if err := p.lock(run); err != nil {
		return err
	}
	// Promise 4: what a publish settled meanwhile may be newer than the page.
	if len(p.newer) > 0 {
		return errOvertaken
	}
	if f.allNew {
		p.c.added += int64(len(f.records.list))
	} else {
		// Promise 1: an edit made since the look is under nobody's rows.
		byPage := before.after != nil && *before.after == versions{known, p.version}
		if p.version != known && !byPage {
			return errOvertaken
		}
		if err := p.writeStaged(); err != nil {
			return err
		}
	}
	var err error
	f.next, err = p.finish()
	f.result, f.version = p.result, versions{p.version, p.result.Version}
	return err
}

const stagedTable = "pg_temp.staged_records"

// stage hands the changed records to the server. The table is the connection's
// and empty in each transaction.
func (p *pageSave) stage() error {
	if len(p.changed) == 0 {
		return nil
	}
	if _, err := p.tx.exec("CREATE TEMP TABLE IF NOT EXISTS staged_records (place tid, id bigint, base_hash bytea, marker text, base jsonb) ON COMMIT DELETE ROWS"); err != nil {
		return err
	}
	return p.tx.pgx(func(ctx context.Context, conn *pgx.Conn) error {
		return copyStaged(ctx, conn, stagedTable, p.changed, p.places)
	})
}

// writeStaged writes what was staged, and what only the table's lock permits. As
// nobody changed the records since the look, they are where it found them.
func (p *pageSave) writeStaged() error {
	if staged := int64(len(p.changed)); staged > 0 {
		p.c.touched = true
		n, err := p.tx.exec("UPDATE "+p.c.records+" r SET base = s.base, base_hash = s.base_hash, marker = s.marker, row_version = r.row_version + 1, updated_at = ? FROM "+
			stagedTable+" s WHERE r.ctid = s.place AND r.id = s.id", micros(p.tx.now))
		if err != nil {
			return err
		}
		if n != staged {
			return fmt.Errorf("%d of %d changed records are there: %w", n, staged, errOvertaken)
		}
		p.changed = nil
	}
	return p.write()
}
