package worker

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"

	"github.com/scratch-platform/scratch/activities"
	"github.com/scratch-platform/scratch/connectors"
	"github.com/scratch-platform/scratch/connectors/postgres"
	"github.com/scratch-platform/scratch/internal/connecting"
	"github.com/scratch-platform/scratch/internal/devserver"
	"github.com/scratch-platform/scratch/internal/locks"
	"github.com/scratch-platform/scratch/internal/netguard"
	"github.com/scratch-platform/scratch/internal/reconcile"
	"github.com/scratch-platform/scratch/internal/schedules"
	"github.com/scratch-platform/scratch/internal/testkit"
	"github.com/scratch-platform/scratch/internal/uploads"
	"github.com/scratch-platform/scratch/internal/vault"
	"github.com/scratch-platform/scratch/models"
	"github.com/scratch-platform/scratch/models/store"
	"github.com/scratch-platform/scratch/worker/codec"
	"github.com/scratch-platform/scratch/workflows/contract"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// stack is the real thing but for the outside service: store, engine, worker
// and reconciler.
type stack struct {
	t        *testing.T
	db       *store.Store
	org      *store.Org
	actor    models.Actor
	keys     *vault.Vault
	server   *devserver.Server
	engine   client.Client
	opener   *connecting.Opener
	service  *service
	snapshot models.Snapshot
	conn     models.Connection
	look     *reconcile.Reconciler
	times    *schedules.Reconciler
	uploads  *uploads.Sweeper
	worker   *Worker
	ended    activities.Ended // told of ends, if set
	log      *slog.Logger
}

// beside gives a stack that shares everything but the snapshot, for a test that
// runs beside others.
func (s *stack) beside(t *testing.T) *stack {
	other := *s
	other.t = t
	other.newSnapshot(t.Context())
	return &other
}

// eachDatabase runs a test on both databases, against one engine.
func eachDatabase(t *testing.T, test func(t *testing.T, s *stack)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { test(t, newStack(t, testkit.SQLite(t), testkit.Temporal(t))) })
	t.Run("postgres", func(t *testing.T) { test(t, newStack(t, testkit.Postgres(t), testkit.Temporal(t))) })
}

func newStack(t *testing.T, database string, server *devserver.Server) *stack {
	t.Helper()
	return newStackWith(t, database, server, nil)
}

// newStackWith is newStack with other options of the engine's client.
func newStackWith(t *testing.T, database string, server *devserver.Server, change func(client.Options) client.Options) *stack {
	t.Helper()
	ctx := t.Context()
	db, err := store.Open(ctx, store.Config{URL: database})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	require.NoError(t, db.Migrate(ctx))
	keys, err := vault.Open(vault.Source{File: filepath.Join(t.TempDir(), "keyset"), Create: true})
	require.NoError(t, err)
	s := &stack{t: t, db: db, keys: keys, server: server, service: newService(), log: slog.New(slog.DiscardHandler)}
	s.account(ctx)
	options, payloads := ClientOptions(client.Options{}, keys, nil), codec.DataConverter(keys)
	if change != nil {
		options, payloads = change(options), converter.GetDefaultDataConverter()
	}
	s.engine = testkit.Dial(t, server, options)
	registry, err := connectors.NewRegistry(s.service.definition(), postgres.Definition())
	require.NoError(t, err)
	s.opener = &connecting.Opener{
		Registry: registry, Vault: keys, Now: time.Now, Files: func(string) connectors.Files { return nil },
		Dial: netguard.DialContext(netguard.Loopback()),
		Connection: func(ctx context.Context, org, id string) (models.Connection, error) {
			return db.Org(org).Connection(ctx, id)
		},
	}
	s.look = &reconcile.Reconciler{
		System: db.System(), Org: func(id string) reconcile.Org { return db.Org(id) }, Engine: s.engine,
		Payloads: payloads, Locks: locks.NewProcess(time.Now), Now: time.Now, Log: slog.New(slog.DiscardHandler),
	}
	s.times = &schedules.Reconciler{
		System: db.System(), Org: func(id string) schedules.Org { return db.Org(id) }, Engine: s.engine,
		Payloads: payloads, Locks: s.look.Locks, Log: s.look.Log,
	}
	s.uploads = &uploads.Sweeper{Dir: t.TempDir(), Index: db.System(), Now: time.Now}
	s.work()
	t.Cleanup(s.rest)
	return s
}

