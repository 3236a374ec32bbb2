package api_test

import (
	"bytes"
	"io"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/api"
	"github.com/scratch-platform/scratch/internal/accounts"
	"github.com/scratch-platform/scratch/models/store"
)

func TestEveryRouteNeedsASignIn(t *testing.T) {
	g := newStage(t)
	for route := range g.routes {
		method, path, _ := strings.Cut(route, " ")
		g.play(t, scenario{method: method, path: idLike.ReplaceAllString(path, "x"), anonymous: true, status: 401, code: "auth.required"})
	}
}

func TestUnknownTokensAreRefused(t *testing.T) {
	g := newStage(t)
	g.play(t, scenario{method: "GET", path: "/api/v1/me", token: accounts.Mint(accounts.APIToken).Text.Reveal(), status: 401, code: "auth.unknown"})
	g.play(t, scenario{method: "GET", path: "/api/v1/me", token: "nonsense", status: 401})
	g.play(t, scenario{method: "GET", path: "/api/v1/me", anonymous: true, header: map[string]string{"Authorization": "Basic eDp5"}, status: 401, code: "auth.scheme"})
}

// Promise 11, over every route of the document.
func TestNoRouteShowsAnotherTenantsData(t *testing.T) {
	g := newStage(t)
	snapshot, table := g.blog(t)
	records := "/api/v1/snapshots/" + snapshot.ID + "/tables/" + table.ID + "/records"
	made := read[api.WriteResult](t, g.play(t, scenario{method: "PATCH", path: records, status: 200, body: `{"operations":[{"op":"create","fields":{"title":"Ours alone"}}]}`}))
	view := post[api.View](t, g, "/api/v1/snapshots/"+snapshot.ID+"/tables/"+table.ID+"/views", `{"name":"All"}`, 201)
	plan := post[api.Plan](t, g, "/api/v1/snapshots/"+snapshot.ID+"/publish-plans", `{}`, 202)
	items := get[page[api.Item]](t, g, "/api/v1/publish-plans/"+plan.ID+"/items")
	job := post[api.Accepted](t, g, "/api/v1/snapshots/"+snapshot.ID+"/download", `{}`, 202).Job
	token := post[api.NewToken](t, g, "/api/v1/tokens", `{"name":"ours"}`, 201)
	upload := g.upload(t, "posts.csv", "id,title\n1,Ours alone\n", 201)
	schedule := g.schedule(t, snapshot.ID, `"cron":"@daily","note":"Ours alone"`)
	stranger := g.stranger(t)

	ids := strings.NewReplacer("{tid}", table.ID, "{rid}", made.Results[0].ID, "{vid}", view.ID, "{cid}", "title", "{item}", items.Items[0].ID)
	for route := range g.routes {
		method, template, _ := strings.Cut(route, " ")
		id := snapshot.ID
		for prefix, other := range map[string]string{
			"/api/v1/connections/": table.ConnectionID, "/api/v1/publish-plans/": plan.ID, "/api/v1/jobs/": job.ID,
			"/api/v1/tokens/": token.ID, "/api/v1/uploads/": upload.ID, "/api/v1/schedules/": schedule.ID,
		} {
			if strings.HasPrefix(template, prefix) {
				id = other
			}
		}
		path := strings.Replace(ids.Replace(template), "{id}", id, 1)
		answer := g.send(t, scenario{method: method, path: path, token: stranger, body: bodies[route]})
		text, err := io.ReadAll(answer.Body)
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
		require.NotContains(t, string(text), "Ours alone", route)
		if strings.Contains(template, "{") {
			require.Equal(t, http.StatusNotFound, answer.StatusCode, "%s with another tenant's ids: %s", route, text)
		} else {
			require.NotContains(t, string(text), snapshot.ID, route)
		}
	}
	g.play(t, scenario{method: "GET", path: "/api/v1/jobs/" + job.ID + "/events", token: stranger, status: 404})
}

// Breaks when a client made from the document cannot send a file or take a table
// out again.
func TestUploadAndExportAreInTheDocument(t *testing.T) {
	g := newStage(t)
	_, table := g.blog(t)
	require.True(t, g.routes["POST /api/v1/uploads"])
	require.True(t, g.routes["GET /api/v1/snapshots/{id}/tables/{tid}/export.csv"])
	g.upload(t, "posts.csv", "id,title\n1,A\n", 201)
	path := "/api/v1/snapshots/" + table.SnapshotID + "/tables/" + table.ID
	g.play(t, scenario{method: "PATCH", path: path + "/records", status: 200, body: `{"operations":[{"op":"create","fields":{"title":"Ours"}}]}`})
	g.play(t, scenario{method: "GET", path: path + "/export.csv", status: 200, has: []string{"Ours"}})
	g.play(t, scenario{method: "GET", path: path + "/export.csv?filter=%7B", status: 422})
}

