package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
	temporal "go.temporal.io/sdk/client"

	"github.com/scratch-platform/scratch/api"
	"github.com/scratch-platform/scratch/api/live"
	"github.com/scratch-platform/scratch/connectors"
	"github.com/scratch-platform/scratch/connectors/csv"
	"github.com/scratch-platform/scratch/connectors/wordpress"
	"github.com/scratch-platform/scratch/connectors/wordpress/fake"
	"github.com/scratch-platform/scratch/internal/accounts"
	"github.com/scratch-platform/scratch/internal/connecting"
	"github.com/scratch-platform/scratch/internal/limits"
	"github.com/scratch-platform/scratch/internal/locks"
	"github.com/scratch-platform/scratch/internal/netguard"
	"github.com/scratch-platform/scratch/internal/schedules"
	"github.com/scratch-platform/scratch/internal/testkit"
	"github.com/scratch-platform/scratch/internal/uploads"
	"github.com/scratch-platform/scratch/internal/vault"
	"github.com/scratch-platform/scratch/models"
	"github.com/scratch-platform/scratch/models/store"
	"github.com/scratch-platform/scratch/worker/codec"
)

// stage is a whole API over a real store, a real engine without a worker, and
// the fake blog.
type stage struct {
	store     *store.Store
	http      *httptest.Server
	site      *fake.Server
	siteURL   string
	org       models.Organization
	user      models.User
	token     string
	uploads   *uploads.Folder
	schedules *schedules.Reconciler
	engine    temporal.Client
	truth     truth
	schemas   *jsonschema.Compiler
	answers   answers
	routes    map[string]bool // "GET /api/v1/…" of the document
}

// truth is the engine's word on jobs, as the reconciler (which has tests of its
// own) would tell it: as the store has them, unless a test says otherwise.
type truth struct{ state models.JobState }

func (e *truth) Look(_ context.Context, job models.Job) (models.Job, error) {
	if e.state != "" {
		job.State = e.state
	}
	return job, nil
}

func (e *truth) Glance(ctx context.Context, job models.Job) (models.Job, error) {
	return e.Look(ctx, job)
}

type uploadRows struct{ store *store.Store }

func (r uploadRows) Upload(ctx context.Context, organizationID, id string) (models.Upload, error) {
	return r.store.Org(organizationID).Upload(ctx, id)
}

// temporalUI is where the stage says that Temporal's Web UI is.
const temporalUI = "http://127.0.0.1:8233/namespaces/default"

func newStage(t *testing.T) *stage {
	ctx := t.Context()
	log := slog.New(slog.DiscardHandler)
	s, err := store.Open(ctx, store.Config{URL: testkit.SQLite(t), Log: log, Now: time.Now})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	require.NoError(t, s.Migrate(ctx))
	g := &stage{store: s}
	g.org, g.user, err = s.System().EnsureLocalAccount(ctx)
	require.NoError(t, err)
	g.token = g.mint(t, g.org.ID, g.user.ID)

	g.site, err = fake.New(fake.Options{}, fake.Demo())
	require.NoError(t, err)
	t.Cleanup(g.site.Close)
	blog := httptest.NewServer(g.site)
	t.Cleanup(blog.Close)
	g.siteURL = blog.URL

	keys, err := vault.Open(vault.Source{File: t.TempDir() + "/keyset.json", Create: true})
	require.NoError(t, err)
	registry, err := connectors.NewRegistry(csv.Definition(), wordpress.Definition())
	require.NoError(t, err)
	g.uploads = &uploads.Folder{Dir: t.TempDir(), Limit: 1 << 20, Rows: uploadRows{s}, Now: time.Now}
	opener := &connecting.Opener{
		Registry: registry, Vault: keys, Transport: netguard.Transport(netguard.Loopback()), Limiter: limits.New(time.Now),
		Connection: func(ctx context.Context, org, id string) (models.Connection, error) {
			return s.Org(org).Connection(ctx, id)
		},
		Files: g.uploads.Files, Now: time.Now, Log: log,
	}
	server := testkit.Temporal(t)
	engine := testkit.Dial(t, server, temporal.Options{
		DataConverter: codec.DataConverter(keys), FailureConverter: codec.FailureConverter(keys), Namespace: server.Namespace(),
	})
	g.engine = engine
	g.schedules = &schedules.Reconciler{
		System: s.System(), Org: func(id string) schedules.Org { return s.Org(id) }, Engine: engine,
		Payloads: codec.DataConverter(keys), Locks: locks.NewProcess(time.Now), Log: log,
	}
	handler := api.New(api.Dependencies{
		Store: s, Engine: engine, Registry: registry, Connecting: opener, Vault: keys, Uploads: g.uploads, Reconciler: &g.truth, Schedules: g.schedules,
		Live:     live.NewHub(live.NewStoreLog(s), log, time.Now),
		Measures: &g.answers,
		Metrics:  http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Measures", "here") }),
		Codec:    http.NotFoundHandler(), Ready: func(context.Context) error { return nil }, Log: log, Now: time.Now,
		Settings: api.Settings{Local: true, UploadLimit: 1 << 20, TemporalUI: temporalUI},
	})
	g.http = httptest.NewServer(handler)
	t.Cleanup(g.http.Close)
	g.loadDocument(t)
	return g
}

