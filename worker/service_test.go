package worker

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"sort"
	"strconv"
	"sync"
	"time"

	"github.com/scratch-platform/scratch/connectors"
	"github.com/scratch-platform/scratch/internal/connecting"
	"github.com/scratch-platform/scratch/models"
)

// service is an outside service for these tests: it keeps records, counts what
// reaches it, and goes wrong when it is told to. (The services' own fakes and
// their wire formats are tested beside their connectors.)
type service struct {
	mu      sync.Mutex
	tables  map[string]map[string]models.Fields // table → remote id → cells
	made    map[string]time.Time                // remote id → when
	seq     int
	creates map[string]int // effective creates by key
	requests
	faults

	pageSize int
	columns  []models.Column
	limits   connectors.Limits
}

// requests are what reached the service.
type requests struct {
	pages, looks, writes int
	last                 map[string]time.Time // by table
	written              map[string]int       // by table
}

// faults are the service's troubles; each is used up where it counts down.
type faults struct {
	pageDelay   time.Duration // each page takes that long
	failPages   []error       // next pages fail with these, nil passes
	hidden      map[string]bool
	empty       bool          // pages show nothing
	writeDelay  time.Duration // each written item takes that long
	loseAnswers int           // so many writes are done and their answers lost
	loseWrites  int           // so many writes are neither done nor answered
	silent      bool          // answers to writes do not say what was stored
	refuse      func(connectors.WriteItem) *connectors.Error
	turnAway    int                       // so many write calls are turned away for now
	before      func()                    // called before each write call
	onPage      func(table string, n int) // called before each page
	onWrite     func(table string, n int) // called before each item written to a table
	lookErr     error                     // looking up fails
	lookErrOf   map[string]error          // looking up in a table fails
	gone        bool                      // there is no such table
}

func newService() *service {
	return &service{
		tables: map[string]map[string]models.Fields{}, made: map[string]time.Time{}, requests: requests{last: map[string]time.Time{}, written: map[string]int{}}, creates: map[string]int{}, pageSize: 100,
		columns: []models.Column{
			{ID: "title", Name: "Title", Kind: models.ColumnText, Compare: models.CompareExact},
			{ID: "body", Name: "Body", Kind: models.ColumnLongText, Compare: models.CompareExact},
			{ID: "parent", Name: "Parent", Kind: models.ColumnReference, Compare: models.CompareNullEmpty, References: "posts"},
		},
		limits: connectors.Limits{
			PageSize: 100, PagesAhead: 1, ReadByIDs: 50, CreateBatch: 10, UpdateBatch: 10, DeleteBatch: 10,
			RequestTimeout: time.Second, LookupLag: 200 * time.Millisecond,
		},
	}
}

func (s *service) definition() connectors.Definition {
	return connectors.Definition{
		Service: "memory", Title: "Memory", Limits: s.limits, Credential: json.RawMessage(`{}`),
		Open: func(connectors.Dependencies, json.RawMessage) (connectors.Connector, error) { return &account{s}, nil },
	}
}

// fill adds n records to a table.
func (s *service) fill(table string, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range n {
		s.add(table, models.Fields{"title": text(fmt.Sprintf("Title %05d", i)), "body": text("Body")})
	}
}

func (s *service) add(table string, cells models.Fields) string {
	if s.tables[table] == nil {
		s.tables[table] = map[string]models.Fields{}
	}
	s.seq++
	id := strconv.Itoa(s.seq)
	s.tables[table][id] = cells
	s.made[id] = time.Now()
	return id
}

func (s *service) set(table, id, column, value string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tables[table][id] = maps.Clone(s.tables[table][id])
	s.tables[table][id][column] = text(value)
}

func (s *service) remove(table, id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.tables[table], id)
}

func (s *service) count(table string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.tables[table])
}

func (s *service) cell(table, id, column string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	value, _ := models.Text(s.tables[table][id][column])
	return value
}

// with changes the service's troubles.
func (s *service) with(change func(*faults)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.faults)
}

func (s *service) seen() requests {
	s.mu.Lock()
	defer s.mu.Unlock()
	seen := s.requests
	seen.last, seen.written = maps.Clone(s.last), maps.Clone(s.written)
	return seen
}

