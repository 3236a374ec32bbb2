package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	temporal "go.temporal.io/sdk/client"

	"github.com/scratch-platform/scratch/api"
	"github.com/scratch-platform/scratch/api/live"
	"github.com/scratch-platform/scratch/connectors"
	"github.com/scratch-platform/scratch/connectors/catalog"
	"github.com/scratch-platform/scratch/internal/config"
	"github.com/scratch-platform/scratch/internal/connecting"
	"github.com/scratch-platform/scratch/internal/events"
	"github.com/scratch-platform/scratch/internal/limits"
	"github.com/scratch-platform/scratch/internal/locks"
	"github.com/scratch-platform/scratch/internal/netguard"
	"github.com/scratch-platform/scratch/internal/reconcile"
	"github.com/scratch-platform/scratch/internal/schedules"
	"github.com/scratch-platform/scratch/internal/telemetry"
	"github.com/scratch-platform/scratch/internal/uploads"
	"github.com/scratch-platform/scratch/internal/vault"
	"github.com/scratch-platform/scratch/models"
	"github.com/scratch-platform/scratch/models/store"
	"github.com/scratch-platform/scratch/web"
	"github.com/scratch-platform/scratch/worker"
	"github.com/scratch-platform/scratch/worker/codec"
)

// system is every part of one process, put together once. What a role does not
// need is made and never run.
type system struct {
	settings   config.Settings
	log        *slog.Logger
	redactor   *telemetry.Redactor
	observed   *observation
	vault      *vault.Vault
	store      *store.Store
	registry   *connectors.Registry
	opener     *connecting.Opener
	uploads    *uploads.Folder
	engine     temporal.Client
	relay      *events.Relay
	hub        *live.Hub
	sharing    *sharing // nil: no Redis
	locks      locks.Locker
	reconciler *reconcile.Reconciler
	schedules  *schedules.Reconciler
	working    atomic.Bool // the worker of this process takes work
}

// registry lists the services of this build.
func newRegistry() (*connectors.Registry, error) {
	return connectors.NewRegistry(catalog.Definitions()...)
}

// newSystem makes what comes before the store: the log, what observes, the data
// folder. The store is opened next, since it refuses a second process on one
// data folder before anything there is touched; then come the parts. close ends
// what was opened.
func newSystem(ctx context.Context, settings config.Settings) (*system, error) {
	s := &system{settings: settings, redactor: telemetry.NewRedactor()}
	s.log = telemetry.NewLogger(telemetry.Options{Writer: os.Stderr, Level: settings.LogLevel.Slog(), Format: settings.LogFormat, Redactor: s.redactor})
	var err error
	if s.observed, err = observe(ctx, settings, s.redactor, s.log); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(settings.DataDir, 0o700); err != nil {
		return nil, fmt.Errorf("make the data folder: %w", err)
	}
	return s, nil
}

// makeParts makes what works on the store; the settings name the engine.
func (s *system) makeParts(guard netguard.Policy) (err error) {
	settings := s.settings
	s.observed.metrics.Store(s.store, s.store.System())
	if s.vault, err = vault.Open(settings.VaultSource()); err != nil {
		return err
	}
	if s.registry, err = newRegistry(); err != nil {
		return err
	}
	if s.sharing, err = openSharing(settings, s.log); err != nil {
		return err
	}
	s.observed.expect(s.registry)
	s.observed.metrics.Redis(func() bool { return len(s.sharing.notices()) == 0 })
	s.observed.metrics.Disk(func() (free, size int64, err error) { return diskSpace(settings.DataDir) })
	s.uploads = &uploads.Folder{Dir: settings.UploadDir(), Limit: int64(settings.UploadLimit), Rows: uploadRows{s.store}, Now: s.store.Now}
	s.opener = &connecting.Opener{
		Registry:   s.registry,
		Connection: s.connection,
		Vault:      s.vault,
		Transport:  netguard.Transport(guard),
		Dial:       netguard.DialContext(guard),
		Limiter:    s.limiter(),
		Files:      s.uploads.Files,
		Hide:       s.redactor.Hide,
		Meter:      s.observed.metrics,
		Spans:      s.observed.traces,
		Now:        time.Now,
		Log:        s.log,
	}
	if s.engine, err = dialEngine(settings, s.vault, s.log, s.observed); err != nil {
		return err
	}
	s.hub = live.NewHub(live.NewStoreLog(s.store), s.log, time.Now)
	s.observed.metrics.Live(s.hub.Connections, s.hub.Dropped)
	s.joinEvents()
	s.locks = s.observed.locker(s.locker())
	s.reconciler = &reconcile.Reconciler{
		System: s.store.System(), Org: func(id string) reconcile.Org { return s.store.Org(id) },
		Engine: s.engine, Payloads: codec.DataConverter(s.vault), Locks: s.locks, Now: s.store.Now, Log: s.log,
		Ended: s.runEnded,
	}
	s.schedules = &schedules.Reconciler{
		System: s.store.System(), Org: func(id string) schedules.Org { return s.store.Org(id) },
		Engine: s.engine, Payloads: codec.DataConverter(s.vault), Locks: s.locks, Log: s.log,
	}
	return nil
}

