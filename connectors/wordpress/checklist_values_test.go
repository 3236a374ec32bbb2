package wordpress

import (
	"encoding/json"
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
