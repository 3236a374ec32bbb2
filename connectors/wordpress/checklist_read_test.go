package wordpress

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/connectors"
	"github.com/scratch-platform/scratch/connectors/wordpress/fake"
)

// The numbered cases are those of the WordPress fact sheet's checklist.

func TestCase01_Discovery(t *testing.T) {
	for name, opt := range map[string]fake.Options{
		"pretty permalinks": {},
		"plain permalinks":  {PlainPermalinks: true},
		"sub-directory":     {Prefix: "/blog"},
		"both":              {Prefix: "/blog", PlainPermalinks: true},
		"login wanted":      {RequireLogin: true},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, opt, fake.Generated(3))
			require.Len(t, b.readAll("posts").ids(), 3)
			created := applied(t, b.create("posts", item("k", "", "title", `"made"`))[0])
			require.Equal(t, "made", b.post(created.RemoteID).Title)
		})
	}
	t.Run("by the Link header of any page", func(t *testing.T) {
		b := newBench(t, fake.Options{}, fake.Generated(3))
		b.c = openAt(t, b.url+"/generated-post-0000001/", fake.EditorLogin, fake.EditorPassword, nil)
		require.Len(t, b.readAll("posts").ids(), 3)
	})
	t.Run("a redirect from http to https", func(t *testing.T) {
		site, err := fake.New(fake.Options{}, fake.Generated(3))
		require.NoError(t, err)
		secure := httptest.NewTLSServer(site)
		plain := httptest.NewServer(fake.Redirect(secure.URL))
		t.Cleanup(func() { plain.Close(); secure.Close(); site.Close() })
		raw, _ := json.Marshal(credential{Site: plain.URL, Username: fake.EditorLogin, Password: fake.EditorPassword})
		opened, err := Open(connectors.Dependencies{Transport: secure.Client().Transport}, raw)
		require.NoError(t, err)
		b := &bench{t: t, site: site, c: opened.(*Connector)}
		require.Len(t, b.readAll("posts").ids(), 3)
		applied(t, b.create("posts", item("k", "", "title", `"over https"`))[0])
		require.Equal(t, secure.URL+"/wp-json/", b.c.site.base, "writes must go to the final address: a redirect drops their body")
	})
	t.Run("no WordPress", func(t *testing.T) {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>hello</html>") }))
		t.Cleanup(srv.Close)
		_, err := openAt(t, srv.URL, "a", "b", nil).Validate(t.Context())
		require.Equal(t, connectors.KindInvalid, kindOfError(t, err))
		require.ErrorContains(t, err, "api_not_found")
	})
}

func TestCase02_ApplicationPasswords(t *testing.T) {
	b := newBench(t, fake.Options{})
	for _, password := range []string{fake.EditorPassword, strings.ReplaceAll(fake.EditorPassword, " ", "")} {
		account, err := b.as(fake.EditorLogin, password).Validate(t.Context())
		require.NoError(t, err)
		require.Contains(t, account.Name, "Edo Brandt (editor)")
	}
	_, err := b.as(fake.EditorLogin, "wron gwro ngwr ongw rong wron").Validate(t.Context())
	e, ok := connectors.AsError(err)
	require.True(t, ok)
	require.Equal(t, connectors.KindAuth, e.Kind)
	require.Equal(t, "incorrect_password", e.Code)
	require.Contains(t, e.Hint, "application password")
	require.NotContains(t, err.Error(), "wron")
	// Some sites answer a wrong password as to an anonymous visitor.
	b.site.Configure(func(o *fake.Options) { o.WrongPasswordIsAnonymous = true })
	_, err = b.as(fake.EditorLogin, "wron gwro ngwr ongw rong wron").Validate(t.Context())
	e, _ = connectors.AsError(err)
	require.Equal(t, connectors.KindAuth, e.Kind)
	require.Contains(t, e.Hint, "application password")
}

