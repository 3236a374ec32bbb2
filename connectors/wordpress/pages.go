package wordpress

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/scratch-platform/scratch/connectors"
	"github.com/scratch-platform/scratch/models"
)

var errPublishedOnly = errors.New("only published rows may be listed")

// place is where an enumeration stands: what a cursor holds.
type place struct {
	Page int   `json:"p"`           // number of the next page
	Last int64 `json:"l,omitempty"` // highest id given so far
	// Started is the site's clock when the enumeration began: what the next
	// incremental read starts from.
	Started time.Time `json:"s"`
	Total   int       `json:"t"`           // as the first answer had it
	Phase   phase     `json:"x,omitempty"` // of an incremental read
	Newest  int64     `json:"n,omitempty"` // highest id of all phases
	Public  bool      `json:"o,omitempty"` // published rows only
	// Mixed is set when the site gave rows in another order than that of their
	// ids, as some plugins make it: then a lower id may still be new.
	Mixed bool `json:"m,omitempty"`
}

// pages enumerates a listing. It reads pages side by side and makes up for
// rows that move while they are being read: WordPress has no cursor, so a row
// deleted on an earlier page pulls the following ones forward, and one of them
// over the border between two pages. Two neighbouring pages therefore share a
// row, and where they do not, the rows between are read again.
type pages struct {
	l      *listing
	at     place
	mark   *watermark // of an incremental read; nil reads all
	width  int
	budget int
	zone   string
	asOf   func() int64 // connectors.ReadRequest.AsOf, or nil

	ctx      context.Context //nolint:containedctx // the life of the page reads under way
	inner    connectors.Pages
	mu       sync.Mutex
	chunks   map[int]chunk // of fetched pages not yet given
	before   map[int64]bool
	restarts int
	over     bool // the phase is; the next one is to be begun
	done     bool
}

// ReadAll enumerates a table in order of id.
func (c *Connector) ReadAll(ctx context.Context, req connectors.ReadRequest) (connectors.Pages, error) {
	return c.read(ctx, req, false, nil)
}

// ReadSince enumerates what was modified since the watermark, and what was put
// into the trash. Terms and users have no modified time: all of them are read.
func (c *Connector) ReadSince(ctx context.Context, req connectors.ReadRequest) (connectors.Pages, error) {
	since := req.Since
	if kindOf(req.Schema) != kindPosts {
		since = nil
	}
	return c.read(ctx, req, false, since)
}

func (c *Connector) read(ctx context.Context, req connectors.ReadRequest, idsAlone bool, since []byte) (*pages, error) {
	s, err := c.find(ctx)
	if err != nil {
		return nil, err
	}
	p := &pages{l: c.listing(req.Schema, idsAlone), width: pagesAhead, budget: max(req.Budget, 1), zone: s.zone, asOf: req.AsOf, ctx: ctx, chunks: map[int]chunk{}}
	p.at.Total = -1
	if req.Cursor != nil {
		if err := json.Unmarshal(req.Cursor, &p.at); err != nil {
			return nil, &connectors.Error{Kind: connectors.KindCursorExpired, Service: Service, Tried: "go on reading " + req.Schema.RemoteID, Table: req.Schema.RemoteID, Cause: err}
		}
	}
	p.l.publishedOnly = p.at.Public
	if since != nil {
		mark, err := parseWatermark(since)
		if err != nil {
			return nil, err
		}
		p.mark = &mark
		p.at.Newest = max(p.at.Newest, mark.Newest)
		p.enter(p.at.Phase)
	}
	return p, nil
}

// step is how far apart pages begin.
func (p *pages) step() int { return pageSize - p.l.overlap() }

// Next gives the next page of records.
func (p *pages) Next(ctx context.Context) (connectors.Page, error) {
	for {
		if p.done {
			return connectors.Page{}, io.EOF
		}
		if p.over {
			if err := p.advance(ctx); err != nil {
				return connectors.Page{}, err
			}
			p.over = false
		}
		if p.inner == nil {
			p.begin()
		}
		got, err := p.inner.Next(ctx)
		switch {
		case errors.Is(err, errPublishedOnly):
			p.restart(func() { p.l.publishedOnly, p.at.Public = true, true })
			continue
		case errors.Is(err, io.EOF):
			p.done = p.mark == nil || p.at.Phase == phaseTrash
			p.over = !p.done
			continue
		case err != nil:
			return connectors.Page{}, err
		}
		page, again, err := p.give(ctx, got)
		if err != nil {
			// The page stays to be read again.
			p.restart(func() {})
			return connectors.Page{}, err
		}
		if !again {
			return page, nil
		}
	}
}

