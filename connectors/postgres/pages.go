package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/scratch-platform/scratch/connectors"
	"github.com/scratch-platform/scratch/models"
)

const (
	// firstRow is how long a server may sort and compute before its first row
	// comes; stalled how long it may be silent after that.
	firstRow = 15 * time.Minute
	stalled  = 2 * time.Minute
	// pageTime is when a page that has rows is given though it is not full: what a
	// slow view took long to give is kept.
	pageTime = 20 * time.Second
	// maxLeft bounds the rows left out that a page names.
	maxLeft = 3
)

var errStalled = errors.New("the server sent nothing for too long")

// ReadAll gives every row, in one snapshot. Where it goes on from a cursor, or
// after the server was away, it says that the rest is of another snapshot.
func (c *Connector) ReadAll(ctx context.Context, req connectors.ReadRequest) (connectors.Pages, error) {
	return c.read(ctx, req, nil)
}

func (c *Connector) read(ctx context.Context, req connectors.ReadRequest, since *watermark) (connectors.Pages, error) {
	p := &pages{c: c, schema: req.Schema, since: since}
	if req.Cursor != nil {
		if err := json.Unmarshal(req.Cursor, &p.place); err != nil || p.place.Print == "" {
			return nil, &connectors.Error{
				Kind: connectors.KindInvalid, Service: Service, Tried: "read " + req.Schema.RemoteID, Table: req.Schema.RemoteID, Code: "cursor_invalid",
				Reason: "the place to go on from is not one of this connector's", Hint: "Download the table again from its beginning.",
			}
		}
		p.given = true
	}
	return p, nil
}

// pages is one enumeration. It has a stream from the first Next on, and a new
// one after an error.
type pages struct {
	c      *Connector
	schema connectors.Schema
	since  *watermark
	place  cursor
	given  bool // a page was given, here or before the cursor
	done   bool

	t      *tx
	plan   *rowPlan
	rows   *pgconn.ResultReader
	cancel context.CancelCauseFunc
	began  func(error) // ends the exchange that brings the first row
	spans  [][2]int
	weight int // of the last page, to make room for the next
	warned []models.Problem
	left   int          // rows left out of the page under way
	came   atomic.Int64 // rows
	due    atomic.Bool  // the page under way has taken its time
}

// Close ends the stream.
func (p *pages) Close() error {
	p.stop(context.Background(), nil) // whoever reads no further has what it wants
	return nil
}

func (p *pages) stop(ctx context.Context, err error) {
	if p.t == nil {
		return
	}
	p.cancel(context.Canceled) // the server need not send what nobody reads
	_, _ = p.rows.Close()      // an enumeration is complete by its rows' end alone
	p.answered(err)
	p.t.drop(ctx)
	p.t.release()
	p.t, p.rows = nil, nil
}

// Next gives the next rows in one piece of memory. After an error it goes on
// behind the last page that was given.
func (p *pages) Next(ctx context.Context) (connectors.Page, error) {
	if p.done {
		return connectors.Page{}, io.EOF
	}
	patience := stalled
	if p.t == nil {
		patience = firstRow
		if err := p.begin(ctx); err != nil {
			return connectors.Page{}, p.c.fault(ctx, "read the rows of "+p.schema.RemoteID, p.schema.RemoteID, err)
		}
	}
	page, err := p.watched(ctx, patience)
	if err != nil {
		err = p.c.fault(ctx, "read the rows of "+p.schema.RemoteID, p.schema.RemoteID, err)
		p.stop(ctx, err)
		return connectors.Page{}, err
	}
	// A table without rows still leaves a place for the next incremental read.
	if len(page.Records)+len(page.Warnings) == 0 && (p.given || page.Watermark == nil) {
		return connectors.Page{}, io.EOF
	}
	p.given = true
	return page, nil
}

// watched reads a page and ends the stream of a server that sends no row for too
// long, however many came before.
func (p *pages) watched(ctx context.Context, patience time.Duration) (connectors.Page, error) {
	p.due.Store(false)
	due := time.AfterFunc(p.c.pageTime, func() { p.due.Store(true) })
	defer due.Stop()
	var watch *time.Timer
	cancel, seen, silence := p.cancel, p.came.Load(), make(chan struct{})
	armed := make(chan struct{})
	watch = time.AfterFunc(patience, func() {
		<-armed
		if now := p.came.Load(); now != seen {
			seen = now
			watch.Reset(stalled)
			return
		}
		close(silence)
		cancel(errStalled)
	})
	close(armed)
	page, err := p.page(ctx)
	watch.Stop()
	select {
	case <-silence:
		if err != nil && ctx.Err() == nil {
			err = silent(p.schema.RemoteID, patience)
		}
	default:
	}
	return page, err
}

// begin opens a snapshot, looks at the table in it, and starts the stream.
func (p *pages) begin(ctx context.Context) error {
	name, err := parseTable(p.schema.RemoteID)
	if err != nil {
		return err
	}
	r := &relation{tableName: name}
	t, err := p.c.begin(ctx, streaming, lookup(r)...)
	if err != nil {
		return err
	}
	if err := p.start(ctx, t, r); err != nil {
		t.end(ctx)
		return err
	}
	return nil
}

