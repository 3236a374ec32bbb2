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
	ids     []int64 // valid once done, never nil then; more than maxCount are not all
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
	copied := *v // the reader goes on to change its own
	if known != nil && known.err == nil {
		known.before = nil
		c.before = known
	}
	r.counts.Add(key, c)
	r.beside(workTime, func(ctx context.Context) {
		defer close(c.done)
		c.ids, c.err = copied.findRecords(ctx)
	})
	return c
}

// findRecords finds the records a filter matches, up to one more than are
// counted. Few of them are worth keeping: pages are then read by their ids.
func (v *view) findRecords(ctx context.Context) ([]int64, error) {
	q := v.sql()
	ids := []int64{}
	query := "SELECT id FROM " + v.records + " WHERE " + v.where(q) + " LIMIT " + q.arg(maxCount+1)
	err := v.each(ctx, query, q.args, func(rows *sql.Rows) error {
		var id int64
		err := rows.Scan(&id)
		ids = append(ids, id)
		return err
	})
	return ids, err
}

func (c *filterCount) finished() bool {
	select {
	case <-c.done:
		return true
	default:
		return false
	}
}

// known gives the ids of all records a filter matches, when they are counted at
// this version and not too many; else nil.
func (c *filterCount) known(v *view) []int64 {
	if c == nil || c.version != v.version || !c.finished() || c.err != nil || len(c.ids) > maxCount {
		return nil
	}
	return c.ids
}

// few is known after the counting under way has ended.
func (c *filterCount) few(ctx context.Context, v *view) []int64 {
	if c == nil {
		return nil
	}
	select {
	case <-c.done:
	case <-ctx.Done():
	}
	return c.known(v)
}

// wait gives the count: at once where it is known, after a moment's patience
// where it is under way (small tables wait until it is there), else the one of
// an older version, or -1.
func (c *filterCount) wait(ctx context.Context, v *view) (total int64, exact, stale bool) {
	if c == nil {
		return v.table.RecordCount, true, false
	}
	patience := countPatience
	if !v.large() {
		patience = v.o.s.reading.queryTime
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
	if len(answer.ids) > maxCount {
		return maxCount, false, answer.version != v.version
	}
	return int64(len(answer.ids)), true, answer.version != v.version
}
