package api_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/api"
	"github.com/scratch-platform/scratch/models"
)

// Breaks when a Scratch column cannot be added, renamed, filled and removed, or
// would be published.
func TestScratchColumns(t *testing.T) {
	s := newScene(t, "One")
	column := post[models.Column](t, s.stage, s.path("/columns"), `{"name":"Note","kind":"text"}`, 201)
	require.True(t, column.Local)
	require.Contains(t, s.events(), models.EventSchemaChanged)
	renamed := read[models.Column](t, s.play(t, scenario{method: "PATCH", path: s.path("/columns/" + column.ID), body: `{"name":"Remark"}`, status: 200}))
	require.Equal(t, "Remark", renamed.Name)
	s.play(t, scenario{method: "PATCH", path: s.path("/records"), status: 200, body: fmt.Sprintf(
		`{"operations":[{"op":"update","id":%q,"fields":{%q:"mine"}}]}`, s.id("1"), column.ID)})
	s.play(t, scenario{method: "GET", path: s.path("/records"), status: 200, has: []string{"mine"}})
	require.Zero(t, s.plan().Counts.Planned, "a Scratch column is never published")
	s.play(t, scenario{method: "DELETE", path: s.path("/columns/title"), status: 422, code: "column.not_local"})
	s.play(t, scenario{method: "DELETE", path: s.path("/columns/" + column.ID), status: 204})
	s.play(t, scenario{method: "GET", path: s.path(""), status: 200, hasNot: []string{"Remark"}})
}

// Breaks when what a download found changed in the columns is not told.
func TestSchemaChangesAreTold(t *testing.T) {
	s := newScene(t, "One")
	columns := append([]models.Column{}, s.table.Columns...)
	columns[0].Name = "Renamed there"
	columns = append(columns, models.Column{ID: "subtitle", Name: "Subtitle", Kind: models.ColumnText, Compare: models.CompareExact})
	_, err := s.org.ApplySchema(t.Context(), s.table.ID, columns, "", false, "")
	require.NoError(t, err)
	require.Contains(t, s.events(), models.EventSchemaChanged)
	changes := get[page[api.SchemaChange]](t, s.stage, s.path("/schema-changes"))
	kinds := map[string]string{}
	for _, c := range changes.Items {
		kinds[c.Kind] = c.To
	}
	require.Equal(t, map[string]string{"column_renamed": "Renamed there", "column_added": "Subtitle"}, kinds)
}

// Breaks when a view is changed over a colleague's change, or stays after it was
// deleted.
func TestViewsAreChangedAndDeleted(t *testing.T) {
	s := newScene(t, "One", "Two")
	view := post[api.View](t, s.stage, s.path("/views"), `{"name":"All"}`, 201)
	change := func(name string, version int64, status int, code string) []byte {
		return s.play(t, scenario{method: "PATCH", path: s.path("/views/" + view.ID), status: status, code: code, body: fmt.Sprintf(
			`{"name":%q,"version":%d,"columns":["title"],"query":{"filter":{"op":"eq","column":"title","value":"Two"}}}`, name, version)})
	}
	changed := read[api.View](t, change("Twos", view.Version, 200, ""))
	require.Equal(t, "Twos", changed.Name)
	require.Greater(t, changed.Version, view.Version)
	require.Equal(t, []string{"Two"}, s.titles("?view="+view.ID))
	change("Too late", view.Version, 409, "view.changed")
	require.Len(t, get[page[api.View]](t, s.stage, s.path("/views")).Items, 1)
	s.play(t, scenario{method: "DELETE", path: s.path("/views/" + view.ID), status: 204})
	require.Empty(t, get[page[api.View]](t, s.stage, s.path("/views")).Items)
	require.Equal(t, []string{models.EventViewChanged, models.EventViewChanged, models.EventViewChanged}, s.events())
}
