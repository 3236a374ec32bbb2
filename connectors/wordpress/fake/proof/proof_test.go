package proof

import (
	"context"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/connectors/wordpress/fake"
)

// The fake must be understood by WordPress's own clients. When this fails, the
// fake has left the wire format, and every test against it is worth nothing.
func TestOfficialClientsUnderstandTheFake(t *testing.T) {
	node, err := exec.LookPath("node")
	require.NoError(t, err, "Node 20 or newer is needed to drive the fake with WordPress's own clients; install it and run again")
	installClients(t)
	site, err := fake.New(fake.Options{Name: "Proof"}, fake.Generated(250))
	require.NoError(t, err)
	defer site.Close()
	srv := httptest.NewServer(site)
	defer srv.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, node, "proof.mjs")
	cmd.Env = append(os.Environ(), "SITE="+srv.URL, "LOGIN="+fake.AdminLogin, "PASSWORD="+fake.AdminPassword)
	out, err := cmd.CombinedOutput()
	require.NoErrorf(t, err, "the official clients disagree with the fake:\n%s", out)
	t.Logf("%s", out)
}

// installClients brings the pinned packages in when they are not there, or when
// the lock file has moved on since.
func installClients(t *testing.T) {
	t.Helper()
	lock, err := os.Stat("package-lock.json")
	require.NoError(t, err)
	have, err := os.Stat(filepath.Join("node_modules", ".package-lock.json"))
	if err == nil && !have.ModTime().Before(lock.ModTime()) {
		return
	}
	npm, err := exec.LookPath("npm")
	require.NoError(t, err, "npm is needed to install WordPress's own clients; it comes with Node")
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, npm, "ci", "--ignore-scripts").CombinedOutput()
	require.NoErrorf(t, err, "npm ci:\n%s", out)
}
