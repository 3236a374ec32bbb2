package worker

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/api/temporalproto"
	"go.temporal.io/sdk/client"

	"github.com/scratch-platform/scratch/connectors"
	"github.com/scratch-platform/scratch/internal/testkit"
	"github.com/scratch-platform/scratch/models"
	"github.com/scratch-platform/scratch/workflows/contract"
)

var record = flag.Bool("record", false, "write the histories of this commit's workflows beside those in workflows/testdata")

// TestRecordHistories runs each workflow through its ways against a real engine.
// With -record it adds their histories to workflows/testdata, under a name that
// is not there yet: existing ones are never touched. Payloads are in the clear,
// so that a replay needs no keys; the data is made up.
func TestRecordHistories(t *testing.T) {
	s := newStackWith(t, testkit.SQLite(t), testkit.OwnTemporal(t), func(client.Options) client.Options { return client.Options{Identity: "recorder"} })
	at := time.Now().UTC().Format("20060102")

	// A download that is paused, resumed, turned away, and asks before it sweeps.
	table, reached := s.slow("posts", 5)
	s.service.with(func(f *faults) {
		f.failPages = append(make([]error, 12), &connectors.Error{Kind: connectors.KindRateLimited, Service: "memory", Tried: "list", Wait: 6 * time.Second})
	})
	job := s.download(models.DownloadFull, table)
	<-reached
	require.NoError(t, contract.Pause.Send(t.Context(), s.engine, job.WorkflowID, contract.By{User: "usr_1"}))
	s.until(job, 10*time.Second, models.JobPaused)
	require.NoError(t, contract.Resume.Send(t.Context(), s.engine, job.WorkflowID, contract.By{User: "usr_1"}))
	s.until(job, 60*time.Second, models.JobCompleted)
	s.keep(at, "downloadsnapshot", "paused", job.WorkflowID)
	s.keep(at, "download", "paused-limited", contract.DownloadID(table.ID))

	s.settled()
	for i := 1; i <= 900; i++ {
		s.service.remove("posts", fmt.Sprint(i))
	}
	job = s.download(models.DownloadFull, table)
	s.until(job, 60*time.Second, models.JobWaiting)
	require.NoError(t, contract.Decide.Send(t.Context(), s.engine, job.WorkflowID, contract.SweepDecision{TableID: table.ID, Remove: true}))
	s.until(job, 60*time.Second, models.JobCompleted)
	require.Len(t, s.records(table), 1100)
	s.keep(at, "downloadsnapshot", "decided", job.WorkflowID)
	s.keep(at, "download", "decided", contract.DownloadID(table.ID))

	// One that is cancelled, and one of which a table fails.
	bad, reached := s.slow("bad", 2)
	job = s.download(models.DownloadFull, bad)
	<-reached
	require.NoError(t, s.engine.CancelWorkflow(t.Context(), job.WorkflowID, ""))
	s.until(job, 10*time.Second, models.JobCancelled)
	s.keep(at, "downloadsnapshot", "cancelled", job.WorkflowID)
	s.keep(at, "download", "cancelled", contract.DownloadID(bad.ID))
	s.settled()
	s.service.with(func(f *faults) {
		f.failPages = []error{&connectors.Error{Kind: connectors.KindAuth, Service: "memory", Tried: "list"}}
	})
	job = s.until(s.download(models.DownloadFull, bad, table), 30*time.Second, anyEnd...)
	require.Equal(t, models.JobCompletedWithFailures, job.State)
	s.keep(at, "downloadsnapshot", "failures", job.WorkflowID)

	// A publish that loses answers and is turned away, and one that is cancelled.
	s.settled()
	s.write(table, create("A"), create("B"), create("C"))
	s.service.with(func(f *faults) { f.loseAnswers, f.loseWrites, f.turnAway = 1, 1, 4 })
	job = s.until(s.publish(s.plan()), 60*time.Second, anyEnd...)
	require.Equal(t, models.JobCompleted, job.State, "%v", job.Problem)
	s.keep(at, "publish", "lost-limited", job.WorkflowID)
	s.write(table, create("D"))
	s.service.with(func(f *faults) { f.writeDelay = 500 * time.Millisecond })
	sent := s.service.seen().writes
	job = s.publish(s.plan())
	require.Eventually(t, func() bool { return s.service.seen().writes > sent }, 10*time.Second, 5*time.Millisecond)
	require.NoError(t, s.engine.CancelWorkflow(t.Context(), job.WorkflowID, ""))
	s.until(job, 10*time.Second, models.JobCancelled)
	s.keep(at, "publish", "cancelled", job.WorkflowID)
	require.NoError(t, s.look.Pass(t.Context()))
}

