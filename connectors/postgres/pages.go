package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/zeebo/xxh3"

	"github.com/scratch-platform/scratch/connectors"
	"github.com/scratch-platform/scratch/models"
)

const (
	// firstRow is how long a server may sort and compute before its first row
	// comes; stalled how long it may be silent after that.
	firstRow = 15 * time.Minute
	stalled  = 2 * time.Minute
	// maxLeft bounds the rows left out that a page names.
	maxLeft = 3
)

var errStalled = errors.New("the server sent nothing for too long")

// cursor is a place in a table: behind a page's last row.
type cursor struct {
	ID     string `json:"id"`
	Digest string `json:"digest,omitempty"` // of a table without a key
	Number int64  `json:"number,omitempty"`
	Print  string `json:"print"` // tells the key and the way it is read
	// Mark is where the next incremental read begins, as it was found in the
	// first snapshot: later ones must not move it on.
	Mark *watermark `json:"mark,omitempty"`
}

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
	spans  [][2]int
	weight int // of the last page, to make room for the next
	warned []models.Problem
	left   int // rows left out of the page under way
}

// Close ends the stream.
func (p *pages) Close() error {
	p.stop(context.Background())
	return nil
}

func (p *pages) stop(ctx context.Context) {
	if p.t == nil {
		return
	}
	p.cancel(context.Canceled) // the server need not send what nobody reads
	_, _ = p.rows.Close()      // an enumeration is complete by its rows' end alone
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
	cancel := p.cancel
	watch := time.AfterFunc(patience, func() { cancel(errStalled) })
	page, err := p.page(ctx)
	if inTime := watch.Stop(); err != nil && !inTime && ctx.Err() == nil {
		err = silent(p.schema.RemoteID, patience)
	}
	if err != nil {
		err = p.c.fault(ctx, "read the rows of "+p.schema.RemoteID, p.schema.RemoteID, err)
		p.stop(ctx)
		return connectors.Page{}, err
	}
	// A table without rows still leaves a place for the next incremental read.
	if len(page.Records)+len(page.Warnings) == 0 && (p.given || page.Watermark == nil) {
		return connectors.Page{}, io.EOF
	}
	p.given = true
	return page, nil
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
	p.rows = t.conn.ExecParams(stream, sql, args, nil, nil, p.plan.formats())
	p.t, p.cancel = t, cancel
	p.spans = make([][2]int, len(p.plan.cells))
	return nil
}

// resume holds the cursor against the table, and finds where the next
// incremental read begins.
func (p *pages) resume(ctx context.Context, t *tx, r *relation, chosen settings) error {
	print := p.plan.print()
	if p.place.Print == "" {
		p.place.Print = print
		if chosen.Changed == "" {
			return nil
		}
		c, _ := r.column(chosen.Changed)
		mark, err := findMark(ctx, t, r, c)
		p.place.Mark = mark
		return err
	}
	if p.place.Print != print {
		return &connectors.Error{
			Kind: connectors.KindCursorExpired, Service: Service, Tried: "read " + p.schema.RemoteID, Code: "table_changed",
			Reason: "the table has another key, or columns of other types, than when the download began", Hint: "The download begins again.",
		}
	}
	if p.given {
		p.warned = append(p.warned, *models.NewProblem(models.KindConflict, "download.two_snapshots",
			fmt.Sprintf("%s was read in more than one snapshot of the database: the reading was interrupted and went on behind row %s.", r, models.Bound(p.place.ID, 100)),
			"Rows that were changed together in between may not fit together; download again to have them of one moment."))
	}
	return nil
}

// print tells the key, the columns and their types, and how rows are told apart.
func (p *rowPlan) print() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%q", p.relation.key)
	for _, c := range p.cells {
		fmt.Fprintf(&b, "|%q %s", c.column.name, c.column.declared)
	}
	return fmt.Sprintf("%016x", xxh3.HashString(b.String()))
}

