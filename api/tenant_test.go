package api_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/api"
)

// Promise 11: breaks when an id of another tenant is taken where a path of the
// asker's own leads to it: a connection for a table, an item of a plan, a file
// of a connection, a table, a record or a view.
func TestOwnPathsLeadToNothingForeign(t *testing.T) {
	s := newScene(t, "Ours alone")
	s.edit("1", "Ours too")
	plan := s.plan()
	item := s.items(plan)[0]
	view := post[api.View](t, s.stage, s.path("/views"), `{"name":"All"}`, 201)
	upload := s.upload(t, "posts.csv", "id,title\n1,Ours alone\n", 201)

	stranger := s.stranger(t)
	theirs := func(method, path, body string, status int, code string) []byte {
		t.Helper()
		return s.play(t, scenario{method: method, path: path, body: body, token: stranger, status: status, code: code, hasNot: []string{"Ours"}})
	}
	own := read[api.Snapshot](t, theirs("POST", "/api/v1/snapshots", `{"name":"Mine"}`, 201, ""))
	tables := "/api/v1/snapshots/" + own.ID + "/tables"
	theirs("POST", tables, fmt.Sprintf(`{"connection_id":%q,"remote_id":"posts"}`, s.table.ConnectionID), 404, "connection.not_found")

	// A file of somebody else is as one that is not there.
	file := read[api.Connection](t, theirs("POST", "/api/v1/connections", fmt.Sprintf(`{"service":"csv","name":"x","credential":{"upload_id":%q}}`, upload.ID), 201, ""))
	require.NotNil(t, file.Problem)
	unheard := read[api.Connection](t, theirs("POST", "/api/v1/connections", `{"service":"csv","name":"x","credential":{"upload_id":"upl_00000000000000000000000000"}}`, 201, ""))
	require.Equal(t, unheard.Problem.Code, file.Problem.Code)
	theirs("GET", "/api/v1/connections/"+file.ID+"/tables", "", 404, "")
	s.play(t, scenario{method: "DELETE", path: "/api/v1/uploads/" + upload.ID, status: 204}) // nor does it hold the file

	blog := read[api.Connection](t, theirs("POST", "/api/v1/connections", s.blogCredential(), 201, ""))
	table := read[api.Table](t, theirs("POST", tables, fmt.Sprintf(`{"connection_id":%q,"remote_id":"posts"}`, blog.ID), 201, ""))
	theirs("GET", tables+"/"+s.table.ID+"/records", "", 404, "table.not_found")
	theirs("GET", tables+"/"+table.ID+"/records/"+item.RecordID, "", 404, "record.not_found")
	theirs("GET", tables+"/"+table.ID+"/records?view="+view.ID, "", 404, "view.not_found")
	theirs("POST", "/api/v1/snapshots/"+own.ID+"/download", fmt.Sprintf(`{"tables":[%q]}`, s.table.ID), 404, "table.not_found")
	theirs("POST", "/api/v1/snapshots/"+own.ID+"/publish-plans", fmt.Sprintf(`{"tables":[%q]}`, s.table.ID), 404, "table.not_found")

	theirs("PATCH", tables+"/"+table.ID+"/records", `{"operations":[{"op":"create","fields":{"title":"x"}}]}`, 200, "")
	other := read[api.Plan](t, theirs("POST", "/api/v1/snapshots/"+own.ID+"/publish-plans", `{}`, 202, ""))
	theirs("POST", "/api/v1/publish-plans/"+other.ID+"/items/"+item.ID+"/resolve", `{"choice":"happened"}`, 404, "item.not_found")
	theirs("POST", "/api/v1/publish-plans/"+other.ID+"/apply", fmt.Sprintf(`{"hash":%q,"overrides":[%q]}`, other.Hash, item.ID), 404, "item.not_found")
}
