package worker

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	sdk "go.temporal.io/sdk/worker"

	"github.com/scratch-platform/scratch/internal/telemetry/traces"
	"github.com/scratch-platform/scratch/internal/testkit"
	"github.com/scratch-platform/scratch/models"
	"github.com/scratch-platform/scratch/workflows/contract"
)

// Breaks when a run that loses its worker, or its place in a worker's cache,
// falls into pieces: spans below one that nobody sends, or a run that shows as
// ended twice.
func TestATraceIsWholeThoughTheWorkerChanges(t *testing.T) {
	c := testkit.NewCollector(t)
	made, err := traces.New(t.Context(), traces.Options{
		URL: c.Address + "/v1/traces", Headers: map[string]string{"Authorization": testkit.CollectorToken}, Sample: 1, Log: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	s := newStackWith(t, testkit.SQLite(t), testkit.Temporal(t), func(client.Options) client.Options {
		return client.Options{Interceptors: made.Interceptors()}
	})
	table, reached := s.slow("posts", 3)
	ctx, request := made.Request(httptest.NewRequest(http.MethodPost, "/", nil), "/download")
	job := s.downloadFrom(ctx, models.DownloadFull, table)
	<-reached
	s.rest() // the first worker goes away, and with it what it kept of the runs
	sdk.PurgeStickyWorkflowCache()
	s.settled()
	s.work()
	s.until(job, 60*time.Second, models.JobCompleted)
	require.Eventually(t, func() bool { return s.closed(job.WorkflowID) }, 20*time.Second, 20*time.Millisecond)
	// A replay after the end, by a query, is no second end.
	sdk.PurgeStickyWorkflowCache()
	_, err = s.engine.QueryWorkflow(t.Context(), contract.DownloadID(table.ID), "", "progress")
	require.NoError(t, err)
	s.rest()
	request.End(http.StatusAccepted)
	require.NoError(t, made.Close(t.Context()))

	spans := c.Trace(rootTrace(t, c))
	names := map[string]int{}
	for _, span := range spans {
		names[span.Name]++
		path, whole := testkit.Path(spans, span, "")
		require.True(t, whole, "above %s a span is missing: %v\n%s", span.Name, path, testkit.Tree(spans, ""))
		require.False(t, strings.HasPrefix(span.Name, "HandleQuery"), "queries are not traced")
	}
	require.Equal(t, 1, names["RunWorkflow:DownloadSnapshot"], "%v", names)
	require.Equal(t, 1, names["RunWorkflow:Download"], "%v", names)
	require.GreaterOrEqual(t, names["RunActivity:CopyPages"], 2, "both workers copied: %v", names)
}

// rootTrace is the trace that the test began.
func rootTrace(t *testing.T, c *testkit.Collector) string {
	t.Helper()
	all := c.Spans()
	at := slices.IndexFunc(all, func(s *testkit.Span) bool { return s.Name == "POST /download" })
	require.GreaterOrEqual(t, at, 0)
	return all[at].Trace
}
