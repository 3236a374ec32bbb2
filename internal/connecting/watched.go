package connecting

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/scratch-platform/scratch/connectors"
	"github.com/scratch-platform/scratch/internal/telemetry/traces"
)

// Meter counts what is asked of services; outcome is one of the words below.
type Meter interface {
	Requested(service, outcome string, took time.Duration)
	Waited(service string, took time.Duration)
}

// Outcomes of a request to a service, as metrics and traces tell them.
const (
	outcomeOK          = "ok"
	outcomeRefused     = "refused"      // the service said no to this request
	outcomeAuth        = "auth"         // … to this credential, or its rights
	outcomeRateLimited = "rate_limited" // … for now
	outcomeFailed      = "failed"       // the service had trouble
	outcomeTimeout     = "timeout"
	outcomeUnreachable = "unreachable" // no connection, or it broke
	outcomeStopped     = "stopped"     // by us, on its way
)

// Outcomes are all of them, so that each is counted from zero on.
func Outcomes() []string {
	return []string{
		outcomeOK, outcomeRefused, outcomeAuth, outcomeRateLimited, outcomeFailed, outcomeTimeout, outcomeUnreachable, outcomeStopped,
	}
}

// watched is the transport that has every request to a service counted, and
// traced where the work it belongs to is. Of a request it tells service, method,
// host, status and attempt; never a path, query, header or body (Promise 10).
type watched struct {
	next    http.RoundTripper
	service string
	meter   Meter
	spans   *traces.Traces
	now     func() time.Time
}

// RoundTrip passes the request on. It has ended when its answer was read.
func (t watched) RoundTrip(request *http.Request) (*http.Response, error) {
	begun := t.now()
	attempt := connectors.Attempt(request.Context())
	ctx, endSpan := t.spans.Call(request.Context(), traces.Call{
		Service: t.service, Method: request.Method, Host: request.URL.Hostname(), Attempt: attempt,
	})
	end := func(status int, outcome string) {
		endSpan(status, outcome)
		if t.meter != nil {
			t.meter.Requested(t.service, outcome, t.now().Sub(begun))
		}
	}
	answer, err := t.next.RoundTrip(request.WithContext(ctx))
	if err != nil {
		end(0, lost(err))
		return nil, err
	}
	answer.Body = &watchedBody{ReadCloser: answer.Body, end: sync.OnceFunc(func() { end(answer.StatusCode, outcomeOf(answer.StatusCode)) })}
	return answer, nil
}

// CloseIdleConnections passes on.
func (t watched) CloseIdleConnections() {
	if c, ok := t.next.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

// watchedBody notices that an answer was read, or given up.
type watchedBody struct {
	io.ReadCloser
	end func()
}

// Read implements io.Reader.
func (b *watchedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil {
		b.end()
	}
	return n, err
}

// Close implements io.Closer.
func (b *watchedBody) Close() error {
	b.end()
	return b.ReadCloser.Close()
}

func outcomeOf(status int) string {
	switch {
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return outcomeAuth
	case status == http.StatusTooManyRequests:
		return outcomeRateLimited
	case status >= http.StatusInternalServerError:
		return outcomeFailed
	case status >= http.StatusBadRequest:
		return outcomeRefused
	default:
		return outcomeOK
	}
}

// lost names what kept an answer from coming.
func lost(err error) string {
	var network net.Error
	switch {
	case errors.Is(err, context.Canceled):
		return outcomeStopped
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &network) && network.Timeout():
		return outcomeTimeout
	default:
		return outcomeUnreachable
	}
}

// exchanged names what became of an exchange that was not HTTP.
func exchanged(err error) string {
	refused, typed := connectors.AsError(err)
	switch {
	case err == nil:
		return outcomeOK
	case errors.Is(err, context.Canceled):
		return outcomeStopped
	case !typed:
		return lost(err)
	}
	switch refused.Kind {
	case connectors.KindAuth, connectors.KindPermission:
		return outcomeAuth
	case connectors.KindRateLimited, connectors.KindQuota:
		return outcomeRateLimited
	case connectors.KindTimeout:
		return outcomeTimeout
	case connectors.KindUnavailable, connectors.KindAmbiguous:
		return outcomeUnreachable
	case connectors.KindInternal:
		return outcomeFailed
	default:
		return outcomeRefused
	}
}

// waiting is the limiter that has waits counted and traced.
type waiting struct {
	next    connectors.Limiter
	service string
	meter   Meter
	spans   *traces.Traces
	now     func() time.Time
}

// Wait waits for the turn.
func (w waiting) Wait(ctx context.Context, key string, rate connectors.Rate) (func(), error) {
	begun := w.now()
	release, err := w.next.Wait(ctx, key, rate)
	took := w.now().Sub(begun)
	w.spans.Waited(ctx, w.service, begun, took)
	if w.meter != nil {
		w.meter.Waited(w.service, took)
	}
	return release, err
}

// Penalize passes on.
func (w waiting) Penalize(key string, until time.Time) { w.next.Penalize(key, until) }