func (s *service) idsOf(table string) []string {
	ids := slices.Collect(maps.Keys(s.tables[table]))
	sort.Slice(ids, func(i, j int) bool { a, _ := strconv.Atoi(ids[i]); b, _ := strconv.Atoi(ids[j]); return a < b })
	return ids
}

func text(value string) json.RawMessage { return models.AppendJSONString(nil, value) }

// account is the service, opened.
type account struct{ s *service }

var (
	_ connectors.Describer     = (*account)(nil)
	_ connectors.AllReader     = (*account)(nil)
	_ connectors.IDReader      = (*account)(nil)
	_ connectors.Creator       = (*account)(nil)
	_ connectors.Updater       = (*account)(nil)
	_ connectors.Deleter       = (*account)(nil)
	_ connectors.CreatedFinder = (*account)(nil)
)

func (a *account) Service() string { return "memory" }
func (a *account) Close() error    { return nil }

func (a *account) Describe(_ context.Context, remoteID string, settings json.RawMessage) (connectors.Schema, error) {
	a.s.mu.Lock()
	defer a.s.mu.Unlock()
	a.s.last[remoteID] = time.Now()
	if a.s.gone {
		return connectors.Schema{}, &connectors.Error{Kind: connectors.KindNotFound, Service: "memory", Tried: "describe " + remoteID, Words: "no such table"}
	}
	return connectors.Schema{RemoteID: remoteID, Name: remoteID, Columns: a.s.columns, Settings: settings}, nil
}

func (a *account) ReadAll(_ context.Context, req connectors.ReadRequest) (connectors.Pages, error) {
	after := 0
	if req.Cursor != nil {
		after, _ = strconv.Atoi(string(req.Cursor))
	}
	return &pages{a: a, table: req.Schema.RemoteID, after: after}, nil
}

type pages struct {
	a     *account
	table string
	after int // highest id given
	n     int
}

func (p *pages) Close() error { return nil }

