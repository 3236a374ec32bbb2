package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/scratch-platform/scratch/models"
)

const (
	// anchorEvery is how many rows lie between two anchors: the most a page by
	// ordinal has to skip. It is the page of a grid, which so skips none: a row
	// far down costs what the first does.
	anchorEvery = 100
	// maxAnchors bounds the anchors of one view, about 100 bytes each. In larger
	// tables they lie further apart.
	maxAnchors = 10_000
)

// positions are the anchors of one view, and the pass that finds them anew.
type positions struct {
	found   *anchors // nil before the first pass has ended
	passing chan struct{}
	took    time.Duration
	passed  time.Time
	err     error
}

// anchors are the places of every so many records of a view, row 0 the first.
type anchors struct {
	version int64
	every   int64
	places  []place
}

// before gives the last anchor up to a row, and how many rows lie between.
func (a *anchors) before(row int64) (from *startAt, skip int64) {
	n := min(row/a.every, int64(len(a.places))-1)
	if n < 0 {
		return nil, row // the view had no rows
	}
	return &startAt{place: a.places[n], inclusive: true}, row - n*a.every
}

// anchors gives the anchors of a view: those at hand even when the table has
// changed since (a new pass is then begun beside the answer), else those of a
// first pass, which is waited for. When that takes too long it goes on, and the
// answer is "records.preparing".
func (r *reading) anchors(ctx context.Context, v *view) (*anchors, error) {
	p, found, passing := r.lookAhead(v) //nolint:contextcheck // the pass goes on whoever asked for it
	if found != nil || passing == nil {
		return found, nil
	}
	select {
	case <-passing:
	case <-ctx.Done():
		if !errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return nil, ctx.Err()
		}
		return nil, models.NewProblem(models.KindUnavailable, "records.preparing", "the places of the rows in this order are still being looked up",
			"ask again in a moment; reading on from the top by cursor works meanwhile")
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return p.found, p.err
}

// lookAhead begins a pass over a view's positions, where one is due, and gives
// what is known.
func (r *reading) lookAhead(v *view) (p *positions, found *anchors, passing chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p, ok := r.positions.Get(v.fingerprint)
	if !ok {
		p = &positions{}
		r.positions.Add(v.fingerprint, p)
	}
	// A pass over a table that changes all the time must not follow on the last.
	rested := r.s.now().Sub(p.passed) > 5*p.took
	if p.passing == nil && (p.found == nil || p.found.version != v.version && rested) {
		begun := make(chan struct{})
		p.passing = begun
		copied := *v // the reader goes on to change its own
		r.beside(workTime, func(ctx context.Context) { r.pass(ctx, &copied, p, begun) })
	}
	return p, p.found, p.passing
}

func (r *reading) pass(ctx context.Context, v *view, p *positions, passing chan struct{}) {
	start := r.s.now()
	every := max(anchorEvery, v.table.RecordCount/maxAnchors)
	places, err := v.everyNth(ctx, every)
	r.mu.Lock()
	defer r.mu.Unlock()
	if p.err = err; err == nil {
		p.found = &anchors{version: v.version, every: every, places: places}
	}
	p.passed = r.s.now()
	p.took = p.passed.Sub(start)
	p.passing = nil
	close(passing)
}

// everyNth reads the places of rows 0, n, 2n, … in one pass.
func (v *view) everyNth(ctx context.Context, n int64) ([]place, error) {
	var places []place
	before := int64(0) // rows of the parts before
	for part := range parts(v.sql().order(v.query.Sort)) {
		q := v.sql()
		keys := q.order(v.query.Sort)
		order := orderBy(keys, part)
		inner := "SELECT id" + namedPlaces(q, keys) + ", row_number() OVER (ORDER BY " + order + ") AS nth FROM " + v.records +
			" WHERE " + parts(keys)[part] + " AND " + v.where(q)
		query := fmt.Sprintf("SELECT id%s, nth FROM (%s) numbered WHERE (nth + %s - 1) %% %s = 0 ORDER BY nth",
			placeNames(len(keys)), inner, q.arg(before)+v.integer(), q.arg(n)+v.integer())
		err := v.each(ctx, query, q.args, func(rows *sql.Rows) error {
			values, targets := placeTargets(len(keys))
			var id, nth int64
			if err := rows.Scan(append(append([]any{&id}, targets...), &nth)...); err != nil {
				return err
			}
			places = append(places, placeOf(values, id))
			return nil
		})
		if err != nil {
			return nil, err
		}
		if part+1 < len(parts(keys)) {
			if before, err = v.skipped(ctx, part); err != nil {
				return nil, err
			}
		}
	}
	return places, nil
}

// skipped counts the rows of a part.
func (v *view) skipped(ctx context.Context, part int) (n int64, err error) {
	q := v.sql()
	err = v.each(ctx, "SELECT count(*) FROM "+v.records+" WHERE "+parts(q.order(v.query.Sort))[part]+" AND "+v.where(q), q.args,
		func(rows *sql.Rows) error { return rows.Scan(&n) })
	return n, err
}

// integer is the cast PostgreSQL wants beside a placeholder in arithmetic.
func (v *view) integer() string {
	if v.o.s.dialect.name() == "postgres" {
		return "::bigint"
	}
	return ""
}

// namedPlaces are placeColumns with names.
func namedPlaces(q *querySQL, keys []sortKey) string {
	out := ""
	for i := range keys {
		out += placeColumns(q, keys[i:i+1]) + fmt.Sprintf(" AS key%d", i)
	}
	return out
}

func placeNames(n int) string {
	out := ""
	for i := range n {
		out += fmt.Sprintf(", key%d", i)
	}
	return out
}