// bodies are valid ones, so that the tenant's wall is reached behind the
// validation.
var bodies = map[string]string{
	"POST /api/v1/connections":                                    `{"service":"csv","name":"x","credential":{"upload":"upl_00000000000000000000000000"}}`,
	"PATCH /api/v1/connections/{id}":                              `{"name":"x"}`,
	"POST /api/v1/snapshots":                                      `{"name":"x"}`,
	"PATCH /api/v1/snapshots/{id}":                                `{"name":"x"}`,
	"POST /api/v1/snapshots/{id}/tables":                          `{"connection_id":"con_00000000000000000000000000","remote_id":"posts"}`,
	"PATCH /api/v1/snapshots/{id}/tables/{tid}":                   `{"name":"x"}`,
	"POST /api/v1/snapshots/{id}/tables/{tid}/columns":            `{"name":"x","kind":"text"}`,
	"PATCH /api/v1/snapshots/{id}/tables/{tid}/columns/{cid}":     `{"name":"x"}`,
	"POST /api/v1/snapshots/{id}/tables/{tid}/views":              `{"name":"x"}`,
	"PATCH /api/v1/snapshots/{id}/tables/{tid}/views/{vid}":       `{"name":"x","version":1}`,
	"POST /api/v1/snapshots/{id}/download":                        `{}`,
	"PATCH /api/v1/snapshots/{id}/tables/{tid}/records":           `{"operations":[{"op":"create","fields":{}}]}`,
	"POST /api/v1/snapshots/{id}/tables/{tid}/records/bulk":       `{"op":"delete"}`,
	"POST /api/v1/snapshots/{id}/tables/{tid}/records/replace":    `{"find":"a","with":"b","columns":["title"],"preview":true}`,
	"POST /api/v1/snapshots/{id}/tables/{tid}/records/resolve":    `{"cells":[{"record_id":"1","column":"title"}],"choose":"mine"}`,
	"POST /api/v1/snapshots/{id}/tables/{tid}/suggestions":        `{"suggestions":[{"op":"update","record_id":"1","column":"title","value":"x"}]}`,
	"POST /api/v1/snapshots/{id}/tables/{tid}/suggestions/accept": `{"all":true}`,
	"POST /api/v1/snapshots/{id}/tables/{tid}/suggestions/reject": `{"all":true}`,
	"POST /api/v1/snapshots/{id}/publish-plans":                   `{}`,
	"POST /api/v1/publish-plans/{id}/apply":                       `{"hash":"x"}`,
	"POST /api/v1/publish-plans/{id}/items/{item}/resolve":        `{"choice":"happened"}`,
	"POST /api/v1/jobs/{id}/decide":                               `{"table_id":"tbl_00000000000000000000000000","remove":true}`,
	"POST /api/v1/tokens":                                         `{"name":"x"}`,
	"POST /api/v1/schedules":                                      `{"snapshot_id":"snp_00000000000000000000000000","cron":"@daily"}`,
	"PATCH /api/v1/schedules/{id}":                                `{"note":"x"}`,
}

func (g *stage) upload(t *testing.T, name, content string, status int) api.Upload {
	t.Helper()
	var form bytes.Buffer
	w := multipart.NewWriter(&form)
	part, err := w.CreateFormFile("file", name)
	require.NoError(t, err)
	_, err = io.WriteString(part, content)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	text := g.play(t, scenario{
		method: "POST", path: "/api/v1/uploads", body: form.String(), status: status,
		header: map[string]string{"Content-Type": w.FormDataContentType()},
	})
	if status != http.StatusCreated {
		return api.Upload{}
	}
	return read[api.Upload](t, text)
}

func TestUploadsAreCheckedAtTheBorder(t *testing.T) {
	g := newStage(t)
	u := g.upload(t, "posts.csv", "id;title\n1;\"two\nlines\"\n", 201)
	g.play(t, scenario{method: "GET", path: "/api/v1/uploads/" + u.ID + "/preview", status: 200, has: []string{"title"}})
	g.upload(t, "empty.csv", "", 422)
	g.upload(t, "big.csv", strings.Repeat("x", 1<<20+1), 413)
	binary := g.upload(t, "photo.csv", "\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00", 201)
	g.play(t, scenario{method: "GET", path: "/api/v1/uploads/" + binary.ID + "/preview", status: 422})
	g.play(t, scenario{method: "POST", path: "/api/v1/uploads", body: `{}`, status: 422, code: "upload.not_multipart"})
	g.play(t, scenario{method: "DELETE", path: "/api/v1/uploads/" + u.ID, status: 204})
	g.play(t, scenario{method: "GET", path: "/api/v1/uploads/" + u.ID, status: 404, code: "upload.not_found"})
}

