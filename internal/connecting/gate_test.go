package connecting

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/connectors"
)

// A request that starts after its lease could be applied by the service while
// another worker, which waited for the lease, sends the same item again.
func TestNothingStartsBehindAShutGate(t *testing.T) {
	var reached int
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached++ }))
	defer server.Close()
	now := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	gate := NewGate(now.Add(time.Second), func() time.Time { return now })
	client := &http.Client{Transport: gated{next: http.DefaultTransport}}
	get := func() error {
		request, err := http.NewRequestWithContext(WithGate(context.Background(), gate), http.MethodPost, server.URL, http.NoBody)
		require.NoError(t, err)
		response, err := client.Do(request)
		if err == nil {
			err = response.Body.Close()
		}
		return err
	}

	require.NoError(t, get())
	now = now.Add(time.Second)
	err := get()
	var refused *connectors.Error
	require.ErrorAs(t, err, &refused, "the refusal must stay typed through net/http")
	require.Equal(t, NotSent, refused.Code)
	require.True(t, refused.Retryable())

	now = now.Add(-time.Hour)
	gate.Shut()
	require.Error(t, get(), "a shut gate stays shut, whatever the clock says")
	require.Equal(t, 1, reached)
}

// Promise 5: breaks when a wall clock that is set back keeps a gate open for
// longer, or when a machine that slept, during which only its wall clock went on,
// sends after its lease.
func TestAGateShutsByWhicheverClockIsFirst(t *testing.T) {
	began := time.Now()
	for name, past := range map[string]struct{ monotonic, wall time.Duration }{
		"the wall clock was set back": {time.Second, -time.Hour},
		"the machine slept":           {0, time.Hour},
	} {
		gate := NewGate(began.Add(time.Second), func() time.Time { return began })
		require.True(t, gate.Open())
		gate.now = func() time.Time { return began.Add(past.monotonic) }
		gate.wall = func() time.Time { return began.Round(0).Add(past.wall) }
		require.False(t, gate.Open(), name)
	}
}
