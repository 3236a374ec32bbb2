//go:build e2e

package drill

import (
	"context"
	"net/http"
	"os"
	"os/exec"
	"strings"
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
