package store

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/models"
)

func newJob(t *testing.T, org *Org, snapshotID string) models.Job {
	t.Helper()
	job, created, err := org.CreateJob(t.Context(), models.Job{
		ID: models.NewID(models.PrefixJob), SnapshotID: snapshotID, Kind: models.JobDownload, WorkflowID: "download-snapshot:" + snapshotID, Input: []byte(`{"a":1}`),
	})
	require.NoError(t, err)
	require.True(t, created)
	return job
}

// Breaks when two requests at once start two runs of one snapshot.
func TestOneLiveJobPerWorkflow(t *testing.T) {
	eachStore(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		org, _ := newOrg(t, s)
		snapshot, _ := newSnapshot(t, org)
		var wg sync.WaitGroup
		var mu sync.Mutex
		ids, made := map[string]bool{}, 0
		for range 8 {
			wg.Go(func() {
				job, created, err := org.CreateJob(ctx, models.Job{ID: models.NewID(models.PrefixJob), SnapshotID: snapshot.ID, Kind: models.JobDownload, WorkflowID: "w"})
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					ids[job.ID] = true
				}
				if created {
					made++
				}
			})
		}
		wg.Wait()
		require.Len(t, ids, 1)
		require.Equal(t, 1, made)
		var id string
		for id = range ids {
		}
		changed, err := org.SetJobState(ctx, id, JobChange{To: models.JobCompleted})
		require.NoError(t, err)
		require.True(t, changed)
		_, created, err := org.CreateJob(ctx, models.Job{ID: models.NewID(models.PrefixJob), SnapshotID: snapshot.ID, Kind: models.JobDownload, WorkflowID: "w"})
		require.NoError(t, err)
		require.True(t, created)
	})
}

// Breaks when a late message changes the story of a job that has ended, or a
// reset cannot continue it.
func TestJobStates(t *testing.T) {
	eachStore(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		org, _ := newOrg(t, s)
		snapshot, _ := newSnapshot(t, org)
		job := newJob(t, org, snapshot.ID)
		move := func(change JobChange) bool {
			t.Helper()
			changed, err := org.SetJobState(ctx, job.ID, change)
			require.NoError(t, err)
			return changed
		}
		require.True(t, move(JobChange{To: models.JobQueued, EngineAway: true}))
		require.True(t, move(JobChange{To: models.JobRunning, RunID: "r1"}))
		require.False(t, move(JobChange{To: models.JobRunning, RunID: "r1"}), "nothing new")
		require.False(t, move(JobChange{To: models.JobQueued, EngineAway: true}), "a running job is not queued again")
		until := s.now().Add(time.Minute)
		require.True(t, move(JobChange{To: models.JobWaiting, WaitingUntil: &until, WaitingWhy: "the service asks for patience"}))
		got, err := org.Job(ctx, job.ID)
		require.NoError(t, err)
		require.Equal(t, until, *got.WaitingUntil)
		require.NotNil(t, got.StartedAt)
		require.False(t, move(JobChange{To: models.JobRunning, From: []models.JobState{models.JobPaused}}))
		require.True(t, move(JobChange{To: models.JobCancelling}))
		got, _ = org.Job(ctx, job.ID)
		require.Nil(t, got.WaitingUntil)

		// Its table ends with it.
		require.True(t, move(JobChange{Outcome: &models.TableOutcome{TableID: "t1", State: models.JobRunning}}))
		require.True(t, move(JobChange{To: models.JobCancelled, Problem: models.NewProblem(models.KindConflict, "job.cancelled", "by Ana", "")}))
		outcomes, err := org.JobOutcomes(ctx, job.ID)
		require.NoError(t, err)
		require.Equal(t, models.JobCancelled, outcomes[0].State)
		require.NotNil(t, outcomes[0].EndedAt)
		require.False(t, move(JobChange{To: models.JobRunning, RunID: "r1"}), "an ended job stays ended")
		require.False(t, move(JobChange{To: models.JobCancelling}))

		revive := JobChange{To: models.JobRunning, From: []models.JobState{models.JobCancelled}}
		require.False(t, move(revive), "Promise 9: what ended lives again under another run only")
		revive.RunID = "r1"
		require.False(t, move(revive), "its own run does not revive it")
		revive.RunID = "r0"
		require.True(t, move(revive), "a reset that the reconciler saw does")
		require.True(t, move(JobChange{To: models.JobCancelled}))
		revive.RunID = "r1"

		// A reset: another run continues the same job.
		require.True(t, move(JobChange{To: models.JobRunning, RunID: "r2"}))
		got, _ = org.Job(ctx, job.ID)
		require.Equal(t, models.JobRunning, got.State)
		require.Nil(t, got.EndedAt)
		require.Nil(t, got.Problem)

		live, err := s.System().LiveJobs(ctx, 10)
		require.NoError(t, err)
		require.Len(t, live, 1)
		err = org.DeleteSnapshot(ctx, snapshot.ID)
		require.True(t, models.HasCode(err, "snapshot.busy"), "%v", err)
		jobs, _, err := org.ListJobs(ctx, JobFilter{State: []models.JobState{models.JobRunning}, Kind: models.JobDownload, SnapshotID: snapshot.ID}, Page{})
		require.NoError(t, err)
		require.Len(t, jobs, 1)
		jobs, _, err = org.ListJobs(ctx, JobFilter{State: []models.JobState{models.JobFailed}}, Page{})
		require.NoError(t, err)
		require.Empty(t, jobs)
	})
}

