package drill

import (
	"bytes"
	"fmt"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/api"
	"github.com/scratch-platform/scratch/connectors/wordpress/fake"
	"github.com/scratch-platform/scratch/models"
)

// register makes the blog have these custom fields from now on.
func (b *blog) register(keys ...fake.MetaKey) {
	b.t.Helper()
	b.do(http.MethodPut, "/_fake/meta?of=post", keys)
}

func customField(key, title string) fake.MetaKey {
	return fake.MetaKey{Key: key, Type: "string", Single: true, Title: title}
}

// schemaChanges are what downloads found, newest first, as kind column from → to.
func (s *scene) schemaChanges() []string {
	s.t.Helper()
	var out []string
	for _, c := range call[page[api.SchemaChange]](s.product, http.MethodGet, s.tablePath()+"/schema-changes", nil).Items {
		out = append(out, fmt.Sprintf("%s %s %s → %s", c.Kind, c.Column, c.From, c.To))
	}
	return out
}

func (s *scene) tablePath() string {
	return "/api/v1/snapshots/" + s.snapshot.ID + "/tables/" + s.table.ID
}

// column finds a column by its id, removed ones too.
func (s *scene) column(id string) models.Column {
	s.t.Helper()
	for _, c := range call[api.Table](s.product, http.MethodGet, s.tablePath(), nil).Columns {
		if c.ID == id {
			return c
		}
	}
	s.t.Fatalf("the table has no column %q", id)
	return models.Column{}
}

func set(id, column, value string) api.Operation {
	return api.Operation{Op: models.OpUpdate, ID: id, Fields: models.Fields{column: text(value)}}
}

// Promise 1: columns are told by the service's ids. Of one that is renamed
// there, values and edits are kept under its new name; of one that is removed,
// edits wait until it comes back; each change is listed.
func TestColumnsChangeAtTheService(t *testing.T) {
	t.Parallel()
	alike(t, columnsChangeAtTheService)
}

func columnsChangeAtTheService(t *testing.T, p *product) {
	b := newBlog(t, 30)
	b.register(customField("line", "Subtitle"), customField("mood", "Mood"))
	for post := range int64(3) {
		b.edit(post+1, map[string]any{"meta": map[string]any{"line": fmt.Sprintf("Line %d", post+1), "mood": fmt.Sprintf("Mood %d", post+1)}})
	}
	s := p.open(b.address)
	s.download()
	require.Equal(t, "Subtitle", s.column("meta.line").Name)
	before := s.schemaChanges()
	s.write(set(s.recordID(1), "meta.line", "My line"), set(s.recordID(2), "meta.mood", "My mood"))

	b.register(customField("line", "Tagline"), customField("score", "Score"))
	b.edit(3, map[string]any{"meta": map[string]any{"score": "High"}})
	s.download()
	changes := s.schemaChanges()
	require.ElementsMatch(t, []string{
		"column_renamed meta.line Subtitle → Tagline", "column_removed meta.mood Mood → ", "column_added meta.score  → Score",
	}, changes[:len(changes)-len(before)])
	require.Equal(t, "Tagline", s.column("meta.line").Name)
	require.True(t, s.column("meta.mood").Removed)
	require.Equal(t, "My line", field(t, s.record(1), "meta.line"), "an edit on a renamed column is lost (Promise 1)")
	require.Equal(t, "Line 2", field(t, s.record(2), "meta.line"), "a renamed column's values are lost")
	require.Equal(t, "High", field(t, s.record(3), "meta.score"))
	kept := s.record(2)
	require.JSONEq(t, `"My mood"`, string(kept.Edits["meta.mood"]), "an edit on a removed column is lost (Promise 1)")
	require.Empty(t, kept.Conflicts, "the service has nothing there to be in conflict with")

	plan := s.plan()
	require.EqualValues(t, 1, plan.Counts.Planned, "what the service has no column for is not sent")
	require.Len(t, plan.Problems, 1, "and the plan says so")
	job := p.await(s.apply(plan).ID, time.Minute, isFinal)
	require.Equal(t, models.JobCompleted, job.State, "%v", job.Problem)
	require.JSONEq(t, `"My line"`, string(b.posts()[1].Meta["line"]))
	require.JSONEq(t, `"Mood 2"`, string(b.posts()[2].Meta["mood"]), "what nobody published was changed at the service")

	b.register(customField("line", "Tagline"), customField("mood", "Mood"), customField("score", "Score"))
	s.download()
	require.Equal(t, "column_added meta.mood  → Mood", s.schemaChanges()[0])
	require.False(t, s.column("meta.mood").Removed)
	require.Equal(t, "My mood", field(t, s.record(2), "meta.mood"), "the edit is back with its column")
	require.Equal(t, "Mood 3", field(t, s.record(3), "meta.mood"))
	s.publish()
	require.JSONEq(t, `"My mood"`, string(b.posts()[2].Meta["mood"]))
}

// upload sends a file.
func (p *product) upload(name, content string) api.Upload {
	p.t.Helper()
	status, text := p.tryUpload(name, strings.NewReader(content))
	require.Equal(p.t, http.StatusCreated, status, "%s", text)
	return decode[api.Upload](p.t, text)
}