// TestRecordMoreHistories is TestRecordHistories for the ways that came later:
// publishes that are stopped, paused, read back or only resolve, a download that
// follows another's run, is paused while it asks, hears late of a table's end,
// and one that continues as new.
func TestRecordMoreHistories(t *testing.T) {
	server := testkit.OwnTemporal(t, "limit.historyCount.suggestContinueAsNew=20")
	s := newStackWith(t, testkit.SQLite(t), server, func(client.Options) client.Options { return client.Options{Identity: "recorder"} })
	at := time.Now().UTC().Format("20060102")
	ctx := t.Context()

	s.recordContinuedDownload(at)
	s.recordFollowedDownload(at)
	s.recordPausedQuestion(at)
	s.recordUnheardEnd(at)

	// A publish that one of two services refuses.
	s.settled()
	first := s.downloaded(30)
	s.connect(ctx)
	s.service.fill("other", 3)
	other := s.table("other")
	s.until(s.download(models.DownloadFull, other), 30*time.Second, models.JobCompleted)
	edit := func(table models.Table, title string, n int) {
		for _, r := range s.records(table) {
			if n--; n >= 0 {
				s.write(table, update(r, title))
			}
		}
	}
	edit(first, "Mine", 3)
	edit(other, "Mine", 3)
	s.service.with(func(f *faults) {
		f.lookErrOf = map[string]error{"posts": &connectors.Error{Kind: connectors.KindAuth, Service: "memory", Tried: "look"}}
	})
	job := s.until(s.publish(s.plan()), 60*time.Second, anyEnd...)
	require.Equal(t, "connector.auth", job.Problem.Code)
	s.keep(at, "publish", "stopped", job.WorkflowID)

	// One that is paused between its batches, and whose answers do not say what
	// was stored.
	s.settled()
	s.service.with(func(f *faults) { f.silent, f.writeDelay = true, 100*time.Millisecond })
	edit(first, "Again", 30)
	sent := s.service.seen().writes
	job = s.publish(s.plan())
	require.Eventually(t, func() bool { return s.service.seen().writes > sent+5 }, 10*time.Second, 5*time.Millisecond)
	require.NoError(t, contract.Pause.Send(ctx, s.engine, job.WorkflowID, contract.By{User: "usr_1"}))
	s.until(job, 10*time.Second, models.JobPaused)
	require.NoError(t, contract.Resume.Send(ctx, s.engine, job.WorkflowID, contract.By{User: "usr_1"}))
	job = s.until(job, 60*time.Second, anyEnd...)
	require.Equal(t, models.JobCompleted, job.State, "%v", job.Problem)
	s.keep(at, "publish", "paused-readback", job.WorkflowID)

	// One that is terminated, and the run that finds out what it left.
	edit(first, "Once more", 20)
	sent = s.service.seen().writes
	job = s.publish(s.plan())
	require.Eventually(t, func() bool { return s.service.seen().writes > sent+5 }, 10*time.Second, 5*time.Millisecond)
	require.NoError(t, s.engine.TerminateWorkflow(ctx, job.WorkflowID, "", "test"))
	require.Eventually(t, func() bool { return s.look.Pass(ctx) == nil && s.job(job.ID).State == models.JobTerminated }, 10*time.Second, 50*time.Millisecond)
	s.keep(at, "publish", "resolving", job.WorkflowID)
}