func TestForeignPagesAndNamesAreKeptOut(t *testing.T) {
	g := newStage(t)
	host := strings.TrimPrefix(g.http.URL, "http://")
	g.play(t, scenario{method: "GET", path: "/api/v1/me", header: map[string]string{"Origin": "https://evil.example"}, status: 403, code: "request.origin"})
	g.play(t, scenario{method: "GET", path: "/api/v1/me", header: map[string]string{"Origin": "null"}, status: 403, code: "request.origin"})
	g.play(t, scenario{method: "GET", path: "/api/v1/me", header: map[string]string{"Host": "evil.example:" + host[strings.LastIndex(host, ":")+1:]}, status: 403, code: "request.host"})
	g.play(t, scenario{method: "GET", path: "/api/v1/me", header: map[string]string{"Origin": g.http.URL}, status: 200})
}

func TestNonsenseIsAnsweredAsAProblem(t *testing.T) {
	g := newStage(t)
	snapshot, table := g.blog(t)
	base := "/api/v1/snapshots/" + snapshot.ID + "/tables/" + table.ID
	for name, c := range map[string]scenario{
		"no such path":        {method: "GET", path: "/api/v1/nothing", status: 404, code: "request.no_such_path"},
		"wrong method":        {method: "PUT", path: "/api/v1/me", status: 405, code: "request.method"},
		"unknown parameter":   {method: "GET", path: "/api/v1/snapshots?limt=5", status: 422, code: "request.invalid"},
		"limit too large":     {method: "GET", path: "/api/v1/snapshots?limit=100000", status: 422, code: "request.invalid"},
		"no such state":       {method: "GET", path: "/api/v1/jobs?state=nonsense", status: 422, code: "request.invalid"},
		"no such kind":        {method: "GET", path: "/api/v1/jobs?kind=index", status: 422, code: "request.invalid"},
		"bad cursor":          {method: "GET", path: "/api/v1/snapshots?cursor=xyz", status: 422, code: "list.bad_cursor"},
		"malformed id":        {method: "GET", path: "/api/v1/snapshots/..%2f..%2fetc", status: 404},
		"broken filter":       {method: "GET", path: base + "/records?filter=%7B", status: 422},
		"filter on nothing":   {method: "GET", path: base + "/records?filter=%7B%22op%22%3A%22eq%22%2C%22column%22%3A%22nope%22%2C%22value%22%3A1%7D", status: 422},
		"record is no number": {method: "GET", path: base + "/records/abc", status: 422, code: "request.invalid"},
		"record is not there": {method: "GET", path: base + "/records/999", status: 404, code: "record.not_found"},
		"nul in a value":      {method: "PATCH", path: base + "/records", body: `{"operations":[{"op":"create","fields":{"title":"a\u0000b"}}]}`, status: 422},
		"unknown column":      {method: "PATCH", path: base + "/records", body: `{"operations":[{"op":"create","fields":{"nope":"x"}}]}`, status: 422},
		"no operations":       {method: "PATCH", path: base + "/records", body: `{"operations":[]}`, status: 422, code: "request.invalid"},
		"update of nothing":   {method: "PATCH", path: base + "/records", body: `{"operations":[{"op":"update","fields":{"title":"x"}}]}`, status: 422, code: "records.invalid_operation"},
	} {
		t.Run(name, func(t *testing.T) { g.play(t, c) })
	}
}

func TestTicketsAreGoodOnce(t *testing.T) {
	g := newStage(t)
	g.play(t, scenario{method: "GET", path: "/api/v1/ws?ticket=x", anonymous: true, status: 401})
	ticket := post[api.Ticket](t, g, "/api/v1/ws-tickets", "", 201)
	// Without an upgrade the request is refused, and the ticket is used up.
	answer := g.send(t, scenario{method: "GET", path: "/api/v1/ws?ticket=" + ticket.Ticket, anonymous: true})
	require.NoError(t, answer.Body.Close())
	require.Equal(t, http.StatusBadRequest, answer.StatusCode)
	g.play(t, scenario{method: "GET", path: "/api/v1/ws?ticket=" + ticket.Ticket, anonymous: true, status: 401})
}

