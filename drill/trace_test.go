package drill

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/api"
	"github.com/scratch-platform/scratch/connectors/wordpress/fake"
	"github.com/scratch-platform/scratch/internal/testkit"
	"github.com/scratch-platform/scratch/models"
)

// What a caller that traces sends along with its request.
const (
	callersTrace = "4bf92f3577b34da6a3ce929d0e0e4736"
	callersSpan  = "00f067aa0ba902b7"
)

// Breaks when the work that one request causes, in three processes, cannot be
// seen as one trace: request, workflow, child, activity, call at the service and
// SQL statement, each below what caused it, with nothing missing in between.
func TestADownloadIsOneTrace(t *testing.T) {
	t.Parallel()
	c := testkit.NewCollector(t)
	b := newBlog(t, 250)
	p := productionWith(t, append(c.Environ(), "OTEL_RESOURCE_ATTRIBUTES=deployment.environment.name=drill", "SCRATCH_LOG_FORMAT=json")...)
	s := p.open(b.address)

	status, text, err := p.tryWith(http.MethodPost, "/api/v1/snapshots/"+s.snapshot.ID+"/download", map[string]any{"mode": "full"},
		map[string]string{"traceparent": "00-" + callersTrace + "-" + callersSpan + "-01"})
	require.NoError(t, err)
	require.Equal(t, http.StatusAccepted, status, "%s", text)
	var accepted api.Accepted
	require.NoError(t, json.Unmarshal(text, &accepted))
	job := p.await(accepted.Job.ID, 2*time.Minute, isFinal)
	require.Equal(t, models.JobCompleted, job.State)

	request := "POST /api/v1/snapshots/{id}/download"
	workflow := []string{request, "StartWorkflow:DownloadSnapshot", "RunWorkflow:DownloadSnapshot"}
	table := append(slices.Clone(workflow), "StartChildWorkflow:Download", "RunWorkflow:Download")
	copying := append(slices.Clone(table), "StartActivity:CopyPages", "RunActivity:CopyPages")
	wanted := [][]string{
		{request},
		workflow, table, copying,
		append(slices.Clone(copying), "wordpress GET"),
		append(slices.Clone(copying), "transaction", "COPY"), // of pages
		append(slices.Clone(copying), "SELECT tables"),       // GORM
	}
	t.Cleanup(func() {
		if t.Failed() {
			spans := c.Trace(callersTrace)
			t.Logf("missing %v of\n%s", missing(spans, wanted), testkit.Tree(spans, callersSpan))
		}
	})
	// The spans of the two runs come last, when the runs have returned.
	eventually(t, 30*time.Second, "the whole trace arrives", func() bool {
		spans := c.Trace(callersTrace)
		for _, one := range spans {
			if _, whole := testkit.Path(spans, one, callersSpan); !whole {
				return false // what is above comes from another process, in a batch of its own
			}
		}
		return len(missing(spans, wanted)) == 0
	})

	spans := c.Trace(callersTrace)
	for _, one := range spans {
		names, whole := testkit.Path(spans, one, callersSpan)
		require.True(t, whole, "above %s a span is missing: %v", one.Name, names)
		require.False(t, one.Failed, "%v failed in a download that went well", names)
		switch one.Name {
		case request:
			require.Equal(t, callersSpan, one.Parent, "the caller's trace is gone on with")
			require.Equal(t, "202", one.Attributes["http.response.status_code"])
			require.NotEmpty(t, one.Attributes["scratch.request_id"])
		case "wordpress GET":
			require.Equal(t, "127.0.0.1", one.Attributes["server.address"])
			require.Equal(t, "ok", one.Attributes["scratch.outcome"])
			require.Equal(t, "1", one.Attributes["scratch.attempt"])
			for name, value := range one.Attributes {
				require.NotContains(t, value, "per_page", "%s holds a query", name)
			}
		}
	}
	require.Equal(t, "scratch", c.Resource()["service.name"])
	require.Equal(t, "drill", c.Resource()["deployment.environment.name"])
	require.NotEmpty(t, c.Resource()["service.version"])
	require.Zero(t, c.Refused())

	// A line of the log leads to the trace of what it tells.
	b.fault(fake.Fault{Kind: fake.FaultStatus, Status: http.StatusForbidden, Path: "/wp/v2/posts", Times: -1, Text: "quince"})
	again := strings.Repeat("c", 32)
	_, _, err = p.tryWith(http.MethodPost, "/api/v1/snapshots/"+s.snapshot.ID+"/download", map[string]any{"mode": "full"},
		map[string]string{"traceparent": "00-" + again + "-" + callersSpan + "-00"})
	require.NoError(t, err)
	eventually(t, 30*time.Second, "the log names the failed activity's trace", func() bool {
		return strings.Contains(p.worker.stderr.String(), `"trace_id":"`+again+`"`)
	})
	eventually(t, 30*time.Second, "the failed call is in the trace, which the caller did not ask to keep and we do", func() bool {
		for _, one := range c.Trace(again) {
			if one.Name == "wordpress GET" && one.Failed && one.Attributes["scratch.outcome"] == "auth" {
				return true
			}
		}
		return false
	})
}

// missing names those of the paths that are not in the trace; the last name of a
// path may be the beginning of a span's.
func missing(spans map[string]*testkit.Span, paths [][]string) (left [][]string) {
	var have [][]string
	for _, s := range spans {
		names, _ := testkit.Path(spans, s, callersSpan)
		have = append(have, names)
	}
	for _, want := range paths {
		if !slices.ContainsFunc(have, func(names []string) bool {
			last := len(want) - 1
			return len(names) == len(want) && slices.Equal(names[:last], want[:last]) && strings.HasPrefix(names[last], want[last])
		}) {
			left = append(left, want)
		}
	}
	return left
}
