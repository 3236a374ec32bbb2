package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/api"
	"github.com/scratch-platform/scratch/connectors/wordpress/fake"
	"github.com/scratch-platform/scratch/models"
)

type page[T any] struct {
	Items      []T    `json:"items"`
	NextCursor string `json:"next_cursor"`
}

func (g *stage) connect(t *testing.T) api.Connection {
	t.Helper()
	return post[api.Connection](t, g, "/api/v1/connections", g.blogCredential(), http.StatusCreated)
}

func (g *stage) blogCredential() string {
	return fmt.Sprintf(`{"service":"wordpress","name":"Blog","credential":{"site":%q,"username":%q,"password":%q}}`,
		g.siteURL, fake.AdminLogin, fake.AdminPassword)
}

// blog is a snapshot with the demo blog's posts, not yet downloaded.
func (g *stage) blog(t *testing.T) (api.Snapshot, api.Table) {
	t.Helper()
	c := g.connect(t)
	snapshot := post[api.Snapshot](t, g, "/api/v1/snapshots", `{"name":"Blog"}`, http.StatusCreated)
	table := post[api.Table](t, g, "/api/v1/snapshots/"+snapshot.ID+"/tables",
		fmt.Sprintf(`{"connection_id":%q,"remote_id":"posts"}`, c.ID), http.StatusCreated)
	return snapshot, table
}

func TestConnectionIsTestedAndItsSecretNeverShown(t *testing.T) {
	g := newStage(t)
	c := g.connect(t)
	require.EqualValues(t, "ready", c.State)
	require.NotEmpty(t, c.Account)
	// Promise 5: what this connection knows of the site counts for another to it.
	stored, err := g.store.Org(g.org.ID).Connection(t.Context(), c.ID)
	require.NoError(t, err)
	require.Equal(t, strings.TrimPrefix(g.siteURL, "http://")+"/", stored.Realm)
	require.NotContains(t, string(stored.Credential), fake.AdminPassword, "it is stored as it was typed (Promise 10)")
	for _, path := range []string{"/api/v1/connections", "/api/v1/connections/" + c.ID} {
		g.play(t, scenario{
			method: http.MethodGet, path: path, status: http.StatusOK, has: []string{g.siteURL},
			hasNot: []string{fake.AdminPassword, strings.ReplaceAll(fake.AdminPassword, " ", "")},
		})
	}
	tables := get[page[api.RemoteTable]](t, g, "/api/v1/connections/"+c.ID+"/tables")
	names := map[string]bool{}
	for _, r := range tables.Items {
		names[r.RemoteID] = true
	}
	for _, want := range []string{"posts", "pages", "categories", "tags"} {
		require.True(t, names[want], "%s is not listed", want)
	}
}

func TestWrongPasswordIsKeptWithItsReason(t *testing.T) {
	g := newStage(t)
	const canary = "canary wrong pass word 9f3"
	c := post[api.Connection](t, g, "/api/v1/connections", fmt.Sprintf(
		`{"service":"wordpress","name":"Blog","credential":{"site":%q,"username":%q,"password":%q}}`,
		g.siteURL, fake.AdminLogin, canary), http.StatusCreated)
	require.EqualValues(t, "needs_reconnect", c.State)
	require.Equal(t, "connector.auth", c.Problem.Code)
	require.NotEmpty(t, c.Problem.Hint)
	g.play(t, scenario{
		method: http.MethodPost, path: "/api/v1/connections/" + c.ID + "/test", status: http.StatusOK,
		has: []string{`"ok":false`}, hasNot: []string{canary},
	})
}

// Promise 5: breaks when a connection whose credential was changed, perhaps to
// one of another site, still vouches for the ids of the old one before it was
// tested.
func TestANewCredentialVouchesForNoSiteBeforeItIsTested(t *testing.T) {
	g := newStage(t)
	c := g.connect(t)
	changed := read[api.Connection](t, g.play(t, scenario{
		method: http.MethodPatch, path: "/api/v1/connections/" + c.ID, status: http.StatusOK,
		body: `{"credential":{"site":"http://127.0.0.1:1","username":"ana","password":"some other words"}}`,
	}))
	require.EqualValues(t, "untested", changed.State)
	stored, err := g.store.Org(g.org.ID).Connection(t.Context(), c.ID)
	require.NoError(t, err)
	require.Empty(t, stored.Realm)
}