func (g *stage) mint(t *testing.T, organizationID, userID string) string {
	return g.mintFor(t, organizationID, userID, accounts.AllScopes().Without(accounts.ScopeOperate))
}

func (g *stage) mintFor(t *testing.T, organizationID, userID string, scopes accounts.Scopes) string {
	key := accounts.Mint(accounts.APIToken)
	require.NoError(t, g.store.Org(organizationID).CreateToken(t.Context(), models.APIToken{
		ID: models.NewID(models.PrefixAPIToken), OrganizationID: organizationID, UserID: userID,
		Name: "test", Hash: key.Hash[:], Scopes: scopes.String(), CreatedAt: time.Now(),
	}))
	return key.Text.Reveal()
}

// stranger is the token of somebody in another organization.
func (g *stage) stranger(t *testing.T) string {
	org := models.Organization{ID: models.NewID(models.PrefixOrganization), Name: "Other", CreatedAt: time.Now()}
	user := models.User{ID: models.NewID(models.PrefixUser), OrganizationID: org.ID, Name: "Eve", CreatedAt: time.Now()}
	require.NoError(t, g.store.System().CreateAccount(t.Context(), org, user))
	return g.mint(t, org.ID, user.ID)
}

// scenario is one request with what its answer must and must not hold.
type scenario struct {
	method, path string
	body         string
	header       map[string]string
	anonymous    bool
	token        string // empty: the local user's
	status       int
	code         string // of a problem
	has, hasNot  []string
}

// play sends the request, checks status, document and texts, and gives the
// answer's body.
func (g *stage) play(t *testing.T, c scenario) []byte {
	t.Helper()
	answer := g.send(t, c)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	require.Equal(t, c.status, answer.StatusCode, "%s %s: %s", c.method, c.path, text)
	require.NotEmpty(t, answer.Header.Get("X-Request-Id"))
	if c.code != "" {
		var p api.ProblemDocument
		require.NoError(t, json.Unmarshal(text, &p), "%s", text)
		require.Equal(t, "application/problem+json", answer.Header.Get("Content-Type"))
		require.Equal(t, c.code, p.Code, "%s", text)
		require.Equal(t, c.status, p.Status)
		require.NotEmpty(t, p.Detail)
		require.NotEmpty(t, p.Hint, "a problem says what to do: %s", text)
		require.NotEmpty(t, p.RequestID)
	}
	for _, want := range c.has {
		require.Contains(t, string(text), want)
	}
	for _, unwanted := range append(c.hasNot, g.token) {
		require.NotContains(t, string(text), unwanted)
	}
	g.holdToDocument(t, c, answer, text)
	return text
}

