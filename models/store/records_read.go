package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/scratch-platform/scratch/models"
)

// Limits of reading records.
const (
	defaultRecords = 100
	maxRecords     = 1000
	// queryTime is how long one read may take before it is given up.
	queryTime = 5 * time.Second
	// largeTable is from how many records on sorts get an index, and counting
	// and finding a position go on beside the answer instead of before it.
	largeTable = 20_000
)

// ReadOptions asks for a part of a table's records.
type ReadOptions struct {
	// Query is the filter and sort, as models.CheckQuery passed it.
	Query models.Query
	// Cursor is the NextCursor of the page before; empty starts at At.
	Cursor string
	// At starts at a row by its ordinal, from 0; negative starts at the first.
	At int64
	// Limit is how many records, at most 1,000; 0 takes 100.
	Limit int
}

// RecordPage is a part of a table's records in the order of a query.
type RecordPage struct {
	Records    []models.Record
	NextCursor string // empty at the end
	// Total is how many records the query has. Without TotalExact it is a lower
	// bound ("10,000+"), or -1 while it is being counted.
	Total      int64
	TotalExact bool
	// ViewVersion changes with every change of the table's records.
	ViewVersion string
	// Stale says that Total, or the place At was found at, is of an older
	// version; asking again a little later gives the newer.
	Stale bool
	// Preparing says that an index for the sort is being built; until then the
	// table is sorted anew for each page.
	Preparing bool
}