// recordContinuedDownload records a download whose history has grown long.
func (s *stack) recordContinuedDownload(at string) {
	table, _ := s.slow("long", 1)
	s.service.with(func(f *faults) {
		f.failPages = append(make([]error, 12), &connectors.Error{Kind: connectors.KindRateLimited, Service: "memory", Tried: "list", Wait: 6 * time.Second})
	})
	job := s.until(s.download(models.DownloadFull, table), 60*time.Second, anyEnd...)
	require.Equal(s.t, models.JobCompleted, job.State, "%v", job.Problem)
	require.Len(s.t, s.records(table), 2000)
	described, err := s.engine.DescribeWorkflowExecution(s.t.Context(), contract.DownloadID(table.ID), "")
	require.NoError(s.t, err)
	info := described.GetWorkflowExecutionInfo()
	require.NotEqual(s.t, info.GetFirstRunId(), info.GetExecution().GetRunId(), "it did not continue as new")
	s.keepRun(at, "download", "continued", contract.DownloadID(table.ID), info.GetFirstRunId())
	s.keep(at, "download", "going-on", contract.DownloadID(table.ID))
}

// recordFollowedDownload records a download that meets the run of a table that
// another one left behind.
func (s *stack) recordFollowedDownload(at string) {
	s.settled()
	table, reached := s.slow("followed", 2)
	s.service.with(func(f *faults) { f.pageDelay = 200 * time.Millisecond })
	job := s.download(models.DownloadFull, table)
	<-reached
	s.reset(job.WorkflowID, "", firstTask)
	job = s.until(job, 60*time.Second, anyEnd...)
	require.Equal(s.t, models.JobCompleted, job.State, "%v", job.Problem)
	s.keep(at, "downloadsnapshot", "reset", job.WorkflowID)
}

// recordPausedQuestion records a download that is paused while it asks.
func (s *stack) recordPausedQuestion(at string) {
	s.settled()
	s.service.fill("asks", 60)
	table := s.table("asks")
	s.until(s.download(models.DownloadFull, table), 30*time.Second, models.JobCompleted)
	s.service.mu.Lock()
	for i, id := range s.service.idsOf("asks") {
		if i < 40 {
			delete(s.service.tables["asks"], id)
		}
	}
	s.service.mu.Unlock()
	job := s.until(s.download(models.DownloadFull, table), 30*time.Second, models.JobWaiting)
	require.NoError(s.t, contract.Pause.Send(s.t.Context(), s.engine, job.WorkflowID, contract.By{}))
	s.until(job, 10*time.Second, models.JobPaused)
	require.NoError(s.t, contract.Resume.Send(s.t.Context(), s.engine, job.WorkflowID, contract.By{}))
	s.until(job, 10*time.Second, models.JobWaiting)
	require.NoError(s.t, contract.Decide.Send(s.t.Context(), s.engine, job.WorkflowID, contract.SweepDecision{TableID: table.ID, Remove: true}))
	s.until(job, 30*time.Second, models.JobCompleted)
	require.Len(s.t, s.records(table), 20)
	s.keep(at, "downloadsnapshot", "paused-asking", job.WorkflowID)
	s.keep(at, "download", "paused-asking", contract.DownloadID(table.ID))
}

// recordUnheardEnd records a download that was reset after its table had ended.
func (s *stack) recordUnheardEnd(at string) {
	s.settled()
	table, reached := s.slow("unheard", 5)
	job := s.download(models.DownloadFull, table)
	<-reached
	require.NoError(s.t, s.engine.TerminateWorkflow(s.t.Context(), job.WorkflowID, "", "test"))
	s.noOrphan(table)
	run := s.reset(job.WorkflowID, "", lastTask)
	require.Eventually(s.t, func() bool {
		return s.look.Pass(s.t.Context()) == nil && s.job(job.ID).RunID == run && s.job(job.ID).State.Final()
	}, 30*time.Second, 200*time.Millisecond)
	s.keep(at, "downloadsnapshot", "unheard", job.WorkflowID)
}

