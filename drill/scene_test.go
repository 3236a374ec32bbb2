package drill

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/api"
	"github.com/scratch-platform/scratch/connectors/wordpress/fake"
	"github.com/scratch-platform/scratch/models"
)

// scene is a snapshot with the blog's posts in it.
type scene struct {
	*product
	connection api.Connection
	snapshot   api.Snapshot
	table      api.Table
}

type page[T any] struct {
	Items      []T    `json:"items"`
	NextCursor string `json:"next_cursor"`
}

func credential(site string) map[string]any {
	return map[string]any{"site": site, "username": fake.EditorLogin, "password": fake.EditorPassword}
}

// connect makes a connection.
func (p *product) connect(credential map[string]any) api.Connection {
	p.t.Helper()
	return call[api.Connection](p, http.MethodPost, "/api/v1/connections",
		map[string]any{"service": "wordpress", "name": "Blog", "credential": credential})
}

// open makes a connection to a site and a snapshot with its posts, not yet
// downloaded.
func (p *product) open(site string) *scene {
	p.t.Helper()
	s := &scene{product: p, connection: p.connect(credential(site))}
	require.EqualValues(p.t, "ready", s.connection.State, "%v", s.connection.Problem)
	s.snapshot = call[api.Snapshot](p, http.MethodPost, "/api/v1/snapshots", map[string]any{"name": "Drill"})
	s.table = s.add("posts")
	return s
}

func (s *scene) add(remoteID string) api.Table {
	s.t.Helper()
	return call[api.Table](s.product, http.MethodPost, "/api/v1/snapshots/"+s.snapshot.ID+"/tables",
		map[string]any{"connection_id": s.connection.ID, "remote_id": remoteID})
}

// startDownload asks for a full download.
func (s *scene) startDownload(tables ...string) api.Job {
	s.t.Helper()
	return call[api.Accepted](s.product, http.MethodPost, "/api/v1/snapshots/"+s.snapshot.ID+"/download",
		map[string]any{"mode": "full", "tables": append([]string{}, tables...)}).Job
}

// download downloads, and must complete.
func (s *scene) download() api.Job {
	s.t.Helper()
	job := s.await(s.startDownload().ID, 2*time.Minute, isFinal)
	require.Equal(s.t, models.JobCompleted, job.State, "%v", job.Problem)
	return job
}

func (p *product) job(id string) api.Job {
	p.t.Helper()
	return call[api.Job](p, http.MethodGet, "/api/v1/jobs/"+id, nil)
}

func isFinal(j api.Job) bool { return j.Final }

// await reads a job until it is as wanted.
func (p *product) await(id string, within time.Duration, is func(api.Job) bool) api.Job {
	p.t.Helper()
	var job api.Job
	over := time.Now().Add(within)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for job = p.job(id); !is(job); job = p.job(id) {
		if time.Now().After(over) {
			p.t.Fatalf("job %s is %s after %s, done %d (%v)", id, job.State, within, job.Progress.Done, job.Problem)
		}
		<-tick.C
	}
	return job
}

func (p *product) outcomes(jobID string) []api.TableOutcome {
	p.t.Helper()
	return call[page[api.TableOutcome]](p, http.MethodGet, "/api/v1/jobs/"+jobID+"/outcomes", nil).Items
}

func (s *scene) records() string {
	return "/api/v1/snapshots/" + s.snapshot.ID + "/tables/" + s.table.ID + "/records"
}

// write makes changes as an editor.
func (s *scene) write(operations ...api.Operation) []api.OperationState {
	s.t.Helper()
	var out []api.OperationState
	for len(operations) > 0 {
		n := min(len(operations), api.MaxOperations)
		out = append(out, call[api.WriteResult](s.product, http.MethodPatch, s.records(), map[string]any{"operations": operations[:n]}).Results...)
		operations = operations[n:]
	}
	return out
}

func text(value string) json.RawMessage { return models.AppendJSONString(nil, value) }

func create(title string) api.Operation {
	return api.Operation{Op: models.OpCreate, Fields: models.Fields{
		"title": text(title), "content": text("<p>New.</p>"), "status": text("publish"),
	}}
}

func update(id, title string) api.Operation {
	return api.Operation{Op: models.OpUpdate, ID: id, Fields: models.Fields{"title": text(title)}}
}

func remove(id string) api.Operation { return api.Operation{Op: models.OpDelete, ID: id} }

// record finds the record of a post.
func (s *scene) record(post int64) api.Record {
	s.t.Helper()
	return s.recordByID(s.recordID(post))
}

func (s *scene) recordID(post int64) string {
	s.t.Helper()
	rows := s.db.rows(`SELECT id FROM `+s.db.recordsOf(s.table.ID)+` WHERE remote_id = ?`, strconv.FormatInt(post, 10))
	require.Len(s.t, rows, 1, "the record of post %d", post)
	return rows[0][0]
}

func (s *scene) recordByID(id string) api.Record {
	s.t.Helper()
	return call[api.Record](s.product, http.MethodGet, s.records()+"/"+id, nil)
}

// field reads a cell of a record as shown.
func field(t *testing.T, r api.Record, column string) string {
	t.Helper()
	var fields models.Fields
	require.NoError(t, json.Unmarshal(r.Fields, &fields))
	value, _ := models.Text(fields[column])
	return value
}

// plan collects what would be published.
func (s *scene) plan() api.Plan {
	s.t.Helper()
	plan := call[api.Plan](s.product, http.MethodPost, "/api/v1/snapshots/"+s.snapshot.ID+"/publish-plans", map[string]any{})
	require.Equal(s.t, models.PlanReady, plan.State)
	return plan
}

func (s *scene) apply(plan api.Plan) api.Job {
	s.t.Helper()
	return call[api.Accepted](s.product, http.MethodPost, "/api/v1/publish-plans/"+plan.ID+"/apply", map[string]any{"hash": plan.Hash}).Job
}

// items are all of a plan's items.
func (p *product) items(planID string) []api.Item {
	p.t.Helper()
	var out []api.Item
	for cursor := ""; ; {
		got := call[page[api.Item]](p, http.MethodGet, "/api/v1/publish-plans/"+planID+"/items?limit=500&cursor="+url.QueryEscape(cursor), nil)
		out = append(out, got.Items...)
		if cursor = got.NextCursor; cursor == "" {
			return out
		}
	}
}

func statesOf(items []api.Item) map[models.ItemState]int {
	out := map[models.ItemState]int{}
	for _, i := range items {
		out[i.State]++
	}
	return out
}

// itemOf finds the item of a post.
func itemOf(t *testing.T, items []api.Item, post int64) api.Item {
	t.Helper()
	for _, i := range items {
		if i.RemoteID == fmt.Sprint(post) {
			return i
		}
	}
	t.Fatalf("no item of post %d", post)
	return api.Item{}
}