// A limit that only the site's owner knows is set, shown and changed without the
// password, never above what the connector permits, and moves nothing else.
func TestAConnectionsOwnLimits(t *testing.T) {
	g := newStage(t)
	c := g.connect(t)
	path := "/api/v1/connections/" + c.ID
	patch := func(body string) api.Connection {
		return read[api.Connection](t, g.play(t, scenario{method: http.MethodPatch, path: path, status: http.StatusOK, body: body, hasNot: []string{fake.AdminPassword}}))
	}
	limits := func(c api.Connection) map[string]any {
		var hint map[string]any
		require.NoError(t, json.Unmarshal(c.Hint, &hint))
		delete(hint, "site")
		delete(hint, "username")
		delete(hint, "password")
		return hint
	}
	before, err := g.store.Org(g.org.ID).Connection(t.Context(), c.ID)
	require.NoError(t, err)
	changed := patch(`{"limits":{"requests_per_second":2.5,"requests_at_once":1}}`)
	require.Equal(t, map[string]any{"requests_per_second": 2.5, "requests_at_once": 1.0}, limits(changed))
	require.EqualValues(t, "ready", changed.State, "the site and its password are as they were")
	after, err := g.store.Org(g.org.ID).Connection(t.Context(), c.ID)
	require.NoError(t, err)
	require.Equal(t, before.Realm, after.Realm)
	for name, body := range map[string]string{
		"above the connector's": `{"limits":{"requests_at_once":5}}`, "none at all": `{"limits":{"requests_at_once":0}}`,
		"too slow to work with": `{"limits":{"requests_per_second":0.01}}`, "no number": `{"limits":{"requests_per_second":"3"}}`,
		"another field": `{"limits":{"site":"https://evil.example"}}`, "no object": `{"limits":[1]}`,
	} {
		t.Run(name, func(t *testing.T) {
			g.play(t, scenario{method: http.MethodPatch, path: path, body: body, status: 422, code: "connection.credential_invalid"})
		})
	}
	require.Equal(t, map[string]any{"requests_per_second": 2.5}, limits(patch(`{"limits":{"requests_at_once":null}}`)))
	renewed := patch(fmt.Sprintf(`{"credential":{"site":%q,"username":%q,"password":%q}}`, g.siteURL, fake.AdminLogin, fake.AdminPassword))
	require.Equal(t, map[string]any{"requests_per_second": 2.5}, limits(renewed), "a new password lifted the limit")
	require.EqualValues(t, "ready", renewed.State)
	require.Empty(t, limits(patch(`{"limits":{"requests_per_second":null}}`)))
	require.True(t, read[api.Check](t, g.play(t, scenario{method: http.MethodPost, path: path + "/test", status: http.StatusOK})).OK, "the password is still there")
}

func TestBadConnectionsAreRefusedWithTheFieldNamed(t *testing.T) {
	g := newStage(t)
	for name, c := range map[string]struct {
		body   string
		status int
		code   string
	}{
		"unknown service":  {`{"service":"fax","name":"x","credential":{}}`, 422, "connection.unknown_service"},
		"no credential":    {`{"service":"wordpress","name":"x","credential":{}}`, 422, "connection.credential_invalid"},
		"no name":          {`{"service":"wordpress","name":"","credential":{}}`, 422, "request.invalid"},
		"not JSON":         {`{"service":`, 400, "request.invalid"},
		"unknown property": {`{"service":"wordpress","name":"x","credential":{},"extra":1}`, 422, "request.invalid"},
		"wrong type":       {`{"service":7,"name":"x","credential":{}}`, 422, "request.invalid"},
	} {
		t.Run(name, func(t *testing.T) {
			g.play(t, scenario{method: http.MethodPost, path: "/api/v1/connections", body: c.body, status: c.status, code: c.code})
		})
	}
}

func TestUnreachableHostIsToldAsSuch(t *testing.T) {
	g := newStage(t)
	c := post[api.Connection](t, g, "/api/v1/connections",
		`{"service":"wordpress","name":"Gone","credential":{"site":"http://127.0.0.1:9","username":"ana","password":"x x x x"}}`, http.StatusCreated)
	require.NotNil(t, c.Problem)
	require.Equal(t, "connector.unavailable", c.Problem.Code)
}

func TestConnectionInUseIsNotForgotten(t *testing.T) {
	g := newStage(t)
	_, table := g.blog(t)
	g.play(t, scenario{method: http.MethodDelete, path: "/api/v1/connections/" + table.ConnectionID, status: 409, code: "connection.in_use"})
}

