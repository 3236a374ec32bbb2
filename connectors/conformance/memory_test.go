package conformance

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/scratch-platform/scratch/connectors"
	"github.com/scratch-platform/scratch/models"
)

const (
	canary   = "cAnArY-8f7e"
	pageSize = 3
)

// broken says which rule the reference connector breaks.
type broken string

// backend is a service in memory: rows by id, each with its time of change.
type backend struct {
	mu     sync.Mutex
	rows   map[int]*row
	nextID int
	clock  int
	writes int
	faults []Fault
}

type row struct {
	values  models.Fields
	created time.Time
	changed int
}

func (b *backend) reset(n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.rows, b.nextID, b.writes, b.faults = map[int]*row{}, 0, 0, nil
	for i := range n {
		b.add(models.Fields{"title": text(fmt.Sprintf("Row %d", i)), "count": json.RawMessage(`"7"`), "note": text("n")}, time.Now().Add(-time.Hour))
	}
}

func (b *backend) add(values models.Fields, at time.Time) int {
	b.nextID++
	b.clock++
	b.rows[b.nextID] = &row{values: values, created: at, changed: b.clock}
	return b.nextID
}

func text(s string) json.RawMessage { return models.AppendJSONString(nil, s) }

// strike takes the fault if it is the next one of those that fit.
func (b *backend) strike(fits ...Fault) (Fault, bool) {
	if len(b.faults) > 0 && slices.Contains(fits, b.faults[0]) {
		f := b.faults[0]
		b.faults = b.faults[1:]
		return f, true
	}
	return "", false
}

func (b *backend) service() Service {
	locked := func(do func()) { b.mu.Lock(); defer b.mu.Unlock(); do() }
	id := func(s string) int { n, _ := strconv.Atoi(s); return n }
	return Service{
		Reset: b.reset,
		Insert: func() (fresh string) {
			locked(func() { fresh = strconv.Itoa(b.add(models.Fields{"title": text("Other")}, time.Now())) })
			return fresh
		},
		Delete: func(s string) { locked(func() { delete(b.rows, id(s)) }) },
		Touch: func(s string) {
			locked(func() { b.clock++; b.rows[id(s)].changed = b.clock; b.rows[id(s)].values["note"] = text("touched") })
		},
		Count:  func() (n int) { locked(func() { n = len(b.rows) }); return n },
		Writes: func() (n int) { locked(func() { n = b.writes }); return n },
		Inject: func(f Fault) { locked(func() { b.faults = append(b.faults, f) }) },
	}
}

// memory is the reference connector: every capability, on the backend.
type memory struct {
	b      *backend
	breaks broken
	pages  int // of this instance; a broken variant keeps its place in it
}

func (m *memory) is(b broken) bool { return m.breaks == b }
func (m *memory) Service() string  { return "memory" }
func (m *memory) Close() error     { return nil }

func (m *memory) fail(kind connectors.Kind, tried string) *connectors.Error {
	return &connectors.Error{Kind: kind, Service: "memory", Tried: tried, Code: string(kind), Hint: "Try again."}
}

// request is what every call meets: limits, a refused credential, a hang.
func (m *memory) request(ctx context.Context, tried string, reads bool) error {
	if ctx.Err() != nil {
		e := m.fail(connectors.KindUnavailable, tried)
		e.Cause = ctx.Err()
		return e
	}
	fits := []Fault{FaultRateLimit, FaultUnauthorized, FaultQuote, FaultHang}
	if reads {
		fits = append(fits, FaultUnavailable, FaultHTML)
	}
	m.b.mu.Lock()
	fault, struck := m.b.strike(fits...)
	m.b.mu.Unlock()
	if !struck {
		return nil
	}
	switch fault {
	case FaultRateLimit:
		e := m.fail(connectors.KindRateLimited, tried)
		e.Wait = 7 * time.Second
		return e
	case FaultUnauthorized:
		return m.fail(connectors.KindAuth, tried)
	case FaultQuote:
		e := m.fail(connectors.KindInvalid, tried)
		e.Words = "no: Authorization: [redacted]"
		if m.is("tells the credential") {
			e.Words = "no: Authorization: " + canary
		}
		return e
	case FaultHang:
		if m.is("does not hear a cancel") {
			timer := time.NewTimer(promptly + 100*time.Millisecond)
			<-timer.C
		}
		<-ctx.Done()
		e := m.fail(connectors.KindUnavailable, tried)
		e.Cause = ctx.Err()
		if !reads {
			e.Kind = connectors.KindAmbiguous
		}
		if m.is("calls a cancelled write not sent") {
			e.Kind = connectors.KindUnavailable
		}
		return e
	default:
		if m.is("errors without a type") {
			return errors.New("503")
		}
		return m.fail(connectors.KindUnavailable, tried)
	}
}

