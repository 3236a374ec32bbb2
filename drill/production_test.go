package drill

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/internal/accounts"
	"github.com/scratch-platform/scratch/internal/testkit"
	"github.com/scratch-platform/scratch/internal/vault"
	"github.com/scratch-platform/scratch/models"
	"github.com/scratch-platform/scratch/models/store"
)

// production starts a frontend and a worker, each a process of its own, on
// PostgreSQL and an engine of the test's own.
func production(t *testing.T) *product { return productionWith(t) }

// productionWith is production with further settings.
func productionWith(t *testing.T, settings ...string) *product {
	t.Helper()
	return productionOn(t, testkit.Postgres(t), settings...)
}

// productionOn is productionWith on a database that is given.
func productionOn(t *testing.T, url string, settings ...string) *product {
	t.Helper()
	p := &product{t: t, dir: t.TempDir(), db: postgresOf(t, url), engine: newEngine(t), token: account(t, url)}
	p.environ = append(p.settings(filepath.Join(p.dir, "data")), "SCRATCH_DATABASE_URL="+url)
	p.environ = append(p.environ, settings...)
	p.serve("frontend")
	p.startWorker()
	p.awaitReady()
	return p
}

// settings are what `scratch serve` is told beyond its database.
func (p *product) settings(dataDir string) []string {
	p.t.Helper()
	keyset, err := vault.NewKeyset()
	require.NoError(p.t, err)
	return []string{
		"SCRATCH_VAULT_KEYSET=" + keyset.Reveal(), "SCRATCH_NETGUARD_ALLOW=127.0.0.0/8",
		"SCRATCH_TEMPORAL_ADDRESS=" + p.engine.address, "SCRATCH_TEMPORAL_NAMESPACE=" + engineNamespace,
		"SCRATCH_DATA_DIR=" + dataDir,
	}
}

// serve starts a role that answers requests.
func (p *product) serve(role string) {
	p.t.Helper()
	listen := testkit.FreeAddress(p.t)
	p.address = "http://" + listen
	p.main = spawn(p.t, append(p.environ, "SCRATCH_LISTEN="+listen), "scratch", "serve", "--role="+role)
}

func (p *product) startWorker() {
	p.t.Helper()
	p.worker = spawn(p.t, p.environ, "scratch", "serve", "--role=worker")
	p.workers = append(p.workers, p.worker)
}

// account lays the schema and makes a tenant, as the operator's commands do.
func account(t *testing.T, url string) (token string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	db, err := store.Open(ctx, store.Config{URL: url})
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	require.NoError(t, db.Migrate(ctx))
	org, user, err := db.System().EnsureLocalAccount(ctx)
	require.NoError(t, err)
	key := accounts.Mint(accounts.APIToken)
	require.NoError(t, db.Org(org.ID).CreateToken(ctx, models.APIToken{
		ID: models.NewID(models.PrefixAPIToken), OrganizationID: org.ID, UserID: user.ID, Name: "drill", Hash: key.Hash[:], Scopes: accounts.AllScopes().String(), CreatedAt: time.Now(),
	}))
	return key.Text.Reveal()
}

// mode is how the product runs in a drill, and how it is killed.
type mode struct {
	name  string
	start func(t *testing.T, settings ...string) *product
	// victim is the process that does the work of a run.
	victim func(p *product, run string) *process
	// revive starts what was killed, where nobody is left to do its work.
	revive func(*product)
	// few is how many seeds it gets in a test of everything.
	few int
	// replaces says that another worker is there already: it takes over in time.
	replaces bool
}

var modes = []mode{
	{
		name: "dev", start: dev, few: 3,
		victim: func(p *product, _ string) *process { return p.main }, revive: func(p *product) { p.startDev() },
	},
	{
		name: "worker", start: productionWith, few: 3,
		victim: func(p *product, _ string) *process { return p.worker }, revive: func(p *product) { p.startWorker() },
	},
	{name: "fleet", start: fleet, few: 1, replaces: true, victim: (*product).holder, revive: (*product).requireOthers},
}