func TestSnapshotLifeCycle(t *testing.T) {
	g := newStage(t)
	snapshot, table := g.blog(t)
	require.NotEmpty(t, table.Columns)
	require.EqualValues(t, "empty", table.State)
	renamed := read[api.Snapshot](t, g.play(t, scenario{method: http.MethodPatch, path: "/api/v1/snapshots/" + snapshot.ID, body: `{"name":"Renamed"}`, status: 200}))
	require.Equal(t, "Renamed", renamed.Name)
	g.play(t, scenario{
		method: http.MethodPost, path: "/api/v1/snapshots/" + snapshot.ID + "/tables",
		body: fmt.Sprintf(`{"connection_id":%q,"remote_id":"posts"}`, table.ConnectionID), status: 409, code: "table.already_added",
	})
	g.play(t, scenario{
		method: http.MethodPost, path: "/api/v1/snapshots/" + snapshot.ID + "/tables",
		body: fmt.Sprintf(`{"connection_id":%q,"remote_id":"unheard-of"}`, table.ConnectionID), status: 404, code: "connector.not_found",
	})
	g.play(t, scenario{method: http.MethodDelete, path: "/api/v1/snapshots/" + snapshot.ID, status: 204})
	g.play(t, scenario{method: http.MethodGet, path: "/api/v1/snapshots/" + snapshot.ID, status: 404, code: "snapshot.not_found"})
	g.play(t, scenario{method: http.MethodGet, path: "/api/v1/snapshots/" + snapshot.ID + "/tables/" + table.ID, status: 404})
}

// Breaks when a new name empties what else a Scratch column has.
func TestARenamedColumnKeepsItsKind(t *testing.T) {
	g := newStage(t)
	snapshot, table := g.blog(t)
	path := "/api/v1/snapshots/" + snapshot.ID + "/tables/" + table.ID + "/columns"
	made := read[models.Column](t, g.play(t, scenario{method: http.MethodPost, path: path, body: `{"name":"Score","kind":"number"}`, status: 201}))
	renamed := read[models.Column](t, g.play(t, scenario{method: http.MethodPatch, path: path + "/" + made.ID, body: `{"name":"Points"}`, status: 200}))
	made.Name = "Points"
	require.Equal(t, made, renamed)
	g.play(t, scenario{method: http.MethodPatch, path: path + "/unheard-of", body: `{"name":"X"}`, status: 404, code: "column.not_found"})
}

func TestRecordsAreMadeEditedAndUndone(t *testing.T) {
	g := newStage(t)
	snapshot, table := g.blog(t)
	records := "/api/v1/snapshots/" + snapshot.ID + "/tables/" + table.ID + "/records"
	tab := map[string]string{"Scratch-Tab": "t1"}
	made := read[api.WriteResult](t, g.play(t, scenario{
		method: http.MethodPatch, path: records, header: tab, status: 200,
		body: `{"operations":[{"op":"create","fields":{"title":"One"}},{"op":"create","fields":{"title":"Two"}}]}`,
	}))
	require.Len(t, made.Results, 2)
	one := made.Results[0].ID

	g.play(t, scenario{
		method: http.MethodPatch, path: records, header: tab, status: 200,
		body: fmt.Sprintf(`{"operations":[{"op":"update","id":%q,"fields":{"title":"Uno"},"seen":{"title":"One"}}]}`, one),
	})
	record := get[api.Record](t, g, records+"/"+one)
	require.Contains(t, string(record.Fields), "Uno")
	require.Equal(t, "new", record.State)

	g.play(t, scenario{method: http.MethodGet, path: records + "/" + one + "/history", status: 200, has: []string{"Uno", "One"}})
	g.play(t, scenario{method: http.MethodPost, path: "/api/v1/snapshots/" + snapshot.ID + "/undo", header: tab, status: 200})
	require.Contains(t, string(get[api.Record](t, g, records+"/"+one).Fields), "One")
	g.play(t, scenario{method: http.MethodPost, path: "/api/v1/snapshots/" + snapshot.ID + "/redo", header: tab, status: 200})
	require.Contains(t, string(get[api.Record](t, g, records+"/"+one).Fields), "Uno")
}