func TestCase03_AuthorizationHeaderStripped(t *testing.T) {
	b := newBench(t, fake.Options{StripAuthorization: true})
	_, err := b.c.Validate(t.Context())
	e, ok := connectors.AsError(err)
	require.True(t, ok)
	require.Equal(t, connectors.KindAuth, e.Kind)
	require.Equal(t, "authorization_stripped", e.Code)
	require.Contains(t, e.Hint, "HTTP_AUTHORIZATION")
	require.False(t, e.Retryable())
	require.Len(t, b.requests("GET", "/users/me"), 1, "it must not be tried again")
}

func TestCase04_PagingEnds(t *testing.T) {
	for _, hide := range []bool{false, true} {
		t.Run(fmt.Sprint("totals hidden: ", hide), func(t *testing.T) {
			b := newBench(t, fake.Options{HideTotals: hide}, fake.Generated(250))
			got := b.readAll("posts")
			require.Len(t, got.ids(), 250)
			if !hide {
				require.Len(t, b.requests("GET", "/posts"), 3)
			}
			require.Len(t, b.readAll("tags").ids(), 20)
		})
	}
	t.Run("an invalid page number is the end", func(t *testing.T) {
		b := newBench(t, fake.Options{HideTotals: true}, fake.Generated(250))
		b.inject(fake.Fault{Kind: fake.FaultStatus, Status: 400, Code: "rest_post_invalid_page_number", Path: "/wp/v2/posts", Contains: "offset=297", Times: -1})
		require.Len(t, b.readAll("posts").ids(), 250)
	})
}

func TestCase05_RowsMoveWhileRead(t *testing.T) {
	for name, prepare := range map[string]func(b *bench){
		"the first row of a page is deleted after it": func(b *bench) { b.inject(fake.Fault{Kind: fake.FaultDelete, Path: "/wp/v2/posts", Rows: 1}) },
		"thirty rows of a page are deleted after it":  func(b *bench) { b.inject(fake.Fault{Kind: fake.FaultDelete, Path: "/wp/v2/posts", Rows: 30}) },
		"all rows of a page are deleted after it":     func(b *bench) { b.inject(fake.Fault{Kind: fake.FaultDelete, Path: "/wp/v2/posts", Rows: 100}) },
		"the last rows of a page are missing":         func(b *bench) { b.inject(fake.Fault{Kind: fake.FaultShort, Path: "/wp/v2/posts", Skip: 1, Rows: 5}) },
		"the last rows of the last page are missing": func(b *bench) {
			b.inject(fake.Fault{Kind: fake.FaultShort, Path: "/wp/v2/posts", Contains: "offset=396", Rows: 5})
		},
		"a row comes twice": func(b *bench) { b.inject(fake.Fault{Kind: fake.FaultDuplicate, Path: "/wp/v2/posts", Times: 3}) },
	} {
		for _, hide := range []bool{false, true} {
			t.Run(name+fmt.Sprint(", totals hidden: ", hide), func(t *testing.T) {
				b := newBench(t, fake.Options{HideTotals: hide}, fake.Generated(450))
				prepare(b)
				got := b.readAll("posts")
				for _, p := range b.site.Posts("post") {
					require.True(t, got.has(p.ID), "row %d, there all the time, is missing", p.ID)
				}
				require.Len(t, got.order, len(got.records), "a row was given twice")
			})
		}
	}
	t.Run("a row is added", func(t *testing.T) {
		b := newBench(t, fake.Options{}, fake.Generated(250))
		schema := b.schema("posts")
		pages, err := b.c.ReadAll(t.Context(), connectors.ReadRequest{Schema: schema, Budget: 1})
		require.NoError(t, err)
		defer func() { _ = pages.Close() }()
		seen := map[string]bool{}
		for n := 0; ; n++ {
			page, err := pages.Next(t.Context())
			if errors.Is(err, io.EOF) {
				break
			}
			require.NoError(t, err)
			for _, r := range page.Records {
				require.False(t, seen[r.RemoteID])
				seen[r.RemoteID] = true
			}
			b.site.AddPost(fake.Post{Title: "new"})
		}
		require.GreaterOrEqual(t, len(seen), 250)
	})
	t.Run("a term is deleted between two pages", func(t *testing.T) {
		b := newBench(t, fake.Options{})
		for i := range 250 {
			b.site.AddTerm(fake.Term{Taxonomy: "post_tag", Name: fmt.Sprintf("tag %03d", i)})
		}
		schema := b.schema("tags")
		pages, err := b.c.ReadAll(t.Context(), connectors.ReadRequest{Schema: schema, Budget: 1})
		require.NoError(t, err)
		defer func() { _ = pages.Close() }()
		first, err := pages.Next(t.Context())
		require.NoError(t, err)
		gone := first.Records[0].RemoteID
		applied(t, b.remove("tags", gone)[0])
		seen := map[string]bool{}
		for {
			page, err := pages.Next(t.Context())
			if errors.Is(err, io.EOF) {
				break
			}
			require.NoError(t, err)
			for _, r := range page.Records {
				seen[r.RemoteID] = true
			}
		}
		for _, term := range b.site.Terms("post_tag") {
			require.True(t, seen[strconv.FormatInt(term.ID, 10)] || slicesHas(first.Records, term.ID), "tag %d is missing", term.ID)
		}
	})
}