func (p *pages) Next(ctx context.Context) (connectors.Page, error) {
	s := p.a.s
	s.mu.Lock()
	s.pages++
	s.last[p.table] = time.Now()
	delay, hook := s.pageDelay, s.onPage
	var fail error
	if len(s.failPages) > 0 {
		fail, s.failPages = s.failPages[0], s.failPages[1:]
	}
	s.mu.Unlock()
	if p.n++; hook != nil {
		hook(p.table, p.n)
	}
	select {
	case <-ctx.Done():
		return connectors.Page{}, &connectors.Error{Kind: connectors.KindTimeout, Service: "memory", Tried: "list", Cause: ctx.Err()}
	case <-time.After(delay):
	}
	if fail != nil {
		return connectors.Page{}, fail
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	page := connectors.Page{Total: int64(len(s.tables[p.table]))}
	for _, id := range s.idsOf(p.table) {
		n, _ := strconv.Atoi(id)
		if n <= p.after || s.hidden[id] || s.empty {
			continue
		}
		page.Records = append(page.Records, connectors.Record{RemoteID: id, Fields: s.tables[p.table][id].Object()})
		p.after = n
		if len(page.Records) == s.pageSize {
			break
		}
	}
	if len(page.Records) == 0 {
		return connectors.Page{}, io.EOF
	}
	page.Cursor = []byte(strconv.Itoa(p.after))
	return page, nil
}

func (a *account) ReadByIDs(_ context.Context, schema connectors.Schema, ids []string) (connectors.ByIDs, error) {
	a.s.mu.Lock()
	defer a.s.mu.Unlock()
	a.s.looks++
	a.s.last[schema.RemoteID] = time.Now()
	if err := cmp.Or(a.s.lookErr, a.s.lookErrOf[schema.RemoteID]); err != nil {
		return connectors.ByIDs{}, err
	}
	var out connectors.ByIDs
	for _, id := range ids {
		if cells, there := a.s.tables[schema.RemoteID][id]; there {
			out.Found = append(out.Found, connectors.Record{RemoteID: id, Fields: cells.Object()})
		} else {
			out.Missing = append(out.Missing, id)
		}
	}
	return out, nil
}

func (a *account) Create(ctx context.Context, schema connectors.Schema, items []connectors.WriteItem) ([]connectors.WriteResult, error) {
	return a.write(ctx, schema.RemoteID, items, func(item connectors.WriteItem) connectors.Record {
		a.s.creates[item.Key]++
		id := a.s.add(schema.RemoteID, item.Values)
		return connectors.Record{RemoteID: id, Fields: item.Values.Object()}
	})
}

func (a *account) Update(ctx context.Context, schema connectors.Schema, items []connectors.WriteItem) ([]connectors.WriteResult, error) {
	return a.write(ctx, schema.RemoteID, items, func(item connectors.WriteItem) connectors.Record {
		cells := maps.Clone(a.s.tables[schema.RemoteID][item.RemoteID])
		maps.Copy(cells, item.Values)
		a.s.tables[schema.RemoteID][item.RemoteID] = cells
		return connectors.Record{RemoteID: item.RemoteID, Fields: cells.Object()}
	})
}

func (a *account) Delete(ctx context.Context, schema connectors.Schema, items []connectors.WriteItem) ([]connectors.WriteResult, error) {
	return a.write(ctx, schema.RemoteID, items, func(item connectors.WriteItem) connectors.Record {
		delete(a.s.tables[schema.RemoteID], item.RemoteID)
		return connectors.Record{RemoteID: item.RemoteID}
	})
}

// write sends one request an item, as services without batches do.
func (a *account) write(ctx context.Context, table string, items []connectors.WriteItem, do func(connectors.WriteItem) connectors.Record) ([]connectors.WriteResult, error) {
	s := a.s
	s.mu.Lock()
	hook := s.before
	if s.turnAway > 0 {
		s.turnAway--
		s.mu.Unlock()
		return nil, &connectors.Error{Kind: connectors.KindRateLimited, Service: "memory", Tried: "write", Wait: 100 * time.Millisecond}
	}
	s.mu.Unlock()
	if hook != nil {
		hook()
	}
	var results []connectors.WriteResult
	for _, item := range items {
		results = append(results, a.one(ctx, table, item, do))
	}
	return results, nil
}

func (a *account) one(ctx context.Context, table string, item connectors.WriteItem, do func(connectors.WriteItem) connectors.Record) connectors.WriteResult {
	s := a.s
	result := connectors.WriteResult{Key: item.Key}
	if !connecting.MayStart(ctx) {
		result.Outcome, result.Err = connectors.NotSent, &connectors.Error{Kind: connectors.KindUnavailable, Service: "memory", Tried: "write"}
		return result
	}
	s.mu.Lock()
	delay, hook := s.writeDelay, s.onWrite
	s.writes++
	s.written[table]++
	n := s.written[table]
	s.last[table] = time.Now()
	s.mu.Unlock()
	if hook != nil {
		hook(table, n)
	}
	select {
	case <-ctx.Done():
	case <-time.After(delay):
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refuse != nil {
		if refused := s.refuse(item); refused != nil {
			result.Outcome, result.Err = connectors.Failed, refused
			return result
		}
	}
	lost := &connectors.Error{Kind: connectors.KindAmbiguous, Service: "memory", Tried: "write", Reason: "the answer was lost"}
	switch {
	case s.loseWrites > 0:
		s.loseWrites--
		result.Outcome, result.Err = connectors.Unknown, lost
	case s.loseAnswers > 0:
		s.loseAnswers--
		do(item)
		result.Outcome, result.Err = connectors.Unknown, lost
	default:
		stored := do(item)
		result.Outcome, result.RemoteID = connectors.Applied, stored.RemoteID
		if !s.silent {
			result.Stored = &stored
		}
	}
	return result
}

func (a *account) FindCreated(_ context.Context, schema connectors.Schema, items []connectors.FindItem) ([]connectors.FindResult, error) {
	a.s.mu.Lock()
	defer a.s.mu.Unlock()
	a.s.looks++
	if a.s.lookErr != nil {
		return nil, a.s.lookErr
	}
	results := make([]connectors.FindResult, len(items))
	for i, item := range items {
		results[i] = connectors.FindResult{Key: item.Key, Settled: true}
		for _, id := range a.s.idsOf(schema.RemoteID) {
			cells := a.s.tables[schema.RemoteID][id]
			if string(cells.Object()) == string(item.Values.Object()) && !a.s.made[id].Before(item.After.Add(-time.Second)) {
				results[i].Candidates = append(results[i].Candidates, connectors.Record{RemoteID: id, Fields: cells.Object()})
			}
		}
	}
	return results, nil
}
