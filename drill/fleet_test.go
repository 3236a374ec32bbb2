package drill

import (
	"errors"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"

	"github.com/scratch-platform/scratch/connectors/wordpress/fake"
	"github.com/scratch-platform/scratch/internal/testkit"
)

// frontend is one of several that serve one product.
type frontend struct {
	address string
	process *process
}

// fleet is the product in production shape: two frontends and two workers on
// PostgreSQL and Redis. Requests go to the frontends in turn.
func fleet(t *testing.T, settings ...string) *product {
	t.Helper()
	return fleetOn(t, testkit.Postgres(t), settings...)
}

// alike runs a drill on everything in one process and on the fleet: what is true
// of the one must not hang on which frontend is asked and which worker works.
func alike(t *testing.T, test func(*testing.T, *product)) {
	t.Helper()
	for name, start := range map[string]func(*testing.T, ...string) *product{"dev": dev, "fleet": fleet} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, start(t))
		})
	}
}

// fleetOn is fleet on a database that is given.
func fleetOn(t *testing.T, url string, settings ...string) *product {
	t.Helper()
	server := testkit.OwnRedis(t)
	p := productionOn(t, url, append(settings, "SCRATCH_REDIS_URL="+server.URL())...)
	p.redis = server
	first := &frontend{p.address, p.main}
	p.serve("frontend")
	p.awaitReady()
	p.startWorker()
	p.spread(first, &frontend{p.address, p.main})
	return p
}

// spread sends requests to these frontends in turn from now on.
func (p *product) spread(over ...*frontend) { p.frontends, p.turn = over, &atomic.Int64{} }

// next is where the next request goes.
func (p *product) next() string {
	if len(p.frontends) == 0 {
		return p.address
	}
	return p.frontends[int(p.turn.Add(1))%len(p.frontends)].address
}

// holder is the worker that has the step of a run under way, as the engine sees
// it; nil while none has. It may be called beside the test.
func (p *product) holder(run string) *process {
	c, err := client.Dial(client.Options{HostPort: p.engine.address, Namespace: engineNamespace, Logger: quiet{}})
	if err != nil {
		p.t.Errorf("ask the engine who works on %s: %v", run, err)
		return nil
	}
	defer c.Close()
	shown, err := c.DescribeWorkflowExecution(p.t.Context(), run, "")
	var none *serviceerror.NotFound
	if errors.As(err, &none) {
		return nil // it has not begun
	}
	if err != nil {
		p.t.Errorf("ask the engine who works on %s: %v", run, err)
		return nil
	}
	for _, step := range shown.GetPendingActivities() {
		pid, _, _ := strings.Cut(step.GetLastWorkerIdentity(), "@")
		for _, worker := range p.workers {
			if step.GetState() == enumspb.PENDING_ACTIVITY_STATE_STARTED && pid == strconv.Itoa(worker.cmd.Process.Pid) {
				return worker
			}
		}
	}
	return nil
}

// requireOthers holds that the work of a killed process is taken up by those
// that are still there: nobody starts anything.
func (p *product) requireOthers() {
	p.t.Helper()
	var alive []*process
	for _, worker := range p.workers {
		select {
		case <-worker.done:
		default:
			alive = append(alive, worker)
		}
	}
	require.Len(p.t, alive, len(p.workers)-1, "one worker was killed, and no other ended")
	for _, f := range p.frontends {
		p.mustRun(f.process)
	}
}

const (
	// replacedWithin is the promise about a lost worker: so long after it was
	// killed another one asks the service on.
	replacedWithin = 20 * time.Second
	// arriving is how long requests of a process that is dead may come in.
	arriving = time.Second
)

// replaced holds that after the kill another process asked on in time, by the
// blog's log. The requests are those of the run that was struck.
func (s *shot) replaced(is func(fake.Entry) bool) {
	s.t.Helper()
	for _, e := range only(s.blog.log(0), is) {
		if took := e.Received.Sub(s.at); took > arriving {
			s.t.Logf("another process asked on %s after the kill", took.Round(100*time.Millisecond))
			require.Less(s.t, took, replacedWithin, "a lost worker was not replaced in time")
			return
		}
	}
	s.t.Error("nobody asked on after the kill")
}
