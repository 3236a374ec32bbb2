package wordpress

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/connectors"
	"github.com/scratch-platform/scratch/connectors/wordpress/fake"
	"github.com/scratch-platform/scratch/models"
)

func TestCase09_CreateIsADraftAndSlugsAreReadBack(t *testing.T) {
	b := newBench(t, fake.Options{})
	first := applied(t, b.create("posts", item("a", "", "title", `"One"`, "slug", `"taken"`))[0])
	require.Equal(t, `"draft"`, string(models.CellOf(first.Stored.Fields, "status")))
	require.Empty(t, first.Note)
	second := applied(t, b.create("posts", item("b", "", "title", `"Two"`, "slug", `"taken"`))[0])
	require.Equal(t, `"taken-2"`, string(models.CellOf(second.Stored.Fields, "slug")))
	require.Contains(t, second.Note, "taken-2")
	require.NotEmpty(t, second.Stored.Marker)
}

func TestCase10_PublishFollowsTheDate(t *testing.T) {
	b := newBench(t, fake.Options{})
	soon := quoted(time.Now().Add(48 * time.Hour).UTC().Format(time.RFC3339))
	past := quoted(time.Now().Add(-48 * time.Hour).UTC().Format(time.RFC3339))
	r := b.create("posts", item("a", "", "title", `"later"`, "status", `"publish"`, "date_gmt", soon), item("b", "", "title", `"earlier"`, "status", `"future"`, "date_gmt", past))
	require.Equal(t, "future", b.post(applied(t, r[0]).RemoteID).Status)
	require.Contains(t, r[0].Note, `"future"`)
	require.Equal(t, "publish", b.post(applied(t, r[1]).RemoteID).Status)
	require.Equal(t, past, string(models.CellOf(r[1].Stored.Fields, "date_gmt")))
}

func TestCase11_ContributorMayNotPublish(t *testing.T) {
	b := newBench(t, fake.Options{})
	b.c = b.as(fake.ContributorLogin, fake.ContributorPassword)
	r := b.create("posts", item("a", "", "title", `"mine"`), item("b", "", "title", `"live"`, "status", `"publish"`))
	applied(t, r[0])
	require.Equal(t, connectors.Failed, r[1].Outcome)
	require.Equal(t, connectors.KindPermission, r[1].Err.Kind)
	require.Equal(t, "rest_cannot_publish", r[1].Err.Code)
	require.NotEmpty(t, r[1].Err.Hint)
	require.Len(t, b.site.Posts("post"), 1)
}

func TestCase12_UpdateIsPartialAndTermsAreASet(t *testing.T) {
	b := newBench(t, fake.Options{})
	x, y := b.site.AddTerm(fake.Term{Taxonomy: "category", Name: "X"}), b.site.AddTerm(fake.Term{Taxonomy: "category", Name: "Y"})
	id := b.site.AddPost(fake.Post{Title: "T", Content: "C", Excerpt: "E", Terms: map[string][]int64{"category": {1, x}}})
	r := applied(t, b.update("posts", item("a", strconv.FormatInt(id, 10), "categories", fmt.Sprintf(`["%d"]`, y)))[0])
	p := b.post(r.RemoteID)
	require.Equal(t, []int64{y}, p.Terms["category"])
	require.Equal(t, [3]string{"T", "C", "E"}, [3]string{p.Title, p.Content, p.Excerpt})
	require.Empty(t, r.Note)
}

func TestCase13_TermExistsIsAdopted(t *testing.T) {
	b := newBench(t, fake.Options{})
	id := b.site.AddTerm(fake.Term{Taxonomy: "post_tag", Name: "Bread", Description: "old"})
	for name, items := range map[string][]connectors.WriteItem{
		"alone":      {item("a", "", "name", `"Bread"`, "description", `"new"`)},
		"in a batch": {item("a", "", "name", `"Bread"`, "description", `"new"`), item("b", "", "name", quoted("other"))},
	} {
		t.Run(name, func(t *testing.T) {
			r := applied(t, b.create("tags", items...)[0])
			require.Equal(t, strconv.FormatInt(id, 10), r.RemoteID)
			require.Equal(t, `"old"`, string(models.CellOf(r.Stored.Fields, "description")), "what the term holds is not changed unseen")
			require.Contains(t, r.Note, "already there")
			require.Contains(t, r.Note, "Description")
		})
	}
}