// ReadRecords reads a page of a table's records. A filter or sort that takes
// longer than five seconds is given up as "records.query_too_slow".
func (o *Org) ReadRecords(ctx context.Context, tableID string, options ReadOptions) (RecordPage, error) {
	v, err := o.view(ctx, tableID, options.Query)
	if err != nil {
		return RecordPage{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, o.s.reading.queryTime)
	defer cancel()
	page := RecordPage{ViewVersion: fmt.Sprintf("%d.%d", v.table.SchemaVersion, v.version)}
	page.Preparing, v.indexed = o.s.reading.prepareSort(v) //nolint:contextcheck // an index is built whoever waits for it
	v.counted = o.s.reading.count(v)                       //nolint:contextcheck // a count goes on whoever asked for it
	v.only = v.counted.known(v)
	limit := options.Limit
	if limit <= 0 {
		limit = defaultRecords
	}
	limit = min(limit, maxRecords)

	from, skip, stale, err := v.start(ctx, options)
	if err != nil {
		return RecordPage{}, v.slow(ctx, err)
	}
	records, last, more, err := v.read(ctx, from, skip, limit)
	if err != nil {
		return RecordPage{}, v.slow(ctx, err)
	}
	page.Records = records
	if more {
		page.NextCursor = cursor{Query: v.fingerprint, place: last}.String()
	}
	page.Total, page.TotalExact, page.Stale = v.counted.wait(ctx, v)
	page.Stale = page.Stale || stale
	return page, nil
}

// view is a query on a table, ready to be read.
type view struct {
	o           *Org
	table       tableRow
	records     string
	query       models.Query
	version     int64
	fingerprint uint64
	conflicts   map[string][]int64
	tx          *Tx  // reads inside a transaction, when set
	indexed     bool // an index for the sort is ready
	counted     *filterCount
	only        []int64 // all records the filter matches, when they are known and few
}

// view checks the query and looks the table up.
func (o *Org) view(ctx context.Context, tableID string, query models.Query) (*view, error) {
	var row tableRow
	if err := o.rows(ctx, &row).Where("id = ? AND deleted_at IS NULL", tableID).Take(&row).Error; err != nil {
		return nil, o.s.one(ctx, "table", tableID, err)
	}
	if err := models.CheckQuery(&query, row.Columns.V); err != nil {
		return nil, err
	}
	v := &view{o: o, table: row, records: recordTable(row.Seq), query: query, version: row.RecordsVersion, fingerprint: fingerprint(tableID, query)}
	if err := v.findConflicts(ctx); err != nil {
		return nil, v.slow(ctx, err)
	}
	return v, nil
}

// findConflicts looks up the records in conflict that the filter asks for.
func (v *view) findConflicts(ctx context.Context) error {
	for _, column := range filtersConflicts(v.query.Filter) {
		ids, err := v.inConflict(ctx, column)
		if err != nil {
			return err
		}
		if v.conflicts == nil {
			v.conflicts = map[string][]int64{}
		}
		v.conflicts[column] = ids
	}
	return nil
}

// large reports whether the table is too large to sort or count on every read.
func (v *view) large() bool { return v.table.RecordCount >= v.o.s.reading.largeTable }

// sql starts the text of a query on the view.
func (v *view) sql() *querySQL {
	return &querySQL{pg: v.o.s.dialect.name() == "postgres", columns: v.table.Columns.V, conflicts: v.conflicts, tableID: v.table.ID, org: v.o.id}
}

// where is the filter as a condition.
func (v *view) where(q *querySQL) string {
	if v.query.Filter == nil {
		return "1 = 1"
	}
	if v.only != nil {
		return q.inIDs(v.only)
	}
	return "(" + q.filter(v.query.Filter) + ")"
}

// each runs a reading statement as the compiler made it.
func (v *view) each(ctx context.Context, query string, args []any, visit func(*sql.Rows) error) error {
	rows, err := v.rows(ctx, query, args)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		if err := visit(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

func (v *view) rows(ctx context.Context, query string, args []any) (*sql.Rows, error) {
	if v.tx != nil {
		return v.tx.sql.QueryContext(ctx, query, args...)
	}
	pool, err := v.o.s.read.DB()
	if err != nil {
		return nil, err
	}
	return pool.QueryContext(ctx, query, args...)
}

// walkTime is how long a page may look for its records along the sort index
// before they are looked for everywhere.
const walkTime = 500 * time.Millisecond

// errLongWalk says that a walk along the sort index met too few records.
var errLongWalk = errors.New("too few records along the index")

// walk runs the query of a page. PostgreSQL knows nothing of how often a
// filter's expressions hold, thinks all of them rare, and would read and sort
// the whole table; where an index has the order, walking along it is a hundred
// times faster, unless the filter is rare indeed.
func (v *view) walk(ctx context.Context, query string, args []any, visit func(*sql.Rows) error) error {
	if !v.indexed || v.only != nil || v.query.Filter == nil || v.o.s.dialect.name() != "postgres" {
		return v.each(ctx, query, args, visit)
	}
	err := v.alongIndex(ctx, query, args, visit)
	if err != nil && ctx.Err() == nil && v.o.s.dialect.classify(err) == faultTimeout {
		return errLongWalk
	}
	return err
}

func (v *view) alongIndex(ctx context.Context, query string, args []any, visit func(*sql.Rows) error) error {
	pool, err := v.o.s.read.DB()
	if err != nil {
		return err
	}
	tx, err := pool.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	if _, err := tx.ExecContext(ctx, "SELECT set_config('enable_sort', 'off', true), set_config('max_parallel_workers_per_gather', '0', true), set_config('jit', 'off', true), set_config('statement_timeout', $1, true)",
		strconv.FormatInt(walkTime.Milliseconds(), 10)); err != nil {
		return err
	}
	rows, err := tx.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		if err := visit(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// slow explains an error; one of our own time limit is the query's fault.
func (v *view) slow(ctx context.Context, err error) error {
	if _, ok := models.AsProblem(err); ok {
		return err
	}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) || v.o.s.dialect.classify(err) == faultTimeout && ctx.Err() == nil {
		return models.NewProblem(models.KindTimeout, "records.query_too_slow",
			"the filter or sort took longer than this table allows",
			"filter by a column the table is sorted by, look for something less rare, or sort by one column and wait until its index is ready").Because(err)
	}
	return v.o.s.explain(ctx, err)
}

// inConflict gives the ids of the records in conflict, in one column or any.
// There are seldom many edited records, and a partial index finds them.
func (v *view) inConflict(ctx context.Context, column string) ([]int64, error) {
	ids := []int64{}
	query := "SELECT " + recordColumns + " FROM " + v.records + " WHERE (edits IS NOT NULL OR state <> 0) AND edits IS NOT NULL"
	err := v.each(ctx, query, nil, func(rows *sql.Rows) error {
		r, err := scanRecord(rows)
		if err != nil {
			return err
		}
		for _, c := range models.ConflictsOf(v.table.Columns.V, &r) {
			if column == "" || c.Column == column {
				ids = append(ids, r.ID)
				break
			}
		}
		return nil
	})
	return ids, err
}

// start gives the place a page starts from: behind a cursor, or at an ordinal,
// which is so many rows to skip from the nearest anchor.
func (v *view) start(ctx context.Context, options ReadOptions) (from *startAt, skip int64, stale bool, err error) {
	if options.Cursor != "" {
		p, err := parseCursor(options.Cursor, v.fingerprint, v.sql().order(v.query.Sort))
		return &startAt{place: p}, 0, false, err
	}
	if options.At <= 0 {
		if v.large() && v.query.Filter == nil {
			// Whoever reads the top of a grid scrolls next.
			v.o.s.reading.lookAhead(v) //nolint:contextcheck // the pass goes on whoever asked for it
		}
		return nil, 0, false, nil
	}
	if !v.large() || v.only != nil {
		return nil, options.At, false, nil
	}
	anchors, err := v.o.s.reading.anchors(ctx, v)
	if err != nil || anchors == nil {
		return nil, options.At, false, err
	}
	from, skip = anchors.before(options.At)
	return from, skip, anchors.version != v.version, nil
}

// startAt is a place to start from; inclusive when the record there is the
// first to be read.
type startAt struct {
	place
	inclusive bool
}

// read reads records from a place on, over both parts of the order.
func (v *view) read(ctx context.Context, from *startAt, skip int64, limit int) (records []models.Record, last place, more bool, err error) {
	first := 0
	if from != nil {
		first = partOf(from.place)
	}
	want := limit + 1
	for part := first; len(records) < want; part++ {
		q := v.sql()
		keys := q.order(v.query.Sort)
		all := parts(keys)
		if part >= len(all) {
			break
		}
		columns := recordColumns + placeColumns(q, keys)
		condition := all[part] + " AND " + v.where(q)
		if from != nil && part == first {
			condition += " AND " + q.after(keys, part, from.place, from.inclusive)
		}
		n, before := 0, len(records)
		query := "SELECT " + columns + " FROM " + v.records + " WHERE " + condition + " ORDER BY " + orderBy(keys, part) +
			" LIMIT " + q.arg(want-len(records)) + " OFFSET " + q.arg(skip)
		err = v.walk(ctx, query, q.args, func(rows *sql.Rows) error {
			values, targets := placeTargets(len(keys))
			r, err := scanRecord(rows, targets...)
			if err != nil {
				return err
			}
			n++
			if len(records) < limit {
				last = placeOf(values, r.ID)
			}
			records = append(records, r)
			return nil
		})
		if errors.Is(err, errLongWalk) {
			// The counting beside this read finds the few records, if few they are.
			v.indexed, v.only = false, v.counted.few(ctx, v)
			records, part = records[:before], part-1
			continue
		}
		if err != nil {
			return nil, last, false, err
		}
		if n == 0 && skip > 0 && part+1 < len(all) {
			if skip, err = v.skipPart(ctx, part, from, first, skip); err != nil {
				return nil, last, false, err
			}
			continue
		}
		skip = 0
	}
	if more = len(records) > limit; more {
		records = records[:limit]
	}
	return records, last, more, nil
}

// skipPart counts a part that was skipped as a whole, and gives what is left to
// skip in the next.
func (v *view) skipPart(ctx context.Context, part int, from *startAt, first int, skip int64) (int64, error) {
	q := v.sql()
	keys := q.order(v.query.Sort)
	condition := parts(keys)[part] + " AND " + v.where(q)
	if from != nil && part == first {
		condition += " AND " + q.after(keys, part, from.place, from.inclusive)
	}
	var n int64
	err := v.each(ctx, "SELECT count(*) FROM "+v.records+" WHERE "+condition, q.args, func(rows *sql.Rows) error { return rows.Scan(&n) })
	return max(0, skip-n), err
}
