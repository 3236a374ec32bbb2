package api_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/api"
	"github.com/scratch-platform/scratch/models"
)

// Promise 6: breaks when a retry holds what did not fail, or its job does not
// say which one it repeats.
func TestRetryFailedIsAPlanOfItsOwn(t *testing.T) {
	s := newScene(t, "One", "Two", "Three")
	s.edit("1", "Good")
	s.edit("2", "Bad")
	plan := s.plan()
	job := s.apply(plan)
	s.settles(plan, job, map[string]models.ItemState{"Good": models.ItemApplied, "Bad": models.ItemFailed})
	failed := get[page[api.Item]](t, s.stage, "/api/v1/publish-plans/"+plan.ID+"/items?state=failed&op=update&table="+s.table.ID).Items
	require.Len(t, failed, 1)
	require.Equal(t, "connector.invalid", failed[0].Problem.Code)
	s.play(t, scenario{method: "POST", path: "/api/v1/jobs/" + job.ID + "/retry", status: 422, code: "job.retry_through_plan"})

	again := post[api.Plan](t, s.stage, "/api/v1/publish-plans/"+plan.ID+"/retry-failed", "", 202)
	require.Equal(t, plan.ID, again.RetryOf)
	items := s.items(again)
	require.Len(t, items, 1)
	require.Equal(t, "Bad", items[0].Label)
	retried := s.apply(again)
	require.Equal(t, job.ID, retried.RetryOf)
	require.Equal(t, job.ID, get[api.Job](t, s.stage, "/api/v1/jobs/"+retried.ID).RetryOf)

	plans := get[page[api.Plan]](t, s.stage, "/api/v1/snapshots/"+s.snapshot.ID+"/publish-plans").Items
	require.Len(t, plans, 2)
	require.Equal(t, again.ID, plans[0].ID, "the newest comes first")
	s.play(t, scenario{method: "GET", path: "/api/v1/snapshots/snp_1/publish-plans", status: 404, code: "snapshot.not_found"})
}

// Promise 5: breaks when a person's word on an item whose answer was lost is not
// taken, or is taken twice.
func TestAPersonSettlesWhatIsUnknown(t *testing.T) {
	s := newScene(t, "One")
	s.play(t, scenario{method: "PATCH", path: s.path("/records"), status: 200, body: `{"operations":[{"op":"create","fields":{"title":"New"}}]}`})
	plan := s.plan()
	s.settles(plan, s.apply(plan), map[string]models.ItemState{"New": models.ItemUnknown})
	item := s.items(plan)[0]
	require.Equal(t, models.ItemUnknown, item.State)
	path := "/api/v1/publish-plans/" + plan.ID + "/items/" + item.ID + "/resolve"
	s.play(t, scenario{method: "POST", path: path, body: `{"choice":"happened"}`, status: 422, code: "item.remote_id_needed"})
	s.events()
	done := post[api.Item](t, s.stage, path, `{"choice":"happened","remote_id":"77"}`, 200)
	require.Equal(t, models.ItemApplied, done.State)
	require.Equal(t, "77", done.RemoteID)
	require.Contains(t, s.events(), models.EventPlanChanged)
	require.NotEmpty(t, s.id("77"))
	s.play(t, scenario{method: "POST", path: path, body: `{"choice":"did_not_happen"}`, status: 409, code: "item.not_unknown"})
}
