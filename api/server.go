package api

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humagin"
	"github.com/gin-gonic/gin"
	"go.temporal.io/sdk/client"

	"github.com/scratch-platform/scratch/connectors"
	"github.com/scratch-platform/scratch/internal/schedules"
	"github.com/scratch-platform/scratch/internal/telemetry/traces"
	"github.com/scratch-platform/scratch/internal/vault"
	"github.com/scratch-platform/scratch/models"
	"github.com/scratch-platform/scratch/models/store"
)

// MaxServiceWait is how long a request may wait for an outside service: what a
// person waits for (test, list tables, preview), never record writes.
const MaxServiceWait = 15 * time.Second

// Dependencies are handed in by main; all are needed unless said otherwise.
type Dependencies struct {
	Store      *store.Store
	Engine     client.Client
	Registry   *connectors.Registry
	Connecting Connecting
	Vault      *vault.Vault
	Uploads    Uploads
	Reconciler Reconciler
	Schedules  Schedules
	Live       Live
	Codec      http.Handler // POST /codec/decode and /codec/encode, with its own check
	Page       http.Handler // the web app; nil serves none
	Ready      func(context.Context) error
	Notices    func() []*models.Problem // what /readyz tells of while the server is ready; nil tells nothing
	Measures   Measures                 // told of each request; nil tells nobody
	Metrics    http.Handler             // GET /metrics, for the scope operate; nil serves none
	Traces     *traces.Traces           // spans of requests; nil makes none
	Log        *slog.Logger
	Now        func() time.Time
	Settings   Settings
}

// Settings are the API's own choices.
type Settings struct {
	PublicURL   string   // what browsers call this server; its origin is the one allowed
	Origins     []string // further origins allowed, such as a front-end dev server
	Local       bool     // local mode: loopback only, Host checked
	TemporalUI  string   // the namespace's page in Temporal's Web UI; empty when there is none
	UploadLimit int64    // bytes
	RatePerUser float64  // requests a second per principal
	RateBurst   int
}

// Connecting opens connectors with their credentials, for what a person waits
// for.
type Connecting interface {
	Open(ctx context.Context, organizationID, connectionID string) (connectors.Connector, connectors.Definition, error)
}

// Uploads keeps the files users send.
type Uploads interface {
	Save(ctx context.Context, organizationID, name, contentType string, from io.Reader) (models.Upload, error)
	Remove(ctx context.Context, upload models.Upload) error
	Files(organizationID string) connectors.Files
}

// Reconciler holds a job against the engine's truth before it is shown
// (Promise 9).
type Reconciler interface {
	Look(ctx context.Context, job models.Job) (models.Job, error)
	// Glance is Look for reading again and again: at most once a second per job.
	Glance(ctx context.Context, job models.Job) (models.Job, error)
}

// Schedules holds a schedule against the engine's: applies a change at once, and
// sees when it runs.
type Schedules interface {
	Apply(ctx context.Context, s models.Schedule) (schedules.Applied, error)
	See(ctx context.Context, s models.Schedule) (schedules.Sight, error)
	Trigger(ctx context.Context, s models.Schedule) (*models.ScheduleRun, error)
}

// Measures is told of each request that was answered: the route's template, and
// the time to the answer's end, below zero for a stream, which ends when its
// client pleases.
type Measures interface {
	Answered(route, method string, status int, took time.Duration)
}

// Live serves the WebSocket and the event streams.
type Live interface {
	ServeWebSocket(w http.ResponseWriter, r *http.Request, actor models.Actor)
	StreamJob(w http.ResponseWriter, r *http.Request, actor models.Actor, jobID string)
}

type server struct {
	Dependencies
	huma          huma.API
	problemSchema *huma.Schema
	tabParameter  *huma.Param
	rates         *rates
	templates     map[string]string // of routes, by gin's own writing of them
}

// New makes the handler of every route.
func New(deps Dependencies) http.Handler {
	gin.SetMode(gin.ReleaseMode)
	engine := gin.New()
	engine.HandleMethodNotAllowed = true
	engine.RedirectTrailingSlash = false
	s := &server{Dependencies: deps, rates: newRates(deps.Settings, deps.Now)}
	engine.Use(s.identifyRequest, s.observe, s.recoverPanic, s.checkOrigin)
	engine.NoRoute(s.notFound)
	engine.NoMethod(s.methodNotAllowed)

	config := huma.DefaultConfig("Scratch", "1")
	config.Info.Description = "Download tables from services into snapshots, edit, review, publish. Errors are RFC 9457 problem documents with a stable code and a hint."
	config.DocsPath = ""
	config.SchemasPath = ""
	config.CreateHooks = nil
	config.Transformers = []huma.Transformer{asOurs}
	config.RejectUnknownQueryParameters = true
	config.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"bearer":  {Type: "http", Scheme: "bearer", Description: "An API token."},
		"session": {Type: "apiKey", In: "cookie", Name: "scratch_session", Description: "The browser's session in local mode."},
	}
	s.huma = humagin.New(engine, config)
	s.problemSchema = config.Components.Schemas.Schema(reflect.TypeFor[ProblemDocument](), true, "ProblemDocument")
	s.tabParameter = &huma.Param{
		Name: tabHeader, In: "header", Schema: &huma.Schema{Type: huma.TypeString, MaxLength: new(maxTab)},
		Description: "Your tab or client, a word of your own choice. Undo and redo go by user and tab, and the events that a request causes carry it as origin.",
	}

	s.accountRoutes(engine)
	s.connectionRoutes()
	s.snapshotRoutes()
	s.tableRoutes()
	s.uploadRoutes(engine)
	s.recordRoutes(engine)
	s.suggestionRoutes()
	s.planRoutes()
	s.jobRoutes(engine)
	s.scheduleRoutes()
	s.plainRoutes(engine)
	// huma documents its own shape of errors; every answer has ours.
	delete(config.Components.Schemas.Map(), "ErrorModel")
	delete(config.Components.Schemas.Map(), "ErrorDetail")
	s.templates = templatesOf(engine)
	return engine
}
