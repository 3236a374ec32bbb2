package bench

import (
	"context"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/internal/accounts"
	"github.com/scratch-platform/scratch/internal/devserver"
	"github.com/scratch-platform/scratch/internal/testkit"
	"github.com/scratch-platform/scratch/internal/vault"
	"github.com/scratch-platform/scratch/models"
	"github.com/scratch-platform/scratch/models/store"
)

// startEngine runs a Temporal dev server for one product, with its state on
// disk: products with keys of their own cannot share a queue.
func startEngine(b testing.TB) *devserver.Server {
	b.Helper()
	ctx := context.WithoutCancel(b.Context()) // it outlives the product, which ends as the benchmark does
	cli, err := devserver.Finder{Path: os.Getenv("SCRATCH_TEST_TEMPORAL"), Report: func(line string) { b.Log(line) }}.Find(ctx)
	require.NoError(b, err)
	server, err := devserver.Start(ctx, devserver.Options{CLI: cli, DataDir: b.TempDir(), UIPort: -1})
	require.NoError(b, err)
	b.Cleanup(func() {
		ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
		defer cancel()
		_ = server.Stop(ctx)
	})
	return server
}

// installation is what the processes of one product share: a database, an
// engine, keys, a folder and, where there is one, Redis.
type installation struct {
	db       *database // nil on SQLite
	location string    // of the store
	environ  []string
	token    string
}

// install prepares an installation on a PostgreSQL database, or, when there is
// none, on a SQLite file. Settings are NAME=value, on top of the others.
func install(b testing.TB, d *database, settings ...string) *installation {
	b.Helper()
	dir := b.TempDir()
	keys, err := vault.NewKeyset()
	require.NoError(b, err)
	temporal := startEngine(b)
	i := &installation{db: d, location: filepath.Join(dir, "scratch.db"), environ: append(os.Environ(),
		"SCRATCH_DATA_DIR="+dir, "SCRATCH_TEMPORAL_ADDRESS="+temporal.Address(), "SCRATCH_TEMPORAL_NAMESPACE="+temporal.Namespace(),
		"SCRATCH_NETGUARD_ALLOW=127.0.0.0/8", "SCRATCH_VAULT_KEYSET="+keys.Reveal(), "SCRATCH_LOG_LEVEL=warn")}
	if d != nil {
		i.location = d.url
		i.environ = append(i.environ, "SCRATCH_DATABASE_URL="+d.url)
	}
	i.environ = append(i.environ, settings...)
	i.token = openAccount(b, i.location)
	return i
}

// serve runs one role as a process of its own, until the benchmark ends. What
// has no API answers whether it is ready, and nothing else.
func (i *installation) serve(b testing.TB, role string) *product {
	b.Helper()
	address := testkit.FreeAddress(b)
	p := &product{url: "http://" + address, token: i.token, db: i.db, http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}}}
	cmd := exec.Command(scratch(b), "serve", "--role="+role)
	cmd.Env = append(slices.Clone(i.environ), "SCRATCH_LISTEN="+address, "SCRATCH_HEALTH_LISTEN="+address)
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	process(b, cmd)
	p.pid = cmd.Process.Pid
	b.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	})
	deadline := time.Now().Add(time.Minute)
	for p.try(b, http.MethodGet, "/readyz", nil, nil) != http.StatusOK {
		require.True(b, time.Now().Before(deadline), "the %s is not ready after a minute", role)
		pause(b, 50*time.Millisecond)
	}
	return p
}

// startProduct serves all roles in one process, on a PostgreSQL database or,
// when there is none, on a SQLite file, until the benchmark ends.
func startProduct(b testing.TB, d *database) *product {
	b.Helper()
	return install(b, d).serve(b, "monolith")
}

// openAccount brings a database to the product's schema, with one user, and
// gives a token.
func openAccount(b testing.TB, location string) string {
	b.Helper()
	ctx := b.Context()
	db, err := store.Open(ctx, store.Config{URL: location})
	require.NoError(b, err)
	defer func() { require.NoError(b, db.Close()) }()
	require.NoError(b, db.Migrate(ctx))
	org := models.Organization{ID: models.NewID(models.PrefixOrganization), Name: "Bench", CreatedAt: time.Now()}
	user := models.User{ID: models.NewID(models.PrefixUser), OrganizationID: org.ID, Name: "Ana", CreatedAt: time.Now()}
	require.NoError(b, db.System().CreateAccount(ctx, org, user))
	key := accounts.Mint(accounts.APIToken)
	require.NoError(b, db.Org(org.ID).CreateToken(ctx, models.APIToken{
		ID: models.NewID(models.PrefixAPIToken), OrganizationID: org.ID, UserID: user.ID, Name: "bench", Hash: key.Hash[:], Scopes: accounts.AllScopes().String(), CreatedAt: time.Now(),
	}))
	return key.Text.Reveal()
}
