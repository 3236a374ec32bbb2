package wordpress

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/connectors"
	"github.com/scratch-platform/scratch/connectors/wordpress/fake"
	"github.com/scratch-platform/scratch/models"
)

// Promise 5: an item of a batch whose own answer is a 5xx may have been stored.
func TestServerErrorOfABatchItemIsUnknown(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if strings.HasSuffix(r.URL.Path, "/batch/v1") {
			w.WriteHeader(http.StatusMultiStatus)
			_, _ = io.WriteString(w, `{"responses":[{"status":500,"body":{"code":"internal_server_error","message":"died","data":{"status":500}}},{"status":201,"body":{"id":7,"title":{"raw":"b"}}},null]}`)
			return
		}
		_, _ = io.WriteString(w, `{"name":"x","namespaces":["wp/v2"]}`)
	}))
	t.Cleanup(srv.Close)
	c := openAt(t, srv.URL, "a", "b", nil)
	schema := connectors.Schema{RemoteID: "posts", Columns: postColumns(remoteType{Slug: "post"}, nil, nil)}
	results, err := c.Create(t.Context(), schema, []connectors.WriteItem{item("a", "", "title", `"a"`), item("b", "", "title", `"b"`), item("c", "", "title", `"c"`), item("d", "", "title", `"d"`)})
	require.NoError(t, err)
	outcomes := map[string]connectors.Outcome{}
	for _, r := range results {
		outcomes[r.Key] = r.Outcome
	}
	require.Equal(t, map[string]connectors.Outcome{"a": connectors.Unknown, "b": connectors.Applied, "c": connectors.Unknown, "d": connectors.Unknown}, outcomes)
}

func TestUpdateOfWhatIsGone(t *testing.T) {
	b := newBench(t, fake.Options{})
	id := b.site.AddPost(fake.Post{Title: "T"})
	for _, opt := range []bool{false, true} {
		b.site.Configure(func(o *fake.Options) { o.NoBatch = opt })
		r := b.update("posts", item("a", strconv.FormatInt(id, 10), "title", `"x"`), item("b", "987654", "title", `"x"`))
		require.Equal(t, connectors.Failed, r[1].Outcome)
		require.Equal(t, connectors.KindNotFound, r[1].Err.Kind)
		require.Equal(t, "987654", r[1].Err.Record)
	}
}

func TestValuesTooLargeForTheSite(t *testing.T) {
	b := newBench(t, fake.Options{MaxBody: 1 << 20})
	schema := b.schema("posts")
	id := strconv.FormatInt(b.site.AddPost(fake.Post{Title: "T", Content: "C"}), 10)
	huge := quoted(strings.Repeat("x", 2<<20))
	r := b.update("posts", item("a", id, "content", huge))[0]
	require.Equal(t, connectors.Failed, r.Outcome)
	require.Equal(t, connectors.KindTooLarge, r.Err.Kind)
	b.site.Configure(func(o *fake.Options) { o.EmptyParamsOverMaxBody = true })
	r = b.update("posts", item("a", id, "content", huge))[0]
	require.Equal(t, connectors.Failed, r.Outcome, "a 200 that stored nothing is no success")
	require.Equal(t, connectors.KindTooLarge, r.Err.Kind)
	require.Equal(t, "C", b.post(id).Content)

	problems := b.c.Check(models.OpUpdate, schema, item("a", id, "title", quoted(strings.Repeat("ü", 40000)), "slug", quoted(strings.Repeat("s", 201)), "status", `"gone"`, "link", `"x"`, "excerpt", `"a\u0000b"`, "author", `"local:users/1"`))
	codes := map[string]string{}
	for _, p := range problems {
		codes[p.Column] = p.Code
	}
	require.Equal(t, map[string]string{"title": "too_long", "slug": "too_long", "status": "not_an_option", "link": "not_writable", "excerpt": "character_not_taken"}, codes)
	require.Len(t, b.c.Check(models.OpCreate, schema, item("a", "", "status", `"draft"`)), 1)
	require.Empty(t, b.c.Check(models.OpCreate, schema, item("a", "", "title", `"T"`)))
	// What Check lets through at its limit, the site takes.
	applied(t, b.update("posts", item("a", id, "title", quoted(strings.Repeat("x", maxTextBytes)), "slug", quoted(strings.Repeat("s", 200))))[0])
}

// Promise 10: the site's error texts may quote the request, credential and all.
func TestSecretsStayOutOfErrors(t *testing.T) {
	b := newBench(t, fake.Options{}, fake.Generated(3))
	schema := b.schema("posts")
	secret := strings.ReplaceAll(fake.EditorPassword, " ", "")
	b.inject(fake.Fault{Kind: fake.FaultStatus, Status: 500, Path: "/wp/v2/posts", Text: "refused " + fake.EditorPassword + " and " + secret})
	_, err := drain(t, b.c, connectors.ReadRequest{Schema: schema, Budget: 1}, false)
	require.Error(t, err)
	require.NotContains(t, err.Error(), fake.EditorPassword)
	require.NotContains(t, err.Error(), secret)
	require.ErrorContains(t, err, "refused")
}
