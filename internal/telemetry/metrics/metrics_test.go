package metrics

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/models"
	"github.com/scratch-platform/scratch/models/store"
)

func scrape(t *testing.T, m *Metrics) string {
	t.Helper()
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	require.Equal(t, http.StatusOK, w.Code)
	return w.Body.String()
}

func fresh() *Metrics { return New("1", "monolith", slog.New(slog.DiscardHandler)) }

// Breaks when what a client sends becomes a label: each request could make a
// series of its own.
func TestClientsMakeNoSeries(t *testing.T) {
	m := fresh()
	for _, method := range []string{"GET", "BREW", "PROPFIND", strings.Repeat("X", 100)} {
		m.Answered("/api/v1/jobs/{id}", method, 200, time.Millisecond)
	}
	m.Answered("page", "GET", 99999, -1)
	m.Leased("oauth:con_0123456789", "taken", time.Millisecond)
	text := scrape(t, m)
	require.Contains(t, text, `scratch_api_requests_total{method="other",route="/api/v1/jobs/{id}",status="200"} 3`)
	require.Contains(t, text, `scratch_api_requests_total{method="GET",route="page",status="other"} 1`)
	require.NotContains(t, text, `scratch_api_request_seconds_count{method="GET",route="page"}`, "a stream has no time to tell")
	require.Contains(t, text, `lease="oauth"`)
	require.NotContains(t, text, "con_0123456789")
}

type fakeStore struct{ err, full error }

func (f fakeStore) Backlog(context.Context) (store.Backlog, error) {
	return store.Backlog{Oldest: 3 * time.Second, Unapplied: 7 * time.Second, Jobs: []store.LiveJobs{{Kind: models.JobDownload, State: models.JobStalled, N: 2}}}, f.err
}

func (f fakeStore) Writable(context.Context) error { return f.full }

func (fakeStore) Pools() []store.PoolUse {
	return []store.PoolUse{{Pool: "all", Max: 20, InUse: 3, Idle: 4, Waits: 5, Waited: 1500 * time.Millisecond}}
}

// Breaks when a database that is away takes the other measures with it, or the
// backlog is told wrong.
func TestTheStoreIsMeasuredAtEachScrape(t *testing.T) {
	m := fresh()
	m.Store(fakeStore{}, fakeStore{})
	m.Redis(func() bool { return false })
	m.Disk(func() (free, size int64, err error) { return 5, 50, nil })
	text := scrape(t, m)
	for _, line := range []string{
		"scratch_store_up 1", "scratch_outbox_oldest_seconds 3", `scratch_jobs_live{kind="download",state="stalled"} 2`,
		`scratch_jobs_live{kind="publish",state="stalled"} 0`, `scratch_store_connections{pool="all",state="in_use"} 3`,
		`scratch_store_connection_wait_seconds_total{pool="all"} 1.5`, "scratch_store_writable 1", "scratch_schedules_unapplied_seconds 7",
		"scratch_redis_up 0", "scratch_disk_free_bytes 5", "scratch_disk_size_bytes 50",
	} {
		require.Contains(t, text, line+"\n")
	}
	m = fresh()
	m.Store(fakeStore{full: errors.New("no room")}, fakeStore{})
	require.Contains(t, scrape(t, m), "scratch_store_writable 0\n")
	m = fresh()
	m.Store(fakeStore{}, fakeStore{err: errors.New("away")})
	text = scrape(t, m)
	require.Contains(t, text, "scratch_store_up 0\n")
	require.Contains(t, text, "scratch_store_connections_max")
	require.NotContains(t, text, "scratch_outbox_oldest_seconds ")
	require.Contains(t, text, "go_goroutines")
}

// Breaks when a measure of the SDK with other tags than the first time ends the
// process or the scrape.
func TestTemporalMeasuresTakeAnyTags(t *testing.T) {
	m := fresh()
	h := m.Temporal().WithTags(map[string]string{"namespace": "default"})
	h.WithTags(map[string]string{"operation": "Poll"}).Counter("temporal_request").Inc(2)
	h.WithTags(map[string]string{"operation": "Poll", "late": "x"}).Counter("temporal_request").Inc(1)
	h.Counter("temporal_request").Inc(5)
	h.Counter("temporal_request").Inc(-5)
	h.Timer("temporal_request_latency").Record(30 * time.Millisecond)
	h.Gauge("temporal_num_pollers").Update(4)
	m.Temporal().Counter("temporal_request").Inc(1)
	text := scrape(t, m)
	require.Contains(t, text, `temporal_request_total{namespace="default",operation="Poll"} 3`)
	require.Contains(t, text, `temporal_request_total{namespace="default",operation=""} 5`)
	require.Contains(t, text, `temporal_request_latency_seconds_bucket{namespace="default",le="0.05"} 1`)
	require.Contains(t, text, `temporal_num_pollers{namespace="default"} 4`)
}

// Breaks when the address for Prometheus serves anything else, or does not end.
func TestServeServesMetricsAlone(t *testing.T) {
	m := fresh()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- m.Serve(ctx, listener) }()
	get := func(path string) (int, string) {
		answer, err := http.Get("http://" + listener.Addr().String() + path)
		require.NoError(t, err)
		defer answer.Body.Close()
		text, err := io.ReadAll(answer.Body)
		require.NoError(t, err)
		return answer.StatusCode, string(text)
	}
	status, text := get("/metrics")
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, text, `scratch_build_info{role="monolith",version="1"} 1`)
	for _, path := range []string{"/", "/healthz", "/api/v1/me", "/debug/pprof/"} {
		status, _ = get(path)
		require.Equal(t, http.StatusNotFound, status, path)
	}
	stop()
	require.NoError(t, <-ended)
}