// runEnded closes the trace of a run that could not.
func (s *system) runEnded(ctx context.Context, workflowID, runID string) {
	if err := s.observed.traces.RunEnded(ctx, s.engine, workflowID, runID); err != nil {
		s.log.DebugContext(ctx, "the trace of a run that was ended stays open", "workflow", workflowID, "run", runID, "error", err)
	}
}

// joinEvents leads events from the store to the hubs, here and in the other
// processes.
func (s *system) joinEvents() {
	grown := s.hub.Grown
	if x := s.sharing; x != nil {
		grown = func(numbered []models.Event) {
			x.exchange.Announce(numbered)
			s.hub.Grown(numbered)
		}
		x.exchange.OnGrown(s.hub.Grown)
		x.exchange.OnPassing(s.hub.Show)
		s.hub.PassOn(x.exchange.Pass)
	}
	s.relay = events.NewRelay(s.observed.outbox(s.store.System()), grown, s.log)
	s.store.OnEvents(s.relay.Wake)
}

// limiter keeps the services' limits: over all processes with Redis, else over
// this one.
func (s *system) limiter() connectors.Limiter {
	if s.sharing != nil {
		return s.sharing.limiter
	}
	return limits.New(time.Now)
}

func (s *system) openStore(ctx context.Context) (*store.Store, error) {
	url := s.settings.SQLitePath()
	if s.settings.PostgreSQL() {
		url = s.settings.DatabaseURL.Reveal()
	}
	return store.Open(ctx, store.Config{
		URL: url, Log: s.log, Now: time.Now, Spans: s.observed.traces != nil, JobEnded: s.observed.metrics.JobEnded, ItemsSettled: s.observed.metrics.ItemsSettled,
	})
}

func (s *system) connection(ctx context.Context, organizationID, id string) (models.Connection, error) {
	return s.store.Org(organizationID).Connection(ctx, id)
}

// uploadRows finds uploads in the store, within a tenant.
type uploadRows struct{ store *store.Store }

func (r uploadRows) Upload(ctx context.Context, organizationID, id string) (models.Upload, error) {
	return r.store.Org(organizationID).Upload(ctx, id)
}

// handler makes the API with the page.
func (s *system) handler(local bool) http.Handler {
	uiOrigin, uiPage := temporalUI(s.settings.TemporalUIURL, s.settings.TemporalNamespace)
	authorize := codec.Signed(uiOrigin, s.checkOperator, s.checkOperatorSession)
	if local {
		authorize = codec.Local(uiOrigin, s.checkOperator)
	}
	return api.New(api.Dependencies{
		Store: s.store, Engine: s.engine, Registry: s.registry, Connecting: s.opener, Vault: s.vault,
		Uploads: s.uploads, Reconciler: s.reconciler, Schedules: s.schedules, Live: s.hub,
		Codec: codec.NewHandler(codec.New(s.vault), uiOrigin, authorize),
		Page:  web.Handler(web.Options{}), Ready: s.ready, Notices: s.sharing.notices, Log: s.log, Now: s.store.Now,
		Measures: s.observed.metrics, Metrics: s.observed.metrics.Handler(), Traces: s.observed.traces,
		Settings: api.Settings{
			PublicURL: s.settings.BaseURL(), Local: local, TemporalUI: uiPage,
			RatePerUser: requestRate, RateBurst: requestBurst,
		},
	})
}

