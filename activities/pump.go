package activities

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/scratch-platform/scratch/connectors"
	"github.com/scratch-platform/scratch/models"
	"github.com/scratch-platform/scratch/models/store"
)

const (
	// One transaction of a download holds about this much: below 1,000 rows of
	// 1 KB its fixed cost shows (measured: 17,500 rows/s at 100, 36,500 at 1,000,
	// 33,900 at 5,000), so narrow rows come in larger numbers; 4 MB bounds what
	// wide records hold in memory.
	saveRows  = 1000
	saveFill  = 1 << 20
	maxRows   = 5000
	saveBytes = 4 << 20
	// saveAfter is the longest a page waits for company when the service is
	// slow.
	saveAfter = time.Second
	// readBudget bounds the pages a connector fetches ahead.
	readBudget = 8 << 20
	// maxWarnings bounds what one transaction says about its pages.
	maxWarnings = 20
)

// enumerate reads pages from the run's cursor to the end and stores them. It
// returns nil only after io.EOF was stored as the run's completion (Promise 2).
func (c *copying) enumerate(ctx context.Context) error {
	c.asOf.Store(c.run.AsOf)
	pages, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = pages.Close() }()
	group, ctx := errgroup.WithContext(ctx)
	fetched, batches := make(chan connectors.Page), make(chan store.PageWrite)
	var ended error // why reading stopped; set before fetched is closed
	group.Go(func() error {
		defer close(fetched)
		ended = c.fetch(ctx, pages, fetched)
		return nil
	})
	group.Go(func() error {
		defer close(batches)
		return gather(ctx, fetched, &ended, batches)
	})
	group.Go(func() error { return c.save(ctx, batches) })
	if err := group.Wait(); err != nil {
		return err
	}
	if errors.Is(ended, io.EOF) {
		return nil
	}
	return ended
}

func (c *copying) open(ctx context.Context) (connectors.Pages, error) {
	request := connectors.ReadRequest{Schema: c.remote.schema, Cursor: c.run.Cursor, Budget: readBudget, AsOf: c.asOf.Load}
	if c.run.Mode == models.DownloadIncremental {
		reader, err := connectors.As[connectors.SinceReader](c.remote.connector, "read what changed")
		if err != nil {
			return nil, err
		}
		request.Since = c.remote.table.Watermark
		return reader.ReadSince(ctx, request)
	}
	reader, err := connectors.As[connectors.AllReader](c.remote.connector, "read all records")
	if err != nil {
		return nil, err
	}
	return reader.ReadAll(ctx, request)
}

// fetch reads until the end, an error, the turn's end or the worker's.
func (c *copying) fetch(ctx context.Context, pages connectors.Pages, to chan<- connectors.Page) error {
	for {
		select {
		case <-stopping(ctx):
			return errTurnOver
		default:
		}
		if c.now().After(c.over) {
			return errTurnOver
		}
		page, err := pages.Next(ctx)
		if err != nil {
			return err
		}
		select {
		case to <- page:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// gather puts pages together, so that one transaction holds several, while the
// last ones are being stored: the service never waits for the database. With the
// last of them it says that the enumeration is complete.
func gather(ctx context.Context, fetched <-chan connectors.Page, ended *error, batches chan<- store.PageWrite) error {
	b := newBatch()
	timer := time.NewTimer(saveAfter)
	defer timer.Stop()
	due := false
	for {
		from, to := fetched, batches
		if b.full() {
			from = nil
		} else if !due || b.pages == 0 {
			to = nil
		}
		select {
		case page, more := <-from:
			if !more {
				return gatherLast(ctx, b, *ended, batches)
			}
			b.add(page)
		case to <- b.page:
			b, due = newBatch(), false
			timer.Reset(saveAfter)
		case <-timer.C:
			due = true
		case <-ctx.Done():
			return ctx.Err() // paused or cancelled: at the last checkpoint, now
		}
	}
}

// gatherLast hands on what was read before reading stopped.
func gatherLast(ctx context.Context, b batch, ended error, batches chan<- store.PageWrite) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	b.page.Complete = errors.Is(ended, io.EOF) // Promise 2: nothing else is an end
	if b.pages == 0 && !b.page.Complete {
		return nil // an enumeration without a record is stored too, a failure is not
	}
	select {
	case batches <- b.page:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// save stores batches in the order of their pages.
func (c *copying) save(ctx context.Context, batches <-chan store.PageWrite) error {
	err := c.db.SavePages(ctx, c.run, batches, func(page store.PageWrite, saved store.PageResult) {
		c.asOf.Store(saved.Version)
		meterOf(c.meter).RecordsRead(c.remote.table.Service, len(page.Records))
		c.noted()
	})
	if err != nil {
		return fmt.Errorf("store records of table %s: %w", c.run.TableID, err)
	}
	return nil
}

// batch collects pages for one transaction.
type batch struct {
	page  store.PageWrite
	pages int
	bytes int
}

func newBatch() batch {
	return batch{page: store.PageWrite{Total: -1}}
}

func (b *batch) add(page connectors.Page) {
	if b.page.Records == nil {
		b.page.Records = make([]store.RemoteRecord, 0, max(saveRows, len(page.Records)))
	}
	for _, r := range page.Records {
		b.page.Records = append(b.page.Records, store.RemoteRecord(r))
	}
	b.page.Deleted = append(b.page.Deleted, page.Deleted...)
	b.page.Cursor = page.Cursor
	if page.Watermark != nil {
		b.page.Watermark = page.Watermark
	}
	b.page.Total = page.Total
	if b.pages == 0 || page.AsOf < b.page.AsOf {
		b.page.AsOf = page.AsOf
	}
	if room := maxWarnings - len(b.page.Warnings); room > 0 {
		b.page.Warnings = append(b.page.Warnings, page.Warnings[:min(room, len(page.Warnings))]...)
	}
	b.pages++
	b.bytes += page.Bytes
}

func (b *batch) full() bool {
	rows := len(b.page.Records) + len(b.page.Deleted)
	return rows >= saveRows && b.bytes >= saveFill || rows >= maxRows || b.bytes >= saveBytes
}
