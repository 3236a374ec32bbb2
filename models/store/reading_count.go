package store

import (
	"context"
	"database/sql"
	"time"
)

const (
	// maxCount is up to where a filter's records are counted exactly.
	maxCount = 10_000
	// countPatience is how long an answer waits for its count.
	countPatience = 30 * time.Millisecond
)

// filterCount is the count of one filter's records at one version of the table, or
// the counting under way.
type filterCount struct {
	version int64
	done    chan struct{}
	n       int64 // valid once done; maxCount+1 means more
	err     error
	before  *filterCount // the last one that was finished, to answer with meanwhile
}

// count begins to count a view's records, unless that is known or under way.
func (r *reading) count(v *view) *filterCount {
	if v.query.Filter == nil {
		return nil
	}
	query := v.query
	query.Sort = nil
	key := fingerprint(v.table.ID, query)
	r.mu.Lock()
	defer r.mu.Unlock()
	known, _ := r.counts.Get(key)
	if known != nil && (known.version == v.version || !known.finished()) {
		return known
	}
	c := &filterCount{version: v.version, done: make(chan struct{})}
	if known != nil && known.err == nil {
		known.before = nil
		c.before = known
	}
	r.counts.Add(key, c)
	r.beside(workTime, func(ctx context.Context) {
		defer close(c.done)
		c.n, c.err = v.countRecords(ctx)
	})
	return c
}

func (v *view) countRecords(ctx context.Context) (n int64, err error) {
	q := v.sql()
	query := "SELECT count(*) FROM (SELECT 1 FROM " + v.records + " WHERE " + v.where(q) + " LIMIT " + q.arg(maxCount+1) + ") counted"
	err = v.each(ctx, query, q.args, func(rows *sql.Rows) error { return rows.Scan(&n) })
	return n, err
}

func (c *filterCount) finished() bool {
	select {
	case <-c.done:
		return true
	default:
		return false
	}
}

// rare reports that a filter is known to match less than one record in 500:
// walking along an index would then meet nearly all records.
func (c *filterCount) rare(v *view) bool {
	if c == nil {
		return false
	}
	answer := c
	if !c.finished() || c.err != nil {
		answer = c.before
	}
	return answer != nil && answer.n*500 < v.table.RecordCount
}

// wait gives the count: at once where it is known, after a moment's patience
// where it is under way (small tables wait until it is there), else the one of
// an older version, or -1.
func (c *filterCount) wait(ctx context.Context, v *view) (total int64, exact, stale bool) {
	if c == nil {
		return v.table.RecordCount, true, false
	}
	patience := countPatience
	if v.table.RecordCount < largeTable {
		patience = queryTime
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-c.done:
	case <-timer.C:
	case <-ctx.Done():
	}
	answer := c
	if !c.finished() || c.err != nil {
		answer = c.before
	}
	if answer == nil {
		return -1, false, true
	}
	if answer.n > maxCount {
		return maxCount, false, answer.version != v.version
	}
	return answer.n, true, answer.version != v.version
}
