package store

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/scratch-platform/scratch/models"
)

const (
	// aheadPages is how many pages of one download are in the database's hands
	// at a time: the one whose turn it is, and the next. One backend parses and
	// writes rows at about half the rate at which one core reads them.
	aheadPages = 2
	// aheadPatience is the longest that rows loaded ahead wait for their turn.
	// Whoever waits for one of them, such as a publish whose new record has the
	// same id, is let through then.
	aheadPatience = 2 * time.Second
	// aheadRest bounds how many pages are stored one by one after a page that
	// was ahead in vain; it doubles from one with each such page.
	aheadRest = 64
)

// SavePages stores pages in the order they come, each as SavePage does, and
// brings run up to date; saved is told of each once it is committed. It returns
// when pages is closed and all are stored, or with the first error: then the
// pages before that one are stored, and none after it.
//
// On PostgreSQL the rows of the next page are loaded, or compared and parsed, on
// a second connection while the last page is being stored. What that may rely on
// is decided when its turn comes, under the locks that SavePage takes: whether
// the attempt may still write, and whether anybody changed the table's records
// meanwhile. If so, the work is thrown away and the page stored in the plain way.
func (o *Org) SavePages(ctx context.Context, run *models.DownloadRun, pages <-chan PageWrite, saved func(PageWrite, PageResult)) error {
	q := &pageQueue{o: o, run: run, saved: saved, patience: aheadPatience}
	return q.save(ctx, pages)
}

// pageQueue is the work of one SavePages.
type pageQueue struct {
	o        *Org
	run      *models.DownloadRun
	saved    func(PageWrite, PageResult)
	patience time.Duration
	// ready, when not nil, is told of a page whose work ahead is done.
	ready func(PageWrite)

	slot   bool         // one of the store's places for two connections is ours
	flying []*earlyPage // in the order of their pages: the first has its turn
	work   sync.WaitGroup
	ids    idRange
	rest   int // so many pages are stored one by one
	vain   int // pages in a row that were ahead in vain
}

