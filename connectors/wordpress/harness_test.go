package wordpress

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/connectors"
	"github.com/scratch-platform/scratch/connectors/wordpress/fake"
	"github.com/scratch-platform/scratch/models"
)

// bench is a fake site and an account at it.
type bench struct {
	t    *testing.T
	site *fake.Server
	url  string
	c    *Connector
}

// newBench starts a site and opens a connector as the editor.
func newBench(t *testing.T, opt fake.Options, content ...fake.Content) *bench {
	t.Helper()
	site, err := fake.New(opt, content...)
	require.NoError(t, err)
	srv := httptest.NewServer(site)
	t.Cleanup(func() { srv.Close(); site.Close() })
	b := &bench{t: t, site: site, url: srv.URL + opt.Prefix}
	b.c = b.as(fake.EditorLogin, fake.EditorPassword)
	return b
}

// as opens a connector for another account at the same address.
func (b *bench) as(login, password string) *Connector {
	return openAt(b.t, b.url, login, password, nil)
}

func openAt(t *testing.T, site, login, password string, now func() time.Time) *Connector {
	t.Helper()
	transport := &http.Transport{MaxIdleConnsPerHost: 8}
	t.Cleanup(transport.CloseIdleConnections)
	raw, err := json.Marshal(credential{Site: site, Username: login, Password: password})
	require.NoError(t, err)
	c, err := Open(connectors.Dependencies{ConnectionID: "con_test", Transport: transport, Now: now}, raw)
	require.NoError(t, err)
	return c.(*Connector)
}

func (b *bench) schema(table string) connectors.Schema {
	b.t.Helper()
	schema, err := b.c.Describe(b.t.Context(), table, nil)
	require.NoError(b.t, err)
	return schema
}

// enumerated is everything an enumeration gave.
type enumerated struct {
	records   map[string]connectors.Record
	order     []string
	deleted   []string
	pages     int
	watermark []byte
	warnings  []models.Problem
}

func (b *bench) readAll(table string) enumerated {
	b.t.Helper()
	out, err := drain(b.t, b.c, connectors.ReadRequest{Schema: b.schema(table), Budget: 8 << 20}, false)
	require.NoError(b.t, err)
	return out
}

func drain(t *testing.T, c *Connector, req connectors.ReadRequest, since bool) (enumerated, error) {
	t.Helper()
	out := enumerated{records: map[string]connectors.Record{}}
	read := c.ReadAll
	if since {
		read = c.ReadSince
	}
	pages, err := read(t.Context(), req)
	if err != nil {
		return out, err
	}
	defer func() { require.NoError(t, pages.Close()) }()
	for {
		page, err := pages.Next(t.Context())
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return out, err
		}
		out.pages++
		out.watermark = page.Watermark
		out.warnings = append(out.warnings, page.Warnings...)
		out.deleted = append(out.deleted, page.Deleted...)
		for _, r := range page.Records {
			out.order = append(out.order, r.RemoteID)
			out.records[r.RemoteID] = r
		}
	}
}

func (e enumerated) cell(id int64, column string) string {
	return string(models.CellOf(e.records[strconv.FormatInt(id, 10)].Fields, column))
}

func (e enumerated) has(id int64) bool {
	_, ok := e.records[strconv.FormatInt(id, 10)]
	return ok
}

// ids are the distinct ids, ascending.
func (e enumerated) ids() []int64 {
	var ids []int64
	for id := range e.records {
		n, _ := strconv.ParseInt(id, 10, 64)
		ids = append(ids, n)
	}
	slices.Sort(ids)
	return ids
}

func item(key, id string, cells ...string) connectors.WriteItem {
	values := models.Fields{}
	for i := 0; i+1 < len(cells); i += 2 {
		values[cells[i]] = json.RawMessage(cells[i+1])
	}
	return connectors.WriteItem{Key: key, RemoteID: id, Values: values}
}

func (b *bench) create(table string, items ...connectors.WriteItem) []connectors.WriteResult {
	b.t.Helper()
	results, err := b.c.Create(b.t.Context(), b.schema(table), items)
	require.NoError(b.t, err)
	require.Len(b.t, results, len(items))
	return results
}

func (b *bench) update(table string, items ...connectors.WriteItem) []connectors.WriteResult {
	b.t.Helper()
	results, err := b.c.Update(b.t.Context(), b.schema(table), items)
	require.NoError(b.t, err)
	require.Len(b.t, results, len(items))
	return results
}

func (b *bench) remove(table string, ids ...string) []connectors.WriteResult {
	b.t.Helper()
	var items []connectors.WriteItem
	for _, id := range ids {
		items = append(items, item("del-"+id, id))
	}
	results, err := b.c.Delete(b.t.Context(), b.schema(table), items)
	require.NoError(b.t, err)
	return results
}

func (b *bench) inject(f fake.Fault) {
	b.t.Helper()
	_, err := b.site.Inject(f)
	require.NoError(b.t, err)
}

func (b *bench) post(id string) fake.Post {
	b.t.Helper()
	n, err := strconv.ParseInt(id, 10, 64)
	require.NoError(b.t, err)
	p, ok := b.site.Post(n)
	require.True(b.t, ok, "post %s is gone", id)
	return p
}

// requests are the logged requests whose route has the suffix.
func (b *bench) requests(method, suffix string) []fake.Entry {
	var out []fake.Entry
	for _, e := range b.site.Log(0) {
		if e.Method == method && strings.HasSuffix(e.Route, suffix) {
			out = append(out, e)
		}
	}
	return out
}

func kindOfError(t *testing.T, err error) connectors.Kind {
	t.Helper()
	e, ok := connectors.AsError(err)
	require.Truef(t, ok, "not a typed error: %v", err)
	return e.Kind
}

func applied(t *testing.T, r connectors.WriteResult) connectors.WriteResult {
	t.Helper()
	require.Equalf(t, connectors.Applied, r.Outcome, "%s: %v", r.Key, r.Err)
	return r
}

func quoted(s string) string { return string(models.AppendJSONString(nil, s)) }
