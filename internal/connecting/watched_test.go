package connecting

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/connectors"
)

// tally counts what a Meter is told.
type tally struct {
	mu       sync.Mutex
	requests map[string]int
	waits    int
}

func (c *tally) Requested(service, outcome string, _ time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.requests == nil {
		c.requests = map[string]int{}
	}
	c.requests[service+" "+outcome]++
}

func (c *tally) Waited(string, time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.waits++
}

// Breaks when a request to a service is not counted once, by what became of it,
// or before its answer was read.
func TestEveryRequestIsCountedByItsOutcome(t *testing.T) {
	hang := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/hang":
			<-hang
		case "/auth":
			w.WriteHeader(http.StatusForbidden)
		case "/limited":
			w.WriteHeader(http.StatusTooManyRequests)
		case "/refused":
			w.WriteHeader(http.StatusNotFound)
		case "/failed":
			w.WriteHeader(http.StatusBadGateway)
		}
		_, _ = io.WriteString(w, "words")
	}))
	defer server.Close()
	defer close(hang)
	for path, outcome := range map[string]string{
		"/": "ok", "/auth": "auth", "/limited": "rate_limited", "/refused": "refused", "/failed": "failed", "/hang": "timeout",
	} {
		counted := &tally{}
		o := &Opener{Meter: counted, Now: time.Now}
		client := &http.Client{Transport: o.watched(http.DefaultTransport, "blog")}
		ctx, cancel := context.WithCancel(t.Context())
		if path == "/hang" {
			cancel()
			ctx, cancel = context.WithTimeout(t.Context(), 20*time.Millisecond)
		}
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+path, nil)
		require.NoError(t, err)
		answer, err := client.Do(request)
		if path != "/hang" {
			require.NoError(t, err)
			require.Empty(t, counted.requests, "the answer was not read yet")
			_, err = io.ReadAll(answer.Body)
			require.NoError(t, err)
			require.NoError(t, answer.Body.Close())
		}
		cancel()
		require.Equal(t, map[string]int{"blog " + outcome: 1}, counted.requests)
	}
	require.Equal(t, outcomeStopped, lost(context.Canceled))
	require.Equal(t, outcomeUnreachable, lost(errors.New("connection refused")))
	for _, outcome := range []string{outcomeOK, outcomeStopped, outcomeUnreachable} {
		require.Contains(t, Outcomes(), outcome)
	}
}

// Breaks when an exchange that is not HTTP is counted by another outcome than its
// typed error says.
func TestExchangesAreCountedByTheirErrors(t *testing.T) {
	for outcome, err := range map[string]error{
		"ok": nil, "auth": &connectors.Error{Kind: connectors.KindAuth}, "timeout": &connectors.Error{Kind: connectors.KindTimeout},
		"unreachable": &connectors.Error{Kind: connectors.KindAmbiguous}, "refused": &connectors.Error{Kind: connectors.KindInvalid},
		"rate_limited": &connectors.Error{Kind: connectors.KindQuota}, "stopped": context.Canceled,
	} {
		counted := &tally{}
		watch := (&Opener{Meter: counted, Now: time.Now}).watch("database")
		_, end := watch(t.Context(), "read")
		end(err)
		require.Equal(t, map[string]int{"database " + outcome: 1}, counted.requests)
	}
	require.Nil(t, (&Opener{}).watch("database"))
}

type limiter struct{ err error }

func (l limiter) Wait(context.Context, string, connectors.Rate) (func(), error) {
	return func() {}, l.err
}
func (limiter) Penalize(string, time.Time) {}

// Breaks when a wait under a limit is not counted, or its error is lost.
func TestWaitsAreCounted(t *testing.T) {
	counted := &tally{}
	boom := errors.New("boom")
	for _, err := range []error{nil, boom} {
		o := &Opener{Meter: counted, Now: time.Now, Limiter: limiter{err}}
		_, got := o.waiting("blog").Wait(t.Context(), "con_1", connectors.Rate{})
		require.Equal(t, err, got)
	}
	require.Equal(t, 2, counted.waits)
	bare := &Opener{Limiter: limiter{}}
	require.Equal(t, connectors.Limiter(limiter{}), bare.waiting("blog"), "unmeasured, nothing stands between")
	require.Equal(t, http.RoundTripper(http.DefaultTransport), bare.watched(http.DefaultTransport, "blog"))
}
