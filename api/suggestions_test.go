package api_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/api"
	"github.com/scratch-platform/scratch/models"
)

// Promise 8: breaks when a suggestion changes anything before a person accepted
// it, an accepted one is no edit, or a rejected one comes through.
func TestSuggestionsAreDecidedByAPerson(t *testing.T) {
	s := newScene(t, "One", "Two", "Three")
	made := post[page[api.Suggestion]](t, s.stage, s.path("/suggestions"), fmt.Sprintf(`{"run_id":"run_a","suggestions":[
		{"op":"update","record_id":%q,"column":"title","value":"Uno","seen":"One","reason":"Italian"},
		{"op":"update","record_id":%q,"column":"title","value":"Due","seen":"Two"},
		{"op":"delete","record_id":%q},
		{"op":"create","value":{"title":"Quattro"}}]}`, s.id("1"), s.id("2"), s.id("3")), 201)
	require.Len(t, made.Items, 4)
	require.Equal(t, "Italian", made.Items[0].Reason)
	require.Equal(t, []string{"One", "Two", "Three"}, s.titles(""))
	require.Contains(t, s.events(), models.EventSuggestionsCreated)
	open := get[page[api.Suggestion]](t, s.stage, s.path("/suggestions?state=open&run=run_a"))
	require.Len(t, open.Items, 4)
	require.Len(t, get[page[api.Suggestion]](t, s.stage, s.path("/suggestions?record="+s.id("2"))).Items, 1)

	rejected := post[api.Decided](t, s.stage, s.path("/suggestions/reject"), fmt.Sprintf(`{"records":[%q]}`, s.id("2")), 200)
	require.EqualValues(t, 1, rejected.Decided)
	require.Contains(t, s.events(), models.EventSuggestionsDecided)
	s.edit("1", "Ana's")
	late := post[api.Decided](t, s.stage, s.path("/suggestions/accept"), `{"columns":["title"]}`, 200)
	require.EqualValues(t, 1, late.Conflicts, "the cell changed since it was suggested")
	require.Zero(t, late.Decided)
	accepted := post[api.Decided](t, s.stage, s.path("/suggestions/accept"), fmt.Sprintf(`{"ids":[%q,%q]}`, made.Items[2].ID, made.Items[3].ID), 200)
	require.EqualValues(t, 2, accepted.Decided)
	require.NotEmpty(t, accepted.OperationID)
	require.Contains(t, s.titles(""), "Quattro")
	require.Contains(t, s.titles(""), "Ana's")
	require.NotContains(t, s.titles(""), "Due")
	require.Equal(t, "deleted", get[api.Record](t, s.stage, s.path("/records/"+s.id("3"))).State)
	plan := s.plan()
	require.EqualValues(t, 1, plan.Counts.Creates)
	require.EqualValues(t, 1, plan.Counts.Deletes)

	undone := post[api.UndoResult](t, s.stage, "/api/v1/snapshots/"+s.snapshot.ID+"/undo", "", 200)
	require.NotZero(t, undone.Changed)
	require.NotContains(t, s.titles(""), "Quattro")
	s.play(t, scenario{method: "POST", path: s.path("/suggestions"), body: `{"suggestions":[{"op":"update","column":"title","value":"x"}]}`, status: 422, code: "suggestions.invalid"})
}
