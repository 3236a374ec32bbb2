package worker

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"

	"github.com/scratch-platform/scratch/internal/launch"
	"github.com/scratch-platform/scratch/internal/testkit"
	"github.com/scratch-platform/scratch/models"
	"github.com/scratch-platform/scratch/workflows/contract"
)

// scheduled makes a schedule of the snapshot, known to the engine; its times
// come when the test triggers them.
func (s *stack) scheduled(overlap models.OverlapPolicy, tables ...models.Table) models.Schedule {
	s.t.Helper()
	asked := models.Schedule{SnapshotID: s.snapshot.ID, Cron: "0 0 29 2 *", Overlap: overlap, CreatedBy: s.actor.UserID}
	for _, t := range tables {
		asked.Tables = append(asked.Tables, t.ID)
	}
	require.NoError(s.t, models.CheckSchedule(&asked))
	made, err := s.org.CreateSchedule(s.t.Context(), asked)
	require.NoError(s.t, err)
	applied, err := s.times.Apply(s.t.Context(), made)
	require.NoError(s.t, err)
	s.t.Cleanup(func() {
		_ = s.handle(made).Delete(context.WithoutCancel(s.t.Context()))
	})
	return applied.Schedule
}

func (s *stack) handle(m models.Schedule) client.ScheduleHandle {
	return s.engine.ScheduleClient().GetHandle(context.WithoutCancel(s.t.Context()), contract.ScheduleID(m.ID))
}

// comes lets a time of the schedule come, as the engine sees it.
func (s *stack) comes(m models.Schedule) {
	s.t.Helper()
	require.NoError(s.t, s.handle(m).Trigger(s.t.Context(), client.ScheduleTriggerOptions{}))
}

// runs waits until the schedule's runs, oldest first, have these outcomes.
func (s *stack) runs(m models.Schedule, want ...models.ScheduleOutcome) []models.ScheduleRun {
	s.t.Helper()
	var runs []models.ScheduleRun
	var got []models.ScheduleOutcome
	require.Eventually(s.t, func() bool {
		read, err := s.org.Schedule(s.t.Context(), m.ID)
		require.NoError(s.t, err)
		runs, got = nil, nil
		for i := len(read.Runs) - 1; i >= 0; i-- {
			runs, got = append(runs, read.Runs[i]), append(got, read.Runs[i].Outcome)
		}
		if len(got) != len(want) {
			return false
		}
		for i := range got {
			if got[i] != want[i] {
				return false
			}
		}
		return true
	}, 30*time.Second, 20*time.Millisecond, "runs are %v, wanted %v", &got, want)
	return runs
}

// A time that comes makes a job as a person's request does, once, and the
// schedule tells what came of it.
func TestAScheduledTimeDownloads(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s *stack) {
		s.service.fill("posts", 1200)
		posts, pages := s.table("posts"), s.table("pages")
		_ = pages
		schedule := s.scheduled(models.OverlapSkip, posts)
		s.comes(schedule)
		run := s.runs(schedule, models.ScheduleEnded)[0]
		require.Equal(t, models.JobCompleted, run.State)
		job := s.job(run.JobID)
		require.Equal(t, schedule.ID, job.ScheduleID)
		require.Equal(t, s.actor.UserID, job.CreatedBy)
		require.Len(t, s.records(posts), 1200)
		outcomes, err := s.org.JobOutcomes(t.Context(), job.ID)
		require.NoError(t, err)
		require.Len(t, outcomes, 1, "only the tables of the schedule")

		// The run is found by what it is about, and a reset of it makes no second job.
		id := contract.ScheduledDownloadID(schedule.ID, run.At)
		described, err := s.engine.DescribeWorkflowExecution(t.Context(), id, "")
		require.NoError(t, err)
		require.Equal(t, enums.WORKFLOW_EXECUTION_STATUS_COMPLETED, described.GetWorkflowExecutionInfo().GetStatus())
		require.Contains(t, described.GetWorkflowExecutionInfo().GetSearchAttributes().GetIndexedFields(), "ScratchSnapshot")
		s.reset(id, "", firstTask)
		require.Eventually(t, func() bool { return s.closed(id) }, 20*time.Second, 20*time.Millisecond)
		jobs, err := s.org.JobsByID(t.Context(), []string{contract.ScheduledJobID(id, run.At)})
		require.NoError(t, err)
		require.Contains(t, jobs, job.ID)
		require.Len(t, s.runs(schedule, models.ScheduleEnded), 1)
	})
}