func (p *product) tryUpload(name string, content *strings.Reader) (status int, text []byte) {
	p.t.Helper()
	var form bytes.Buffer
	w := multipart.NewWriter(&form)
	part, err := w.CreateFormFile("file", name)
	require.NoError(p.t, err)
	_, err = content.WriteTo(part)
	require.NoError(p.t, err)
	require.NoError(p.t, w.Close())
	status, text, err = p.send(http.MethodPost, "/api/v1/uploads", w.FormDataContentType(), &form)
	require.NoError(p.t, err)
	return status, text
}

// sheet makes a snapshot with an uploaded file in it, its rows told apart by id.
func (p *product) sheet(content string) *scene {
	p.t.Helper()
	s := &scene{product: p}
	s.connection = call[api.Connection](p, http.MethodPost, "/api/v1/connections", map[string]any{
		"service": "csv", "name": "Sheet", "credential": map[string]any{"upload_id": p.upload("posts.csv", content).ID},
	})
	require.EqualValues(p.t, "ready", s.connection.State, "%v", s.connection.Problem)
	s.snapshot = call[api.Snapshot](p, http.MethodPost, "/api/v1/snapshots", map[string]any{"name": "Sheet"})
	s.table = call[api.Table](p, http.MethodPost, "/api/v1/snapshots/"+s.snapshot.ID+"/tables", map[string]any{
		"connection_id": s.connection.ID, "remote_id": "rows", "settings": map[string]any{"identity": []string{"id"}},
	})
	return s
}

// replace puts another file in the place of the sheet's and downloads it.
func (s *scene) replace(content string) {
	s.t.Helper()
	s.connection = call[api.Connection](s.product, http.MethodPatch, "/api/v1/connections/"+s.connection.ID, map[string]any{
		"credential": map[string]any{"upload_id": s.upload("posts.csv", content).ID},
	})
	require.EqualValues(s.t, "ready", s.connection.State, "%v", s.connection.Problem)
	s.download()
}

// A newer file whose header names a column otherwise: files have no column ids,
// so the old name is a column that went and the new one a column that came.
// Nothing typed is lost, and it is back with the old header (Promise 1).
func TestHeaderChangesInANewerFile(t *testing.T) {
	t.Parallel()
	alike(t, headerChangesInANewerFile)
}

func headerChangesInANewerFile(t *testing.T, p *product) {
	s := p.sheet("id,title,note\n1,One,a\n2,Two,b\n")
	s.download()
	before := s.schemaChanges()
	one, two := s.csvRecord(1), s.csvRecord(2)
	s.write(set(one, "title", "My one"), set(two, "note", "my b"))

	s.replace("id,headline,note\n1,One,a\n2,Two,b\n3,Three,c\n")
	changes := s.schemaChanges()
	require.ElementsMatch(t, []string{"column_removed title title → ", "column_added headline  → headline"}, changes[:len(changes)-len(before)])
	require.Equal(t, []string{one, two}, []string{s.csvRecord(1), s.csvRecord(2)}, "rows are told by their identity")
	require.Equal(t, "Three", field(t, s.recordByID(s.csvRecord(3)), "headline"))
	require.Equal(t, "my b", field(t, s.recordByID(two), "note"), "an edit on a column that stayed is lost (Promise 1)")
	require.JSONEq(t, `"My one"`, string(s.recordByID(one).Edits["title"]), "an edit on a renamed column is lost (Promise 1)")

	s.replace("id,title,note\n1,One,a\n2,Two,b\n3,Three,c\n")
	back := s.recordByID(one)
	require.Equal(t, "My one", field(t, back, "title"), "the edit is back with its column")
	require.Empty(t, back.Conflicts)
	require.Equal(t, 3, p.db.number(`SELECT count(*) FROM `+p.db.recordsOf(s.table.ID)))

	// Without its identity column a file cannot be matched with what is here.
	s.connection = call[api.Connection](p, http.MethodPatch, "/api/v1/connections/"+s.connection.ID, map[string]any{
		"credential": map[string]any{"upload_id": p.upload("posts.csv", "key,title,note\n1,One,a\n").ID},
	})
	job := p.await(s.startDownload().ID, time.Minute, isFinal)
	require.Equal(t, models.JobFailed, job.State)
	problem := p.outcomes(job.ID)[0].Problem
	require.NotNil(t, problem)
	require.Equal(t, "connector.invalid", problem.Code)
	require.Contains(t, problem.Detail, `no column "id"`)
	require.NotEmpty(t, problem.Hint)
	require.Equal(t, 3, p.db.number(`SELECT count(*) FROM `+p.db.recordsOf(s.table.ID)), "nothing is removed by a file that does not fit")
}

// csvRecord is the record of a row, by the identity column's value.
func (s *scene) csvRecord(id int) string {
	s.t.Helper()
	rows := s.db.rows(`SELECT id FROM `+s.db.recordsOf(s.table.ID)+` WHERE base->>'id' = ?`, fmt.Sprint(id))
	require.Len(s.t, rows, 1)
	return rows[0][0]
}
