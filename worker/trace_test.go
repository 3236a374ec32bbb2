package worker

import (
	"context"
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

// Breaks when a run that an operator ends leaves its trace open: what it did hangs
// on a span that nobody sends, and nothing tells what became of it.
func TestATraceClosesThoughTheRunCannot(t *testing.T) {
	c := testkit.NewCollector(t)
	made, err := traces.New(t.Context(), traces.Options{
		URL: c.Address + "/v1/traces", Headers: map[string]string{"Authorization": testkit.CollectorToken}, Sample: 1, Log: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	s := newStackWith(t, testkit.SQLite(t), testkit.Temporal(t), func(client.Options) client.Options {
		return client.Options{Interceptors: made.Interceptors()}
	})
	s.rest()
	s.ended = func(ctx context.Context, workflowID, runID string) {
		_ = made.RunEnded(ctx, s.engine, workflowID, runID)
	}
	s.look.Ended = s.ended
	s.work()
	s.reconciling()
	begin := func(name string, n int) (models.Job, models.Table) {
		table, reached := s.slow(name, n)
		ctx, request := made.Request(httptest.NewRequest(http.MethodPost, "/", nil), "/"+name)
		job := s.downloadFrom(ctx, models.DownloadFull, table)
		<-reached
		request.End(http.StatusAccepted)
		return job, table
	}
	whole, _ := begin("whole", 3)
	require.NoError(t, s.engine.TerminateWorkflow(t.Context(), whole.WorkflowID, "", "test"))
	s.until(whole, 20*time.Second, models.JobTerminated)
	require.Eventually(t, func() bool { return s.closed(contract.DownloadID(s.only().ID)) }, 20*time.Second, 20*time.Millisecond)

	s.newSnapshot(t.Context())
	one, table := begin("one", 3)
	require.NoError(t, s.engine.TerminateWorkflow(t.Context(), contract.DownloadID(table.ID), "", "test"))
	s.until(one, 20*time.Second, models.JobTerminated) // all of its tables were

	s.newSnapshot(t.Context())
	again, _ := begin("again", 3)
	s.reset(again.WorkflowID, "", firstTask)
	s.until(again, 30*time.Second, models.JobCompleted)

	s.newSnapshot(t.Context())
	scheduled, reached := s.slow("scheduled", 3)
	schedule := s.scheduled(models.OverlapSkip, scheduled)
	s.comes(schedule)
	<-reached
	at := s.runs(schedule, models.ScheduleStarted)[0]
	require.NoError(t, s.engine.TerminateWorkflow(t.Context(), contract.ScheduledDownloadID(schedule.ID, at.At), "", "test"))
	s.until(s.job(at.JobID), 30*time.Second, models.JobCompleted)
	require.Eventually(t, func() bool { return s.closed(contract.DownloadSnapshotID(s.snapshot.ID)) }, 20*time.Second, 20*time.Millisecond)
	s.rest()
	require.NoError(t, made.Close(t.Context()))

	ended := map[string]int{}
	for _, span := range c.Spans() {
		spans := c.Trace(span.Trace)
		path, complete := testkit.Path(spans, span, "")
		require.True(t, complete, "above %s a span is missing: %v\n%s", span.Name, path, testkit.Tree(spans, ""))
		if outcome := span.Attributes["scratch.outcome"]; strings.HasPrefix(span.Name, "RunWorkflow:") && outcome != "" {
			require.True(t, span.Failed, span.Name)
			ended[span.Name+" "+outcome]++
		}
	}
	require.Equal(t, map[string]int{
		"RunWorkflow:DownloadSnapshot terminated":  2, // one terminated, one replaced by a reset
		"RunWorkflow:Download terminated":          1,
		"RunWorkflow:ScheduledDownload terminated": 1,
	}, ended)
}

// rootTrace is the trace that the test began.
func rootTrace(t *testing.T, c *testkit.Collector) string {
	t.Helper()
	all := c.Spans()
	at := slices.IndexFunc(all, func(s *testkit.Span) bool { return s.Name == "POST /download" })
	require.GreaterOrEqual(t, at, 0)
	return all[at].Trace
}