func TestCase14_UnknownMetaKeyIsReported(t *testing.T) {
	key := fake.MetaKey{Key: "subtitle", Type: "string", Single: true}
	b := newBench(t, fake.Options{Meta: map[string][]fake.MetaKey{"post": {key}}})
	id := b.site.AddPost(fake.Post{Title: "T"})
	schema := b.schema("posts")
	require.True(t, hasColumn(schema, "meta.subtitle"))
	r := applied(t, b.update("posts", item("a", strconv.FormatInt(id, 10), "meta.subtitle", `"kept"`))[0])
	require.Empty(t, r.Note)
	require.Equal(t, `"kept"`, b.readAll("posts").cell(id, "meta.subtitle"))
	// The plugin that registered the key is switched off between two downloads.
	b.site.Configure(func(o *fake.Options) { o.Meta = map[string][]fake.MetaKey{"post": {}} })
	results, err := b.c.Update(t.Context(), schema, []connectors.WriteItem{item("b", strconv.FormatInt(id, 10), "meta.subtitle", `"lost"`)})
	require.NoError(t, err)
	require.Contains(t, applied(t, results[0]).Note, "did not keep")
	require.False(t, hasColumn(b.schema("posts"), "meta.subtitle"))
}

func TestCase15_Deleting(t *testing.T) {
	for _, mode := range []string{"batch", "single"} {
		t.Run(mode, func(t *testing.T) {
			b := newBench(t, fake.Options{NoBatch: mode == "single"})
			var ids []string
			for i := range 3 {
				ids = append(ids, strconv.FormatInt(b.site.AddPost(fake.Post{Title: fmt.Sprint(i)}), 10))
			}
			for _, r := range b.remove("posts", ids...) {
				applied(t, r)
			}
			require.Equal(t, "trash", b.post(ids[0]).Status)
			for _, r := range b.remove("posts", append(ids, "987654")...) { // 410, and 404
				require.Contains(t, applied(t, r).Note, "already gone")
			}
			// Terms have no trash: without force the site refuses.
			for table, taxonomy := range map[string]string{"tags": "post_tag", "categories": "category"} {
				had := len(b.site.Terms(taxonomy))
				term := strconv.FormatInt(b.site.AddTerm(fake.Term{Taxonomy: taxonomy, Name: "x"}), 10)
				applied(t, b.remove(table, term)[0])
				require.Len(t, b.site.Terms(taxonomy), had, table)
				applied(t, b.remove(table, term)[0])
			}
			// Posts and pages have one, and force would pass it by.
			page := strconv.FormatInt(b.site.AddPost(fake.Post{Type: "page", Title: "About"}), 10)
			applied(t, b.remove("pages", page)[0])
			require.Equal(t, "trash", b.post(page).Status)
			for _, table := range []string{"posts", "pages"} {
				for _, asked := range b.requests("DELETE", table) {
					require.NotContains(t, asked.Query, "force", asked.Route)
				}
			}
		})
	}
}

func TestCase16_Batches(t *testing.T) {
	many := func() []connectors.WriteItem {
		var items []connectors.WriteItem
		for i := range 60 {
			items = append(items, item(fmt.Sprintf("k%02d", i), "", "title", quoted(fmt.Sprintf("title %02d", i))))
		}
		items[30].Values["author"] = json.RawMessage(`"4711"`)
		return items
	}
	check := func(t *testing.T, b *bench, results []connectors.WriteResult) {
		t.Helper()
		byKey := map[string]connectors.WriteResult{}
		for _, r := range results {
			byKey[r.Key] = r
		}
		require.Len(t, byKey, 60)
		for key, r := range byKey {
			if key == "k30" {
				require.Equal(t, connectors.Failed, r.Outcome)
				require.Equal(t, "rest_invalid_author", r.Err.Code)
				require.Equal(t, "author", r.Err.Column)
				continue
			}
			require.Equal(t, "title "+key[1:], b.post(applied(t, r).RemoteID).Title, "outcomes are mixed up")
		}
		require.Len(t, b.site.Posts("post"), 59)
	}
	t.Run("60 are 25, 25 and 10", func(t *testing.T) {
		b := newBench(t, fake.Options{})
		check(t, b, b.create("posts", many()...))
		require.Len(t, b.requests("POST", "/batch/v1"), 3)
		require.Empty(t, b.requests("POST", "/posts"))
	})
	for name, opt := range map[string]fake.Options{"no batch route": {NoBatch: true}, "batches refused for posts": {BatchRefusesPosts: true}} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, opt)
			check(t, b, b.create("posts", many()...))
			require.Len(t, b.requests("POST", "/batch/v1"), 1, "the site is asked once")
			require.Len(t, b.requests("POST", "/posts"), 60)
		})
	}
	t.Run("large items go in smaller batches", func(t *testing.T) {
		b := newBench(t, fake.Options{MaxBody: 1 << 20})
		var items []connectors.WriteItem
		for i := range 4 {
			items = append(items, item(fmt.Sprint(i), "", "title", quoted(fmt.Sprint(i)), "content", quoted(strings.Repeat("x", 300<<10))))
		}
		for _, r := range b.create("posts", items...) {
			applied(t, r)
		}
	})
}