func (q *pageQueue) save(ctx context.Context, pages <-chan PageWrite) error {
	defer q.end()
	for pages != nil || len(q.flying) > 0 {
		from := pages
		if len(q.flying) == aheadPages {
			from = nil
		}
		var first <-chan struct{}
		if len(q.flying) > 0 {
			first = q.flying[0].done
		}
		var err error
		select {
		case page, more := <-from:
			if !more {
				pages = nil
				continue
			}
			err = q.take(ctx, page)
		case <-first:
			err = q.land(ctx)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// end gives up what is under way.
func (q *pageQueue) end() {
	q.abandon()
	if q.slot {
		<-q.o.s.ahead
	}
}

// abandon rolls back the pages under way.
func (q *pageQueue) abandon() {
	for _, f := range q.flying {
		f.cancel()
	}
	q.work.Wait()
	q.flying = nil
}

// take begins with a page: at once where it can be worked on ahead, else when
// those before it are stored.
func (q *pageQueue) take(ctx context.Context, page PageWrite) error {
	records, err := distinct(page.Records)
	if err == nil && q.mayFly(page, records) {
		if err := q.launch(ctx, page, records); err != nil {
			return err
		}
		if len(q.flying) > 0 {
			return nil
		}
	}
	// A page that cannot be stored stops none before it.
	for len(q.flying) > 0 {
		<-q.flying[0].done
		if err := q.land(ctx); err != nil {
			return err
		}
	}
	return q.plain(ctx, page)
}

// mayFly says whether a page is worth a second connection and safe on it.
func (q *pageQueue) mayFly(page PageWrite, records pageRecords) bool {
	if q.o.s.ahead == nil || len(records.list) == 0 || len(page.Deleted) > 0 {
		return false
	}
	if page.Complete && len(q.flying) == 0 {
		return false // nothing to be ahead of
	}
	if q.rest > 0 {
		q.rest--
		return false
	}
	// Two pages with one record must not meet in the database: the second would
	// wait for the first there, and the first may be waiting for its turn.
	for _, f := range q.flying {
		for _, r := range records.list {
			if _, both := f.records.at[r.RemoteID]; both {
				return false
			}
		}
	}
	if !q.slot {
		select {
		case q.o.s.ahead <- struct{}{}:
			q.slot = true
		default:
		}
	}
	return q.slot
}

// launch begins to work on a page ahead of its turn.
func (q *pageQueue) launch(ctx context.Context, page PageWrite, records pageRecords) error {
	f := &earlyPage{page: page, records: records, allNew: q.run.HadRecords == 0, turn: make(chan turn, 1), done: make(chan struct{})}
	if f.allNew {
		var err error
		if f.first, f.seq, err = q.newIDs(ctx, int64(len(records.list))); err != nil {
			return err
		}
	}
	// Promise 7: no page has its turn before the one it follows is stored.
	if len(q.flying) == 0 {
		f.turn <- turn{}
	}
	ctx, f.cancel = context.WithCancel(ctx)
	run := *q.run
	q.flying = append(q.flying, f)
	q.work.Go(func() {
		defer close(f.done)
		defer f.cancel()
		f.fly(ctx, q, &run)
	})
	return nil
}

// land takes the outcome of the first page under way, and lets the next have its
// turn: never before, or the place to go on from would be behind records that
// are not there (Promise 7).
func (q *pageQueue) land(ctx context.Context) error {
	f := q.flying[0]
	if f.err != nil {
		if !q.inVain(f) {
			return q.o.s.explain(ctx, f.err)
		}
		return q.redo(ctx)
	}
	q.vain = 0
	q.flying = q.flying[1:]
	if len(q.flying) > 0 {
		q.flying[0].turn <- turn{after: &f.version}
	}
	q.took(f.page, f.next, f.result)
	return nil
}

// inVain says whether a page that failed is certain not to be stored and may be
// stored in the plain way. Where it was in its turn, only what the database
// itself refused is certain: a commit whose answer was lost may have happened,
// and the page would count twice (Promise 7).
func (q *pageQueue) inVain(f *earlyPage) bool {
	if !f.inTurn || errors.Is(f.err, errOvertaken) || q.o.s.isUnique(f.err) {
		return true
	}
	return q.o.s.dialect.classify(f.err) == faultRetry
}

// redo stores the pages under way in the plain way.
func (q *pageQueue) redo(ctx context.Context) error {
	flown := q.flying
	q.abandon()
	q.rest = min(1<<min(q.vain, 10), aheadRest)
	q.vain++
	for _, f := range flown {
		if err := q.plain(ctx, f.page); err != nil {
			return err
		}
	}
	return nil
}

// plain stores a page when none is under way.
func (q *pageQueue) plain(ctx context.Context, page PageWrite) error {
	next := *q.run
	result, err := q.o.SavePage(ctx, &next, page)
	if err != nil {
		return err
	}
	q.took(page, next, result)
	return nil
}

func (q *pageQueue) took(page PageWrite, next models.DownloadRun, result PageResult) {
	next.AsOf = q.run.AsOf
	*q.run = next
	q.saved(page, result)
}

// idRange are record ids that were reserved and not yet given out.
type idRange struct {
	next, left int64
	size       int64 // of the last reservation
	seq        int64 // names the table of the records
}

// newIDs hands out n ids in a row, from a stock that grows with what is taken:
// a reservation takes the table's lock, and ids that are left over are lost.
func (q *pageQueue) newIDs(ctx context.Context, n int64) (first, seq int64, err error) {
	const most = 100_000
	if q.ids.left < n {
		size := max(n, min(2*max(n, q.ids.size), most))
		err := q.o.tx(ctx, func(tx *Tx) error {
			c, err := tx.changeRecords(q.run.TableID)
			if err != nil {
				return err
			}
			if _, err := tx.lockRun(q.run); err != nil {
				return err
			}
			q.ids = idRange{left: size, size: size, seq: c.row.Seq}
			q.ids.next, err = c.newIDs(int(size))
			return err
		})
		if err != nil {
			return 0, 0, err
		}
	}
	first = q.ids.next
	q.ids.next += n
	q.ids.left -= n
	return first, q.ids.seq, nil
}
