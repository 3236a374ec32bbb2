package wordpress

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/connectors"
	"github.com/scratch-platform/scratch/connectors/conformance"
	"github.com/scratch-platform/scratch/connectors/wordpress/fake"
	"github.com/scratch-platform/scratch/models"
)

func TestConformance(t *testing.T) {
	for name, opt := range map[string]fake.Options{
		"usual":         {},
		"totals hidden": {HideTotals: true},
		"plain, in a sub-directory, without batch": {NoBatch: true, PlainPermalinks: true, Prefix: "/blog"},
	} {
		t.Run("posts, "+name, func(t *testing.T) { conformance.Run(t, postsSubject(t, opt)) })
	}
	t.Run("tags", func(t *testing.T) { conformance.Run(t, tagsSubject(t)) })
}

// behind is the fake as the suite reaches it.
type behind struct {
	t     *testing.T
	site  *fake.Server
	since int64 // log entries up to here are of before Reset
	fresh int
	list  string // the table's route
	// writing are the routes that writes may take.
	writing []string
}

// newBehind starts a site and says how to open a connector to it.
func newBehind(t *testing.T, opt fake.Options, table string) (b *behind, open func() (connectors.Connector, error)) {
	t.Helper()
	site, err := fake.New(opt)
	require.NoError(t, err)
	srv := httptest.NewServer(site)
	transport := &http.Transport{MaxIdleConnsPerHost: 8}
	t.Cleanup(func() { transport.CloseIdleConnections(); srv.Close(); site.Close() })
	b = &behind{t: t, site: site, list: "/wp/v2/" + table}
	b.writing = []string{"/batch/v1", b.list, b.list + "/[0-9]*"}
	if opt.NoBatch {
		b.writing = b.writing[1:]
	}
	return b, func() (connectors.Connector, error) {
		return Open(connectors.Dependencies{
			ConnectionID: "con_test", Transport: transport, Now: time.Now,
		}, mustJSON(credential{Site: srv.URL + opt.Prefix, Username: fake.EditorLogin, Password: fake.EditorPassword}))
	}
}

func postsSubject(t *testing.T, opt fake.Options) conformance.Subject {
	t.Helper()
	b, open := newBehind(t, opt, "posts")
	post := func(n int, title string) models.Fields {
		return item("", "", "title", quoted(fmt.Sprintf("%s %d & \"more\"", title, n)), "content", quoted(fmt.Sprintf("<!-- wp:paragraph -->\n<p>%s %d — ü🍞</p>\n<!-- /wp:paragraph -->", title, n)),
			"excerpt", quoted(title), "status", `"draft"`, "slug", quoted(fmt.Sprintf("%s-%d", title, n)), "sticky", "true", "tags", `["11","10"]`,
			"date_gmt", `"2026-01-05T10:00:00Z"`, "comment_status", `"closed"`, "author", `"1"`).Values
	}
	return conformance.Subject{
		Definition: Definition(),
		Open:       open,
		Table:      "posts", Canary: fake.EditorPassword, PageSize: pageSize,
		Sample: func(n int) models.Fields { return withoutTwinSlug(post(n, "sample")) },
		Change: func(n int) models.Fields {
			return item("", "", "title", quoted(fmt.Sprintf("changed %d", n)), "tags", `["12"]`).Values
		},
		Clear:   item("", "", "excerpt", `""`, "tags", "[]", "featured_media", "null", "template", `""`).Values,
		Refused: item("", "", "title", `"refused"`, "author", `"4711"`).Values,
		Service: conformance.Service{Reset: b.reset, Insert: b.insert, Delete: b.remove, Touch: b.touch, Count: b.count, Writes: b.writes, Inject: b.inject},
		Lacks:   map[conformance.Fault]string{conformance.FaultCursor: "WordPress has no cursors: pages are numbered"},
	}
}

// withoutTwinSlug leaves the slug out: two equal creates would get two.
func withoutTwinSlug(values models.Fields) models.Fields {
	delete(values, "slug")
	return values
}

func (b *behind) resetSite() {
	b.site.Reset()
	b.fresh = 0
	for _, e := range b.site.Log(0) {
		b.since = max(b.since, e.Seq)
	}
}

func (b *behind) reset(records int) {
	b.resetSite()
	for i := range 3 {
		b.site.AddTerm(fake.Term{ID: 10 + int64(i), Taxonomy: "post_tag", Name: fmt.Sprintf("tag %d", i)})
	}
	old := time.Now().Add(-30 * 24 * time.Hour)
	for i := range records {
		b.site.AddPost(fake.Post{Title: fmt.Sprintf("post %d", i), Content: "text", Excerpt: "short", Date: old, Terms: map[string][]int64{"category": {1}, "post_tag": {10}}})
	}
}

