package postgres

import (
	"context"
	"errors"
	"io"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/scratch-platform/scratch/connectors"
)

const (
	// maxIdle is how many connections are kept for the next call.
	maxIdle = 2
	// streams is how many tables are read at a time, of the connections that
	// limits permits in all.
	streams = 4
)

// mode is what a transaction is for.
type mode struct {
	begin string
	// statement is the server's own time limit for one statement, idle for the
	// time between two; 0 is none.
	statement, lock, idle time.Duration
	// long says that the transaction lasts for as long as a table is read.
	long bool
}

var (
	// One snapshot for everything that is read. A stream has no limit of the
	// server's: it lasts as long as its rows are being stored. What watches over
	// it is stalled in pages.go.
	streaming = mode{begin: "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", lock: 10 * time.Second, idle: 10 * time.Minute, long: true}
	looking   = mode{begin: "BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY", statement: 25 * time.Second, lock: 10 * time.Second, idle: 30 * time.Second}
	// Rows without a key are found by what all of them hold.
	scanning = mode{begin: looking.begin, statement: 10 * time.Minute, lock: looking.lock, idle: looking.idle}
	// Whoever waits for creates under way asks again after a while.
	settling = mode{begin: looking.begin, statement: looking.statement, lock: 3 * time.Second, idle: looking.idle}
	// Promise 5: a process that sleeps in the middle of a batch finds its
	// transaction ended by the server, well before anybody looks what became of it.
	writing = mode{begin: "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE", statement: 15 * time.Second, lock: 5 * time.Second, idle: 10 * time.Second}
)

// setup begins a transaction whose values have one written form.
func (m mode) setup() []statement {
	sql := `SELECT pg_catalog.set_config('timezone', 'UTC', true), pg_catalog.set_config('datestyle', 'ISO, YMD', true), pg_catalog.set_config('intervalstyle', 'postgres', true),
		pg_catalog.set_config('extra_float_digits', '1', true), pg_catalog.set_config('bytea_output', 'hex', true), pg_catalog.set_config('standard_conforming_strings', 'on', true),
		pg_catalog.set_config('jit', 'off', true), pg_catalog.set_config('statement_timeout', $1, true), pg_catalog.set_config('lock_timeout', $2, true),
		pg_catalog.set_config('idle_in_transaction_session_timeout', $3, true)`
	of := func(d time.Duration) []byte { return strconv.AppendInt(nil, d.Milliseconds(), 10) }
	return []statement{{sql: m.begin}, {sql: sql, args: [][]byte{of(m.statement), of(m.lock), of(m.idle)}}}
}

// patience is how long a server may take over the first round trip: whatever its
// own limits, it may be one that does not keep them.
func (m mode) patience() time.Duration {
	const margin = 30 * time.Second
	return 2*m.statement + m.lock + margin
}

// statement is one to send. Its arguments are texts whose type the server finds
// from where they stand, nil for NULL.
type statement struct {
	sql     string
	args    [][]byte
	formats []int16 // of the result's columns; nil: all text
	// take gets the rows, which have so many columns; it must not keep their
	// memory. nil drops them.
	take  func(row [][]byte) error
	width int
}

// tx is one transaction on a connection of its own.
type tx struct {
	c       *Connector
	conn    *pgconn.PgConn
	release func()
}

// begin opens a transaction and runs the first statements in it, all in one
// round trip. A kept connection that turns out dead is replaced: nothing was
// done on it.
func (c *Connector) begin(ctx context.Context, m mode, first ...statement) (*tx, error) {
	if err := ctx.Err(); err != nil {
		return nil, context.Cause(ctx)
	}
	release := func() {}
	if c.deps.Limiter != nil {
		var err error
		key, most := c.budget(ctx, m)
		if release, err = c.deps.Limiter.Wait(ctx, key, connectors.Rate{InFlight: most}); err != nil {
			return nil, err
		}
	}
	statements := append(m.setup(), first...)
	brief, cancel := context.WithTimeoutCause(ctx, connectTime+m.patience(), errStalled)
	defer cancel()
	if conn := c.kept(); conn != nil {
		t := &tx{c: c, conn: conn, release: release}
		_, err := t.run(brief, statements)
		var said *pgconn.PgError
		if err == nil || errors.As(err, &said) && !fatal(said) || ctx.Err() != nil {
			return t.begun(ctx, err)
		}
		t.drop(ctx)
	}
	conn, err := pgconn.ConnectConfig(brief, c.config)
	if err != nil {
		release()
		return nil, err
	}
	t := &tx{c: c, conn: conn, release: release}
	_, err = t.run(brief, statements)
	if err != nil && brief.Err() != nil && ctx.Err() == nil {
		err = silent("", m.patience())
	}
	return t.begun(ctx, err)
}

// budget is which of the server's connections a transaction may take. Streams
// have some of their own: a look or a write never waits for tables to be read to
// their end.
func (c *Connector) budget(ctx context.Context, m mode) (key string, most int) {
	all := limits.InFlight
	if own := c.own(ctx); own > 0 {
		all = min(all, max(own, 2)) // one of each
	}
	if m.long {
		return c.deps.ConnectionID + "/streams", min(streams, all/2)
	}
	return c.deps.ConnectionID, all - min(streams, all/2)
}

