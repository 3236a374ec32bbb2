package api_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/api"
	"github.com/scratch-platform/scratch/models"
	"github.com/scratch-platform/scratch/models/store"
)

// scene is a downloaded table of the blog. No worker runs here: what a worker
// would store is stored by hand, so that a scenario starts from any state.
type scene struct {
	*stage
	t        *testing.T
	org      *store.Org
	snapshot api.Snapshot
	table    api.Table
	runs     int
	seen     string // the newest event told
}

// newScene has the posts "1", "2", … with these titles.
func newScene(t *testing.T, titles ...string) *scene {
	t.Helper()
	g := newStage(t)
	s := &scene{stage: g, t: t, org: g.store.Org(g.org.ID)}
	s.snapshot, s.table = g.blog(t)
	s.downloads(titles...)
	s.events()
	return s
}

// downloads stores what a download finds: the posts with these titles.
func (s *scene) downloads(titles ...string) {
	s.t.Helper()
	ctx := s.t.Context()
	s.runs++
	job, _, err := s.org.CreateJob(ctx, models.Job{
		ID: models.NewID(models.PrefixJob), SnapshotID: s.snapshot.ID, Kind: models.JobDownload, WorkflowID: fmt.Sprint("scene:", s.runs),
	})
	require.NoError(s.t, err)
	run, err := s.org.BeginRun(ctx, job.ID, s.table.ID, models.DownloadFull)
	require.NoError(s.t, err)
	var page store.PageWrite
	for i, title := range titles {
		page.Records = append(page.Records, store.RemoteRecord{RemoteID: fmt.Sprint(i + 1), Fields: models.Fields{
			"title": quoted(title), "slug": quoted(fmt.Sprint("post-", i+1)),
		}.Object()})
	}
	page.Complete, page.Total = true, int64(len(titles))
	_, err = s.org.SavePage(ctx, &run, page)
	require.NoError(s.t, err)
	require.NoError(s.t, s.org.FinishRun(ctx, &run, models.JobCompleted, nil, nil))
	_, err = s.org.SetJobState(ctx, job.ID, store.JobChange{To: models.JobCompleted})
	require.NoError(s.t, err)
}

func quoted(text string) json.RawMessage {
	out, _ := json.Marshal(text)
	return out
}

// path is a path of the table.
func (s *scene) path(rest string) string {
	return "/api/v1/snapshots/" + s.snapshot.ID + "/tables/" + s.table.ID + rest
}

// records gives the table's records in their order.
func (s *scene) records(query string) api.RecordsPage {
	s.t.Helper()
	return get[api.RecordsPage](s.t, s.stage, s.path("/records"+query))
}

func (s *scene) titles(query string) (titles []string) {
	s.t.Helper()
	for _, r := range s.records(query).Items {
		titles = append(titles, title(s.t, r))
	}
	return titles
}

func title(t *testing.T, r api.Record) string {
	t.Helper()
	var shown struct {
		Title string `json:"title"`
	}
	require.NoError(t, json.Unmarshal(r.Fields, &shown))
	return shown.Title
}

// id is the record's id that the service calls remote.
func (s *scene) id(remote string) string {
	s.t.Helper()
	for _, r := range s.records("").Items {
		if r.RemoteID == remote {
			return r.ID
		}
	}
	require.Fail(s.t, "no such record", remote)
	return ""
}

// edit gives a record another title.
func (s *scene) edit(remote, title string) {
	s.t.Helper()
	s.play(s.t, scenario{method: "PATCH", path: s.path("/records"), status: 200, body: fmt.Sprintf(
		`{"operations":[{"op":"update","id":%q,"fields":{"title":%q}}]}`, s.id(remote), title)})
}

// events gives the types of what happened in the snapshot since the last call.
func (s *scene) events() (types []string) {
	s.t.Helper()
	for {
		numbered, err := s.store.System().Relay(s.t.Context(), 1000)
		require.NoError(s.t, err)
		if len(numbered) == 0 {
			break
		}
	}
	events, reset, err := s.org.Events(s.t.Context(), models.SnapshotTopic(s.snapshot.ID), s.seen, 1000)
	require.NoError(s.t, err)
	require.False(s.t, reset)
	for _, e := range events {
		types, s.seen = append(types, e.Type), e.ID
	}
	return types
}

// plan is a publish plan of everything edited.
func (s *scene) plan() api.Plan {
	s.t.Helper()
	return post[api.Plan](s.t, s.stage, "/api/v1/snapshots/"+s.snapshot.ID+"/publish-plans", `{}`, 202)
}

func (s *scene) apply(plan api.Plan) api.Job {
	s.t.Helper()
	return post[api.Accepted](s.t, s.stage, "/api/v1/publish-plans/"+plan.ID+"/apply", fmt.Sprintf(`{"hash":%q}`, plan.Hash), 202).Job
}

func (s *scene) items(plan api.Plan) []api.Item {
	s.t.Helper()
	return get[page[api.Item]](s.t, s.stage, "/api/v1/publish-plans/"+plan.ID+"/items").Items
}

// settles stores how the items of a plan went, and ends plan and job.
func (s *scene) settles(plan api.Plan, job api.Job, states map[string]models.ItemState) {
	s.t.Helper()
	ctx := s.t.Context()
	for _, item := range s.items(plan) {
		ids := []string{item.ID}
		_, err := s.org.LeaseItems(ctx, ids, "worker", time.Minute)
		require.NoError(s.t, err)
		require.NoError(s.t, s.org.MarkSending(ctx, ids, "worker", string(item.Op)))
		settled := store.Settlement{ItemID: item.ID, Holder: "worker", State: states[item.Label]}
		if settled.State == models.ItemFailed {
			settled.Problem = models.NewProblem(models.KindInvalid, "connector.invalid", "The service refused it.", "Change it.")
		}
		require.NoError(s.t, s.org.SettleItems(ctx, []store.Settlement{settled}))
	}
	require.NoError(s.t, s.org.FinishPlan(ctx, plan.ID, models.PlanStopped))
	_, err := s.org.SetJobState(ctx, job.ID, store.JobChange{To: models.JobCompletedWithFailures})
	require.NoError(s.t, err)
}
