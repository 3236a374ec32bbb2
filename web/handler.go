package web

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strings"
)

// noncePlaceholder is what Vite's html.cspNonce writes into the built page,
// and what every response replaces by a nonce of its own.
const noncePlaceholder = "__SCRATCH_CSP_NONCE__"

// reserved are the first path segments that belong to the server. A path below
// one of them that nothing answered is a mistake of the caller, and gets a 404
// rather than the page: a client that expects JSON must not read HTML.
var reserved = map[string]bool{
	"api": true, "ws": true, "healthz": true, "readyz": true, "metrics": true,
	"codec": true, "mcp": true, "webhooks": true, "openapi.json": true,
	"openapi.yaml": true, "docs": true, "schemas": true,
}

// Options are what differs between installations.
type Options struct {
	// Dist replaces the embedded page; tests hand in their own. It holds
	// app/index.html, or index.html where there is no build.
	Dist fs.FS

	// ConnectSources and ScriptSources are origins ("https://clerk.example.com")
	// that an outside sign-in or analytics service needs. None by default: the
	// page loads nothing from elsewhere and talks to its own origin alone.
	ConnectSources []string
	ScriptSources  []string
}

type site struct {
	assets map[string]*asset
	index  []string // the page, cut at the places of the nonce
	opts   Options
}

// Handler serves the page: its hashed assets for a year, its other files with
// revalidation, and for any other address a browser asks for, the page itself,
// never cached, with a content security policy whose nonce is used once.
//
// Every asset is read, typed and compressed once, here; a request compresses
// nothing. A tree without a page is a binary that was put together wrongly, no
// condition of the running system: Handler panics.
func Handler(opts Options) http.Handler {
	s, err := newSite(opts)
	if err != nil {
		panic(err)
	}
	return s
}

func newSite(opts Options) (*site, error) {
	dist := opts.Dist
	if dist == nil {
		sub, err := fs.Sub(embedded, "dist")
		if err != nil {
			return nil, fmt.Errorf("open the embedded page: %w", err)
		}
		dist = sub
	}
	assets, err := loadAssets(root(dist))
	if err != nil {
		return nil, err
	}
	index, ok := assets["index.html"]
	if !ok {
		return nil, fmt.Errorf("the page has no index.html: run make web")
	}
	delete(assets, "index.html")
	return &site{assets: assets, index: strings.Split(string(index.body), noncePlaceholder), opts: opts}, nil
}

func (s *site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	clean := path.Clean("/" + r.URL.Path)
	name := strings.TrimPrefix(clean, "/")
	first, _, _ := strings.Cut(name, "/")

	switch {
	case reserved[first]:
		notFound(w, r, "http.no_such_route", "Nothing answers at this address.",
			"See /docs for the routes of the API.")
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		w.Header().Set("Allow", "GET, HEAD")
		problem(w, http.StatusMethodNotAllowed, "http.method_not_allowed",
			fmt.Sprintf("The page answers GET and HEAD, not %.16s.", r.Method), "The API lives under /api/v1.")
	case s.assets[name] != nil:
		s.assets[name].serve(w, r, first == "assets")
	case first == "assets":
		// A tab that is older than this binary asks for files that are gone. It
		// must fail loudly, so that it can offer to reload; the page in their
		// place would be a syntax error.
		notFound(w, r, "http.no_such_asset", "This file belongs to another version of the page.", "Reload the page.")
	case !wantsHTML(r):
		notFound(w, r, "http.no_such_file", "There is no such file.", "The API lives under /api/v1.")
	default:
		s.servePage(w, r)
	}
}

func (s *site) servePage(w http.ResponseWriter, r *http.Request) {
	nonce := newNonce()
	h := w.Header()
	secure(h)
	h.Set("Content-Security-Policy", s.policy(nonce))
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Vary", "Accept")
	w.WriteHeader(http.StatusOK)
	if r.Method == http.MethodHead {
		return
	}
	_, _ = w.Write([]byte(strings.Join(s.index, nonce)))
}

// policy is UI.md's: nothing inline but what carries this response's nonce.
func (s *site) policy(nonce string) string {
	extra := func(sources []string) string {
		if len(sources) == 0 {
			return ""
		}
		return " " + strings.Join(sources, " ")
	}
	return strings.Join([]string{
		"default-src 'self'",
		"script-src 'self' 'nonce-" + nonce + "'" + extra(s.opts.ScriptSources),
		"style-src 'self' 'nonce-" + nonce + "'",
		"img-src 'self' data: blob:",
		"connect-src 'self'" + extra(s.opts.ConnectSources),
		"object-src 'none'",
		"base-uri 'none'",
		"frame-ancestors 'none'",
		"form-action 'self'",
	}, "; ")
}

// secure sets what every answer of this package carries. Popups keep their
// opener, because the sign-in pages of other services come as popups.
func secure(h http.Header) {
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin-allow-popups")
}

// newNonce is 128 random bits; crypto/rand.Read never fails since Go 1.24.
func newNonce() string {
	var raw [16]byte
	_, _ = rand.Read(raw[:])
	return base64.RawURLEncoding.EncodeToString(raw[:])
}

// wantsHTML tells a browser that opens an address from a script that asks for
// a file. No Accept header, or */*, is curl.
func wantsHTML(r *http.Request) bool {
	return strings.Contains(r.Header.Get("Accept"), "text/html")
}

func notFound(w http.ResponseWriter, r *http.Request, code, detail, hint string) {
	problem(w, http.StatusNotFound, code, fmt.Sprintf("%s (%.200s)", detail, r.URL.Path), hint)
}

// problem answers as the API does (RFC 9457), so that a client needs one way
// to read an error. It is never cached: the next release may have the file.
func problem(w http.ResponseWriter, status int, code, detail, hint string) {
	h := w.Header()
	secure(h)
	h.Set("Content-Type", "application/problem+json")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{
		"type": "about:blank", "title": http.StatusText(status), "status": status,
		"code": code, "detail": detail, "hint": hint,
	})
}
