package web

import (
	"compress/gzip"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
)

const script = "assets/index-a1b2c3d4.js"

func built() fstest.MapFS {
	return fstest.MapFS{
		"index.html": {Data: []byte("the note")},
		"app/index.html": {Data: []byte(`<script nonce="` + noncePlaceholder + `"></script>` +
			`<style nonce="` + noncePlaceholder + `"></style>`)},
		"app/" + script:           {Data: []byte(strings.Repeat("export const a = 1;\n", 200))},
		"app/.vite/manifest.json": {Data: []byte("{}")},
		"app/scheme.js":           {Data: []byte("document.documentElement")},
		"app/assets/x.woff2":      {Data: []byte{0x77, 0x4f, 0x46, 0x32, 1, 9, 200, 77}},
	}
}

func ask(h http.Handler, method, target string, headers ...string) *http.Response {
	r := httptest.NewRequest(method, target, nil)
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func text(t *testing.T, res *http.Response) string {
	t.Helper()
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return string(body)
}

func TestPageCarriesItsOwnNonceInEveryResponse(t *testing.T) {
	h := Handler(Options{Dist: built()})
	seen := map[string]bool{}
	for range 3 {
		res := ask(h, "GET", "/s/snp_1/t/tbl_1?sort=title", "Accept", "text/html,*/*")
		require.Equal(t, 200, res.StatusCode)
		require.Equal(t, "no-store", res.Header.Get("Cache-Control"), "a cached page would carry an old nonce")
		body := text(t, res)
		require.NotContains(t, body, noncePlaceholder)
		found := regexp.MustCompile(`nonce="([^"]+)"`).FindAllStringSubmatch(body, -1)
		require.Len(t, found, 2)
		nonce := found[0][1]
		require.Equal(t, nonce, found[1][1])
		require.GreaterOrEqual(t, len(nonce), 22, "128 bits")
		require.False(t, seen[nonce], "a nonce is used once")
		seen[nonce] = true
		policy := res.Header.Get("Content-Security-Policy")
		require.Contains(t, policy, "script-src 'self' 'nonce-"+nonce+"';")
		require.Contains(t, policy, "style-src 'self' 'nonce-"+nonce+"';")
		require.Contains(t, policy, "frame-ancestors 'none'")
		require.NotContains(t, policy, "unsafe")
		require.Equal(t, "nosniff", res.Header.Get("X-Content-Type-Options"))
		require.Equal(t, "same-origin", res.Header.Get("Referrer-Policy"))
		require.Equal(t, "same-origin-allow-popups", res.Header.Get("Cross-Origin-Opener-Policy"))
	}
}

func TestOutsideOriginsComeFromOptionsAlone(t *testing.T) {
	h := Handler(Options{
		Dist: built(), ConnectSources: []string{"https://clerk.example.com"},
		ScriptSources: []string{"https://js.example.com"},
	})
	policy := ask(h, "GET", "/", "Accept", "text/html").Header.Get("Content-Security-Policy")
	require.Contains(t, policy, "connect-src 'self' https://clerk.example.com;")
	require.Contains(t, policy, " https://js.example.com; style-src")

	policy = ask(Handler(Options{Dist: built()}), "GET", "/", "Accept", "text/html").Header.Get("Content-Security-Policy")
	require.NotContains(t, policy, "https:")
}

func TestHashedAssetsAreKeptAndComeCompressed(t *testing.T) {
	h := Handler(Options{Dist: built()})
	plain := ask(h, "GET", "/"+script)
	require.Equal(t, 200, plain.StatusCode)
	require.Equal(t, "public, max-age=31536000, immutable", plain.Header.Get("Cache-Control"))
	require.Equal(t, "text/javascript; charset=utf-8", plain.Header.Get("Content-Type"))
	require.Equal(t, "Accept-Encoding", plain.Header.Get("Vary"))
	require.Empty(t, plain.Header.Get("Content-Encoding"))
	whole := text(t, plain)

	packed := ask(h, "GET", "/"+script, "Accept-Encoding", "br, gzip")
	require.Equal(t, "gzip", packed.Header.Get("Content-Encoding"))
	require.NotEqual(t, plain.Header.Get("ETag"), packed.Header.Get("ETag"))
	zip, err := gzip.NewReader(packed.Body)
	require.NoError(t, err)
	unpacked, err := io.ReadAll(zip)
	require.NoError(t, err)
	require.Equal(t, whole, string(unpacked))

	require.Empty(t, ask(h, "GET", "/"+script, "Accept-Encoding", "gzip;q=0").Header.Get("Content-Encoding"))
	require.Empty(t, ask(h, "GET", "/assets/x.woff2", "Accept-Encoding", "gzip").Header.Get("Content-Encoding"),
		"a file that does not shrink is sent as it is")
}

func TestOtherFilesAreRevalidated(t *testing.T) {
	h := Handler(Options{Dist: built()})
	res := ask(h, "GET", "/scheme.js")
	require.Equal(t, "no-cache", res.Header.Get("Cache-Control"))
	again := ask(h, "GET", "/scheme.js", "If-None-Match", "W/"+res.Header.Get("ETag"))
	require.Equal(t, http.StatusNotModified, again.StatusCode)
	require.Empty(t, text(t, again))
	require.Equal(t, 200, ask(h, "GET", "/scheme.js", "If-None-Match", `"else"`).StatusCode)
}

func TestHeadHasNoBody(t *testing.T) {
	h := Handler(Options{Dist: built()})
	for _, target := range []string{"/", "/" + script} {
		res := ask(h, "HEAD", target, "Accept", "text/html")
		require.Equal(t, 200, res.StatusCode, target)
		require.Empty(t, text(t, res), target)
	}
}

// A client that expects JSON, and a tab older than the binary, must not be
// given HTML in place of what they asked for.
func TestThePageIsNoAnswerToAnythingElse(t *testing.T) {
	h := Handler(Options{Dist: built()})
	for _, c := range []struct {
		name, method, target, accept string
		status                       int
		code                         string
	}{
		{"asset of another version", "GET", "/assets/index-0ld.js", "*/*", 404, "http.no_such_asset"},
		{"asset opened in a tab", "GET", "/assets/index-0ld.js", "text/html", 404, "http.no_such_asset"},
		{"unknown API route", "GET", "/api/v1/nothing", "text/html", 404, "http.no_such_route"},
		{"API without a path", "POST", "/api", "text/html", 404, "http.no_such_route"},
		{"dots around the API", "GET", "/x/../api/v1/nothing", "text/html", 404, "http.no_such_route"},
		{"socket at another place", "GET", "/ws", "text/html", 404, "http.no_such_route"},
		{"health of a server without one", "GET", "/healthz", "text/html", 404, "http.no_such_route"},
		{"script that asks for a file", "GET", "/robots.txt", "*/*", 404, "http.no_such_file"},
		{"notes of the build", "GET", "/.vite/manifest.json", "*/*", 404, "http.no_such_file"},
		{"no accept header", "GET", "/s/snp_1", "", 404, "http.no_such_file"},
		{"post to a page", "POST", "/s/snp_1", "text/html", 405, "http.method_not_allowed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			res := ask(h, c.method, c.target, "Accept", c.accept)
			require.Equal(t, c.status, res.StatusCode)
			require.Equal(t, "application/problem+json", res.Header.Get("Content-Type"))
			require.Equal(t, "no-store", res.Header.Get("Cache-Control"))
			var doc map[string]any
			require.NoError(t, json.Unmarshal([]byte(text(t, res)), &doc))
			require.Equal(t, c.code, doc["code"])
			require.NotEmpty(t, doc["hint"])
			if c.status == http.StatusMethodNotAllowed {
				require.Equal(t, "GET, HEAD", res.Header.Get("Allow"))
			}
		})
	}
}

func TestWithoutABuildTheNoteSaysSo(t *testing.T) {
	dist := built()
	delete(dist, "app/index.html")
	require.Contains(t, text(t, ask(Handler(Options{Dist: dist}), "GET", "/", "Accept", "text/html")), "the note")
}

func TestEmbeddedPageStarts(t *testing.T) {
	res := ask(Handler(Options{}), "GET", "/", "Accept", "text/html")
	require.Equal(t, 200, res.StatusCode)
	require.Contains(t, text(t, res), "<!doctype html>")
}

func TestPageWithoutIndexIsAnErrorAtStart(t *testing.T) {
	_, err := newSite(Options{Dist: fstest.MapFS{}})
	require.ErrorContains(t, err, "index.html")
	require.Panics(t, func() { Handler(Options{Dist: fstest.MapFS{}}) })
}