func (b *behind) insert() string {
	b.fresh++
	return strconv.FormatInt(b.site.AddPost(fake.Post{Title: fmt.Sprintf("inserted %d", b.fresh)}), 10)
}

func number64(t *testing.T, id string) int64 {
	t.Helper()
	n, err := strconv.ParseInt(id, 10, 64)
	require.NoError(t, err)
	return n
}

func (b *behind) remove(id string) {
	b.site.Remove(number64(b.t, id))
}

func (b *behind) touch(id string) {
	b.site.Edit(number64(b.t, id), func(p *fake.Post) { p.Excerpt = "touched" })
}

func (b *behind) count() int {
	n := 0
	for _, p := range b.site.Posts("post") {
		if p.Status != "trash" {
			n++
		}
	}
	return n
}

func (b *behind) writes() int {
	n := 0
	for _, e := range b.site.Log(b.since) {
		n += len(e.Changes)
	}
	return n
}

func (b *behind) inject(f conformance.Fault) {
	list := map[conformance.Fault]fake.Fault{
		conformance.FaultRateLimit:    {Kind: fake.FaultStatus, Status: 429, RetryAfter: "7"},
		conformance.FaultUnavailable:  {Kind: fake.FaultStatus, Status: 503, Method: "GET"},
		conformance.FaultSecondPage:   {Kind: fake.FaultStatus, Status: 503, Method: "GET", Path: b.list, Skip: 1},
		conformance.FaultHTML:         {Kind: fake.FaultHTML, Status: 502, Method: "GET"},
		conformance.FaultUnauthorized: {Kind: fake.FaultStatus, Status: 401, Code: "incorrect_password", Text: "The provided password is an invalid application password."},
		conformance.FaultQuote:        {Kind: fake.FaultStatus, Status: 400, Code: "rest_invalid_param", Text: "refused: " + fake.EditorPassword},
		conformance.FaultHang:         {Kind: fake.FaultDrop, HoldMS: 60_000},
		conformance.FaultShort:        {Kind: fake.FaultShort, Method: "GET", Path: b.list, Rows: 7},
		conformance.FaultDuplicate:    {Kind: fake.FaultDuplicate, Method: "GET", Path: b.list},
	}
	fault, ok := list[f]
	if !ok {
		switch f {
		case conformance.FaultLost, conformance.FaultNothing:
			for _, path := range b.writing {
				for _, method := range []string{"POST", "DELETE"} {
					_, err := b.site.Inject(fake.Fault{Kind: fake.FaultDrop, Apply: f == conformance.FaultLost, Path: path, Method: method})
					require.NoError(b.t, err)
				}
			}
			return
		default:
			panic("no such fault: " + string(f))
		}
	}
	_, err := b.site.Inject(fault)
	require.NoError(b.t, err)
}

// tagsSubject is a taxonomy: paged by number, names unique, no trash, no
// modified time.
func tagsSubject(t *testing.T) conformance.Subject {
	t.Helper()
	b, open := newBehind(t, fake.Options{}, "tags")
	n := 0
	add := func() string {
		n++
		return strconv.FormatInt(b.site.AddTerm(fake.Term{Taxonomy: "post_tag", Name: fmt.Sprintf("term %d", n)}), 10)
	}
	return conformance.Subject{
		Definition: Definition(), Open: open, Table: "tags", Canary: fake.EditorPassword, PageSize: pageSize,
		Sample: func(n int) models.Fields {
			return item("", "", "name", quoted(fmt.Sprintf("sample %d — ü", n)), "description", quoted("d <b>x</b>"), "slug", quoted(fmt.Sprintf("sample-%d", n))).Values
		},
		Change: func(n int) models.Fields {
			return item("", "", "name", quoted(fmt.Sprintf("changed %d", n)), "description", `"new"`).Values
		},
		Clear:   item("", "", "description", `""`).Values,
		Refused: item("", "", "name", quoted(" ")).Values,
		Service: conformance.Service{
			Reset: func(records int) {
				b.resetSite()
				for range records {
					add()
				}
			},
			Insert: add,
			Delete: func(id string) { b.site.RemoveTerm(number64(t, id)) },
			Touch:  func(string) {},
			Count:  func() int { return len(b.site.Terms("post_tag")) }, Writes: b.writes, Inject: b.inject,
		},
		Lacks: map[conformance.Fault]string{
			conformance.FaultCursor: "WordPress has no cursors: pages are numbered",
			conformance.FaultLost:   "names of terms are unique: two equal creates make one term, see TestCase26 for the lost answer",
		},
	}
}
