package api_test

import (
	"fmt"
	"io"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/api"
	"github.com/scratch-platform/scratch/models"
)

const startsWithO = `{"op":"starts_with","column":"title","value":"O"}`

// Breaks when a bulk change touches what its filter does not match, is no single
// undo, or tells nobody.
func TestBulkChangesWhatTheFilterMatches(t *testing.T) {
	s := newScene(t, "One", "Two", "Only")
	done := post[api.BulkResult](t, s.stage, s.path("/records/bulk"), `{"op":"update","filter":`+startsWithO+`,"fields":{"title":"Same"}}`, 200)
	require.EqualValues(t, 2, done.Changed)
	require.NotEmpty(t, done.OperationID)
	require.Equal(t, []string{"Same", "Two", "Same"}, s.titles(""))
	require.Contains(t, s.events(), models.EventRecordsChanged)
	undone := post[api.UndoResult](t, s.stage, "/api/v1/snapshots/"+s.snapshot.ID+"/undo", "", 200)
	require.EqualValues(t, 2, undone.Changed)
	require.Equal(t, []string{"One", "Two", "Only"}, s.titles(""))
	redone := post[api.UndoResult](t, s.stage, "/api/v1/snapshots/"+s.snapshot.ID+"/redo", "", 200)
	require.EqualValues(t, 2, redone.Changed)
	post[api.BulkResult](t, s.stage, s.path("/records/bulk"), `{"op":"revert"}`, 200)
	require.Equal(t, []string{"One", "Two", "Only"}, s.titles(""))
	deleted := post[api.BulkResult](t, s.stage, s.path("/records/bulk"), `{"op":"delete","filter":`+startsWithO+`}`, 200)
	require.EqualValues(t, 2, deleted.Changed)
	require.Equal(t, "deleted", get[api.Record](t, s.stage, s.path("/records/"+s.id("1"))).State)
	restored := post[api.BulkResult](t, s.stage, s.path("/records/bulk"), `{"op":"restore"}`, 200)
	require.EqualValues(t, 2, restored.Changed)
}

// Breaks when a preview changes anything, or shows other than what is done.
func TestReplaceDoesWhatItsPreviewShows(t *testing.T) {
	s := newScene(t, "Old hat", "new", "an old one")
	body := `{"find":"old","with":"young","columns":["title"],"preview":%t}`
	preview := post[api.ReplaceResult](t, s.stage, s.path("/records/replace"), fmt.Sprintf(body, true), 200)
	require.EqualValues(t, 2, preview.Records)
	require.Len(t, preview.Examples, 2)
	require.JSONEq(t, `"Old hat"`, string(preview.Examples[0].From))
	require.Empty(t, preview.OperationID)
	require.Equal(t, []string{"Old hat", "new", "an old one"}, s.titles(""))
	require.Empty(t, s.events())
	done := post[api.ReplaceResult](t, s.stage, s.path("/records/replace"), fmt.Sprintf(body, false), 200)
	require.Equal(t, preview.Cells, done.Cells)
	require.NotEmpty(t, done.OperationID)
	require.Equal(t, []string{"young hat", "new", "an young one"}, s.titles(""))
	require.Contains(t, s.events(), models.EventRecordsChanged)
}

// Promise 1: breaks when a conflict does not show both values, or is settled
// otherwise than chosen.
func TestConflictsAreSettledAsChosen(t *testing.T) {
	for choose, want := range map[string]string{"mine": "Mine", "theirs": "Theirs", "base": "Base"} {
		t.Run(choose, func(t *testing.T) {
			s := newScene(t, "Base")
			s.edit("1", "Mine")
			s.downloads("Theirs")
			record := get[api.Record](t, s.stage, s.path("/records/"+s.id("1")))
			require.Len(t, record.Conflicts, 1)
			require.JSONEq(t, `"Mine"`, string(record.Conflicts[0].Mine))
			require.JSONEq(t, `"Theirs"`, string(record.Conflicts[0].Theirs))
			done := post[api.BulkResult](t, s.stage, s.path("/records/resolve"),
				fmt.Sprintf(`{"cells":[{"record_id":%q,"column":"title"}],"choose":%q}`, record.ID, choose), 200)
			require.EqualValues(t, 1, done.Changed)
			record = get[api.Record](t, s.stage, s.path("/records/"+record.ID))
			require.Empty(t, record.Conflicts)
			require.Equal(t, want, title(t, record))
		})
	}
}

// Breaks when a view, an ordinal or a sort gives other records than it says.
func TestRecordsAreReadByViewAndOrdinal(t *testing.T) {
	s := newScene(t, "Cherry", "Apple", "Banana", "Date")
	view := post[api.View](t, s.stage, s.path("/views"),
		`{"name":"By title","query":{"filter":{"op":"ne","column":"title","value":"Banana"},"sort":[{"column":"title"}]}}`, 201)
	require.Equal(t, []string{"Apple", "Cherry", "Date"}, s.titles("?view="+view.ID))
	at := s.records("?at=1&limit=2&view=" + view.ID)
	require.EqualValues(t, 1, *at.At)
	require.EqualValues(t, 3, at.Total)
	require.NotEmpty(t, at.ViewVersion)
	require.Equal(t, "Cherry", title(t, at.Items[0]))
	require.Equal(t, "Date", title(t, at.Items[1]))
	require.Equal(t, []string{"Date", "Cherry", "Apple"}, s.titles("?view="+view.ID+"&sort="+url.QueryEscape(`[{"column":"title","descending":true}]`)))
	first := s.records("?limit=1&view=" + view.ID)
	require.Equal(t, []string{"Cherry"}, s.titles("?limit=1&view="+view.ID+"&cursor="+url.QueryEscape(first.NextCursor)))
	s.play(t, scenario{method: "GET", path: s.path("/records?view=viw_1"), status: 404, code: "view.not_found"})
}

// Breaks when an export has other rows or values than the view shows, or a
// cell's text becomes a formula.
func TestExportIsWhatIsShown(t *testing.T) {
	s := newScene(t, "Cherry", "=1+1", "Ba\"na,na")
	s.edit("1", "Edited")
	answer := s.send(t, scenario{method: "GET", path: s.path("/export.csv?sort=" + url.QueryEscape(`[{"column":"slug","descending":true}]`))})
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	require.Equal(t, 200, answer.StatusCode)
	require.Equal(t, "text/csv; charset=utf-8", answer.Header.Get("Content-Type"))
	require.Contains(t, answer.Header.Get("Content-Disposition"), ".csv")
	require.Regexp(t, `(?s)"Ba""na,na".*'=1\+1.*Edited`, string(text))
	require.NotContains(t, string(text), "Cherry")
	s.play(t, scenario{method: "GET", path: s.path("/export.csv?view=viw_1"), status: 404, code: "view.not_found"})
}
