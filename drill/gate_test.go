package drill

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// gate stands between the product and the blog, so that a drill can act at an
// exact moment of a request. It changes nothing of what passes.
type gate struct {
	address string

	mu      sync.Mutex
	matches func(*http.Request) bool
	before  func() bool // the request is here, the blog has not seen it; false: it never does
	during  func()      // the blog has been sent it
	after   func()      // the blog has answered, the product has not seen it
	told    func()      // the product has been sent the answer
	skip    int         // matching requests that pass first
	counted func(*http.Request)
}

// newGate opens a gate to a blog.
func newGate(t *testing.T, b *blog) *gate {
	t.Helper()
	target, err := url.Parse(b.address)
	require.NoError(t, err)
	g := &gate{}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Host = r.In.Host // the site names itself as it was called
		},
		// A client that was killed is no reason to take the request back:
		// what is on its way to a service arrives.
		Transport:    keepGoing{},
		ErrorLog:     slog.NewLogLogger(slog.DiscardHandler, slog.LevelError), // clients that were killed are no news here
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { g.pass(w, r, proxy) }))
	t.Cleanup(server.CloseClientConnections)
	t.Cleanup(server.Close)
	g.address = server.URL
	return g
}

// keepGoing carries a request out whatever becomes of who asked.
type keepGoing struct{}

func (keepGoing) RoundTrip(r *http.Request) (*http.Response, error) {
	return http.DefaultTransport.RoundTrip(r.WithContext(withoutCancel(r)))
}

// at arms the gate for the matching request after skip of them.
func (g *gate) at(skip int, matches func(*http.Request) bool, arm func(*gate)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.skip, g.matches = skip, matches
	arm(g)
}

// take gives the hooks for a request, once, or none.
func (g *gate) take(r *http.Request) (before func() bool, during, after, told func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.counted != nil {
		g.counted(r)
	}
	if g.matches == nil || !g.matches(r) {
		return nil, nil, nil, nil
	}
	if g.skip--; g.skip >= 0 {
		return nil, nil, nil, nil
	}
	before, during, after, told = g.before, g.during, g.after, g.told
	g.matches, g.before, g.during, g.after, g.told = nil, nil, nil, nil, nil
	return before, during, after, told
}

func (g *gate) pass(w http.ResponseWriter, r *http.Request, proxy http.Handler) {
	before, during, after, told := g.take(r)
	if before != nil && !before() {
		panic(http.ErrAbortHandler)
	}
	if during != nil {
		// The answer is let through only when the hook is done.
		answer := httptest.NewRecorder()
		done := make(chan struct{})
		go func() {
			defer close(done)
			proxy.ServeHTTP(answer, r)
		}()
		during()
		<-done
		panic(http.ErrAbortHandler)
	}
	if after == nil && told == nil {
		proxy.ServeHTTP(w, r)
		return
	}
	answer := httptest.NewRecorder()
	proxy.ServeHTTP(answer, r)
	if after != nil {
		after()
		panic(http.ErrAbortHandler)
	}
	for k, v := range answer.Header() {
		w.Header()[k] = v
	}
	w.WriteHeader(answer.Code)
	_, _ = w.Write(answer.Body.Bytes())
	_ = http.NewResponseController(w).Flush()
	told()
}

// count counts the matching requests that come to the gate from now on.
func (g *gate) count(matches func(*http.Request) bool) func() int {
	var mu sync.Mutex
	n := 0
	g.mu.Lock()
	defer g.mu.Unlock()
	g.counted = func(r *http.Request) {
		if matches(r) {
			mu.Lock()
			defer mu.Unlock()
			n++
		}
	}
	return func() int {
		mu.Lock()
		defer mu.Unlock()
		return n
	}
}