func (p *pages) begin() {
	p.inner = connectors.Parallel(p.ctx, connectors.Numbered{First: p.at.Page + 1, Width: p.width, Budget: p.budget, Fetch: p.fetch})
}

// restart drops the pages under way and goes on from the place.
func (p *pages) restart(change func()) {
	if p.inner != nil {
		_ = p.inner.Close() // it only ends its own reads
		p.inner = nil
	}
	p.mu.Lock()
	clear(p.chunks)
	p.mu.Unlock()
	change()
}

// Close ends every read under way.
func (p *pages) Close() error {
	p.done = true
	if p.inner == nil {
		return nil
	}
	return p.inner.Close()
}

// fetch reads page number n+1. It runs side by side with others.
func (p *pages) fetch(ctx context.Context, number int) (connectors.Page, int, error) {
	n := number - 1
	offset := n * p.step()
	var asOf int64
	if p.asOf != nil {
		asOf = p.asOf()
	}
	ch, err := p.l.get(ctx, offset, pageSize)
	if err != nil {
		return connectors.Page{}, 0, err
	}
	if p.short(ch, offset) {
		// The site said that there are more rows than it gave. They may be hidden
		// from this account; or a cache is behind, and a second look has them.
		second, err := p.l.get(ctx, offset, pageSize)
		if err != nil {
			return connectors.Page{}, 0, err
		}
		if len(second.rows) > len(ch.rows) || second.total != ch.total {
			ch = second
		}
	}
	ch.asOf = asOf
	p.mu.Lock()
	p.chunks[n] = ch
	p.mu.Unlock()
	return connectors.Page{Cursor: fmt.Append(nil, n), Bytes: 2 * ch.bytes}, p.lastPage(ch, n), nil
}

// short tells whether a page has fewer rows than its own total promises, where
// the next page would not show it.
func (p *pages) short(ch chunk, offset int) bool {
	if ch.total < 0 {
		return len(ch.rows) <= p.l.overlap() // the end must be seen twice
	}
	if p.l.overlap() > 0 && offset+pageSize < ch.total {
		return false // the next page's overlap shows it
	}
	return len(ch.rows) < min(pageSize, ch.total-offset)
}

// lastPage is the number of the last page, counted from 1, as one answer tells
// it; 0 is no telling. Without a total, only a page that has nothing new ends the enumeration: a short one may
// hide rows from this account.
func (p *pages) lastPage(ch chunk, n int) int {
	o := p.l.overlap()
	if ch.total < 0 {
		if ch.ended || len(ch.rows) <= min(o, n) {
			return n + 1
		}
		return 0
	}
	return max(n+1, (max(ch.total-o, 1)+p.step()-1)/p.step())
}

// give turns a fetched page into records, after the rows that a shift may have
// hidden. again asks for another round.
func (p *pages) give(ctx context.Context, got connectors.Page) (page connectors.Page, again bool, err error) {
	var n int
	if _, err := fmt.Sscan(string(got.Cursor), &n); err != nil {
		return page, false, fmt.Errorf("read page number: %w", err)
	}
	p.mu.Lock()
	ch := p.chunks[n]
	delete(p.chunks, n)
	p.mu.Unlock()
	if p.at.Started.IsZero() {
		p.at.Started = p.clock(ch)
	}
	if p.at.Total < 0 {
		p.at.Total = ch.total
	}
	if err := p.vanished(ch, n); err != nil {
		return page, false, err
	}
	if p.moved(ch) {
		p.restart(func() { p.at.Page, p.at.Last, p.at.Total = 0, 0, ch.total })
		return page, true, nil
	}
	rows, err := p.mend(ctx, ch, n)
	if err != nil {
		return page, false, err
	}
	p.at.Page = n + 1
	return p.page(rows, ch), false, nil
}

// silentClock is the margin where a site does not say what time it is: ours may
// be off by hours, and reading a day's changes again costs little.
const silentClock = 24 * time.Hour

// clock is the site's time when it answered, or one safely before it.
func (p *pages) clock(ch chunk) time.Time {
	if !ch.date.IsZero() {
		return ch.date.UTC()
	}
	return p.l.c.deps.Now().Add(-silentClock).UTC()
}

