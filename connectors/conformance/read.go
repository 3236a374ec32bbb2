package conformance

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/connectors"
	"github.com/scratch-platform/scratch/models"
)

const budget = 1 << 20

// reading is an enumeration collected.
type reading struct {
	records   map[string]connectors.Record
	order     []string
	deleted   []string
	cursors   [][]byte
	after     []int // how many records had been given at each cursor
	watermark []byte
}

// enumerate reads on to the end, trying again after errors that may pass, at
// most three times.
func (c *check) enumerate(pages connectors.Pages, between func(page int)) reading {
	c.Helper()
	got := reading{records: map[string]connectors.Record{}}
	defer func() { require.NoError(c, pages.Close()) }()
	for retries := 3; ; {
		page, err := pages.Next(c.ctx)
		if errors.Is(err, io.EOF) {
			_, err = pages.Next(c.ctx)
			require.ErrorIs(c, err, io.EOF, "the end of an enumeration lasts")
			return got
		}
		if err != nil {
			e := c.typed(err)
			require.True(c, e.Retryable() && retries > 0, "%v", err)
			retries--
			continue
		}
		require.NotNil(c, page.Cursor, "a page without a cursor")
		weight := 0
		for _, r := range page.Records {
			if _, twice := got.records[r.RemoteID]; !twice {
				got.order = append(got.order, r.RemoteID)
			}
			got.records[r.RemoteID] = r
			weight += len(r.Fields)
		}
		require.GreaterOrEqual(c, page.Bytes, weight, "a page weighs at least its records' JSON")
		got.deleted = append(got.deleted, page.Deleted...)
		got.cursors = append(got.cursors, page.Cursor)
		got.after = append(got.after, len(got.order))
		if page.Watermark != nil {
			got.watermark = page.Watermark
		}
		if between != nil {
			between(len(got.cursors))
		}
	}
}

func (c *check) readAll(connector connectors.Connector, schema connectors.Schema, cursor []byte, between func(page int)) reading {
	c.Helper()
	reader, ok := connector.(connectors.AllReader)
	require.True(c, ok)
	request := connectors.ReadRequest{Schema: schema, Cursor: cursor, Budget: budget}
	pages, err := reader.ReadAll(c.ctx, request)
	if e, typed := connectors.AsError(err); typed && e.Retryable() {
		c.met(err)
		pages, err = reader.ReadAll(c.ctx, request)
	}
	c.met(err)
	require.NoError(c, err)
	return c.enumerate(pages, between)
}

// sound requires of records that they are what a store takes.
func (c *check) sound(schema connectors.Schema, records map[string]connectors.Record) {
	c.Helper()
	columns := map[string]models.Column{}
	for _, column := range schema.Columns {
		column.ReadOnly, column.Required = false, false
		columns[column.ID] = column
	}
	for id, r := range records {
		require.NotEmpty(c, id, "a record without an id")
		canonical, err := models.Canonical(r.Fields)
		require.NoError(c, err, "record %s", id)
		require.Equal(c, string(canonical), string(r.Fields), "record %s is not canonical", id)
		for name, value := range models.CellsOf(r.Fields) {
			column, known := columns[name]
			require.True(c, known, "record %s has a cell %q that is no column", id, name)
			_, err := models.CheckValue(column, value)
			require.NoError(c, err, "record %s: the value is not of the column's kind", id)
		}
	}
}

