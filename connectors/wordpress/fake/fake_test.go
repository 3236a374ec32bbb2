package fake

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// call is one request as the editor, answered with status and decoded body.
func call(t *testing.T, base, method, path, body string) (int, map[string]any, http.Header) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, base+path, strings.NewReader(body))
	require.NoError(t, err)
	req.SetBasicAuth(EditorLogin, EditorPassword)
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	var out map[string]any
	if len(raw) > 0 && raw[0] == '[' {
		raw = append(append([]byte(`{"rows":`), raw...), '}')
	}
	if len(raw) > 0 {
		require.NoErrorf(t, json.Unmarshal(raw, &out), "%s %s answered %d: %s", method, path, res.StatusCode, raw)
	}
	return res.StatusCode, out, res.Header
}

func site(t *testing.T, opt Options, content ...Content) (*Server, string) {
	t.Helper()
	s, err := New(opt, content...)
	require.NoError(t, err)
	srv := httptest.NewServer(s)
	t.Cleanup(func() { srv.Close(); s.Close() })
	return s, srv.URL
}

func TestListIsPagedByTotalsAndEndsWithAnError(t *testing.T) {
	_, url := site(t, Options{}, Generated(250))
	status, body, h := call(t, url, "GET", "/wp-json/wp/v2/posts?context=edit&per_page=100&page=3&orderby=id&order=asc", "")
	require.Equal(t, 200, status)
	require.Len(t, body["rows"], 50)
	require.Equal(t, "250", h.Get("X-WP-Total"))
	require.Equal(t, "3", h.Get("X-WP-TotalPages"))
	status, body, _ = call(t, url, "GET", "/wp-json/wp/v2/posts?per_page=100&page=4", "")
	require.Equal(t, 400, status)
	require.Equal(t, "rest_post_invalid_page_number", body["code"])
	status, _, _ = call(t, url, "GET", "/wp-json/wp/v2/posts?per_page=101", "")
	require.Equal(t, 400, status)
}

func TestCreateUpdateTrashForce(t *testing.T) {
	s, url := site(t, Options{})
	status, body, h := call(t, url, "POST", "/wp-json/wp/v2/posts", `{"title":"It's <b>here</b> \u2603","content":"<!-- wp:paragraph -->\n<p>a/b</p>\n<!-- /wp:paragraph -->"}`)
	require.Equal(t, 201, status, body)
	require.Contains(t, h.Get("Location"), "/wp-json/wp/v2/posts/1")
	require.Equal(t, "draft", body["status"])
	require.Equal(t, "It's <b>here</b> ☃", body["title"].(map[string]any)["raw"])
	status, body, _ = call(t, url, "PATCH", "/wp-json/wp/v2/posts/1", `{"excerpt":null}`)
	require.Equal(t, 400, status)
	require.Equal(t, "rest_invalid_param", body["code"])
	for want, path := range map[int]string{200: "/wp-json/wp/v2/posts/1"} {
		status, body, _ = call(t, url, "DELETE", path, "")
		require.Equal(t, want, status, body)
	}
	status, _, _ = call(t, url, "DELETE", "/wp-json/wp/v2/posts/1", "")
	require.Equal(t, 410, status)
	status, body, _ = call(t, url, "DELETE", "/wp-json/wp/v2/posts/1?force=true", "")
	require.Equal(t, 200, status)
	require.Equal(t, true, body["deleted"])
	require.Empty(t, s.Posts("post"))
	ops := []string{}
	for _, e := range s.Log(0) {
		for _, c := range e.Changes {
			ops = append(ops, c.Op)
		}
	}
	require.Equal(t, []string{"create", "trash", "delete"}, ops)
}

func TestFaultsAreLogged(t *testing.T) {
	s, url := site(t, Options{})
	_, err := s.Inject(Fault{Kind: FaultDrop, Apply: true, Method: "POST", Path: "/wp/v2/posts"})
	require.NoError(t, err)
	req, _ := http.NewRequestWithContext(t.Context(), "POST", url+"/wp-json/wp/v2/posts", strings.NewReader(`{"title":"x"}`))
	req.SetBasicAuth(EditorLogin, EditorPassword)
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err == nil {
		_ = res.Body.Close()
	}
	require.Error(t, err, "the answer had to be withheld")
	require.Len(t, s.Posts("post"), 1)
	e := s.Log(0)[0]
	require.Equal(t, AnswerWithheld, e.Answer)
	require.NotNil(t, e.Applied)
	require.Equal(t, []Change{{Op: "create", Table: "posts", ID: 1, Title: "x"}}, e.Changes)
}

