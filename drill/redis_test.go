package drill

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/api"
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
