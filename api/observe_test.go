package api_test

import (
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/internal/accounts"
)

// answers keeps what the API tells of the requests it answered.
type answers struct {
	mu  sync.Mutex
	all []string
}

func (a *answers) Answered(route, method string, status int, took time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	timed := "timed"
	if took < 0 {
		timed = "stream"
	}
	a.all = append(a.all, fmt.Sprintf("%s %s %d %s", method, route, status, timed))
}

func (a *answers) last() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.all[len(a.all)-1]
}

// Breaks when a request is counted by its path, which anybody can make up, in
// place of its route, or is not counted at all: one that is refused, one for
// nothing, a stream.
func TestRequestsAreCountedByRoute(t *testing.T) {
	g := newStage(t)
	for _, c := range []struct {
		request scenario
		want    string
	}{
		{scenario{method: "GET", path: "/healthz", anonymous: true, status: 200}, "GET /healthz 200 timed"},
		{scenario{method: "GET", path: "/api/v1/jobs/job_canary", status: 404}, "GET /api/v1/jobs/{id} 404 timed"},
		{scenario{method: "GET", path: "/api/v1/jobs/job_canary", anonymous: true, status: 401}, "GET /api/v1/jobs/{id} 401 timed"},
		{scenario{method: "GET", path: "/api/v1/snapshots/snp_canary/tables/tbl_canary/records", status: 404}, "GET /api/v1/snapshots/{id}/tables/{tid}/records 404 timed"},
		{scenario{method: "GET", path: "/api/v1/jobs/job_canary/events", status: 404}, "GET /api/v1/jobs/{id}/events 404 stream"},
		{scenario{method: "GET", path: "/api/v1/canary", status: 404}, "GET unmatched 404 timed"},
		{scenario{method: "DELETE", path: "/healthz", status: 405}, "DELETE unmatched 405 timed"},
		{scenario{method: "GET", path: "/healthz", header: map[string]string{"Origin": "https://evil.example"}, status: 403}, "GET /healthz 403 timed"},
	} {
		answer := g.send(t, c.request)
		require.NoError(t, answer.Body.Close())
		require.Equal(t, c.request.status, answer.StatusCode, c.request.path)
		require.Eventually(t, func() bool { return g.answers.last() == c.want }, 5*time.Second, time.Millisecond, "%s, got %s", c.want, g.answers.last())
	}
}

// Breaks when the measures, which tell what every organization does, are shown
// to whoever asks.
func TestMetricsAreForOperators(t *testing.T) {
	g := newStage(t)
	operator := g.mintFor(t, g.org.ID, g.user.ID, accounts.Scopes{accounts.ScopeOperate})
	for _, c := range []struct {
		request scenario
		shown   bool
	}{
		{scenario{method: "GET", path: "/metrics", anonymous: true, status: http.StatusUnauthorized}, false},
		{scenario{method: "GET", path: "/metrics", status: http.StatusForbidden}, false},
		{scenario{method: "GET", path: "/metrics", token: operator, status: http.StatusOK}, true},
	} {
		answer := g.send(t, c.request)
		defer answer.Body.Close()
		require.Equal(t, c.request.status, answer.StatusCode)
		require.Equal(t, c.shown, answer.Header.Get("Measures") == "here")
	}
}
