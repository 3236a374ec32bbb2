package drill

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/api"
	"github.com/scratch-platform/scratch/connectors/wordpress"
	"github.com/scratch-platform/scratch/internal/testkit"
	"github.com/scratch-platform/scratch/models"
)

// notices is what /readyz tells of a server that is ready.
func (p *product) notices() (codes []string) {
	p.t.Helper()
	status, text, err := p.try(http.MethodGet, "/readyz", nil)
	require.NoError(p.t, err)
	require.Equal(p.t, http.StatusOK, status, "%s", text)
	var ready api.Readiness
	require.NoError(p.t, json.Unmarshal(text, &ready))
	for _, n := range ready.Notices {
		codes = append(codes, n.Code)
	}
	return codes
}

// A Redis that is away at the start, is killed in the middle of a download or
// comes back costs time: the product stays ready, says so, and downloads.
func TestRedisComesAndGoes(t *testing.T) {
	server := testkit.OwnRedis(t)
	server.Kill()
	p := productionWith(t, "SCRATCH_REDIS_URL="+server.URL())
	tells := func(want ...string) {
		t.Helper()
		eventually(t, time.Minute, "readyz tells of Redis", func() bool { return len(p.notices()) == len(want) })
		require.ElementsMatch(t, want, p.notices())
	}
	tells("redis.away")
	b := newBlog(t, 1500)
	s := p.open(b.address)
	s.download()
	server.Start()
	tells()
	s.download()

	job := s.startDownload()
	server.Kill()
	s.await(job.ID, 2*time.Minute, isFinal)
	tells("redis.away")
	require.Equal(t, models.JobCompleted, p.job(job.ID).State)
	server.Start()
	tells()
	s.download()
}

// What one connection permits counts for both workers together: more requests
// at once than the service takes would be refused, or slow the user's site down.
func TestTwoWorkersKeepOneConnectionsLimit(t *testing.T) {
	p := productionWith(t, "SCRATCH_REDIS_URL="+testkit.OwnRedis(t).URL())
	p.startWorker() // the second
	b := newBlog(t, 800)
	target, err := url.Parse(b.address)
	require.NoError(t, err)
	var now, most atomic.Int64
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Host = r.In.Host
	}}
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := now.Add(1)
		defer now.Add(-1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(site.Close)
	first := p.open(site.URL)
	b.do(http.MethodPost, "/_fake/faults", map[string]any{"kind": "slow", "times": -1, "delay_ms": 50, "path": "/wp/v2/*"})
	var jobs []string
	for range 6 {
		s := &scene{product: p, connection: first.connection}
		s.snapshot = call[api.Snapshot](p, http.MethodPost, "/api/v1/snapshots", map[string]any{"name": "Drill"})
		s.table = s.add("posts")
		jobs = append(jobs, s.startDownload().ID)
	}
	for _, id := range jobs {
		require.Equal(t, models.JobCompleted, p.await(id, 2*time.Minute, isFinal).State)
	}
	limit := int64(wordpress.Definition().Limits.InFlight)
	require.Positive(t, limit)
	require.LessOrEqual(t, most.Load(), limit, "more requests at once than the connection permits")
	require.Greater(t, most.Load(), limit/2, "the requests did not meet: the drill tells nothing")
}