var readTests = map[string]func(*check){
	"every record is given, as its columns say": func(c *check) {
		schema := c.schema()
		got := c.readAll(c.connector, schema, nil, nil)
		require.Len(c, got.records, c.records)
		c.sound(schema, got.records)
		if c.Definition.Capabilities.ReadSince {
			require.NotNil(c, got.watermark, "a full reading leaves no place to go on from")
		}
	},
	"an empty table is complete and empty": func(c *check) {
		c.Service.Reset(0)
		require.Empty(c, c.readAll(c.connector, c.schema(), nil, nil).records)
	},
	"one full page is one page": func(c *check) {
		c.Service.Reset(c.PageSize)
		require.Len(c, c.readAll(c.connector, c.schema(), nil, nil).records, c.PageSize)
	},
	"reading goes on from every cursor, in another process": func(c *check) {
		schema := c.schema()
		whole := c.readAll(c.connector, schema, nil, nil)
		require.GreaterOrEqual(c, len(whole.cursors), 3, "the suite needs several pages")
		for i, cursor := range whole.cursors {
			rest := c.readAll(c.open(), schema, cursor, nil)
			for n, id := range whole.order[whole.after[i]:] {
				require.Contains(c, rest.records, id, "after page %d of %d, record %d was lost", i+1, len(whole.cursors), whole.after[i]+n)
			}
			require.LessOrEqual(c, len(rest.records), len(whole.order), "more than there is")
			if whole.after[i] > 2*c.PageSize {
				require.Less(c, len(rest.records), len(whole.records), "the cursor began at the beginning again")
			}
		}
	},
	"a made-up cursor is refused": func(c *check) {
		reader, _ := c.connector.(connectors.AllReader)
		pages, err := reader.ReadAll(c.ctx, connectors.ReadRequest{Schema: c.schema(), Cursor: []byte("\x00 made up"), Budget: budget})
		if err == nil {
			_, err = pages.Next(c.ctx)
			require.NoError(c, pages.Close())
		}
		require.NotErrorIs(c, err, io.EOF, "nonsense was taken for the end")
		_ = c.typed(err, connectors.KindInvalid, connectors.KindCursorExpired)
	},
	"nothing is missed when a record goes between two pages": func(c *check) {
		if !c.can(HookChange) {
			return
		}
		schema := c.schema()
		before := c.readAll(c.connector, schema, nil, nil)
		got := c.readAll(c.connector, schema, nil, func(page int) {
			if page == 1 {
				c.Service.Delete(before.order[0])
			}
		})
		for _, id := range before.order[1:] {
			require.Contains(c, got.records, id, "a record that was there all along was not given")
		}
	},
	"nothing is missed when a record comes between two pages": func(c *check) {
		if !c.can(HookChange) {
			return
		}
		schema := c.schema()
		before := c.readAll(c.connector, schema, nil, nil)
		got := c.readAll(c.connector, schema, nil, func(page int) {
			if page == 1 {
				c.Service.Insert()
			}
		})
		for _, id := range before.order {
			require.Contains(c, got.records, id, "a record that was there all along was not given")
		}
	},
	"a short page is not the end":          func(c *check) { c.readsWholeDespite(FaultShort) },
	"a repeated record does no harm":       func(c *check) { c.readsWholeDespite(FaultDuplicate) },
	"a page that fails can be had again":   func(c *check) { c.readsWholeDespite(FaultSecondPage) },
	"a service that is away for a moment":  func(c *check) { c.readsWholeDespite(FaultUnavailable) },
	"a web page in place of records":       func(c *check) { c.readsWholeDespite(FaultHTML) },
	"a rate limit while reading":           func(c *check) { c.rateLimitedRead() },
	"an expired cursor begins again":       func(c *check) { c.expiredCursor() },
	"a cancel while reading":               func(c *check) { c.cancelledRead() },
	"two enumerations at once":             func(c *check) { c.twoAtOnce() },
	"the ids alone are those of the table": func(c *check) { c.listsIDs() },
	"reading writes nothing": func(c *check) {
		if c.Service.Writes == nil {
			return
		}
		c.readAll(c.connector, c.schema(), nil, nil)
		require.Zero(c, c.Service.Writes())
	},
}

// readsWholeDespite: a fault while reading is an error or nothing at all, never
// a shorter table (Promise 2).
func (c *check) readsWholeDespite(fault Fault) {
	if !c.can(fault) {
		return
	}
	schema := c.schema()
	c.Service.Inject(fault)
	require.Len(c, c.readAll(c.connector, schema, nil, nil).records, c.records)
}

func (c *check) firstPage(schema connectors.Schema) (connectors.Pages, error) {
	reader, _ := c.connector.(connectors.AllReader)
	pages, err := reader.ReadAll(c.ctx, connectors.ReadRequest{Schema: schema, Budget: budget})
	if err != nil {
		return nil, err
	}
	c.Cleanup(func() { require.NoError(c, pages.Close()) })
	_, err = pages.Next(c.ctx)
	return pages, err
}

