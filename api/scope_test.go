package api_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/api"
	"github.com/scratch-platform/scratch/internal/accounts"
)

// Promises 3 and 11: breaks when a token does what it was not made for, makes
// one that may do more than itself, or gets to operate on every organization
// without being asked to.
func TestATokenDoesWhatItWasMadeFor(t *testing.T) {
	g := newStage(t)
	reader := g.mintFor(t, g.org.ID, g.user.ID, accounts.Scopes{accounts.ScopeRead})
	g.play(t, scenario{method: "GET", path: "/api/v1/snapshots", token: reader, status: 200})
	for method, path := range map[string]string{"POST": "/api/v1/snapshots", "DELETE": "/api/v1/connections/con_1", "GET": "/api/v1/tokens"} {
		g.play(t, scenario{method: method, path: path, token: reader, body: `{"name":"x"}`, status: 403, code: "auth.scope_missing"})
	}
	g.play(t, scenario{method: "GET", path: "/api/v1/me", status: 200, has: []string{temporalUI}})
	g.play(t, scenario{method: "GET", path: "/api/v1/me", token: reader, status: 200, hasNot: []string{temporalUI}})
	editor := g.mintFor(t, g.org.ID, g.user.ID, accounts.Scopes{accounts.ScopeRead, accounts.ScopeEdit})
	g.play(t, scenario{method: "POST", path: "/api/v1/publish-plans/pln_1/apply", token: editor, body: `{"hash":"x"}`, status: 403, code: "auth.scope_missing"})
	g.play(t, scenario{method: "POST", path: "/api/v1/snapshots", token: editor, body: `{"name":"x"}`, status: 201})
	none := g.mintFor(t, g.org.ID, g.user.ID, nil)
	g.play(t, scenario{method: "GET", path: "/api/v1/me", token: none, status: 403, code: "auth.scope_missing"})

	made := read[api.NewToken](t, g.play(t, scenario{method: "POST", path: "/api/v1/tokens", body: `{"name":"all"}`, status: 201}))
	require.Equal(t, []string{"read", "edit", "publish", "connect", "admin"}, made.Scopes)
	g.play(t, scenario{method: "POST", path: "/api/v1/tokens", body: `{"name":"x","scopes":["operate"]}`, status: 403, code: "auth.scope_missing"})
	g.play(t, scenario{method: "POST", path: "/api/v1/tokens", body: `{"name":"x","scopes":["fly"]}`, status: 422, code: "account.invalid_scope"})
}
