package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	temporal "go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/scratch-platform/scratch/internal/testkit"
	"github.com/scratch-platform/scratch/internal/vault"
	"github.com/scratch-platform/scratch/models"
	"github.com/scratch-platform/scratch/models/store"
	scratchworker "github.com/scratch-platform/scratch/worker"
	"github.com/scratch-platform/scratch/workflows/contract"
)

// local runs a command line that speaks to no server, in an environment of its
// own.
func local(t *testing.T, environment map[string]string, args ...string) ran {
	t.Helper()
	for _, one := range os.Environ() {
		if name, _, _ := strings.Cut(one, "="); strings.HasPrefix(name, "SCRATCH_") && !strings.HasPrefix(name, "SCRATCH_TEST_") {
			t.Setenv(name, "")
			require.NoError(t, os.Unsetenv(name))
		}
	}
	for name, value := range environment {
		t.Setenv(name, value)
	}
	var out, errs bytes.Buffer
	c := root()
	c.SetArgs(args)
	c.SetIn(strings.NewReader(""))
	c.SetOut(&out)
	c.SetErr(&errs)
	err := c.ExecuteContext(t.Context())
	if err != nil {
		reportTo(&errs, err)
	}
	return ran{exitCode(err), out.String(), errs.String()}
}

func examined(t *testing.T, got ran) map[string]check {
	t.Helper()
	var report doctorReport
	require.NoError(t, json.Unmarshal([]byte(got.out), &report), got.out+got.err)
	checks := map[string]check{}
	for _, c := range report.Checks {
		if before, ok := checks[c.Name]; !ok || before.State == checkOK {
			checks[c.Name] = c
		}
		if c.State != checkOK {
			require.NotEmpty(t, c.Hint, "%s does not say what to do", c.Name)
		}
	}
	return checks
}

// Breaks when doctor writes anything: it is run to look, on a folder that may
// be the wrong one.
func TestDoctorChangesNothing(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "new")
	got := local(t, nil, "doctor", "--json", "--data-dir", folder)
	require.Equal(t, exitCompleted, got.code, got.out+got.err)
	require.NoFileExists(t, folder)
	require.Equal(t, checkOK, examined(t, got)["database"].State)
}

// Breaks when settings are no longer named all at once, or one bad setting
// hides the other checks.
func TestDoctorNamesAllBadSettingsAtOnce(t *testing.T) {
	got := local(t, map[string]string{
		"SCRATCH_LISTEN": "nowhere", "SCRATCH_UPLOAD_LIMIT": "much", "SCRATCH_LOGLEVEL": "info",
	}, "doctor", "--json", "--data-dir", t.TempDir())
	require.Equal(t, exitEnvironment, got.code)
	for _, name := range []string{"SCRATCH_LISTEN", "SCRATCH_UPLOAD_LIMIT", "SCRATCH_LOGLEVEL"} {
		require.Contains(t, got.out, name)
	}
	require.Equal(t, checkOK, examined(t, got)["data folder"].State)
}

// Breaks when a second process on a folder is refused only after a Temporal CLI
// was looked for, which may take minutes to build.
func TestDevIsRefusedAtOnceWhereAnotherRuns(t *testing.T) {
	folder := t.TempDir()
	held, err := store.Open(t.Context(), store.Config{URL: filepath.Join(folder, "scratch.db")})
	require.NoError(t, err)
	defer func() { require.NoError(t, held.Close()) }()
	got := local(t, map[string]string{"SCRATCH_TEMPORAL_CLI": filepath.Join(folder, "none")}, "dev", "--data-dir", folder, "--port", "0")
	require.Equal(t, exitEnvironment, got.code)
	require.Contains(t, got.err, "store.in_use")
}