func TestAliveWakesAStalledJob(t *testing.T) {
	eachStore(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		org, _ := newOrg(t, s)
		snapshot, _ := newSnapshot(t, org)
		job := newJob(t, org, snapshot.ID)
		_, err := org.SetJobState(ctx, job.ID, JobChange{To: models.JobStalled})
		require.NoError(t, err)
		require.NoError(t, org.Alive(ctx, job.ID))
		got, err := org.Job(ctx, job.ID)
		require.NoError(t, err)
		require.Equal(t, models.JobRunning, got.State)
		require.NotNil(t, got.AliveAt)
		err = org.Alive(ctx, "job_x")
		require.True(t, models.HasCode(err, "job.not_found"), "%v", err)
	})
}

// Breaks when counters of tables are not summed, or more than four progress
// events a second are told.
func TestProgressIsSummedAndThrottled(t *testing.T) {
	eachStore(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		org, _ := newOrg(t, s)
		snapshot, _ := newSnapshot(t, org)
		job := newJob(t, org, snapshot.ID)
		at := s.now()
		s.now = func() time.Time { return at }
		require.NoError(t, org.Progress(ctx, job.ID, "t1", models.Progress{Total: 10, Done: 1, Created: 1}))
		require.NoError(t, org.Progress(ctx, job.ID, "t2", models.Progress{Total: 5, Done: 2, Updated: 2}))
		require.EqualValues(t, 1, count(t, s, "SELECT count(*) FROM outbox WHERE type = 'job.progressed'"))
		at = at.Add(progressEvery)
		require.NoError(t, org.Progress(ctx, job.ID, "t1", models.Progress{Total: 10, Done: 3, Created: 3, Step: "reading"}))
		require.EqualValues(t, 2, count(t, s, "SELECT count(*) FROM outbox WHERE type = 'job.progressed'"))
		got, err := org.Job(ctx, job.ID)
		require.NoError(t, err)
		require.Equal(t, models.Progress{Total: 15, Done: 5, Created: 3, Updated: 2, Step: "reading"}, got.Progress)
		// An outcome is told at once, and keeps the counters it does not name.
		_, err = org.SetJobState(ctx, job.ID, JobChange{Outcome: &models.TableOutcome{
			TableID: "t2", State: models.JobFailed, Problem: models.NewProblem(models.KindForbidden, "connector.auth", "refused", "reconnect"),
			Warnings: []models.Problem{{Code: "a", Detail: "x"}, {Code: "a", Detail: "x"}},
		}})
		require.NoError(t, err)
		outcomes, err := org.JobOutcomes(ctx, job.ID)
		require.NoError(t, err)
		require.Len(t, outcomes, 2)
		require.EqualValues(t, 2, outcomes[1].Progress.Updated)
		require.Len(t, outcomes[1].Warnings, 1)
		require.Equal(t, "connector.auth", outcomes[1].Problem.Code)
		// What came too soon to be told is in the sum when the job ends.
		require.NoError(t, org.Progress(ctx, job.ID, "t1", models.Progress{Total: 10, Done: 10, Created: 10, Step: "reading"}))
		_, err = org.SetJobState(ctx, job.ID, JobChange{To: models.JobCompletedWithFailures})
		require.NoError(t, err)
		got, err = org.Job(ctx, job.ID)
		require.NoError(t, err)
		require.EqualValues(t, 10, got.Progress.Created)
		require.EqualValues(t, 12, got.Progress.Done)
		err = org.Progress(ctx, "job_x", "t1", models.Progress{})
		require.True(t, models.HasCode(err, "job.not_found"), "%v", err)
	})
}