// account makes a tenant with a connection and a snapshot.
func (s *stack) account(ctx context.Context) {
	now := time.Now().UTC()
	org := models.Organization{ID: models.NewID(models.PrefixOrganization), Name: "Test", CreatedAt: now}
	user := models.User{ID: models.NewID(models.PrefixUser), OrganizationID: org.ID, Name: "Ana", CreatedAt: now}
	require.NoError(s.t, s.db.System().CreateAccount(ctx, org, user))
	s.org = s.db.Org(org.ID)
	s.actor = models.Actor{OrganizationID: org.ID, UserID: user.ID, Name: user.Name, Tab: "tab-1"}
	s.connect(ctx)
	s.newSnapshot(ctx)
}

// connect makes a connection, through which tables added from now on move.
func (s *stack) connect(ctx context.Context) {
	now := time.Now().UTC()
	s.conn = models.Connection{
		ID: models.NewID(models.PrefixConnection), OrganizationID: s.org.ID(), Service: "memory", Name: "Memory", State: models.ConnectionReady,
		CreatedAt: now, UpdatedAt: now,
	}
	sealed, err := s.keys.Encrypt(ctx, []byte(`{"password":"canary-secret"}`), vault.ConnectionContext(s.org.ID(), s.conn.ID))
	require.NoError(s.t, err)
	s.conn.Credential = sealed
	require.NoError(s.t, s.org.CreateConnection(ctx, s.conn))
}

func (s *stack) newSnapshot(ctx context.Context) {
	now := time.Now().UTC()
	s.snapshot = models.Snapshot{ID: models.NewID(models.PrefixSnapshot), OrganizationID: s.org.ID(), Name: "Blog", CreatedAt: now, UpdatedAt: now}
	require.NoError(s.t, s.org.CreateSnapshot(ctx, s.snapshot))
}

// table adds a table of the service to the snapshot.
func (s *stack) table(remoteID string) models.Table {
	s.t.Helper()
	table, err := s.org.AddTable(s.t.Context(), models.Table{
		ID: models.NewID(models.PrefixTable), OrganizationID: s.org.ID(), SnapshotID: s.snapshot.ID, ConnectionID: s.conn.ID,
		Service: "memory", RemoteID: remoteID, Name: remoteID, Columns: s.service.columns,
	})
	require.NoError(s.t, err)
	return table
}

// work starts a worker process's worth of work; rest stops it.
func (s *stack) work() {
	s.worker = New(Config{
		Client: s.engine, Store: s.db, Open: s.opener, Now: time.Now, Lease: 2 * time.Second, Uploads: s.uploads, Log: s.log, Ended: s.ended,
	})
	require.NoError(s.t, s.worker.Start())
}

func (s *stack) rest() {
	if s.worker != nil {
		s.worker.Stop()
		s.worker = nil
	}
}

// download starts a download of tables as the API does. Where the run before has
// told its end and is about to close, it waits: the product leaves that to the
// reconciler.
func (s *stack) download(mode models.DownloadMode, tables ...models.Table) models.Job {
	s.t.Helper()
	return s.downloadFrom(s.t.Context(), mode, tables...)
}

// downloadFrom is download within a context: a request's, with its trace.
func (s *stack) downloadFrom(ctx context.Context, mode models.DownloadMode, tables ...models.Table) models.Job {
	s.t.Helper()
	job := s.queued(mode, tables...)
	var input contract.DownloadSnapshotInput
	require.NoError(s.t, json.Unmarshal(job.Input, &input))
	var err error
	require.Eventually(s.t, func() bool {
		_, err = contract.StartDownloadSnapshot(ctx, s.engine, input, contract.StartOptions{Title: "Blog", Services: []string{"memory"}})
		var closing *contract.AlreadyRunningError
		return !errors.As(err, &closing)
	}, 20*time.Second, 20*time.Millisecond)
	require.NoError(s.t, err)
	return s.job(job.ID)
}