func TestSignInLinkIsGoodOnce(t *testing.T) {
	g := newStage(t)
	key, expires := accounts.NewSignInLink(time.Now())
	secret := key.Text
	require.NoError(t, g.store.System().CreateSignInLink(t.Context(), store.SignInLink{
		Hash: key.Hash[:], OrganizationID: g.org.ID, UserID: g.user.ID, ExpiresAt: expires,
	}))
	answer := g.send(t, scenario{method: "GET", path: "/sign-in?key=" + secret.Reveal(), anonymous: true})
	require.NoError(t, answer.Body.Close())
	require.Equal(t, http.StatusSeeOther, answer.StatusCode)
	cookies := answer.Cookies()
	require.Len(t, cookies, 1)
	require.True(t, cookies[0].HttpOnly)
	require.Equal(t, http.SameSiteStrictMode, cookies[0].SameSite)
	signedIn := map[string]string{"Cookie": cookies[0].Name + "=" + cookies[0].Value}
	g.play(t, scenario{method: "GET", path: "/api/v1/me", anonymous: true, header: signedIn, status: 200, has: []string{g.user.ID}})
	g.play(t, scenario{method: "GET", path: "/sign-in?key=" + secret.Reveal(), anonymous: true, status: 401, code: "auth.link"})
	// A browser is shown a page, not a problem document.
	for _, key := range []string{secret.Reveal(), "mistyped"} {
		answer = g.send(t, scenario{method: "GET", path: "/sign-in?key=" + key, anonymous: true, header: map[string]string{"Accept": "text/html,*/*;q=0.8"}})
		require.NoError(t, answer.Body.Close())
		require.Equal(t, http.StatusSeeOther, answer.StatusCode)
		require.Equal(t, "/?link=used", answer.Header.Get("Location"))
		require.Empty(t, answer.Cookies())
	}
	g.play(t, scenario{method: "POST", path: "/sign-out", anonymous: true, header: signedIn, status: 204})
	g.play(t, scenario{method: "GET", path: "/api/v1/me", anonymous: true, header: signedIn, status: 401})
}

// Breaks when a browser that is used is signed out after thirty days, in the store
// or by its cookie's end, or when every request writes.
func TestAVisitKeepsABrowserSignedIn(t *testing.T) {
	g := newStage(t)
	for name, c := range map[string]struct {
		left     time.Duration
		extended bool
	}{"signed in just now": {accounts.SessionLife, false}, "not there for two weeks": {accounts.SessionLife - 14*24*time.Hour, true}} {
		secret, session := accounts.NewSession(g.org.ID, g.user.ID, time.Now())
		expires := time.Now().Add(c.left)
		require.NoError(t, g.store.System().CreateSession(t.Context(), store.Session{
			Hash: session.Hash[:], OrganizationID: g.org.ID, UserID: g.user.ID, ExpiresAt: expires,
		}))
		cookie := accounts.CookieFor(&http.Request{Host: strings.TrimPrefix(g.http.URL, "http://")}, "").Name()
		answer := g.send(t, scenario{method: "GET", path: "/api/v1/me", anonymous: true, header: map[string]string{"Cookie": cookie + "=" + secret.Reveal()}})
		require.NoError(t, answer.Body.Close())
		require.Equal(t, http.StatusOK, answer.StatusCode, name)
		stored, _, err := g.store.System().SessionByHash(t.Context(), session.Hash[:])
		require.NoError(t, err)
		if !c.extended {
			require.WithinDuration(t, expires, stored.ExpiresAt, time.Second, name)
			require.Empty(t, answer.Cookies(), name)
			continue
		}
		require.WithinDuration(t, time.Now().Add(accounts.SessionLife), stored.ExpiresAt, time.Minute, name)
		require.Len(t, answer.Cookies(), 1, name)
		require.Equal(t, cookie, answer.Cookies()[0].Name)
		require.Equal(t, secret.Reveal(), answer.Cookies()[0].Value)
		require.WithinDuration(t, stored.ExpiresAt, answer.Cookies()[0].Expires, 2*time.Second, name)
	}
}

func TestDocsAreServedOffline(t *testing.T) {
	g := newStage(t)
	answer := g.send(t, scenario{method: "GET", path: "/docs", anonymous: true})
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	require.Equal(t, 200, answer.StatusCode)
	require.Contains(t, string(text), "/api/v1/snapshots/{id}/publish-plans")
	require.NotContains(t, string(text), "https://", "the docs load something from elsewhere")
}
