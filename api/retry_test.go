package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/api"
	"github.com/scratch-platform/scratch/models"
	"github.com/scratch-platform/scratch/models/store"
	"github.com/scratch-platform/scratch/workflows/contract"
)

// Breaks when a table that was removed since keeps the other tables of a failed
// download from being retried, when that is not said, and when a download of
// which no table is left is answered with anything but that.
func TestRetryLeavesRemovedTablesOut(t *testing.T) {
	g := newStage(t)
	snapshot, posts := g.blog(t)
	pages := post[api.Table](t, g, "/api/v1/snapshots/"+snapshot.ID+"/tables",
		fmt.Sprintf(`{"connection_id":%q,"remote_id":"pages"}`, posts.ConnectionID), http.StatusCreated)
	org := g.store.Org(g.org.ID)
	failed := models.Job{
		ID: models.NewID(models.PrefixJob), OrganizationID: g.org.ID, SnapshotID: snapshot.ID, Kind: models.JobDownload,
		State: models.JobQueued, WorkflowID: contract.DownloadSnapshotID(snapshot.ID),
	}
	var err error
	failed.Input, err = json.Marshal(contract.DownloadSnapshotInput{
		OrganizationID: g.org.ID, SnapshotID: snapshot.ID, JobID: failed.ID, Tables: []string{posts.ID, pages.ID}, Mode: models.DownloadFull,
	})
	require.NoError(t, err)
	_, _, err = org.CreateJob(t.Context(), failed)
	require.NoError(t, err)
	_, err = org.SetJobState(t.Context(), failed.ID, store.JobChange{To: models.JobFailed})
	require.NoError(t, err)
	g.play(t, scenario{method: http.MethodDelete, path: "/api/v1/snapshots/" + snapshot.ID + "/tables/" + pages.ID, status: http.StatusNoContent})

	again := post[api.Accepted](t, g, "/api/v1/jobs/"+failed.ID+"/retry", "", http.StatusAccepted)
	require.Equal(t, failed.ID, again.Job.RetryOf)
	require.Len(t, again.Warnings, 1)
	require.Equal(t, "job.tables_removed", again.Warnings[0].Code)
	stored, err := org.Job(t.Context(), again.Job.ID)
	require.NoError(t, err)
	var input contract.DownloadSnapshotInput
	require.NoError(t, json.Unmarshal(stored.Input, &input))
	require.Equal(t, []string{posts.ID}, input.Tables)

	_, err = org.SetJobState(t.Context(), again.Job.ID, store.JobChange{To: models.JobCancelled})
	require.NoError(t, err)
	g.play(t, scenario{method: http.MethodDelete, path: "/api/v1/snapshots/" + snapshot.ID + "/tables/" + posts.ID, status: http.StatusNoContent})
	g.play(t, scenario{method: http.MethodPost, path: "/api/v1/jobs/" + failed.ID + "/retry", status: http.StatusConflict, code: "job.nothing_to_retry"})
}