// own is how many connections a person permits in all, 0 for no word on it.
func (c *Connector) own(ctx context.Context) int {
	if c.deps.Own == nil {
		return 0
	}
	return c.deps.Own(ctx).AtOnce
}

func (t *tx) begun(ctx context.Context, err error) (*tx, error) {
	if err != nil {
		t.end(ctx)
		return nil, err
	}
	return t, nil
}

func (c *Connector) kept() *pgconn.PgConn {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.idle) == 0 {
		return nil
	}
	conn := c.idle[len(c.idle)-1]
	c.idle = c.idle[:len(c.idle)-1]
	return conn
}

// run sends statements in one round trip and hands out their rows. It gives
// the place of the statement that failed; those after it were not carried out.
func (t *tx) run(ctx context.Context, statements []statement) (failed int, err error) {
	ctx, end := t.c.watch(ctx, "round trip")
	defer func() { end(err) }()
	pipeline := t.conn.StartPipeline(ctx)
	for _, s := range statements {
		pipeline.SendQueryParams(s.sql, s.args, nil, nil, s.formats)
	}
	if err := pipeline.Sync(); err != nil {
		return 0, errors.Join(err, pipeline.Close())
	}
	failed = -1
	for i, s := range statements {
		if err = s.answered(pipeline); err != nil {
			failed = i
			break
		}
	}
	if closed := pipeline.Close(); err == nil && closed != nil {
		return 0, closed
	}
	return failed, err
}

// watch tells of an exchange; end takes its error as it came.
func (c *Connector) watch(ctx context.Context, what string) (watched context.Context, end func(error)) {
	if c.deps.Watch == nil {
		return ctx, func(error) {}
	}
	watched, told := c.deps.Watch(ctx, what)
	return watched, func(err error) {
		if err != nil {
			err = c.fault(ctx, "", "", err)
		}
		told(err)
	}
}

// answered hands out the rows of the next answer. A server is not trusted to
// send what it announced: rows of another width are an error, and no panic.
func (s *statement) answered(pipeline *pgconn.Pipeline) error {
	results, err := pipeline.GetResults()
	if err != nil {
		return err
	}
	reader, ok := results.(*pgconn.ResultReader)
	if !ok {
		return errors.New("the server's answers are out of step")
	}
	for reader.NextRow() {
		if s.take == nil || err != nil {
			continue
		}
		if err = errWidth(); len(reader.Values()) == s.width {
			err = s.take(reader.Values())
		}
	}
	_, closed := reader.Close()
	if closed != nil {
		return closed
	}
	return err
}

func errWidth() error {
	return &connectors.Error{
		Kind: connectors.KindInternal, Service: Service, Tried: "read an answer", Code: "answer_unexpected",
		Reason: "the server's answer has not the columns that were asked for", Hint: "Check that host and port are those of a PostgreSQL server.",
	}
}

// end rolls back what is open and keeps the connection where it is sound.
func (t *tx) end(ctx context.Context) {
	if t.conn == nil {
		return
	}
	if !t.conn.IsClosed() && t.conn.TxStatus() != 'I' && ctx.Err() == nil {
		_, _ = t.run(ctx, []statement{{sql: "ROLLBACK"}}) // it is looked at below
	}
	t.keep(ctx)
}

// keep gives the connection back for the next call, or closes it. Where a person
// has counted the server's connections, none is kept that nobody uses.
func (t *tx) keep(ctx context.Context) {
	conn := t.conn
	counted := t.c.own(ctx) > 0
	t.c.mu.Lock()
	sound := !counted && !t.c.closed && len(t.c.idle) < maxIdle && !conn.IsClosed() && !conn.IsBusy() && conn.TxStatus() == 'I'
	if sound {
		t.c.idle = append(t.c.idle, conn)
	}
	t.c.mu.Unlock()
	if counted {
		parting(conn)
	}
	if !sound {
		t.drop(ctx)
	}
	t.conn = nil
	t.release()
}

// parting tells the server that a connection ends and waits until it has ended
// there: whoever comes next is counted against it.
func parting(conn *pgconn.PgConn) {
	if conn.IsClosed() || conn.IsBusy() {
		return
	}
	way := conn.Conn()
	_ = way.SetDeadline(time.Now().Add(closeTime))
	conn.Frontend().Send(&pgproto3.Terminate{})
	if conn.Frontend().Flush() == nil {
		_, _ = io.Copy(io.Discard, way)
	}
}

// drop closes the connection; the server rolls back what was not committed.
// Where it broke in the middle of something, pgconn is asking the server to
// cancel that, which is waited for a little.
func (t *tx) drop(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTime)
	defer cancel()
	if !t.conn.IsClosed() {
		_ = t.conn.Close(ctx) // it is given up either way
		return
	}
	_ = t.conn.Conn().Close()
	select {
	case <-t.conn.CleanupDone():
	case <-ctx.Done():
	}
}

// look runs statements in a read-only transaction of their own.
func (c *Connector) look(ctx context.Context, statements ...statement) error {
	return c.within(ctx, looking, statements...)
}

func (c *Connector) within(ctx context.Context, m mode, statements ...statement) error {
	t, err := c.begin(ctx, m, statements...)
	if err != nil {
		return err
	}
	t.end(ctx)
	return nil
}
