package drill

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

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