func TestTwoPeopleOnOneCell(t *testing.T) {
	g := newStage(t)
	snapshot, table := g.blog(t)
	records := "/api/v1/snapshots/" + snapshot.ID + "/tables/" + table.ID + "/records"
	made := read[api.WriteResult](t, g.play(t, scenario{
		method: http.MethodPatch, path: records, status: 200,
		body: `{"operations":[{"op":"create","fields":{"title":"One","slug":"one"}}]}`,
	}))
	id := made.Results[0].ID
	edit := func(cell, value, seen string, status int) []byte {
		return g.play(t, scenario{
			method: http.MethodPatch, path: records, status: status,
			body: fmt.Sprintf(`{"operations":[{"op":"update","id":%q,"fields":{%q:%q},"seen":{%q:%q}}]}`, id, cell, value, cell, seen),
		})
	}
	edit("title", "Ana's", "One", 200)
	edit("slug", "bens", "one", 200) // another cell: merged
	refused := edit("title", "Ben's", "One", 409)
	require.Contains(t, string(refused), "Ana's", "a refusal shows what stands now")
	require.Contains(t, string(get[api.Record](t, g, records+"/"+id).Fields), "Ana's")
}

func TestPlanIsExactlyWhatChanged(t *testing.T) {
	g := newStage(t)
	snapshot, table := g.blog(t)
	records := "/api/v1/snapshots/" + snapshot.ID + "/tables/" + table.ID + "/records"
	g.play(t, scenario{method: http.MethodPatch, path: records, status: 200, body: `{"operations":[{"op":"create","fields":{"title":"One"}}]}`})
	plan := post[api.Plan](t, g, "/api/v1/snapshots/"+snapshot.ID+"/publish-plans", `{}`, http.StatusAccepted)
	require.EqualValues(t, 1, plan.Counts.Creates)
	items := get[page[api.Item]](t, g, "/api/v1/publish-plans/"+plan.ID+"/items")
	require.Len(t, items.Items, 1)
	require.Contains(t, string(items.Items[0].Values["title"]), "One")

	g.play(t, scenario{method: http.MethodPost, path: "/api/v1/publish-plans/" + plan.ID + "/apply", body: `{"hash":"stale"}`, status: 409, code: "plan.stale"})
	accepted := post[api.Accepted](t, g, "/api/v1/publish-plans/"+plan.ID+"/apply", fmt.Sprintf(`{"hash":%q}`, plan.Hash), http.StatusAccepted)
	require.Equal(t, "publish:"+plan.ID, accepted.Job.WorkflowID)
	g.play(t, scenario{method: http.MethodPost, path: "/api/v1/publish-plans/" + plan.ID + "/apply", body: fmt.Sprintf(`{"hash":%q}`, plan.Hash), status: 409})
}

func TestDownloadIsStartedOnceAndJoined(t *testing.T) {
	g := newStage(t)
	snapshot, table := g.blog(t)
	path := "/api/v1/snapshots/" + snapshot.ID + "/download"
	first := post[api.Accepted](t, g, path, `{}`, http.StatusAccepted)
	again := post[api.Accepted](t, g, path, fmt.Sprintf(`{"tables":[%q]}`, table.ID), http.StatusAccepted)
	require.Equal(t, first.Job.ID, again.Job.ID, "a request that the running job covers gets that job")
	g.play(t, scenario{method: http.MethodPost, path: path, body: `{"tables":["tbl_00000000000000000000000000"]}`, status: 404, code: "table.not_found"})
	cancelled := post[api.Job](t, g, "/api/v1/jobs/"+first.Job.ID+"/cancel", "", http.StatusAccepted)
	require.EqualValues(t, "cancelling", cancelled.State)
	post[api.Job](t, g, "/api/v1/jobs/"+first.Job.ID+"/cancel", "", http.StatusAccepted) // twice is no error
	g.play(t, scenario{method: http.MethodGet, path: "/api/v1/jobs?kind=download", status: 200, has: []string{first.Job.ID}})
	g.play(t, scenario{method: http.MethodGet, path: "/api/v1/jobs/" + first.Job.ID + "/outcomes", status: 200})
}

func TestEmptySnapshotHasNothingToDownload(t *testing.T) {
	g := newStage(t)
	snapshot := post[api.Snapshot](t, g, "/api/v1/snapshots", `{"name":"Empty"}`, http.StatusCreated)
	g.play(t, scenario{method: http.MethodPost, path: "/api/v1/snapshots/" + snapshot.ID + "/download", body: `{}`, status: 409, code: "snapshot.empty"})
}
