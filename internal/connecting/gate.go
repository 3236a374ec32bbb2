package connecting

import (
	"context"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/scratch-platform/scratch/connectors"
)

// Gate decides whether a request may still start. A request that has started
// is not touched by it. The zero value is open for ever.
type Gate struct {
	mu    sync.Mutex
	until time.Time // zero: no end
	shut  bool
	now   func() time.Time // with its monotonic reading, where it has one
	wall  func() time.Time // the same without
}

// NewGate returns a gate that is open until then, by the given clock.
func NewGate(until time.Time, now func() time.Time) *Gate {
	return &Gate{until: until, now: now, wall: func() time.Time { return now().Round(0) }}
}

// Shut closes the gate now and for good.
func (g *Gate) Shut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.shut = true
}

// Open reports whether a request may start.
func (g *Gate) Open() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	// Promise 5: a moment has passed by whichever clock says so. The monotonic one
	// does not hear of a wall clock that is set back; the wall clock is the one
	// that goes on while the machine sleeps.
	return !g.shut && (g.until.IsZero() || g.now().Before(g.until) && g.wall().Before(g.until))
}

type gateKey struct{}

// WithGate puts every request made under the context, by any connector an
// Opener opened, behind the gate.
func WithGate(ctx context.Context, g *Gate) context.Context {
	return context.WithValue(ctx, gateKey{}, g)
}

// MayStart asks the context's gate whether a request may start; without a gate
// it may.
func MayStart(ctx context.Context) bool {
	g, gated := ctx.Value(gateKey{}).(*Gate)
	return !gated || g.Open()
}

// gated is the transport that asks the gate.
type gated struct {
	next    http.RoundTripper
	service string
}

// RoundTrip refuses a request before a byte of it is sent. Promise 5: no
// request starts after the lease of its items has ended, however long the
// process slept or waited for its turn in between.
func (t gated) RoundTrip(request *http.Request) (*http.Response, error) {
	if !MayStart(request.Context()) {
		if request.Body != nil {
			_ = request.Body.Close()
		}
		return nil, refusal(t.service, request.Method+" "+request.URL.Path)
	}
	return t.next.RoundTrip(request)
}

func refusal(service, tried string) error {
	return &connectors.Error{
		Kind: connectors.KindUnavailable, Service: service, Tried: tried, Code: NotSent,
		Hint: "Nothing was sent: the run was stopped, or the time it may send in was over. It goes on by itself where it can.",
	}
}

// dialFunc reaches a service that does not speak HTTP.
type dialFunc func(ctx context.Context, network, address string) (net.Conn, error)

// gatedDial asks the gate before a connection is made. On one that is kept the
// connector asks, by Dependencies.MayStart.
func gatedDial(next dialFunc, service string) dialFunc {
	if next == nil {
		return nil
	}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		if !MayStart(ctx) {
			return nil, refusal(service, "connect")
		}
		return next(ctx, network, address)
	}
}

// CloseIdleConnections passes on, so that closing a connector closes its idle
// connections.
func (t gated) CloseIdleConnections() {
	if c, ok := t.next.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

// NotSent is the code of the error a shut gate gives.
const NotSent = "not_sent"
