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
	"github.com/scratch-platform/scratch/models"
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

func TestCase06_RawTextOnly(t *testing.T) {
	b := newBench(t, fake.Options{})
	content := "<!-- wp:paragraph -->\n<p>It's \"raw\" & <b>bold</b> — \u00e9\U0001F35E\\ / \t</p>\n<!-- /wp:paragraph -->"
	id := b.site.AddPost(fake.Post{Title: "Tom & Jerry's", Content: content, Excerpt: "a/b"})
	got := b.readAll("posts")
	var back string
	require.NoError(t, json.Unmarshal([]byte(got.cell(id, "content")), &back))
	require.Equal(t, content, back)
	require.Equal(t, `"Tom & Jerry's"`, got.cell(id, "title"))
	for _, e := range b.requests("GET", "/posts") {
		require.Contains(t, e.Query, "context=edit")
		require.NotContains(t, e.Query, "rendered")
	}
	require.Equal(t, `null`, got.cell(id, "featured_media"))
	require.Equal(t, `"2"`, got.cell(id, "author"))
	canonical, err := models.Canonical(got.records[strconv.FormatInt(id, 10)].Fields)
	require.NoError(t, err)
	require.Equal(t, string(canonical), string(got.records[strconv.FormatInt(id, 10)].Fields), "records must be canonical as they come")
}

func TestCase07_IncrementalAcrossTimeZones(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	// The clock goes back at 01:00 UTC on 25 October 2026: 02:30 comes twice.
	beforeChange := time.Date(2026, 10, 25, 0, 40, 0, 0, time.UTC)
	noon := time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		zone  *time.Location
		start time.Time
		edit  time.Time
	}{
		"UTC-5":                     {time.FixedZone("", -5*3600), noon, noon.Add(time.Second)},
		"UTC+9":                     {time.FixedZone("", 9*3600), noon, noon.Add(time.Second)},
		"the same second":           {time.UTC, noon, noon},
		"over the change of clocks": {berlin, beforeChange, beforeChange.Add(25 * time.Minute)},
		"long after":                {berlin, beforeChange, beforeChange.Add(100 * time.Hour)},
	} {
		t.Run(name, func(t *testing.T) {
			now := c.start
			b := newBench(t, fake.Options{Timezone: c.zone, Now: func() time.Time { return now }}, fake.Generated(120))
			b.c = openAt(t, b.url, fake.EditorLogin, fake.EditorPassword, func() time.Time { return now })
			schema := b.schema("posts")
			// The Date header is the test machine's: the mark is set by hand.
			mark := mustJSON(watermark{At: c.start, Zone: b.c.site.zone, Newest: 120})
			now = c.edit
			for _, id := range []int64{5, 6} { // two edits in one second
				require.True(t, b.site.Edit(id, func(p *fake.Post) { p.Title = "changed" }))
			}
			applied(t, b.remove("posts", "7")[0])
			got, err := drain(t, b.c, connectors.ReadRequest{Schema: schema, Since: mark, Budget: 1 << 20}, true)
			require.NoError(t, err)
			require.Equal(t, `"changed"`, got.cell(5, "title"))
			require.Equal(t, `"changed"`, got.cell(6, "title"))
			require.Contains(t, got.deleted, "7")
			require.False(t, got.has(7))
			require.False(t, got.has(100), "what did not change must not be read again")
			for _, e := range b.requests("GET", "/posts") {
				if strings.Contains(e.Query, "modified_after") {
					require.Regexp(t, `modified_after=[^&]*Z(&|$)`, e.Query, "without Z the bound would be the site's wall clock")
				}
			}
		})
	}
	t.Run("the site's zone changes", func(t *testing.T) {
		now := noon
		b := newBench(t, fake.Options{Timezone: time.FixedZone("", 12*3600), Now: func() time.Time { return now }}, fake.Generated(3))
		mark := mustJSON(watermark{At: noon, Zone: "12"})
		b.site.Configure(func(o *fake.Options) { o.Timezone = time.FixedZone("", -10*3600) })
		now = now.Add(time.Minute)
		require.True(t, b.site.Edit(2, func(p *fake.Post) { p.Title = "changed" }))
		got, err := drain(t, b.c, connectors.ReadRequest{Schema: b.schema("posts"), Since: mark, Budget: 1 << 20}, true)
		require.NoError(t, err)
		require.Equal(t, `"changed"`, got.cell(2, "title"))
	})
	for _, hide := range []bool{false, true} {
		t.Run(fmt.Sprint("new rows with old dates, totals hidden: ", hide), func(t *testing.T) {
			b := newBench(t, fake.Options{HideTotals: hide}, fake.Generated(250))
			schema := b.schema("posts")
			full := b.readAll("posts")
			old := `"2019-01-05T10:00:00Z"`
			made := applied(t, b.create("posts", item("k", "", "title", `"from the archive"`, "status", `"publish"`, "date_gmt", old))[0])
			require.Equal(t, old, quoted(made.Stored.Marker), "the site's modified time begins as the date")
			got, err := drain(t, b.c, connectors.ReadRequest{Schema: schema, Since: full.watermark, Budget: 1 << 20}, true)
			require.NoError(t, err)
			require.True(t, got.has(number64(t, made.RemoteID)))
			// An import of many, read on from its own mark.
			for i := range 350 {
				b.site.AddPost(fake.Post{Title: fmt.Sprint("imported ", i), Date: time.Date(2018, 1, 1, 0, 0, i, 0, time.UTC)})
			}
			next, err := drain(t, b.c, connectors.ReadRequest{Schema: schema, Since: got.watermark, Budget: 1 << 20}, true)
			require.NoError(t, err)
			for _, p := range b.site.Posts("post")[251:] {
				require.True(t, next.has(p.ID), p.ID)
			}
			if !hide {
				require.Less(t, len(next.records), 360, "the whole table was read for it")
			}
		})
	}
	t.Run("the mark of a full read is where the next begins", func(t *testing.T) {
		b := newBench(t, fake.Options{}, fake.Generated(120))
		full := b.readAll("posts")
		require.True(t, b.site.Edit(9, func(p *fake.Post) { p.Title = "changed" }))
		got, err := drain(t, b.c, connectors.ReadRequest{Schema: b.schema("posts"), Since: full.watermark, Budget: 1 << 20}, true)
		require.NoError(t, err)
		require.Equal(t, []int64{9}, got.ids())
		// Terms have no modified time: all of them come.
		terms, err := drain(t, b.c, connectors.ReadRequest{Schema: b.schema("tags"), Since: full.watermark, Budget: 1 << 20}, true)
		require.NoError(t, err)
		require.Len(t, terms.ids(), 20)
	})
}