func (p *pages) start(ctx context.Context, t *tx, r *relation) error {
	chosen, err := readSettings(p.schema.Settings)
	if err != nil {
		return err
	}
	if err := r.ready(chosen); err != nil {
		return err
	}
	if p.plan, err = r.planRows(p.schema); err != nil {
		return err
	}
	p.plan.large = r.toast
	if err := p.resume(ctx, t, r, chosen); err != nil {
		return err
	}
	sql, args, err := p.query(r, chosen)
	if err != nil {
		return err
	}
	stream, cancel := context.WithCancelCause(ctx)
	stream, p.began = p.c.watch(stream, "first row")
	p.rows = t.conn.ExecParams(stream, sql, args, nil, nil, p.plan.formats())
	p.t, p.cancel = t, cancel
	p.spans = make([][2]int, len(p.plan.cells))
	return nil
}

// page reads rows until a page is full.
func (p *pages) page(ctx context.Context) (connectors.Page, error) {
	var (
		fields = make([]byte, 0, p.weight+p.weight/8+1<<10)
		rows   = make([]row, 0, pageRows)
		ends   = make([]int, 0, pageRows)
		place  = p.place
	)
	p.left = 0
	for len(rows) < pageRows && len(fields) < pageBytes && (len(rows) == 0 || !p.due.Load()) {
		if !p.rows.NextRow() {
			if err := p.ended(ctx); err != nil {
				return connectors.Page{}, err
			}
			break
		}
		p.came.Add(1)
		p.answered(nil)
		if len(p.rows.Values()) != p.plan.width() {
			return connectors.Page{}, errWidth()
		}
		if len(rows) == 0 && !p.plan.holds(p.rows.FieldDescriptions()) {
			return connectors.Page{}, altered(p.schema.RemoteID)
		}
		var one row
		var err error
		if fields, one, err = p.plan.read(fields, p.rows.Values(), p.spans); err != nil {
			return connectors.Page{}, err
		}
		again, err := place.moveTo(one, p.plan)
		if err != nil {
			return connectors.Page{}, err
		}
		if again {
			fields = fields[:lastOf(ends)]
			continue
		}
		if one.left != nil {
			p.leave(one)
			continue
		}
		rows, ends = append(rows, one), append(ends, len(fields))
	}
	p.place = place
	p.weight = len(fields)
	return p.finish(rows, ends, fields)
}

// answered tells what became of the query, once: how long its rows then take is
// up to whoever stores them.
func (p *pages) answered(err error) {
	if p.began != nil {
		p.began(err)
		p.began = nil
	}
}

func lastOf(ends []int) int {
	if len(ends) == 0 {
		return 0
	}
	return ends[len(ends)-1]
}

func silent(table string, patience time.Duration) error {
	return &connectors.Error{
		Kind: connectors.KindTimeout, Service: Service, Tried: "read rows", Table: table, Code: "server_silent", Cause: errStalled,
		Reason: fmt.Sprintf("the server sent nothing for %s", patience), Hint: "The database is slow, or something holds a lock; it is tried again.",
	}
}

func altered(table string) error {
	return &connectors.Error{
		Kind: connectors.KindUnavailable, Service: Service, Tried: "read rows", Table: table, Code: "table_altered",
		Reason: "the table was altered in the moment it was opened", Hint: againHint,
	}
}

// ended closes the stream behind its last row.
func (p *pages) ended(ctx context.Context) error {
	_, err := p.rows.Close()
	if err != nil {
		return err
	}
	p.answered(nil)
	p.cancel(nil)
	p.done = true
	t := p.t
	p.t, p.rows = nil, nil
	t.end(ctx)
	return nil
}

// leave names a row that makes no record.
func (p *pages) leave(one row) {
	p.left++
	if p.left <= maxLeft {
		p.warned = append(p.warned, *one.left)
	}
}

// finish puts the rows read into a page.
func (p *pages) finish(rows []row, ends []int, fields []byte) (connectors.Page, error) {
	if p.left > maxLeft {
		p.warned = append(p.warned, *models.NewProblem(models.KindTooLarge, "records.left_out",
			fmt.Sprintf("%d more rows of %s were left out near row %s.", p.left-maxLeft, p.plan.relation, models.Bound(p.place.ID, 100)), ""))
	}
	page := connectors.Page{Records: make([]connectors.Record, len(rows)), Total: -1, Bytes: cap(fields), Warnings: p.warned}
	p.warned = nil
	start := 0
	for i, one := range rows {
		page.Records[i] = connectors.Record{RemoteID: one.id, Fields: fields[start:ends[i]:ends[i]], Marker: one.marker}
		page.Bytes += len(one.id) + len(one.marker)
		start = ends[i]
	}
	var err error
	if p.place.Mark != nil {
		if page.Watermark, err = json.Marshal(p.place.Mark); err != nil {
			return page, fmt.Errorf("write the watermark: %w", err)
		}
	}
	if page.Cursor, err = json.Marshal(p.place); err != nil {
		return page, fmt.Errorf("write the cursor: %w", err)
	}
	return page, nil
}