// Breaks when doctor does not see that migrations, a worker or the namespace
// are missing, or sees it where they are there.
func TestDoctorOnPostgresAndTemporal(t *testing.T) {
	keyset, err := vault.NewKeyset()
	require.NoError(t, err)
	engine := testkit.Temporal(t)
	environment := map[string]string{
		"SCRATCH_DATABASE_URL": testkit.Postgres(t), "SCRATCH_VAULT_KEYSET": keyset.Reveal(),
		"SCRATCH_TEMPORAL_ADDRESS": engine.Address(), "SCRATCH_TEMPORAL_NAMESPACE": engine.Namespace(),
		"SCRATCH_DATA_DIR": t.TempDir(), "SCRATCH_LISTEN": "127.0.0.1:0",
	}
	got := local(t, environment, "doctor", "--json")
	require.Equal(t, exitEnvironment, got.code)
	checks := examined(t, got)
	require.Equal(t, checkOK, checks["database"].State, checks["database"].Detail)
	require.Equal(t, checkBroken, checks["migrations"].State)
	require.Equal(t, checkOK, checks["namespace"].State, checks["namespace"].Detail)
	require.Equal(t, checkOK, checks["attributes"].State, checks["attributes"].Detail)
	require.Equal(t, checkBroken, checks["workers"].State)
	require.NotContains(t, got.out, keyset.Reveal())

	status := local(t, environment, "migrate", "status")
	require.Equal(t, exitFailed, status.code)
	require.Contains(t, status.err, "0001_foundation.sql")
	require.Equal(t, exitCompleted, local(t, environment, "migrate").code)
	require.Equal(t, exitCompleted, local(t, environment, "migrate", "status").code)
	pollSync(t)
	got = local(t, environment, "doctor", "--json")
	require.Equal(t, exitCompleted, got.code, got.out)

	// Breaks when a worker with the same keys is taken for a stranger's, or one
	// with other keys on the same queue is not told of.
	own, err := vault.Open(vault.Source{Configured: keyset})
	require.NoError(t, err)
	pollSyncAs(t, scratchworker.ClientOptions(temporal.Options{}, own, nil))
	got = local(t, environment, "doctor", "--json")
	require.Equal(t, exitCompleted, got.code, got.out)
	other, err := ownVault()
	require.NoError(t, err)
	pollSyncAs(t, scratchworker.ClientOptions(temporal.Options{}, other, nil))
	got = local(t, environment, "doctor", "--json")
	require.Equal(t, exitEnvironment, got.code, got.out)
	checks = examined(t, got)
	require.Equal(t, checkBroken, checks["workers"].State)
	require.Contains(t, checks["workers"].Detail, other.PrimaryKeyID().String())
	require.Contains(t, checks["workers"].Hint, "SCRATCH_TEMPORAL_NAMESPACE")

	environment["SCRATCH_TEMPORAL_NAMESPACE"] = "no-such-namespace"
	checks = examined(t, local(t, environment, "doctor", "--json"))
	require.Equal(t, checkBroken, checks["namespace"].State)
	require.Contains(t, checks["namespace"].Hint, "temporal operator namespace create")
	environment["SCRATCH_TEMPORAL_ADDRESS"] = "127.0.0.1:1"
	require.Equal(t, checkBroken, examined(t, local(t, environment, "doctor", "--json"))["temporal"].State)
	environment["SCRATCH_DATABASE_URL"] = "postgres://nobody:canary-word@127.0.0.1:1/none"
	got = local(t, environment, "doctor", "--json")
	require.Equal(t, checkBroken, examined(t, got)["database"].State)
	require.NotContains(t, got.out+got.err, "canary-word")
}

// pollSync is a worker on the queue of downloads and publishes.
// Breaks when doctor does not find out whether Redis can be used, or shows its
// password.
func TestDoctorOnRedis(t *testing.T) {
	server := testkit.OwnRedis(t)
	environment := map[string]string{"SCRATCH_DATA_DIR": t.TempDir(), "SCRATCH_REDIS_URL": server.URL()}
	require.Equal(t, checkOK, examined(t, local(t, environment, "doctor", "--json"))["redis"].State)
	server.Set("maxmemory", "100mb")
	server.Set("maxmemory-policy", "allkeys-lru")
	require.Equal(t, checkNote, examined(t, local(t, environment, "doctor", "--json"))["redis"].State)
	server.Set("requirepass", "another")
	environment["SCRATCH_REDIS_URL"] = strings.Replace(server.URL(), "redis://", "redis://:canary-word@", 1)
	got := local(t, environment, "doctor", "--json")
	require.Equal(t, checkBroken, examined(t, got)["redis"].State)
	require.NotContains(t, got.out+got.err, "canary-word")
	server.Kill()
	got = local(t, environment, "doctor", "--json")
	require.Equal(t, exitEnvironment, got.code)
	require.Equal(t, checkBroken, examined(t, got)["redis"].State)
	require.NotContains(t, got.out+got.err, "canary-word")
}

func pollSync(t *testing.T) {
	t.Helper()
	pollSyncAs(t, temporal.Options{})
}

// pollSyncAs is pollSync over a client of its own; it waits until the engine has
// seen it.
func pollSyncAs(t *testing.T, options temporal.Options) {
	t.Helper()
	engine := testkit.TemporalClient(t, options)
	for _, queue := range []string{contract.QueueSync, contract.QueueMaintenance} {
		w := worker.New(engine, queue, worker.Options{})
		w.RegisterWorkflow(noWorkflow)
		w.RegisterActivity(noActivity)
		require.NoError(t, w.Start())
		t.Cleanup(w.Stop)
	}
	require.Eventually(t, func() bool {
		if engineReady(t.Context(), engine, temporal.DefaultNamespace) != nil {
			return false
		}
		return options.Identity == "" || slices.Contains(pollersOf(t.Context(), engine, temporal.DefaultNamespace, contract.QueueSync), options.Identity)
	}, 30*time.Second, 100*time.Millisecond)
}