func (c *check) rateLimitedRead() {
	if !c.can(FaultRateLimit) {
		return
	}
	schema := c.schema()
	c.Service.Inject(FaultRateLimit)
	_, err := c.firstPage(schema)
	e := c.typed(err, connectors.KindRateLimited)
	require.InDelta(c, 7, e.Wait.Seconds(), 1, "how long to wait")
}

func (c *check) expiredCursor() {
	if !c.can(FaultCursor) {
		return
	}
	schema := c.schema()
	reader, _ := c.connector.(connectors.AllReader)
	pages, err := reader.ReadAll(c.ctx, connectors.ReadRequest{Schema: schema, Budget: budget})
	c.met(err)
	require.NoError(c, err)
	defer func() { require.NoError(c, pages.Close()) }()
	seen := map[string]bool{}
	for given := 0; err == nil; given++ {
		if given == 1 {
			c.Service.Inject(FaultCursor)
		}
		var page connectors.Page
		page, err = pages.Next(c.ctx)
		for _, r := range page.Records {
			seen[r.RemoteID] = true
		}
	}
	if errors.Is(err, io.EOF) { // the connector began again by itself
		require.Len(c, seen, c.records, "an expired cursor was taken for the end")
		return
	}
	_ = c.typed(err, connectors.KindCursorExpired)
	require.Len(c, c.readAll(c.open(), schema, nil, nil).records, c.records)
}

func (c *check) cancelledRead() {
	if !c.can(FaultHang) {
		return
	}
	schema := c.schema()
	c.Service.Inject(FaultHang)
	ctx, cancel := context.WithCancel(c.ctx)
	timer := time.AfterFunc(50*time.Millisecond, cancel)
	defer timer.Stop()
	began := time.Now()
	reader, _ := c.connector.(connectors.AllReader)
	pages, err := reader.ReadAll(ctx, connectors.ReadRequest{Schema: schema, Budget: budget})
	if err == nil {
		for err == nil {
			_, err = pages.Next(ctx)
		}
		require.NoError(c, pages.Close())
	}
	c.met(err)
	require.NotErrorIs(c, err, io.EOF, "a cancelled enumeration is not complete")
	require.ErrorIs(c, err, context.Canceled)
	require.Less(c, time.Since(began), promptly, "the cancel was not heard")
}

func (c *check) twoAtOnce() {
	schema := c.schema()
	reader, _ := c.connector.(connectors.AllReader)
	counts := make(chan int, 2)
	for range 2 {
		go func() {
			seen := map[string]bool{}
			pages, err := reader.ReadAll(c.ctx, connectors.ReadRequest{Schema: schema, Budget: budget})
			for err == nil {
				var page connectors.Page
				page, err = pages.Next(c.ctx)
				for _, r := range page.Records {
					seen[r.RemoteID] = true
				}
			}
			if pages != nil && pages.Close() != nil || !errors.Is(err, io.EOF) {
				seen = nil
			}
			c.met(err)
			counts <- len(seen)
		}()
	}
	first, second := <-counts, <-counts // both have ended before either is judged
	require.Equal(c, c.records, first)
	require.Equal(c, c.records, second)
}

func (c *check) listsIDs() {
	lister, ok := capability[connectors.IDLister](c)
	if !ok {
		return
	}
	schema := c.schema()
	whole := c.readAll(c.connector, schema, nil, nil)
	pages, err := lister.ListIDs(c.ctx, connectors.ReadRequest{Schema: schema, Budget: budget})
	c.met(err)
	require.NoError(c, err)
	defer func() { require.NoError(c, pages.Close()) }()
	seen := map[string]bool{}
	for {
		ids, _, err := pages.Next(c.ctx)
		if errors.Is(err, io.EOF) {
			break
		}
		c.met(err)
		require.NoError(c, err)
		for _, id := range ids {
			seen[id] = true
		}
	}
	require.Len(c, seen, len(whole.order))
	for _, id := range whole.order {
		require.True(c, seen[id], "record %s is not among the ids", id)
	}
}