func slicesHas(records []connectors.Record, id int64) bool {
	for _, r := range records {
		if r.RemoteID == strconv.FormatInt(id, 10) {
			return true
		}
	}
	return false
}

// Promise 2: an empty answer in the middle is an error, never an end.
func TestEmptyAnswerInTheMiddleIsNoEnd(t *testing.T) {
	b := newBench(t, fake.Options{}, fake.Generated(450))
	schema := b.schema("posts")
	b.inject(fake.Fault{Kind: fake.FaultEmpty, Path: "/wp/v2/posts", Contains: "offset=198", Times: -1})
	_, err := drain(t, b.c, connectors.ReadRequest{Schema: schema, Budget: 1}, false)
	require.Equal(t, connectors.KindUnavailable, kindOfError(t, err))
}

func TestReadingGoesOnFromACursor(t *testing.T) {
	b := newBench(t, fake.Options{}, fake.Generated(450))
	schema := b.schema("posts")
	pages, err := b.c.ReadAll(t.Context(), connectors.ReadRequest{Schema: schema, Budget: 8 << 20})
	require.NoError(t, err)
	page, err := pages.Next(t.Context())
	require.NoError(t, err)
	require.NoError(t, pages.Close())
	// Rows of the page already read are deleted before another process goes on.
	for _, r := range page.Records[:40] {
		id, _ := strconv.ParseInt(r.RemoteID, 10, 64)
		b.site.Remove(id)
	}
	other := b.as(fake.EditorLogin, fake.EditorPassword)
	rest, err := drain(t, other, connectors.ReadRequest{Schema: schema, Cursor: page.Cursor, Budget: 8 << 20}, false)
	require.NoError(t, err)
	require.Len(t, rest.ids(), 350)
	_, err = drain(t, other, connectors.ReadRequest{Schema: schema, Cursor: []byte("?"), Budget: 8 << 20}, false)
	require.ErrorIs(t, err, connectors.ErrCursorExpired)
}

func TestCase20_WebPagesAndNotices(t *testing.T) {
	b := newBench(t, fake.Options{}, fake.Generated(5))
	schema := b.schema("posts")
	req := connectors.ReadRequest{Schema: schema, Budget: 1}
	for _, status := range []int{403, 406, 503} {
		b.inject(fake.Fault{Kind: fake.FaultHTML, Status: status, Path: "/wp/v2/posts", Text: "Ray ID 12345"})
		_, err := drain(t, b.c, req, false)
		e, ok := connectors.AsError(err)
		require.True(t, ok)
		require.Equal(t, connectors.KindUnavailable, e.Kind, status)
		require.True(t, e.Retryable())
		require.Contains(t, e.Words, "Ray ID 12345")
		require.NotContains(t, e.Words, "<h1>")
	}
	b.inject(fake.Fault{Kind: fake.FaultNotice, Path: "/wp/v2/posts", Text: "widget"})
	got, err := drain(t, b.c, req, false)
	require.NoError(t, err)
	require.Len(t, got.ids(), 5)
	require.Len(t, got.warnings, 1)
	require.Contains(t, got.warnings[0].Detail, "widget")
	// A write's answer behind a notice is an answer all the same.
	b.inject(fake.Fault{Kind: fake.FaultNotice, Method: "POST", Path: "/wp/v2/posts", Text: "widget"})
	applied(t, b.create("posts", item("k", "", "title", `"under a notice"`))[0])
	// A page of HTML with 200 is no list.
	b.inject(fake.Fault{Kind: fake.FaultHTML, Status: 200, Path: "/wp/v2/posts", Text: "Checking your browser"})
	_, err = drain(t, b.c, req, false)
	require.Error(t, err)
}