func TestCase17_MediaUpload(t *testing.T) {
	b := newBench(t, fake.Options{})
	post := strconv.FormatInt(b.site.AddPost(fake.Post{Title: "T"}), 10)
	id, err := b.c.UploadMedia(t.Context(), "Süßes Brot – 1.jpg", "image/jpeg", []byte{0xff, 0xd8, 0xff, 0xd9})
	require.NoError(t, err)
	require.Equal(t, "Süßes Brot – 1", b.post(id).Title)
	applied(t, b.update("posts", item("a", post, "featured_media", quoted(id)))[0])
	require.Equal(t, id, strconv.FormatInt(b.post(post).FeaturedMedia, 10))
	require.Len(t, b.readAll("media").records, 1)

	before := b.post(post)
	id, err = b.c.UploadMedia(t.Context(), "program.exe", "application/octet-stream", []byte("MZ"))
	require.Error(t, err)
	require.Empty(t, id, "a failed upload must leave nothing to refer to")
	r := b.update("posts", item("b", post, "featured_media", `"987654"`))[0]
	require.Equal(t, connectors.Failed, r.Outcome)
	require.Equal(t, "featured_media", r.Err.Column)
	require.Equal(t, before.FeaturedMedia, b.post(post).FeaturedMedia)
	// Sites were seen that answer 200 to it, and keep the old one.
	b.site.Configure(func(o *fake.Options) { o.LaxFeaturedMedia = true })
	r = applied(t, b.update("posts", item("c", post, "featured_media", `"987654"`))[0])
	require.Contains(t, r.Note, "Featured image")
	require.Equal(t, before.FeaturedMedia, b.post(post).FeaturedMedia)
}

func TestCase18_FilteredHTMLSettles(t *testing.T) {
	b := newBench(t, fake.Options{Multisite: true})
	id := b.site.AddPost(fake.Post{Title: "T", Content: "old"})
	sent := quoted(`<p onclick="x()">Hi</p><script>alert(1)</script>`)
	r := applied(t, b.update("posts", item("a", strconv.FormatInt(id, 10), "content", sent))[0])
	require.Equal(t, quoted("<p>Hi</p>alert(1)"), string(models.CellOf(r.Stored.Fields, "content")))
	require.Contains(t, r.Note, "Content")
	// What was stored is what is read again: nothing is left to publish.
	column, _ := columnByID(b.schema("posts"), "content")
	require.True(t, column.Compare.Equal(models.CellOf(r.Stored.Fields, "content"), json.RawMessage(b.readAll("posts").cell(id, "content"))))
}

func TestCase19_BlocksSurviveByteForByte(t *testing.T) {
	b := newBench(t, fake.Options{}, fake.Demo())
	schema := b.schema("posts")
	got := b.readAll("posts")
	require.Len(t, got.ids(), 200)
	checked := 0
	for id, r := range got.records {
		before := b.post(id)
		results, err := b.c.Update(t.Context(), schema, []connectors.WriteItem{{Key: id, RemoteID: id, Values: models.Fields{"content": models.CellOf(r.Fields, "content")}}})
		require.NoError(t, err)
		require.Empty(t, applied(t, results[0]).Note)
		require.True(t, bytes.Equal([]byte(before.Content), []byte(b.post(id).Content)), "post %s", id)
		if checked++; checked == 40 {
			return
		}
	}
}

func TestCase22_Clearing(t *testing.T) {
	b := newBench(t, fake.Options{Meta: map[string][]fake.MetaKey{"post": {{Key: "note", Type: "string", Single: true}}}})
	media := b.site.AddPost(fake.Post{Type: "attachment", Status: "inherit", Title: "m"})
	tag := b.site.AddTerm(fake.Term{Taxonomy: "post_tag", Name: "x"})
	id := b.site.AddPost(fake.Post{Title: "T", Content: "C", Excerpt: "E", FeaturedMedia: media, Terms: map[string][]int64{"post_tag": {tag}, "category": {1}}, Meta: map[string]json.RawMessage{"note": json.RawMessage(`"n"`)}})
	r := applied(t, b.update("posts", item("a", strconv.FormatInt(id, 10), "excerpt", "null", "tags", "null", "featured_media", "null", "template", "null", "meta.note", "null"))[0])
	require.Empty(t, r.Note)
	p := b.post(r.RemoteID)
	require.Empty(t, p.Excerpt)
	require.Empty(t, p.Terms["post_tag"])
	require.Zero(t, p.FeaturedMedia)
	require.Empty(t, p.Meta)
	// What can never be empty is refused before anything is sent.
	refused := b.update("posts", item("b", r.RemoteID, "author", "null"))[0]
	require.Equal(t, connectors.Failed, refused.Outcome)
	require.Equal(t, "author", refused.Err.Column)
}

