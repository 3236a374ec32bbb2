package api_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/api"
)

// csv connects an upload.
func (g *stage) csv(t *testing.T, uploadID string) api.Connection {
	t.Helper()
	return post[api.Connection](t, g, "/api/v1/connections", fmt.Sprintf(`{"service":"csv","name":"Posts","credential":{"upload_id":%q}}`, uploadID), 201)
}

// Breaks when a file can be taken away from the connection that reads it.
func TestAFileInUseIsNotDeleted(t *testing.T) {
	g := newStage(t)
	first, second := g.upload(t, "posts.csv", "id,title\n1,One\n", 201), g.upload(t, "newer.csv", "id,title\n1,Uno\n", 201)
	c := g.csv(t, first.ID)
	require.EqualValues(t, "ready", c.State)
	g.play(t, scenario{method: "DELETE", path: "/api/v1/uploads/" + first.ID, status: 409, code: "upload.in_use", has: []string{"Posts"}})
	g.play(t, scenario{method: "GET", path: "/api/v1/uploads/" + first.ID + "/preview", status: 200, has: []string{"One"}})

	g.play(t, scenario{method: "PATCH", path: "/api/v1/connections/" + c.ID, body: fmt.Sprintf(`{"credential":{"upload_id":%q}}`, second.ID), status: 200})
	g.play(t, scenario{method: "DELETE", path: "/api/v1/uploads/" + first.ID, status: 204})
	g.play(t, scenario{method: "DELETE", path: "/api/v1/uploads/" + second.ID, status: 409, code: "upload.in_use"})
	g.play(t, scenario{method: "DELETE", path: "/api/v1/connections/" + c.ID, status: 204})
	g.play(t, scenario{method: "DELETE", path: "/api/v1/uploads/" + second.ID, status: 204})
}