// Breaks when whoever triggers a schedule is not told which job came of it, or
// which one stands in its way, or two triggers of one moment make one run.
func TestATriggerTellsItsJob(t *testing.T) {
	s := newStack(t, testkit.SQLite(t), testkit.OwnTemporal(t)) // it leaves a run that nobody takes up
	s.reconciling()
	table, reached := s.slow("posts", 3)
	schedule := s.scheduled(models.OverlapBufferOne, table)
	first, err := s.times.Trigger(t.Context(), schedule)
	require.NoError(t, err)
	require.Equal(t, models.ScheduleStarted, first.Outcome)
	require.Equal(t, schedule.ID, s.job(first.JobID).ScheduleID)
	<-reached
	second, err := s.times.Trigger(t.Context(), schedule)
	require.NoError(t, err)
	require.Equal(t, models.ScheduleWaiting, second.Outcome)
	require.Equal(t, first.JobID, second.JobID, "what it waits for")
	runs := s.runs(schedule, models.ScheduleEnded, models.ScheduleEnded)
	require.Equal(t, first.JobID, runs[0].JobID)
	require.NotEqual(t, first.JobID, runs[1].JobID)

	s.settled()
	both := s.scheduled(models.OverlapAllowAll, table)
	for range 2 {
		run, err := s.times.Trigger(t.Context(), both)
		require.NoError(t, err)
		require.NotNil(t, run)
	}
	require.Eventually(t, func() bool {
		seen, err := s.times.See(t.Context(), both)
		return err == nil && len(seen.Began) == 2
	}, 10*time.Second, 20*time.Millisecond, "two triggers are two runs")
	s.rest()
	none, err := s.times.Trigger(t.Context(), both)
	require.NoError(t, err)
	require.Nil(t, none, "no worker takes it up")
}

// What becomes of a time that comes while a download is under way.
func TestOverlaps(t *testing.T) {
	all := newStack(t, testkit.SQLite(t), testkit.Temporal(t))
	all.reconciling()
	under := func(t *testing.T, overlap models.OverlapPolicy) (*stack, models.Table, models.Schedule, models.Job) {
		s := all.beside(t)
		table, reached := s.slow("t"+string(overlap)+s.snapshot.ID, 3)
		schedule := s.scheduled(overlap, table)
		job := s.download(models.DownloadFull, table)
		<-reached
		s.comes(schedule)
		return s, table, schedule, job
	}
	t.Run("skip leaves it out", func(t *testing.T) {
		t.Parallel()
		s, _, schedule, job := under(t, models.OverlapSkip)
		require.Equal(t, job.ID, s.runs(schedule, models.ScheduleSkipped)[0].JobID)
		s.until(job, 30*time.Second, models.JobCompleted)
	})
	t.Run("buffer_one waits its turn", func(t *testing.T) {
		t.Parallel()
		s, _, schedule, job := under(t, models.OverlapBufferOne)
		require.Equal(t, job.ID, s.runs(schedule, models.ScheduleWaiting)[0].JobID)
		run := s.runs(schedule, models.ScheduleEnded)[0]
		require.NotEqual(t, job.ID, run.JobID)
		require.Equal(t, models.JobCompleted, s.job(job.ID).State)
		require.Equal(t, models.JobCompleted, s.job(run.JobID).State)
	})
	t.Run("cancel_other stops no person's download", func(t *testing.T) {
		t.Parallel()
		s, _, schedule, job := under(t, models.OverlapCancelOther)
		s.runs(schedule, models.ScheduleEnded)
		require.Equal(t, models.JobCompleted, s.job(job.ID).State)
	})
	t.Run("allow_all shares one that brings the same", func(t *testing.T) {
		t.Parallel()
		s, _, schedule, job := under(t, models.OverlapAllowAll)
		require.Equal(t, job.ID, s.runs(schedule, models.ScheduleShared)[0].JobID)
		s.until(job, 30*time.Second, models.JobCompleted)
	})
	t.Run("cancel_other replaces its own earlier one", func(t *testing.T) {
		t.Parallel()
		s := all.beside(t)
		table, reached := s.slow("own"+s.snapshot.ID, 3)
		schedule := s.scheduled(models.OverlapCancelOther, table)
		s.comes(schedule)
		<-reached
		first := s.runs(schedule, models.ScheduleStarted)[0]
		s.another(schedule, first)
		runs := s.runs(schedule, models.ScheduleEnded, models.ScheduleEnded)
		require.Equal(t, models.JobCancelled, runs[0].State)
		require.Equal(t, models.JobCompleted, runs[1].State)
		require.Len(t, s.records(table), 2000)
	})
	t.Run("skip leaves out while its own is under way", func(t *testing.T) {
		t.Parallel()
		s := all.beside(t)
		table, reached := s.slow("left"+s.snapshot.ID, 3)
		schedule := s.scheduled(models.OverlapSkip, table)
		s.comes(schedule)
		<-reached
		own := s.runs(schedule, models.ScheduleStarted)[0].JobID
		_, err := s.times.Trigger(t.Context(), schedule)
		require.True(t, models.HasCode(err, "schedule.still_running"), "%v", err)
		refused, _ := models.AsProblem(err)
		require.Equal(t, own, refused.Fields[0].Code, "the job in the way is named")
		s.runs(schedule, models.ScheduleEnded)
	})
}

// another lets the next time come: the engine tells two of one second apart by
// nothing.
func (s *stack) another(m models.Schedule, after models.ScheduleRun) {
	s.t.Helper()
	require.Eventually(s.t, func() bool { return time.Now().UTC().Truncate(time.Second).After(after.At) }, 5*time.Second, 10*time.Millisecond)
	s.comes(m)
}