// temporalUI is the origin of Temporal's Web UI at an address, as browsers tell it,
// and the page it has for a namespace; both empty where there is none.
func temporalUI(address, namespace string) (origin, page string) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return "", ""
	}
	origin = (&url.URL{Scheme: u.Scheme, Host: u.Host}).String()
	return origin, u.JoinPath("namespaces", namespace).String()
}

// Requests a second one principal may send, and how many at once: far above
// what the page does, far below what would starve the others.
const (
	requestRate  = 100
	requestBurst = 400
)

// ready says whether a download could start now.
func (s *system) ready(ctx context.Context) error {
	if err := s.storeReady(ctx); err != nil {
		return err
	}
	return engineReady(ctx, s.engine, s.settings.TemporalNamespace)
}

func (s *system) storeReady(ctx context.Context) error {
	err := s.store.Writable(ctx)
	if err == nil || models.HasCode(err, "store.disk_full") || models.HasCode(err, "store.read_only") {
		return err
	}
	return storeAway(err)
}

func storeAway(err error) error {
	return models.NewProblem(models.KindUnavailable, "store.away", "The database does not answer.", "Run 'scratch doctor'.").Because(err)
}

// readyAlone says whether a process that serves nothing does its work: its store
// and engine answer, and a worker takes work.
func (s *system) readyAlone(ctx context.Context) error {
	if err := s.storeReady(ctx); err != nil {
		return err
	}
	if err := engineAnswers(ctx, s.engine, s.settings.TemporalNamespace); err != nil {
		return err
	}
	if s.settings.Role.Serves(config.RoleWorker) && !s.working.Load() {
		return models.NewProblem(models.KindUnavailable, "engine.no_worker", "The worker takes no work yet.", "Its log says what it waits for.")
	}
	return nil
}

func (s *system) close() error {
	if s.engine != nil {
		s.engine.Close()
	}
	err := s.sharing.close()
	if s.store != nil {
		err = errors.Join(err, s.store.Close())
	}
	s.observed.close(s.log)
	return err
}

// locker keeps several processes on one database from doing one thing twice; a
// process alone on its file needs nothing shared.
func (s *system) locker() locks.Locker {
	if s.settings.PostgreSQL() {
		if s.sharing != nil {
			return locks.NewShared(s.store.System(), s.sharing.server)
		}
		return locks.NewShared(s.store.System(), nil)
	}
	return locks.NewProcess(time.Now)
}

// work runs the worker until the context ends.
func (s *system) work(ctx context.Context) error {
	defer s.working.Store(false)
	config := worker.Config{
		Client: s.engine, Store: s.store, Open: s.opener, Now: time.Now, Log: s.log, Drain: s.settings.Drain, TablesAtOnce: s.settings.TablesAtOnce, Meter: s.observed.metrics,
		Ended:   s.runEnded,
		Uploads: &uploads.Sweeper{Dir: s.settings.UploadDir(), Index: s.store.System(), Now: time.Now},
		Started: func() { s.working.Store(true) },
	}
	if s.settings.Versioned() {
		var err error
		if config.BuildID, err = ownBuild(s.settings); err != nil {
			return err
		}
		config.Deployment = s.settings.Deployment
		s.log.InfoContext(ctx, "this worker has a version", "deployment", config.Deployment, "build", config.BuildID)
	}
	return worker.Run(ctx, config)
}

// writePrivate writes a small file for this user alone, whole or not at all.
func writePrivate(path, text string) error {
	temp := path + ".new"
	if err := os.WriteFile(temp, []byte(text+"\n"), 0o600); err != nil {
		return fmt.Errorf("write %s: %w", filepath.Base(path), err)
	}
	return os.Rename(temp, path)
}