// query is the statement of the stream.
func (p *pages) query(r *relation, chosen settings) (sql string, args [][]byte, err error) {
	var where []string
	if p.since != nil {
		condition, bound := p.since.condition(r, chosen)
		if condition != "" {
			where, args = append(where, condition), append(args, bound...)
		}
	}
	if p.plan.hashed {
		return p.hashedQuery(r, where, args)
	}
	if p.given {
		key, ok := keyOf(p.place.ID, len(r.key))
		if !ok {
			return "", nil, &connectors.Error{Kind: connectors.KindCursorExpired, Service: Service, Tried: "read " + p.schema.RemoteID, Reason: "the place to go on from is none of this table"}
		}
		marks := make([]string, len(key))
		for i, c := range r.keyColumns() {
			argument, err := c.keyArgument(key[i])
			if err != nil {
				return "", nil, err
			}
			args = append(args, argument)
			marks[i] = fmt.Sprintf("$%d", len(args))
		}
		where = append(where, fmt.Sprintf("(%s) > (%s)", p.plan.order(), strings.Join(marks, ", ")))
	}
	return fmt.Sprintf("SELECT %s FROM %s t%s ORDER BY %s", p.plan.columns("t."), r.sql(), conditions(where), p.plan.order()), args, nil
}

func conditions(where []string) string {
	if len(where) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(where, " AND ")
}

// hashedQuery reads a table without a key: a row's id is the digest of what it
// holds, with a number where several rows hold the same.
func (p *pages) hashedQuery(r *relation, where []string, args [][]byte) (string, [][]byte, error) {
	if p.given {
		args = append(args, []byte(p.place.Digest))
		where = append(where, fmt.Sprintf("%s >= $%d", p.plan.digest(), len(args)))
	}
	return p.plan.hashedSelect(r, where), args, nil
}

// digest is a row's digest as an expression. It has one form in every session:
// setup fixes how values are written.
func (p *rowPlan) digest() string {
	names := make([]string, len(p.cells))
	for i, c := range p.cells {
		names[i] = "t." + quote(c.column.name)
	}
	return "md5(ROW(" + strings.Join(names, ", ") + `)::text) COLLATE "C"`
}

// hashedSelect is the statement over rows with their digests.
func (p *rowPlan) hashedSelect(r *relation, where []string) string {
	const order = "q.scratch_row_digest"
	return fmt.Sprintf("SELECT %s, %s, row_number() OVER (PARTITION BY %s) AS scratch_row_number FROM (SELECT t.*, %s AS scratch_row_digest FROM %s t%s) q ORDER BY %s, scratch_row_number",
		p.columns("q."), order, order, p.digest(), r.sql(), conditions(where), order)
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
	for len(rows) < pageRows && len(fields) < pageBytes {
		if !p.rows.NextRow() {
			if err := p.ended(ctx); err != nil {
				return connectors.Page{}, err
			}
			break
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
	p.cancel(nil)
	p.done = true
	t := p.t
	p.t, p.rows = nil, nil
	t.end(ctx)
	return nil
}

// moveTo goes on to a row. again says that the row was given before the cursor:
// of a table without a key, those that hold the same as the last one do.
func (c *cursor) moveTo(one row, plan *rowPlan) (again bool, err error) {
	if plan.hashed {
		var number int64
		if _, err := fmt.Sscan(one.number, &number); err != nil {
			return false, errWire
		}
		if one.digest == c.Digest && number <= c.Number {
			return true, nil
		}
		c.Digest, c.Number = one.digest, number
	} else if one.id == c.ID && plan.relation.chosen {
		return false, &connectors.Error{
			Kind: connectors.KindInvalid, Service: Service, Tried: "read the rows of " + plan.relation.String(), Table: plan.relation.String(), Code: "identity_duplicate",
			Reason: fmt.Sprintf("the identity columns do not tell all rows apart: two rows have %s", models.Bound(one.id, 200)),
			Hint:   "Choose more or other identity columns.",
		}
	}
	c.ID = one.id
	return false, nil
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