// Breaks when a rotation over several processes loses a credential, or leaves
// one under the old key.
func TestVaultRotation(t *testing.T) {
	folder := t.TempDir()
	made := local(t, nil, "vault", "new", "--json")
	require.Equal(t, exitCompleted, made.code, made.err)
	first := keysetIn(t, made)
	environment := map[string]string{"SCRATCH_VAULT_KEYSET": first.Keyset, "SCRATCH_DATA_DIR": folder}
	require.Equal(t, exitCompleted, local(t, environment, "migrate").code)
	id := storeCredential(t, folder, first.Keyset, "a-canary-secret")

	staged := local(t, environment, "vault", "stage", "--json")
	require.Equal(t, exitCompleted, staged.code, staged.err)
	environment["SCRATCH_VAULT_KEYSET"] = keysetIn(t, staged).Keyset
	promoted := local(t, environment, "vault", "promote", keysetIn(t, staged).KeyID, "--json")
	require.Equal(t, exitCompleted, promoted.code, promoted.err)
	last := keysetIn(t, promoted).Keyset
	environment["SCRATCH_VAULT_KEYSET"] = last

	sealed := local(t, environment, "vault", "rewrap", "--json")
	require.Equal(t, exitCompleted, sealed.code, sealed.err)
	require.Contains(t, sealed.out, `"sealed": 1`)
	require.NotContains(t, sealed.out+sealed.err, "a-canary-secret")
	again := local(t, environment, "vault", "rewrap", "--json")
	require.Contains(t, again.out, `"sealed": 0`)
	require.Equal(t, "a-canary-secret", readCredential(t, folder, last, id))

	environment["SCRATCH_VAULT_KEYSET"] = first.Keyset
	require.Equal(t, exitFailed, local(t, environment, "vault", "rewrap").code, "an unknown key was passed over in silence")
	require.Equal(t, exitBadInput, local(t, environment, "vault", "promote", "not-an-id").code)
	require.Equal(t, exitBadInput, local(t, environment, "vault", "rotate").code, "a configured keyset was rotated in one process")
}

// Breaks when a keyset file can be read by others, or one that is there is
// overwritten: every credential would be lost.
func TestKeysetFileIsPrivateAndNeverOverwritten(t *testing.T) {
	file := filepath.Join(t.TempDir(), "keyset")
	require.Equal(t, exitCompleted, local(t, nil, "vault", "new", "-o", file).code)
	info, err := os.Stat(file)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	before := readFile(t, file)
	require.Equal(t, exitBadInput, local(t, nil, "vault", "new", "-o", file).code)
	require.Equal(t, before, readFile(t, file))
}

func keysetIn(t *testing.T, got ran) newKeyset {
	t.Helper()
	var k newKeyset
	require.NoError(t, json.Unmarshal([]byte(got.out), &k), got.out)
	return k
}

func withTestStore(t *testing.T, folder, keyset string, do func(ctx context.Context, s *store.Store, keys *vault.Vault)) {
	t.Helper()
	keys, err := vault.Open(vault.Source{Configured: vault.NewSecret(keyset)})
	require.NoError(t, err)
	s, err := store.Open(t.Context(), store.Config{URL: filepath.Join(folder, "scratch.db")})
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	do(t.Context(), s, keys)
}

func storeCredential(t *testing.T, folder, keyset, secret string) models.Connection {
	t.Helper()
	var c models.Connection
	withTestStore(t, folder, keyset, func(ctx context.Context, s *store.Store, keys *vault.Vault) {
		organization, _, err := s.System().EnsureLocalAccount(ctx)
		require.NoError(t, err)
		c = models.Connection{ID: models.NewID(models.PrefixConnection), OrganizationID: organization.ID, Service: "wordpress", Name: "Blog"}
		c.Credential, err = keys.Encrypt(ctx, []byte(secret), vault.ConnectionContext(organization.ID, c.ID))
		require.NoError(t, err)
		require.NoError(t, s.Org(organization.ID).CreateConnection(ctx, c))
	})
	return c
}

func readCredential(t *testing.T, folder, keyset string, c models.Connection) string {
	t.Helper()
	var text []byte
	withTestStore(t, folder, keyset, func(ctx context.Context, s *store.Store, keys *vault.Vault) {
		now, err := s.Org(c.OrganizationID).Connection(ctx, c.ID)
		require.NoError(t, err)
		require.False(t, keys.NeedsRewrap(now.Credential), "the credential is still under the old key")
		text, err = keys.Decrypt(ctx, now.Credential, vault.ConnectionContext(c.OrganizationID, c.ID))
		require.NoError(t, err)
	})
	return string(text)
}

func noWorkflow(workflow.Context) error { return nil }
func noActivity(context.Context) error  { return nil }