func TestCase21_TooManyRequests(t *testing.T) {
	b := newBench(t, fake.Options{}, fake.Generated(5))
	req := connectors.ReadRequest{Schema: b.schema("posts"), Budget: 1}
	b.inject(fake.Fault{Kind: fake.FaultStatus, Status: 429, Path: "/wp/v2/posts", RetryAfter: "7"})
	_, err := drain(t, b.c, req, false)
	e, _ := connectors.AsError(err)
	require.Equal(t, connectors.KindRateLimited, e.Kind)
	require.Equal(t, 7*time.Second, e.Wait)
	b.inject(fake.Fault{Kind: fake.FaultStatus, Status: 429, Path: "/wp/v2/posts"})
	_, err = drain(t, b.c, req, false)
	e, _ = connectors.AsError(err)
	require.Equal(t, connectors.KindRateLimited, e.Kind)
	require.Positive(t, e.Wait, "without Retry-After the wait is ours to choose")
	b.inject(fake.Fault{Kind: fake.FaultHTML, Status: 429, Method: "POST", Path: "/wp/v2/posts"})
	results := b.create("posts", item("k", "", "title", `"x"`))
	require.Equal(t, connectors.NotSent, results[0].Outcome)
	require.Equal(t, connectors.KindRateLimited, results[0].Err.Kind)
}

func TestCase24_TableNoLongerListed(t *testing.T) {
	b := newBench(t, fake.Options{Types: []fake.Type{{Slug: "recipe", Name: "Recipes", RestBase: "recipes", Supports: []string{"title", "editor"}}}})
	b.site.AddPost(fake.Post{Type: "recipe", Title: "Soup"})
	require.Len(t, b.readAll("recipes").ids(), 1)
	schema := b.schema("recipes")
	b.site.Configure(func(o *fake.Options) { o.Types = nil })
	_, err := b.c.Describe(t.Context(), "recipes", nil)
	require.ErrorIs(t, err, connectors.ErrNotFound)
	_, err = drain(t, b.c, connectors.ReadRequest{Schema: schema, Budget: 1}, false)
	require.ErrorIs(t, err, connectors.ErrNotFound)
	tables, err := b.c.ListTables(t.Context())
	require.NoError(t, err)
	for _, table := range tables {
		require.NotEqual(t, "recipes", table.RemoteID)
	}
}

// Bad input: an address that is wrong is told apart from a site that is away.
func TestWrongAddresses(t *testing.T) {
	site, err := fake.New(fake.Options{})
	require.NoError(t, err)
	secure := httptest.NewTLSServer(site)
	closed := httptest.NewServer(site)
	closed.Close()
	t.Cleanup(func() { secure.Close(); site.Close() })
	for name, c := range map[string]struct{ site, code string }{
		"unreachable":           {closed.URL, "connection_refused"},
		"unknown host":          {"https://no-such-host.invalid", "host_"},
		"unknown certificate":   {secure.URL, "tls_certificate"},
		"http to an https port": {strings.Replace(secure.URL, "https", "http", 1), "api_not_found"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := openAt(t, c.site, "a", "b", nil).Validate(t.Context())
			e, ok := connectors.AsError(err)
			require.True(t, ok)
			require.Contains(t, e.Code, c.code)
			require.NotEmpty(t, e.Hint)
		})
	}
	for _, bad := range []string{"", "ftp://x", "https://user:pass@blog.example", "https://"} {
		_, err := Open(connectors.Dependencies{}, mustJSON(credential{Site: bad, Username: "a", Password: "b"}))
		require.Equal(t, connectors.KindInvalid, kindOfError(t, err), bad)
	}
}