func (m *memory) Validate(ctx context.Context) (connectors.Account, error) {
	if err := m.request(ctx, "validate", true); err != nil {
		return connectors.Account{}, err
	}
	return connectors.Account{Name: "ana", Steps: []string{"reach", "read"}}, nil
}

func (m *memory) ListTables(context.Context) ([]connectors.TableInfo, error) {
	return []connectors.TableInfo{{RemoteID: "rows", Name: "Rows", Rows: -1}}, nil
}

func (m *memory) Describe(_ context.Context, remoteID string, settings json.RawMessage) (connectors.Schema, error) {
	if remoteID != "rows" && !m.is("describes what is not there") {
		return connectors.Schema{}, m.fail(connectors.KindNotFound, "describe")
	}
	kind := models.ColumnInteger
	if m.is("says a wrong kind") {
		kind = models.ColumnBoolean
	}
	return connectors.Schema{RemoteID: remoteID, Name: "Rows", Settings: settings, TitleColumn: "title", Columns: []models.Column{
		{ID: "title", Name: "Title", Kind: models.ColumnText, Compare: models.CompareExact, Position: 0},
		{ID: "count", Name: "Count", Kind: kind, Compare: models.CompareNumber, Position: 1},
		{ID: "note", Name: "Note", Kind: models.ColumnText, Compare: models.CompareNullEmpty, Position: 2},
		{ID: "published", Name: "Published", Kind: models.ColumnBoolean, Compare: models.CompareExact, ReadOnly: true, Position: 3},
	}}, nil
}

func (m *memory) record(id int, r *row) connectors.Record {
	fields := r.values.Object()
	if m.is("gives JSON that is not canonical") {
		fields = append(fields[:len(fields)-1:len(fields)-1], []byte(` }`)...)
	}
	return connectors.Record{RemoteID: strconv.Itoa(id), Fields: fields, Marker: strconv.Itoa(r.changed)}
}

type memoryPages struct {
	m     *memory
	after int // keyset: the last id given
	since int
	end   bool
	given int
}

func (m *memory) ReadAll(_ context.Context, req connectors.ReadRequest) (connectors.Pages, error) {
	p := &memoryPages{m: m, since: -1}
	if req.Cursor != nil {
		at, err := strconv.Atoi(string(req.Cursor))
		if err != nil {
			if m.is("takes nonsense for the end") {
				return &memoryPages{m: m, end: true}, nil
			}
			return nil, m.fail(connectors.KindCursorExpired, "read on")
		}
		p.after = at
		switch {
		case m.is("goes on one too far"):
			p.after++
		case m.is("keeps its place in the process") && m.pages == 0, m.is("begins again at a cursor"):
			p.after = 0
			if m.is("keeps its place in the process") {
				p.end = true
			}
		}
	}
	return p, nil
}

func (m *memory) ReadSince(_ context.Context, req connectors.ReadRequest) (connectors.Pages, error) {
	since, err := strconv.Atoi(string(req.Since))
	if err != nil {
		return nil, m.fail(connectors.KindInvalid, "read since")
	}
	if m.is("misses changes") {
		since++
	}
	return &memoryPages{m: m, since: since}, nil
}

func (p *memoryPages) Close() error { return nil }