// queued stores a download's job; its run is for the reconciler to start.
func (s *stack) queued(mode models.DownloadMode, tables ...models.Table) models.Job {
	s.t.Helper()
	job := models.Job{
		ID: models.NewID(models.PrefixJob), OrganizationID: s.org.ID(), SnapshotID: s.snapshot.ID, Kind: models.JobDownload,
		State: models.JobQueued, WorkflowID: contract.DownloadSnapshotID(s.snapshot.ID), CreatedBy: s.actor.UserID,
	}
	input := contract.DownloadSnapshotInput{OrganizationID: s.org.ID(), SnapshotID: s.snapshot.ID, JobID: job.ID, Mode: mode}
	for _, t := range tables {
		input.Tables = append(input.Tables, t.ID)
	}
	var err error
	job.Input, err = json.Marshal(input)
	require.NoError(s.t, err)
	stored, created, err := s.org.CreateJob(s.t.Context(), job)
	require.NoError(s.t, err)
	require.True(s.t, created)
	return stored
}

// plan builds a plan of everything edited.
func (s *stack) plan() models.Plan {
	s.t.Helper()
	plan, err := s.org.BuildPlan(s.t.Context(), s.snapshot.ID, nil, s.actor)
	require.NoError(s.t, err)
	return plan
}

// publish applies a plan as the API does.
func (s *stack) publish(plan models.Plan, overrides ...string) models.Job {
	s.t.Helper()
	job := models.Job{
		ID: models.NewID(models.PrefixJob), OrganizationID: s.org.ID(), SnapshotID: s.snapshot.ID, PlanID: plan.ID, Kind: models.JobPublish,
		State: models.JobQueued, WorkflowID: contract.PublishID(plan.ID), CreatedBy: s.actor.UserID,
	}
	input := contract.PublishInput{OrganizationID: s.org.ID(), SnapshotID: s.snapshot.ID, JobID: job.ID, PlanID: plan.ID}
	var err error
	job.Input, err = json.Marshal(input)
	require.NoError(s.t, err)
	require.NoError(s.t, s.org.StartApply(s.t.Context(), plan.ID, plan.Hash, overrides, job, s.actor))
	_, err = contract.StartPublish(s.t.Context(), s.engine, input, contract.StartOptions{Title: "Blog", Services: []string{"memory"}})
	require.NoError(s.t, err)
	return s.job(job.ID)
}

func (s *stack) job(id string) models.Job {
	s.t.Helper()
	job, err := s.org.Job(s.t.Context(), id)
	require.NoError(s.t, err)
	return job
}

// until waits for a job to be in one of the states, helped by the reconciler as
// in production, and fails after the time.
func (s *stack) until(job models.Job, within time.Duration, states ...models.JobState) models.Job {
	s.t.Helper()
	var now models.Job
	require.Eventually(s.t, func() bool {
		now = s.job(job.ID)
		for _, state := range states {
			if now.State == state {
				return true
			}
		}
		return false
	}, within, 20*time.Millisecond, "job %s is %s, wanted %v (problem: %v)", job.ID, lastOf(&now), states, &now.Problem)
	return now
}

func lastOf(j *models.Job) *models.JobState { return &j.State }

func (s *stack) outcome(job models.Job, table models.Table) models.TableOutcome {
	s.t.Helper()
	outcomes, err := s.org.JobOutcomes(s.t.Context(), job.ID)
	require.NoError(s.t, err)
	for _, o := range outcomes {
		if o.TableID == table.ID {
			return o
		}
	}
	require.Fail(s.t, "no outcome", "job %s has none for table %s", job.ID, table.ID)
	return models.TableOutcome{}
}

// records gives a table's records by remote id; those without one by "new".
func (s *stack) records(table models.Table) map[string]models.Record {
	s.t.Helper()
	out := map[string]models.Record{}
	require.NoError(s.t, s.org.StreamRecords(s.t.Context(), table.ID, models.Query{}, func(r models.Record) error {
		key := r.RemoteID
		if key == "" {
			key = "new"
		}
		out[key] = r
		return nil
	}))
	return out
}

// write makes changes as an editor.
func (s *stack) write(table models.Table, writes ...models.RecordWrite) {
	s.t.Helper()
	_, err := s.org.WriteRecords(s.t.Context(), table.ID, s.actor, models.NewID(models.PrefixOperation), writes)
	require.NoError(s.t, err)
}

func (s *stack) items(plan models.Plan) []models.Item {
	s.t.Helper()
	items, _, err := s.org.ListItems(s.t.Context(), plan.ID, store.ItemFilter{}, store.Page{Limit: 1000})
	require.NoError(s.t, err)
	return items
}
