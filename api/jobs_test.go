package api_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/api"
	"github.com/scratch-platform/scratch/models"
	"github.com/scratch-platform/scratch/models/store"
)

// Breaks when a word to a live job is refused, does not reach its run, or a word
// to one that has ended is taken.
func TestJobsArePausedResumedAndDecided(t *testing.T) {
	s := newScene(t, "One")
	job := post[api.Accepted](t, s.stage, "/api/v1/snapshots/"+s.snapshot.ID+"/download", `{}`, 202).Job
	path := "/api/v1/jobs/" + job.ID
	decision := fmt.Sprintf(`{"table_id":%q,"remove":true}`, s.table.ID)
	for _, word := range []string{"pause", "resume"} {
		told := post[api.Job](t, s.stage, path+"/"+word, "", 202)
		require.Equal(t, job.ID, told.ID)
	}
	post[api.Job](t, s.stage, path+"/decide", decision, 202)
	s.play(t, scenario{method: "POST", path: path + "/retry", status: 409, code: "job.running"})
	_, err := s.org.SetJobState(t.Context(), job.ID, store.JobChange{To: models.JobFailed})
	require.NoError(t, err)
	for word, body := range map[string]string{"pause": "", "resume": "", "cancel": "", "decide": decision} {
		s.play(t, scenario{method: "POST", path: path + "/" + word, body: body, status: 409, code: "job.ended"})
	}
}

// Promise 9: breaks when a job is shown, or a word to it taken, by what was
// stored last instead of by what the engine says.
func TestAJobIsShownAsTheEngineHasIt(t *testing.T) {
	s := newScene(t, "One")
	job := post[api.Accepted](t, s.stage, "/api/v1/snapshots/"+s.snapshot.ID+"/download", `{}`, 202).Job
	path := "/api/v1/jobs/" + job.ID
	require.False(t, get[api.Job](t, s.stage, path).Final)
	s.truth.state = models.JobTerminated
	require.Equal(t, models.JobTerminated, get[api.Job](t, s.stage, path).State)
	s.play(t, scenario{method: "POST", path: path + "/pause", status: 409, code: "job.ended"})
}

// Breaks when a retry takes tables that completed along, or does not say what it
// repeats.
func TestADownloadIsRetriedForWhatDidNotComplete(t *testing.T) {
	s := newScene(t, "One")
	pages := post[api.Table](t, s.stage, "/api/v1/snapshots/"+s.snapshot.ID+"/tables",
		fmt.Sprintf(`{"connection_id":%q,"remote_id":"pages"}`, s.table.ConnectionID), 201)
	job := post[api.Accepted](t, s.stage, "/api/v1/snapshots/"+s.snapshot.ID+"/download", `{}`, 202).Job
	for table, state := range map[string]models.JobState{s.table.ID: models.JobCompleted, pages.ID: models.JobFailed} {
		_, err := s.org.SetJobState(t.Context(), job.ID, store.JobChange{Outcome: &models.TableOutcome{JobID: job.ID, TableID: table, State: state}})
		require.NoError(t, err)
	}
	_, err := s.org.SetJobState(t.Context(), job.ID, store.JobChange{To: models.JobCompletedWithFailures})
	require.NoError(t, err)
	require.Len(t, get[page[api.TableOutcome]](t, s.stage, "/api/v1/jobs/"+job.ID+"/outcomes").Items, 2)
	require.NoError(t, s.engine.TerminateWorkflow(t.Context(), job.WorkflowID, "", "ended by hand"))
	retried := post[api.Accepted](t, s.stage, "/api/v1/jobs/"+job.ID+"/retry", "", 202).Job
	require.Equal(t, job.ID, retried.RetryOf)
	stored, err := s.org.Job(t.Context(), retried.ID)
	require.NoError(t, err)
	require.Contains(t, string(stored.Input), pages.ID)
	require.NotContains(t, string(stored.Input), s.table.ID)
	require.Len(t, get[page[api.Job]](t, s.stage, "/api/v1/jobs?state=queued&state=running&kind=download&snapshot="+s.snapshot.ID).Items, 1)
}