func TestLateWriteIsAppliedAfterTheConnectionClosed(t *testing.T) {
	s, url := site(t, Options{})
	_, err := s.Inject(Fault{Kind: FaultLate, Method: "POST", DelayMS: 30})
	require.NoError(t, err)
	req, _ := http.NewRequestWithContext(t.Context(), "POST", url+"/wp-json/wp/v2/posts", strings.NewReader(`{"title":"x"}`))
	req.SetBasicAuth(EditorLogin, EditorPassword)
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err == nil {
		_ = res.Body.Close()
	}
	require.Error(t, err)
	require.Eventually(t, func() bool { return len(s.Posts("post")) == 1 }, 5*time.Second, 5*time.Millisecond)
}

func TestJournalAndLogSurviveARestart(t *testing.T) {
	dir := t.TempDir()
	opt := Options{JournalFile: dir + "/journal", LogFile: dir + "/log"}
	first, err := New(opt, Demo())
	require.NoError(t, err)
	web := httptest.NewServer(first)
	_, body, _ := call(t, web.URL, "POST", "/wp-json/wp/v2/posts", `{"title":"kept"}`)
	id := int64(body["id"].(float64))
	web.Close()
	first.Close()
	second, url := site(t, opt, Demo())
	p, ok := second.Post(id)
	require.True(t, ok)
	require.Equal(t, "kept", p.Title)
	_, _, _ = call(t, url, "GET", "/wp-json/wp/v2/posts/"+"1", "")
	log := second.Log(0)
	require.Len(t, log, 2)
	require.Equal(t, int64(2), log[1].Seq)
}

func TestDemoHasThingsToFix(t *testing.T) {
	s, _ := site(t, Options{}, Demo())
	posts := s.Posts("post")
	require.Len(t, posts, 200)
	shouting, bare, stale := 0, 0, 0
	for _, p := range posts {
		if p.Title == strings.ToUpper(p.Title) {
			shouting++
		}
		if p.Excerpt == "" {
			bare++
		}
		if strings.Contains(p.Title+p.Content, "2019") {
			stale++
		}
		require.Contains(t, p.Content, "<!-- wp:paragraph -->")
	}
	require.Greater(t, shouting, 15)
	require.Greater(t, bare, 50)
	require.Greater(t, stale, 10)
}

// Breaks when the demo's next start finds other posts than the last one left: a
// download after it would report changes that nobody made.
func TestDemoIsTheSameBlogOnAnotherDay(t *testing.T) {
	today := time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)
	first, _ := site(t, Options{Now: func() time.Time { return today }}, Demo())
	later, _ := site(t, Options{Now: func() time.Time { return today.AddDate(0, 0, 3) }}, Demo())
	for _, kind := range []string{"post", "page"} {
		require.NotEmpty(t, first.Posts(kind))
		require.Equal(t, first.Posts(kind), later.Posts(kind))
	}
}

func TestControlRoutesRefuseForeignPages(t *testing.T) {
	_, url := site(t, Options{})
	req, _ := http.NewRequestWithContext(t.Context(), "GET", url+"/_fake/log", nil)
	req.Header.Set("Origin", "https://evil.example")
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	_ = res.Body.Close()
	require.Equal(t, 403, res.StatusCode)
}

// BenchmarkPages shows that the fake is not what a benchmark measures.
func BenchmarkPages(b *testing.B) {
	s, err := New(Options{}, Generated(20_000))
	require.NoError(b, err)
	defer s.Close()
	for i := 0; b.Loop(); i++ {
		req := httptest.NewRequest("GET", "/wp-json/wp/v2/posts?context=edit&per_page=100&orderby=id&order=asc&_fields=id,title.raw,content.raw,excerpt.raw,slug,status,tags,categories,modified_gmt&page="+string(rune('1'+i%9)), nil)
		req.SetBasicAuth(EditorLogin, EditorPassword)
		rec := httptest.NewRecorder()
		s.ServeHTTP(rec, req)
		if rec.Code != 200 {
			b.Fatal(rec.Body.String())
		}
		b.SetBytes(int64(rec.Body.Len()))
	}
}
