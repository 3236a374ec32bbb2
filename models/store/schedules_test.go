package store

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/models"
)

func daily(snapshotID string) models.Schedule {
	return models.Schedule{SnapshotID: snapshotID, Cron: "@daily", TimeZone: "UTC", Overlap: models.OverlapSkip, Mode: models.DownloadFull}
}

func TestSchedulesAreKept(t *testing.T) {
	eachStore(t, func(t *testing.T, s *Store) {
		org, actor, table := posts(t, s)
		ctx := WithActor(t.Context(), actor)
		asked := daily(table.SnapshotID)
		asked.Tables, asked.Note, asked.CreatedBy = []string{table.ID}, "nightly", actor.UserID
		made, err := org.CreateSchedule(ctx, asked)
		require.NoError(t, err)
		require.True(t, models.ValidID(models.PrefixSchedule, made.ID))
		require.EqualValues(t, 1, made.Version)
		require.Zero(t, made.AppliedVersion, "the engine knows nothing of it")

		changed := made
		changed.Cron, changed.Every, changed.Overlap, changed.Tables = "", 6*time.Hour, models.OverlapBufferOne, nil
		changed, err = org.UpdateSchedule(ctx, changed)
		require.NoError(t, err)
		read, err := org.Schedule(ctx, made.ID)
		require.NoError(t, err)
		require.Equal(t, changed, read)
		require.Equal(t, 6*time.Hour, read.Every)
		require.Empty(t, read.Cron)
		require.Empty(t, read.Tables)
		require.Equal(t, made.CreatedAt, read.CreatedAt)
		_, err = org.UpdateSchedule(ctx, made)
		require.True(t, models.HasCode(err, "schedule.changed"), "%v", err)

		paused, err := org.PauseSchedule(ctx, made.ID, true, "holidays")
		require.NoError(t, err)
		require.True(t, paused.Paused)
		again, err := org.PauseSchedule(ctx, made.ID, true, "holidays")
		require.NoError(t, err)
		require.Equal(t, paused.Version, again.Version, "nothing is new")

		list, _, err := org.ListSchedules(ctx, table.SnapshotID, Page{})
		require.NoError(t, err)
		require.Equal(t, []models.Schedule{paused}, list)
		list, _, err = org.ListSchedules(ctx, "snp_other", Page{})
		require.NoError(t, err)
		require.Empty(t, list)

		require.NoError(t, org.DeleteSchedule(ctx, made.ID))
		_, err = org.Schedule(ctx, made.ID)
		require.True(t, models.HasCode(err, "schedule.not_found"), "%v", err)
		require.EqualValues(t, 4, count(t, s, "SELECT count(*) FROM audit_events WHERE action LIKE 'schedule.%' AND user_id = '"+actor.UserID+"'"))
		relayAll(t, s)
		require.EqualValues(t, 4, count(t, s, "SELECT count(*) FROM events WHERE type = 'schedule.changed'"))
	})
}

// Breaks when nobody is told that the engine does not know of a change.
func TestHowLongTheEngineDoesNotKnow(t *testing.T) {
	eachStore(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		org, _, table := posts(t, s)
		real, later := s.now, time.Duration(0)
		s.now = func() time.Time { return real().Add(later) }
		unapplied := func() time.Duration {
			backlog, err := s.System().Backlog(ctx)
			require.NoError(t, err)
			return backlog.Unapplied.Round(time.Minute)
		}
		require.Zero(t, unapplied())
		made, err := org.CreateSchedule(ctx, daily(table.SnapshotID))
		require.NoError(t, err)
		later += time.Hour
		require.Equal(t, time.Hour, unapplied())
		require.NoError(t, org.ScheduleApplied(ctx, made.ID, made.Version))
		require.Zero(t, unapplied())
		require.NoError(t, org.DeleteSchedule(ctx, made.ID))
		later += 2 * time.Hour
		require.Equal(t, 2*time.Hour, unapplied(), "one that was removed and that it still has")
		require.NoError(t, org.ForgetSchedule(ctx, made.ID))
		require.Zero(t, unapplied())
	})
}

func TestSchedulesAreOfTheirSnapshot(t *testing.T) {
	eachStore(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		org, _, table := posts(t, s)
		elsewhere := models.Snapshot{ID: models.NewID(models.PrefixSnapshot), Name: "Other"}
		require.NoError(t, org.CreateSnapshot(ctx, elsewhere))
		asked := daily(elsewhere.ID)
		asked.Tables = []string{table.ID}
		_, err := org.CreateSchedule(ctx, asked)
		require.True(t, models.HasCode(err, "table.not_found"), "%v", err)
		_, err = org.CreateSchedule(ctx, daily("snp_none"))
		require.True(t, models.HasCode(err, "snapshot.not_found"), "%v", err)
		for range models.MaxSchedules {
			_, err := org.CreateSchedule(ctx, daily(elsewhere.ID))
			require.NoError(t, err)
		}
		_, err = org.CreateSchedule(ctx, daily(elsewhere.ID))
		require.True(t, models.HasCode(err, "schedule.too_many"), "%v", err)

		// A snapshot takes its schedules with it; the engine is still to be told.
		require.NoError(t, org.DeleteSnapshot(ctx, elsewhere.ID))
		list, _, err := org.ListSchedules(ctx, "", Page{})
		require.NoError(t, err)
		require.Empty(t, list)
		due, err := s.System().DueSchedules(ctx, 100)
		require.NoError(t, err)
		require.Len(t, due, models.MaxSchedules)
		for _, d := range due {
			require.True(t, d.Removed)
			require.NoError(t, org.ForgetSchedule(ctx, d.ID))
		}
		require.Zero(t, count(t, s, "SELECT count(*) FROM schedules"))
	})
}

