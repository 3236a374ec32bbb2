package store

import (
	"context"
	"database/sql"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// measureEvery is how often the server's clock is read. Two good clocks drift
	// by well under a millisecond in that time.
	measureEvery = time.Minute
	// measureTime bounds one measurement, the wait for a connection included.
	measureTime = 10 * time.Second
	// clockOff is from where on an operator should know that a clock is wrong.
	clockOff = time.Second
)

// Now is the time that rows are stamped with and held against: the database
// server's on PostgreSQL, which all processes share, so that one whose own clock
// is wrong does no harm; this machine's on SQLite, whose file one process has.
//
// On PostgreSQL it is this process's estimate, good to the time that a statement
// takes. Who may write is decided by the server's clock itself (Tx.readClock).
func (s *Store) Now() time.Time { return s.clock() }

// ClockAhead is how far this process's own clock was ahead of the database
// server's when they were last held against each other; negative: behind. It is
// zero on SQLite.
func (s *Store) ClockAhead() time.Duration {
	if s.shared == nil {
		return 0
	}
	return s.shared.at.Load().off()
}

// Now reads the clock that leases and outcomes are stamped by, exactly: one
// statement on PostgreSQL.
func (o *Org) Now(ctx context.Context) (time.Time, error) {
	if o.s.shared == nil {
		return o.s.now(), nil
	}
	pool, err := o.s.read.DB()
	if err != nil {
		return time.Time{}, o.s.explain(ctx, err)
	}
	now, err := serverTime(ctx, pool)
	return now, o.s.explain(ctx, err)
}

// readClock takes the transaction's time from the shared clock itself, at this
// moment: where waiting for a row may have taken long, and where a decision
// about who may write hangs on it (Promise 5).
func (tx *Tx) readClock() error {
	if tx.s.shared == nil {
		return nil // our own clock is the shared one, and nobody was waited for
	}
	now, err := serverTime(tx.ctx, tx.sql)
	if err == nil {
		tx.now = now
	}
	return err
}

// querier is a connection, a pool or a transaction.
type querier interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

func serverTime(ctx context.Context, db querier) (time.Time, error) {
	var now time.Time
	if err := db.QueryRowContext(ctx, "SELECT clock_timestamp()").Scan(&now); err != nil {
		return time.Time{}, err
	}
	return stored(now), nil
}

// sharedClock runs as the database server's clock does. It reads that once a
// minute and goes on by the time that passed here since, which is measured
// without a wall clock: setting this machine's clock changes nothing.
type sharedClock struct {
	own    func() time.Time // may be wrong by any amount; only its course counts
	log    *slog.Logger
	at     atomic.Pointer[clockReading]
	cancel context.CancelFunc
	work   sync.WaitGroup
}

// clockReading is what the server's clock and ours showed at one moment.
type clockReading struct {
	server, own time.Time
	took        time.Duration // at most so far apart were the two
}

func newSharedClock(own func() time.Time, log *slog.Logger) *sharedClock {
	return &sharedClock{own: own, log: log, cancel: func() {}}
}

// now is close to the server's time however wrong our own clock is: what one
// process stamps is held against what another does (Promise 5).
func (c *sharedClock) now() time.Time {
	own := c.own()
	if at := c.at.Load(); at != nil {
		return at.server.Add(own.Sub(at.own))
	}
	return own // nothing is stamped before the first measurement
}

// start measures, and then keeps measuring until stop.
func (c *sharedClock) start(ctx context.Context, pool *sql.DB) error {
	if err := c.measure(ctx, pool); err != nil {
		return err
	}
	ctx, c.cancel = context.WithCancel(context.WithoutCancel(ctx)) // it outlives the opening
	c.work.Go(func() {
		ticker := time.NewTicker(measureEvery)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
			// A database that is away is somebody else's to tell; the last
			// reading stays good meanwhile.
			_ = c.measure(ctx, pool)
		}
	})
	return nil
}

func (c *sharedClock) stop() {
	c.cancel()
	c.work.Wait()
}

// measure reads the server's clock a few times and keeps the reading that took
// least: half of what it took is the most it can be wrong by.
func (c *sharedClock) measure(ctx context.Context, pool *sql.DB) error {
	ctx, cancel := context.WithTimeout(ctx, measureTime)
	defer cancel()
	conn, err := pool.Conn(ctx) // first, so that waiting for one is not measured
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }() // gives it back to the pool
	var best *clockReading
	for range 3 {
		before := c.own()
		server, err := serverTime(ctx, conn)
		if err != nil {
			return err
		}
		took := c.own().Sub(before)
		if best == nil || took < best.took {
			best = &clockReading{server: server, own: before.Add(took / 2), took: took}
		}
	}
	c.tell(c.at.Swap(best), best)
	return nil
}

// tell says when this machine's clock went wrong, or right again.
func (c *sharedClock) tell(before, now *clockReading) {
	was, is := before.off(), now.off()
	if (was - is).Abs() < clockOff {
		return
	}
	if is.Abs() < clockOff {
		c.log.Info("this machine's clock agrees with the database server's again")
		return
	}
	c.log.Warn("this machine's clock is not the database server's: times are taken from the server; set this machine's clock", "ahead_by", is.Round(time.Millisecond))
}

// off is how far our clock was ahead of the server's.
func (r *clockReading) off() time.Duration {
	if r == nil {
		return 0
	}
	return r.own.Round(0).Sub(r.server)
}