func (g *stage) send(t *testing.T, c scenario) *http.Response {
	t.Helper()
	var body io.Reader
	if c.body != "" {
		body = strings.NewReader(c.body)
	}
	request, err := http.NewRequestWithContext(t.Context(), c.method, g.http.URL+c.path, body)
	require.NoError(t, err)
	if c.body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	if !c.anonymous {
		token := g.token
		if c.token != "" {
			token = c.token
		}
		request.Header.Set("Authorization", "Bearer "+token)
	}
	for k, v := range c.header {
		if k == "Host" {
			request.Host = v
		}
		request.Header.Set(k, v)
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	answer, err := client.Do(request)
	require.NoError(t, err)
	return answer
}

// get and post are for setting a scene.
func get[T any](t *testing.T, g *stage, path string) T {
	t.Helper()
	return read[T](t, g.play(t, scenario{method: http.MethodGet, path: path, status: http.StatusOK}))
}

func post[T any](t *testing.T, g *stage, path, body string, status int) T {
	t.Helper()
	return read[T](t, g.play(t, scenario{method: http.MethodPost, path: path, body: body, status: status}))
}

func read[T any](t *testing.T, text []byte) T {
	t.Helper()
	var v T
	require.NoError(t, json.Unmarshal(text, &v), "%s", text)
	return v
}

func (g *stage) loadDocument(t *testing.T) {
	answer := g.send(t, scenario{method: http.MethodGet, path: "/openapi.json", anonymous: true})
	defer answer.Body.Close()
	require.Equal(t, http.StatusOK, answer.StatusCode)
	text, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	require.NoError(t, err)
	g.schemas = jsonschema.NewCompiler()
	require.NoError(t, g.schemas.AddResource("openapi.json", document))
	g.routes = map[string]bool{}
	paths, _ := document.(map[string]any)["paths"].(map[string]any)
	require.NotEmpty(t, paths)
	for path, item := range paths {
		for method := range item.(map[string]any) {
			g.routes[strings.ToUpper(method)+" "+path] = true
		}
	}
}

var idLike = regexp.MustCompile(`\{[a-z]+\}`)

// holdToDocument checks an answer against the schema that /openapi.json gives
// for it, so that the generated client types are true.
func (g *stage) holdToDocument(t *testing.T, c scenario, answer *http.Response, text []byte) {
	t.Helper()
	path, _, _ := strings.Cut(c.path, "?")
	for route := range g.routes {
		method, template, _ := strings.Cut(route, " ")
		if method != c.method || !regexp.MustCompile("^"+idLike.ReplaceAllString(template, "[^/]+")+"$").MatchString(path) {
			continue
		}
		if answer.StatusCode == http.StatusNoContent {
			return
		}
		media, _, err := mime.ParseMediaType(answer.Header.Get("Content-Type"))
		require.NoError(t, err)
		key, status := "default", http.StatusText(answer.StatusCode)
		if answer.StatusCode < 300 {
			key = statusKey(answer.StatusCode)
		}
		pointer := "openapi.json#/paths/" + escape(template) + "/" + strings.ToLower(method) + "/responses/" + key + "/content/" + escape(media) + "/schema"
		schema, err := g.schemas.Compile(pointer)
		require.NoError(t, err, "%s answers %s with %s, which the document does not have", route, status, media)
		var value any = string(text)
		if strings.HasSuffix(media, "json") {
			value, err = jsonschema.UnmarshalJSON(bytes.NewReader(text))
			require.NoError(t, err)
		}
		require.NoError(t, schema.Validate(value), "%s answers otherwise than documented: %s", route, text)
		return
	}
}

func statusKey(status int) string {
	text, _ := json.Marshal(status)
	return string(text)
}

func escape(part string) string {
	return strings.NewReplacer("~", "~0", "/", "~1", "{", "%7B", "}", "%7D").Replace(part)
}