func TestCase25_MethodsBlockedByTheHost(t *testing.T) {
	b := newBench(t, fake.Options{NoBatch: true, BlockMethods: []string{"PUT", "PATCH", "DELETE"}})
	id := strconv.FormatInt(b.site.AddPost(fake.Post{Title: "T"}), 10)
	other := strconv.FormatInt(b.site.AddPost(fake.Post{Title: "U"}), 10)
	applied(t, b.update("posts", item("a", id, "title", `"changed"`))[0])
	for _, r := range b.remove("posts", id, other) {
		applied(t, r)
	}
	require.Equal(t, "trash", b.post(id).Status)
	require.Equal(t, "trash", b.post(other).Status)
	blocked := 0
	for _, e := range b.site.Log(0) {
		if e.Status == 405 {
			blocked++
		}
	}
	require.Equal(t, 1, blocked, "what the host blocks is learned once")
}

func TestCase26_LostCreateIsLookedUp(t *testing.T) {
	find := func(t *testing.T, b *bench, after time.Time, items ...connectors.WriteItem) []connectors.FindResult {
		t.Helper()
		var asked []connectors.FindItem
		for _, it := range items {
			asked = append(asked, connectors.FindItem{Key: it.Key, Values: it.Values, After: after, Ago: time.Since(after)})
		}
		found, err := b.c.FindCreated(t.Context(), b.schema("posts"), asked)
		require.NoError(t, err)
		require.Len(t, found, len(items))
		return found
	}
	one := item("k", "", "title", `"Bread & <em>butter</em>"`, "content", quoted("<p>It's</p><script>x</script>"), "slug", `"bread"`)
	for _, kind := range []fake.Fault{{Kind: fake.FaultDrop, Apply: true}, {Kind: fake.FaultCut}, {Kind: fake.FaultStatus, Status: 500, Apply: true}, {Kind: fake.FaultHTML, Status: 504, Apply: true}} {
		t.Run("applied, answer lost: "+kind.Kind, func(t *testing.T) {
			b := newBench(t, fake.Options{Multisite: true}, fake.Demo())
			kind.Method, kind.Path = "POST", "/wp/v2/posts"
			b.inject(kind)
			start := time.Now()
			r := b.create("posts", one)[0]
			require.Equal(t, connectors.Unknown, r.Outcome)
			require.Equal(t, connectors.KindAmbiguous, r.Err.Kind)
			require.Len(t, b.requests("POST", "/posts"), 1, "a create without an answer must not be sent again (Promise 5)")
			found := find(t, b, start, one)
			require.Len(t, found[0].Candidates, 1)
			require.False(t, found[0].Exact)
			require.False(t, found[0].Settled, "it may still be on its way")
		})
	}
	t.Run("applied with a date of its own", func(t *testing.T) {
		for _, date := range []string{`"2019-03-01T08:00:00Z"`, quoted(time.Now().AddDate(1, 0, 0).UTC().Format(time.RFC3339))} {
			// More newer rows than are looked at by id.
			b := newBench(t, fake.Options{}, fake.Generated(50))
			b.inject(fake.Fault{Kind: fake.FaultDrop, Apply: true, Method: "POST", Path: "/wp/v2/posts"})
			start := time.Now()
			dated := item("k", "", "title", `"dated"`, "status", `"publish"`, "date_gmt", date)
			require.Equal(t, connectors.Unknown, b.create("posts", dated)[0].Outcome)
			for i := range newestRows + 10 {
				b.site.AddPost(fake.Post{Title: fmt.Sprint(i), Date: time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)})
			}
			require.Len(t, find(t, b, start, dated)[0].Candidates, 1, "%s: it would be made twice (Promise 5)", date)
		}
	})
	t.Run("not applied", func(t *testing.T) {
		b := newBench(t, fake.Options{}, fake.Demo())
		b.inject(fake.Fault{Kind: fake.FaultDrop, Method: "POST", Path: "/wp/v2/posts"})
		require.Equal(t, connectors.Unknown, b.create("posts", one)[0].Outcome)
		found := find(t, b, time.Now().Add(-time.Hour), one)
		require.Empty(t, found[0].Candidates)
		require.True(t, found[0].Settled)
	})
	t.Run("applied late", func(t *testing.T) {
		b := newBench(t, fake.Options{})
		start := time.Now()
		b.inject(fake.Fault{Kind: fake.FaultLate, Method: "POST", Path: "/wp/v2/posts", DelayMS: 50})
		require.Equal(t, connectors.Unknown, b.create("posts", one)[0].Outcome)
		require.False(t, find(t, b, start, one)[0].Settled)
		require.Eventually(t, func() bool { return len(b.site.Posts("post")) == 1 }, 5*time.Second, 10*time.Millisecond)
		require.Len(t, find(t, b, start, one)[0].Candidates, 1)
	})
	t.Run("two identical creates", func(t *testing.T) {
		b := newBench(t, fake.Options{})
		start := time.Now()
		twin := one
		twin.Key = "twin"
		b.inject(fake.Fault{Kind: fake.FaultDrop, Method: "POST", Path: "/batch/v1", Apply: true})
		for _, r := range b.create("posts", one, twin) {
			require.Equal(t, connectors.Unknown, r.Outcome)
		}
		for _, f := range find(t, b, start, one, twin) {
			require.Len(t, f.Candidates, 2, "between two identical ones a person decides")
		}
	})
	t.Run("half of a batch", func(t *testing.T) {
		b := newBench(t, fake.Options{})
		start := time.Now()
		var items []connectors.WriteItem
		for i := range 20 {
			items = append(items, item(fmt.Sprint(i), "", "title", quoted(fmt.Sprintf("post %d", i))))
		}
		b.inject(fake.Fault{Kind: fake.FaultDrop, Method: "POST", Path: "/batch/v1", Apply: true, Items: 8})
		for _, r := range b.create("posts", items...) {
			require.Equal(t, connectors.Unknown, r.Outcome)
		}
		for i, f := range find(t, b, start, items...) {
			require.Equal(t, i < 8, len(f.Candidates) == 1, i)
		}
	})
	t.Run("without any words", func(t *testing.T) {
		for table, wordless := range map[string]connectors.WriteItem{
			"pages": item("k", "", "slug", `"about"`, "content", "null"),
			"posts": item("k", "", "content", quoted(`<!-- wp:image --><img src="/a.png"/><!-- /wp:image -->`)),
		} {
			b := newBench(t, fake.Options{}, fake.Demo())
			before := len(b.readAll(table).records)
			b.inject(fake.Fault{Kind: fake.FaultDrop, Apply: true, Method: "POST", Path: "/wp/v2/" + table})
			require.Equal(t, connectors.Unknown, b.create(table, wordless)[0].Outcome)
			require.Len(t, b.readAll(table).records, before+1, "%s: the site makes it", table)
			wordy := item("other", "", "title", `"never sent"`)
			long := time.Now().Add(-time.Hour)
			found, err := b.c.FindCreated(t.Context(), b.schema(table), []connectors.FindItem{
				{Key: wordless.Key, Values: wordless.Values, After: long, Ago: time.Hour}, {Key: wordy.Key, Values: wordy.Values, After: long, Ago: time.Hour},
			})
			require.NoError(t, err)
			require.Len(t, found, 2)
			require.Empty(t, found[0].Candidates)
			require.False(t, found[0].Settled, "%s: it would be made twice (Promise 5)", table)
			require.True(t, found[1].Settled, "what has words is still told apart")
		}
	})
	t.Run("a term", func(t *testing.T) {
		// The site stores & as an entity and takes tags out; it searches what it
		// stores. A name that is not found is made a second time (Promise 5).
		for _, name := range []string{"Bread", "Bread & Butter", "AT&T", "R&D &amp; more", "<em>Bread</em>crumbs", "&", "Brötchen", "50 % off"} {
			b := newBench(t, fake.Options{}, fake.Demo())
			b.inject(fake.Fault{Kind: fake.FaultDrop, Method: "POST", Path: "/wp/v2/tags", Apply: true})
			it := item("k", "", "name", quoted(name))
			require.Equal(t, connectors.Unknown, b.create("tags", it)[0].Outcome)
			found, err := b.c.FindCreated(t.Context(), b.schema("tags"), []connectors.FindItem{{Key: "k", Values: it.Values, After: time.Now()}})
			require.NoError(t, err)
			require.Len(t, found[0].Candidates, 1, name)
		}
	})
}