// keep holds the run's history to the bounds of the contract, and writes it when
// that was asked for.
func (s *stack) keep(at, workflow, way, workflowID string) {
	s.t.Helper()
	require.Eventually(s.t, func() bool { return s.closed(workflowID) }, 40*time.Second, 20*time.Millisecond)
	s.keepRun(at, workflow, way, workflowID, "")
}

func (s *stack) keepRun(at, workflow, way, workflowID, runID string) {
	s.t.Helper()
	history := s.history(s.t.Context(), workflowID, runID)
	for _, event := range history.GetEvents() {
		body, err := temporalproto.CustomJSONMarshalOptions{}.Marshal(event)
		require.NoError(s.t, err)
		require.Less(s.t, len(body), contract.MaxPayload+8<<10, "event %d of %s is too large for a history", event.GetEventId(), workflow)
	}
	if !*record {
		return
	}
	file := filepath.Join("..", "workflows", "testdata", fmt.Sprintf("%s-%s-%s.json", workflow, at, way))
	if _, err := os.Stat(file); err == nil {
		require.Fail(s.t, "a recorded history is never changed", file)
	}
	body, err := temporalproto.CustomJSONMarshalOptions{Indent: " "}.Marshal(history)
	require.NoError(s.t, err)
	require.NoError(s.t, os.WriteFile(file, append(body, '\n'), 0o644))
}

func (s *stack) history(ctx context.Context, workflowID, runID string) *historypb.History {
	s.t.Helper()
	out := &historypb.History{}
	events := s.engine.GetWorkflowHistory(ctx, workflowID, runID, false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for events.HasNext() {
		event, err := events.Next()
		require.NoError(s.t, err)
		out.Events = append(out.Events, event)
	}
	return out
}

// The same for what runs by schedules.
func TestRecordScheduledHistories(t *testing.T) {
	s := newStackWith(t, testkit.SQLite(t), testkit.OwnTemporal(t), func(client.Options) client.Options { return client.Options{Identity: "recorder"} })
	at := time.Now().UTC().Format("20060102")
	keep := func(way string, m models.Schedule, run models.ScheduleRun) {
		s.keep(at, "scheduleddownload", way, contract.ScheduledDownloadID(m.ID, run.At))
	}

	// One that waits for a person's download and then runs, and one that is left out.
	table, reached := s.slow("posts", 3)
	waits, leaves := s.scheduled(models.OverlapBufferOne, table), s.scheduled(models.OverlapSkip, table)
	job := s.download(models.DownloadFull, table)
	<-reached
	s.comes(waits)
	s.comes(leaves)
	keep("skipped", leaves, s.runs(leaves, models.ScheduleSkipped)[0])
	s.until(job, 30*time.Second, models.JobCompleted)
	run := s.runs(waits, models.ScheduleEnded)[0]
	keep("waited", waits, run)

	// One that is cancelled, and one that cannot begin.
	slow, reached := s.slow("more", 3)
	cancelled := s.scheduled(models.OverlapSkip, slow)
	s.comes(cancelled)
	<-reached
	run = s.runs(cancelled, models.ScheduleStarted)[0]
	require.NoError(t, s.engine.CancelWorkflow(t.Context(), contract.ScheduledDownloadID(cancelled.ID, run.At), ""))
	keep("cancelled", cancelled, s.runs(cancelled, models.ScheduleEnded)[0])
	gone := s.scheduled(models.OverlapSkip, slow)
	require.NoError(t, s.org.RemoveTable(t.Context(), slow.ID))
	s.comes(gone)
	keep("failed", gone, s.runs(gone, models.ScheduleFailed)[0])

	cleanup, err := s.engine.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: contract.WorkflowCleanupID, TaskQueue: contract.QueueMaintenance}, contract.WorkflowCleanup)
	require.NoError(t, err)
	require.NoError(t, cleanup.Get(t.Context(), nil))
	s.keep(at, "cleanup", "completed", cleanup.GetID())
}