func TestCase08_StatusesAndRoles(t *testing.T) {
	b := newBench(t, fake.Options{})
	want := map[int64]string{}
	for _, status := range []string{"publish", "draft", "pending", "private", "future"} {
		want[b.site.AddPost(fake.Post{Title: status, Status: status, Date: time.Now().Add(-time.Hour)})] = status
	}
	b.site.AddPost(fake.Post{Title: "thrown away", Status: "trash"})
	got := b.readAll("posts")
	require.Len(t, got.ids(), len(want))
	for id, status := range want {
		require.Equal(t, quoted(status), got.cell(id, "status"))
	}
	t.Run("a contributor reads what it may", func(t *testing.T) {
		low := &bench{t: t, site: b.site, url: b.url, c: b.as(fake.ContributorLogin, fake.ContributorPassword)}
		require.Len(t, low.readAll("posts").ids(), 1)
		// A row it may not read is not a row that is gone (Promise 2).
		ids, err := low.c.ReadByIDs(t.Context(), low.schema("posts"), []string{draftOf(want), "999999"})
		require.NoError(t, err)
		require.Empty(t, ids.Found)
		require.Equal(t, []string{"999999"}, ids.Missing)
	})
	t.Run("a table that an account may not edit is not gone", func(t *testing.T) {
		_, err := b.as(fake.ContributorLogin, fake.ContributorPassword).Describe(t.Context(), "pages", nil)
		require.Equal(t, connectors.KindPermission, kindOfError(t, err))
	})
	t.Run("a contributor reads terms", func(t *testing.T) {
		low := &bench{t: t, site: b.site, url: b.url, c: b.as(fake.ContributorLogin, fake.ContributorPassword)}
		require.Len(t, low.readAll("categories").records, 1)
	})
	t.Run("a status filter that is refused", func(t *testing.T) {
		subscriber := b.as(fake.SubscriberLogin, fake.SubscriberPassword)
		tables, err := subscriber.ListTables(t.Context())
		require.NoError(t, err)
		for _, table := range tables {
			require.True(t, table.ReadOnly && table.Why != "", table.RemoteID)
		}
		schema := b.schema("posts")
		_, err = drain(t, subscriber, connectors.ReadRequest{Schema: schema, Budget: 1}, false)
		require.Equal(t, connectors.KindPermission, kindOfError(t, err))

		// Core holds the filter against the account before anything else.
		refused := 0
		strict := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Query().Get("status") != "any" {
				b.site.ServeHTTP(w, r)
				return
			}
			refused++
			w.Header().Set("Content-Type", "application/json; charset=UTF-8")
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, `{"code":"rest_invalid_param","message":"Invalid parameter(s): status","data":{"status":400,
				"params":{"status":"Status is forbidden."},
				"details":{"status":{"code":"rest_forbidden_status","message":"Status is forbidden.","data":{"status":403}}}}}`)
		}))
		t.Cleanup(strict.Close)
		low := &bench{t: t, site: b.site, url: strict.URL}
		low.c = low.as(fake.AdminLogin, fake.AdminPassword)
		shown := low.readAll("posts")
		require.Equal(t, 1, refused, "asked again without the filter, once")
		require.Len(t, shown.ids(), 1)
		require.Equal(t, "wordpress.published_only", shown.warnings[0].Code)
		// What it does not list is not gone (Promise 2).
		ids, err := low.c.ReadByIDs(t.Context(), schema, []string{draftOf(want), "999999"})
		require.NoError(t, err)
		require.NotContains(t, ids.Missing, draftOf(want))
	})
}

func draftOf(statuses map[int64]string) string {
	for id, status := range statuses {
		if status == "draft" {
			return strconv.FormatInt(id, 10)
		}
	}
	return ""
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