// An operator's hands on a scheduled run: a cancel reaches the download, a
// terminate leaves it alone, and the next time works.
func TestOperatorEndsScheduledDownloads(t *testing.T) {
	s := newStack(t, testkit.SQLite(t), testkit.Temporal(t))
	s.reconciling()
	table, reached := s.slow("posts", 3)
	schedule := s.scheduled(models.OverlapSkip, table)
	s.comes(schedule)
	<-reached
	first := s.runs(schedule, models.ScheduleStarted)[0]
	require.NoError(t, s.engine.CancelWorkflow(t.Context(), contract.ScheduledDownloadID(schedule.ID, first.At), ""))
	require.Equal(t, models.JobCancelled, s.runs(schedule, models.ScheduleEnded)[0].State)
	require.Equal(t, models.JobCancelled, s.job(first.JobID).State)

	require.Eventually(t, func() bool {
		seen, err := s.times.See(t.Context(), schedule)
		return err == nil && len(seen.Running) == 0
	}, 10*time.Second, 20*time.Millisecond)
	s.another(schedule, first)
	second := s.runs(schedule, models.ScheduleEnded, models.ScheduleStarted)[1]
	require.NoError(t, s.engine.TerminateWorkflow(t.Context(), contract.ScheduledDownloadID(schedule.ID, second.At), "", "test"))
	s.until(s.job(second.JobID), 30*time.Second, models.JobCompleted)
	require.Len(t, s.records(table), 2000)
}

// A time that can make no download says why.
func TestAScheduledTimeThatCannotBegin(t *testing.T) {
	s := newStack(t, testkit.SQLite(t), testkit.Temporal(t))
	empty := s.scheduled(models.OverlapSkip)
	s.comes(empty)
	require.Equal(t, "snapshot.empty", s.runs(empty, models.ScheduleFailed)[0].Problem.Code)

	s.service.fill("posts", 3)
	posts, pages := s.table("posts"), s.table("pages")
	gone := s.scheduled(models.OverlapSkip, pages)
	half := s.scheduled(models.OverlapSkip, posts, pages)
	require.NoError(t, s.org.RemoveTable(t.Context(), pages.ID))
	s.comes(gone)
	require.Equal(t, "schedule.tables_gone", s.runs(gone, models.ScheduleFailed)[0].Problem.Code)
	s.comes(half)
	require.Equal(t, models.JobCompleted, s.runs(half, models.ScheduleEnded)[0].State, "what is left is brought")

	// One that the store no longer has takes itself away.
	require.NoError(t, s.org.DeleteSchedule(t.Context(), gone.ID))
	s.comes(gone)
	require.Eventually(t, func() bool {
		seen, err := s.times.See(t.Context(), gone)
		return err == nil && !seen.Known
	}, 10*time.Second, 20*time.Millisecond)
}

// Breaks when one scheduled time could make two jobs: the activity is run again
// after each of its steps.
func TestOneTimeMakesOneJob(t *testing.T) {
	s := newStack(t, testkit.SQLite(t), testkit.Temporal(t))
	s.service.fill("posts", 3)
	s.table("posts")
	request := launch.Request{OrganizationID: s.org.ID(), SnapshotID: s.snapshot.ID, Mode: models.DownloadFull, ScheduleID: "sch_1", JobID: models.IDAt(models.PrefixJob, time.Now(), "x")}
	for range 3 {
		launched, err := launch.Download(t.Context(), s.org, s.engine, request)
		require.NoError(t, err)
		require.NoError(t, launched.NotStarted)
		require.Equal(t, request.JobID, launched.Job.ID)
		require.False(t, launched.Joined)
	}
	s.until(s.job(request.JobID), 30*time.Second, models.JobCompleted)
	launched, err := launch.Download(t.Context(), s.org, s.engine, request)
	require.NoError(t, err)
	require.Equal(t, models.JobCompleted, launched.Job.State)
}

// Clean-up runs where workers do, once at its making, and by its schedule.
func TestCleanupRunsOnWorkers(t *testing.T) {
	s := newStack(t, testkit.SQLite(t), testkit.OwnTemporal(t))
	folder := filepath.Join(s.uploads.Dir, s.org.ID())
	require.NoError(t, os.MkdirAll(folder, 0o700))
	orphan := filepath.Join(folder, models.NewID(models.PrefixUpload))
	require.NoError(t, os.WriteFile(orphan, []byte("x"), 0o600))
	old := time.Now().Add(-48 * time.Hour)
	require.NoError(t, os.Chtimes(orphan, old, old))
	require.NoError(t, s.times.Pass(t.Context()))
	require.Eventually(t, func() bool {
		_, err := os.Stat(orphan)
		return os.IsNotExist(err)
	}, 20*time.Second, 20*time.Millisecond, "no clean-up came")
	described, err := s.engine.ScheduleClient().GetHandle(t.Context(), contract.CleanupScheduleID).Describe(t.Context())
	require.NoError(t, err)
	require.NotEmpty(t, described.Info.NextActionTimes)
}