// Breaks when the engine is not told of a change, is told for ever, or an
// operator's pause is taken over in place of a person's newer word.
func TestWhatTheEngineWasTold(t *testing.T) {
	eachStore(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		org, _, table := posts(t, s)
		made, err := org.CreateSchedule(ctx, daily(table.SnapshotID))
		require.NoError(t, err)
		due := func() int {
			list, err := s.System().DueSchedules(ctx, 10)
			require.NoError(t, err)
			return len(list)
		}
		require.Equal(t, 1, due())
		require.NoError(t, org.ScheduleApplied(ctx, made.ID, made.Version))
		require.Zero(t, due())
		changed, err := org.PauseSchedule(ctx, made.ID, true, "")
		require.NoError(t, err)
		require.Equal(t, 1, due())
		require.NoError(t, org.ScheduleApplied(ctx, made.ID, made.Version), "an older version was told, late")
		require.Equal(t, 1, due())
		kept, err := org.AdoptSchedulePause(ctx, made.ID, made.Version, false, "operator")
		require.NoError(t, err)
		require.True(t, kept.Paused, "the engine has not heard of the pause yet")
		require.NoError(t, org.ScheduleApplied(ctx, made.ID, changed.Version))

		adopted, err := org.AdoptSchedulePause(ctx, made.ID, changed.Version, false, "operator")
		require.NoError(t, err)
		require.False(t, adopted.Paused)
		require.Greater(t, adopted.Version, changed.Version, "who read it before must read it again")
		require.Zero(t, due(), "the engine knows")

		require.NoError(t, org.ForgetSchedule(ctx, made.ID))
		all, err := s.System().SchedulesAfter(ctx, "", 10)
		require.NoError(t, err)
		require.Len(t, all, 1, "one that is not removed is not forgotten")
		all, err = s.System().SchedulesAfter(ctx, made.ID, 10)
		require.NoError(t, err)
		require.Empty(t, all)
	})
}

func TestScheduleRunsAreKeptNewestFirst(t *testing.T) {
	eachStore(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		org, _, table := posts(t, s)
		made, err := org.CreateSchedule(ctx, daily(table.SnapshotID))
		require.NoError(t, err)
		at := s.now().Truncate(time.Second)
		for i := range models.MaxScheduleRuns + 5 {
			run := models.ScheduleRun{At: at.Add(time.Duration(i) * time.Hour), Outcome: models.ScheduleStarted, JobID: fmt.Sprint(i)}
			require.NoError(t, org.RecordScheduleRun(ctx, made.ID, run))
		}
		last := at.Add(time.Duration(models.MaxScheduleRuns+4) * time.Hour)
		require.NoError(t, org.RecordScheduleRun(ctx, made.ID, models.ScheduleRun{At: last, Outcome: models.ScheduleEnded, State: models.JobCompleted}))
		read, err := org.Schedule(ctx, made.ID)
		require.NoError(t, err)
		require.Len(t, read.Runs, models.MaxScheduleRuns)
		require.Equal(t, models.ScheduleEnded, read.Runs[0].Outcome)
		require.True(t, read.Runs[0].At.Equal(last))
		require.Equal(t, made.Version, read.Version, "a run is no change of the schedule")
		err = org.RecordScheduleRun(ctx, "sch_none", models.ScheduleRun{})
		require.True(t, models.HasCode(err, "schedule.not_found"), "%v", err)
	})
}

func TestJobsOfASchedule(t *testing.T) {
	eachStore(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		org, _, table := posts(t, s)
		newJob(t, org, table.SnapshotID)
		mine := models.Job{ID: models.NewID(models.PrefixJob), SnapshotID: table.SnapshotID, Kind: models.JobDownload, WorkflowID: "w", ScheduleID: "sch_1"}
		_, created, err := org.CreateJob(ctx, mine)
		require.NoError(t, err)
		require.True(t, created)
		jobs, _, err := org.ListJobs(ctx, JobFilter{ScheduleID: "sch_1"}, Page{})
		require.NoError(t, err)
		require.Len(t, jobs, 1)
		require.Equal(t, "sch_1", jobs[0].ScheduleID)
		byID, err := org.JobsByID(ctx, []string{mine.ID, "job_none"})
		require.NoError(t, err)
		require.Len(t, byID, 1)
		require.Equal(t, "sch_1", byID[mine.ID].ScheduleID)
	})
}
