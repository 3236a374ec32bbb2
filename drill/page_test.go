//go:build e2e

package drill

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/api"
	"github.com/scratch-platform/scratch/connectors/wordpress/fake"
)

// pageTests names the browser tests to run, as arguments of vitest; empty runs
// all of them.
const pageTests = "SCRATCH_E2E_TESTS"

// The page in production shape: the browser tests of web/e2e drive two frontends
// and two workers through a balancer that sends every request and every
// WebSocket to another frontend than the one before. `make e2e` runs this.
func TestThePageOnAFleet(t *testing.T) {
	b := newBalancer(t)
	p := fleet(t, "SCRATCH_PUBLIC_URL="+b.address)
	b.lead(p)
	site := blogWith(t, "-demo")
	s := &scene{product: p, connection: p.connect(map[string]any{"site": site.address, "username": fake.AdminLogin, "password": fake.AdminPassword})}
	require.EqualValues(t, "ready", s.connection.State, "%v", s.connection.Problem)
	s.snapshot = call[api.Snapshot](p, http.MethodPost, "/api/v1/snapshots", map[string]any{"name": "Demo"})
	for _, table := range []string{"posts", "pages", "categories", "tags"} {
		s.add(table)
	}

	ctx := t.Context()
	if over, ok := t.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, over.Add(-time.Minute)) // to say what it was at, and to end the fleet
		defer cancel()
	}
	cmd := exec.CommandContext(ctx, "../tools/web.sh", append([]string{"e2e"}, strings.Fields(os.Getenv(pageTests))...)...)
	cmd.WaitDelay = 10 * time.Second // a browser that outlives it holds its output
	cmd.Env = append(os.Environ(), "SCRATCH_E2E_URL="+b.address, "SCRATCH_E2E_SIGN_IN="+b.address+signInPath)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	t.Logf("%s", out)
	for i := range b.sockets {
		t.Logf("frontend %d answered %d requests and %d WebSockets", i, b.requests[i].Load(), b.sockets[i].Load())
		require.Positive(t, b.requests[i].Load(), "frontend %d was not asked", i)
		require.Positive(t, b.sockets[i].Load(), "no WebSocket came to frontend %d", i)
	}
}

// signInPath is where the balancer signs a browser in, by a cookie.
const (
	signInPath    = "/sign-in?key=drill"
	sessionCookie = "drill_session"
)

// balancer stands before the frontends of a fleet, as an operator's does. It
// also stands for the sign-in: a browser that was there goes on as the product's
// one user.
type balancer struct {
	address string
	token   string
	targets []*httputil.ReverseProxy

	requests, sockets [2]atomic.Int64
	turn, socketTurn  atomic.Int64
}

// newBalancer listens; it answers when it leads to a product.
func newBalancer(t *testing.T) *balancer {
	t.Helper()
	b := &balancer{}
	server := httptest.NewServer(b)
	t.Cleanup(server.CloseClientConnections)
	t.Cleanup(server.Close)
	b.address = server.URL
	return b
}

// lead has the balancer lead to a fleet. No request may have come yet.
func (b *balancer) lead(p *product) {
	p.t.Helper()
	b.token = p.token
	for _, f := range p.frontends {
		target, err := url.Parse(f.address)
		require.NoError(p.t, err)
		b.targets = append(b.targets, &httputil.ReverseProxy{
			Rewrite: func(r *httputil.ProxyRequest) {
				r.SetURL(target)
				r.Out.Host = r.In.Host
				r.Out.Header.Del("Cookie")
				if _, err := r.In.Cookie(sessionCookie); err == nil {
					r.Out.Header.Set("Authorization", "Bearer "+b.token)
				}
			},
			ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError), // tabs that were closed
		})
	}
}

func (b *balancer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/sign-in" {
		http.SetCookie(w, &http.Cookie{Name: sessionCookie, Value: "signed-in", Path: "/", HttpOnly: true})
		http.Redirect(w, r, "/", http.StatusSeeOther)
		return
	}
	if strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
		// Counted apart: a ticket and the WebSocket it is for then come to
		// different frontends, and two tabs to one each.
		at := b.socketTurn.Add(1) % int64(len(b.targets))
		b.sockets[at].Add(1)
		b.targets[at].ServeHTTP(w, r)
		return
	}
	at := b.turn.Add(1) % int64(len(b.targets))
	b.requests[at].Add(1)
	b.targets[at].ServeHTTP(w, r)
}