func (p *memoryPages) Next(ctx context.Context) (connectors.Page, error) {
	if p.end {
		return connectors.Page{}, io.EOF
	}
	m := p.m
	if err := m.request(ctx, "read rows", true); err != nil {
		if m.is("takes an error for the end") {
			p.end = true
			return connectors.Page{}, io.EOF
		}
		return connectors.Page{}, err
	}
	m.b.mu.Lock()
	defer m.b.mu.Unlock()
	if p.given == 1 {
		if _, struck := m.b.strike(FaultSecondPage); struck {
			return connectors.Page{}, m.fail(connectors.KindUnavailable, "read rows")
		}
	}
	if p.given > 0 {
		if _, struck := m.b.strike(FaultCursor); struck {
			if m.is("takes an expired cursor for the end") {
				return connectors.Page{}, io.EOF
			}
			return connectors.Page{}, m.fail(connectors.KindCursorExpired, "read rows")
		}
	}
	return p.page()
}

// page gives the rows after the last id. The backend is locked.
func (p *memoryPages) page() (connectors.Page, error) {
	m, size := p.m, pageSize
	if _, struck := m.b.strike(FaultShort); struck {
		size--
		if m.is("takes a short page for the last") {
			defer func() { p.end = true }()
		}
	}
	var ids []int
	for id, r := range m.b.rows {
		if id > p.after && r.changed > p.since {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	if m.is("pages by place") {
		ids = ids[:0]
		for id := range m.b.rows {
			ids = append(ids, id)
		}
		slices.Sort(ids)
		ids = ids[min(len(ids), p.given*pageSize):]
	}
	page := connectors.Page{Total: -1, Watermark: strconv.AppendInt(nil, int64(m.b.clock), 10)}
	for _, id := range ids[:min(size, len(ids))] {
		r := m.record(id, m.b.rows[id])
		page.Records = append(page.Records, r)
		page.Bytes += len(r.Fields)
		p.after = id
	}
	if m.is("loses the last record of a page") && len(page.Records) == pageSize {
		page.Records = page.Records[:pageSize-1]
	}
	if _, struck := m.b.strike(FaultDuplicate); struck && len(page.Records) > 0 {
		page.Records = append(page.Records, page.Records[0])
		page.Bytes *= 2
	}
	page.Cursor = strconv.AppendInt(nil, int64(p.after), 10)
	if len(ids) <= size {
		p.end = true
	}
	p.given++
	m.pages++
	return page, nil
}

type memoryIDs struct{ ids []string }

func (m *memory) ListIDs(context.Context, connectors.ReadRequest) (connectors.IDPages, error) {
	m.b.mu.Lock()
	defer m.b.mu.Unlock()
	all := &memoryIDs{}
	for id := range m.b.rows {
		all.ids = append(all.ids, strconv.Itoa(id))
	}
	if m.is("lists too few ids") {
		all.ids = all.ids[1:]
	}
	return all, nil
}

func (p *memoryIDs) Close() error { return nil }

func (p *memoryIDs) Next(context.Context) ([]string, []byte, error) {
	if len(p.ids) == 0 {
		return nil, nil, io.EOF
	}
	n := min(pageSize, len(p.ids))
	ids := p.ids[:n]
	p.ids = p.ids[n:]
	return ids, []byte(strconv.Itoa(len(p.ids))), nil
}

func (m *memory) ReadByIDs(ctx context.Context, _ connectors.Schema, ids []string) (connectors.ByIDs, error) {
	if len(ids) == 0 {
		return connectors.ByIDs{}, nil
	}
	err := m.request(ctx, "read by id", true)
	if err != nil && m.is("calls what it cannot see gone") {
		return connectors.ByIDs{Missing: ids}, nil
	}
	if err != nil {
		return connectors.ByIDs{}, err
	}
	m.b.mu.Lock()
	defer m.b.mu.Unlock()
	var answer connectors.ByIDs
	for _, s := range ids {
		id, _ := strconv.Atoi(s)
		if r, ok := m.b.rows[id]; ok {
			answer.Found = append(answer.Found, m.record(id, r))
		} else if !m.is("never says that a record is gone") {
			answer.Missing = append(answer.Missing, s)
		}
	}
	return answer, nil
}