// vanished refuses an answer without rows in the middle of an enumeration that
// had many: it is a broken site, not an empty one, and nothing may be concluded
// from it (Promise 2).
func (p *pages) vanished(ch chunk, n int) error {
	if n == 0 || ch.total != 0 || p.at.Total <= 0 {
		return nil
	}
	return &connectors.Error{
		Kind: connectors.KindUnavailable, Service: Service, Tried: "list " + p.l.schema.RemoteID, Table: p.l.schema.RemoteID, Code: "answer_empty",
		Reason: fmt.Sprintf("the site had %d rows a moment ago and now says it has none", p.at.Total),
		Hint:   "A cache or a plugin may be at fault; try again later.",
	}
}

// moved tells that rows came or went in a table that is paged by number, where
// no overlap shows which: it is begun again, a few times at most.
func (p *pages) moved(ch chunk) bool {
	if p.l.overlap() > 0 || ch.total < 0 || ch.total >= p.at.Total || p.restarts >= 3 {
		return false
	}
	p.restarts++
	return true
}

// mend looks whether the page begins where the last one ended, and reads again
// what lies between when it does not: a row that moved while it was read was
// there all the time (Promise 2).
func (p *pages) mend(ctx context.Context, ch chunk, n int) ([]row, error) {
	rows := ch.rows
	offset := n * p.step()
	if p.l.overlap() == 0 || p.at.Last == 0 || offset == 0 {
		return rows, nil
	}
	for !joined(rows, p.at.Last) && offset > 0 {
		if ch.total >= 0 {
			offset = min(offset, ch.total)
		}
		offset = max(0, offset-pageSize/2)
		more, err := p.l.get(ctx, offset, pageSize)
		if err != nil {
			return nil, err
		}
		rows = append(more.rows, rows...)
	}
	return rows, nil
}

// joined tells whether the rows reach back to what was given before.
func joined(rows []row, last int64) bool {
	for _, r := range rows {
		if r.id <= last {
			return true
		}
	}
	return false
}

// page hands out the rows that neither this page nor the last one has given.
func (p *pages) page(rows []row, ch chunk) connectors.Page {
	out := connectors.Page{Records: make([]connectors.Record, 0, len(rows)), Total: int64(ch.total), Warnings: ch.warnings, AsOf: ch.asOf}
	given := make(map[int64]bool, len(rows))
	p.at.Mixed = p.at.Mixed || !slices.IsSortedFunc(ch.rows, func(a, b row) int { return cmp.Compare(a.id, b.id) })
	reached := p.at.Last
	for _, r := range rows {
		if given[r.id] || p.before[r.id] || r.id <= reached && !p.at.Mixed {
			given[r.id] = true
			continue
		}
		given[r.id] = true
		p.at.Last = max(p.at.Last, r.id)
		p.at.Newest = max(p.at.Newest, r.id)
		if p.at.Phase == phaseTrash {
			out.Deleted = append(out.Deleted, r.record.RemoteID)
		} else {
			out.Records = append(out.Records, r.record)
			out.Bytes += len(r.record.Fields)
		}
	}
	p.before = given
	if p.l.publishedOnly && p.at.Page == 1 {
		out.Warnings = append(out.Warnings, *models.NewProblem(models.KindForbidden, "wordpress.published_only",
			"This account may list published rows only; drafts and private ones are not shown.", hintRights))
	}
	out.Cursor = mustJSON(p.at)
	out.Watermark = mustJSON(watermark{At: p.at.Started, Zone: p.zone, Newest: p.at.Newest})
	return out
}

// mustJSON writes a struct of our own.
func mustJSON(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic("wordpress: a cursor that is not JSON: " + err.Error())
	}
	return b
}

// ListIDs enumerates a table's ids.
func (c *Connector) ListIDs(ctx context.Context, req connectors.ReadRequest) (connectors.IDPages, error) {
	p, err := c.read(ctx, req, true, nil)
	if err != nil {
		return nil, err
	}
	return idPages{p}, nil
}

type idPages struct{ pages *pages }

// Next gives the next run of ids.
func (i idPages) Next(ctx context.Context) ([]string, []byte, error) {
	page, err := i.pages.Next(ctx)
	if err != nil {
		return nil, nil, err
	}
	ids := make([]string, 0, len(page.Records))
	for _, r := range page.Records {
		ids = append(ids, r.RemoteID)
	}
	return ids, page.Cursor, nil
}

// Close ends every read under way.
func (i idPages) Close() error { return i.pages.Close() }
