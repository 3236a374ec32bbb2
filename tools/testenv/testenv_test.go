package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Breaks when `make test` cannot bring up a PostgreSQL from a local install, or
// leaves its folder or process behind.
func TestThrowawayClusterServesAndGoes(t *testing.T) {
	t.Setenv("TMPDIR", reachableDir(t))
	bin, err := findPostgres(t.Context())
	require.NoError(t, err)
	cluster, err := startCluster(t.Context(), bin)
	require.NoError(t, err)
	require.NoError(t, ping(t.Context(), cluster.url))
	require.NoError(t, cluster.stop())
	require.Error(t, ping(t.Context(), cluster.url))
	left, err := filepath.Glob(filepath.Join(os.TempDir(), clusterPrefix+"*"))
	require.NoError(t, err)
	require.Empty(t, left)
}

// reachableDir is a folder that the cluster's user can enter; t.TempDir's
// parents belong to us alone.
func reachableDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "testenv") //nolint:usetesting // the cluster's user cannot enter t.TempDir
	require.NoError(t, err)
	require.NoError(t, os.Chmod(dir, 0o755))
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	return dir
}

// Breaks when a killed run's cluster stays on the disk for ever, or when a
// living one's is removed under it.
func TestSweepRemovesOnlyTheDead(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	dead := exec.CommandContext(t.Context(), "true")
	require.NoError(t, dead.Run())
	make := func(pid int) string {
		dir := filepath.Join(os.TempDir(), fmt.Sprintf("%s%d-x", clusterPrefix, pid))
		require.NoError(t, os.Mkdir(dir, 0o700))
		return dir
	}
	gone, ours := make(dead.ProcessState.Pid()), make(os.Getpid())
	sweepClusters()
	require.NoDirExists(t, gone)
	require.DirExists(t, ours)
}

// Breaks when an install that is too old is used, or not the newest one.
func TestNewestSupportedInstallIsUsed(t *testing.T) {
	install := func(version string) string {
		dir := t.TempDir()
		script := "#!/bin/sh\necho 'postgres (PostgreSQL) " + version + "'\n"
		require.NoError(t, os.WriteFile(filepath.Join(dir, "postgres"), []byte(script), 0o700))
		return dir
	}
	old, supported, latest := install("9.6.1"), install("15.18"), install("18.2 (Debian)")
	got, err := newest(t.Context(), []string{old, supported, latest, t.TempDir()})
	require.NoError(t, err)
	require.Equal(t, latest, got)
	_, err = newest(t.Context(), []string{old})
	require.ErrorContains(t, err, "no PostgreSQL 15 or newer")
}

// Breaks when a wrong address is silently replaced by another server.
func TestGivenAddressIsUsedOrRefused(t *testing.T) {
	t.Setenv("SCRATCH_TEST_POSTGRES_URL", "postgres://127.0.0.1:1/nothing")
	_, err := providePostgres(t.Context())
	require.ErrorContains(t, err, "SCRATCH_TEST_POSTGRES_URL")
}

// Breaks when `make test` cannot bring up a Redis, or leaves it behind; and when
// a wrong address is silently replaced by another server.
func TestThrowawayRedisServesAndGoes(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	t.Setenv("SCRATCH_TEST_REDIS_URL", "")
	found, err := provideRedis(t.Context())
	require.NoError(t, err)
	require.NoError(t, pingRedis(t.Context(), found.url))
	require.NotEmpty(t, found.program)
	require.NoError(t, found.stop())
	require.Error(t, pingRedis(t.Context(), found.url))
	left, err := filepath.Glob(filepath.Join(os.TempDir(), clusterPrefix+"*"))
	require.NoError(t, err)
	require.Empty(t, left)

	t.Setenv("SCRATCH_TEST_REDIS_URL", "redis://127.0.0.1:1/0")
	_, err = provideRedis(t.Context())
	require.ErrorContains(t, err, "SCRATCH_TEST_REDIS_URL")
}

// Breaks when the command's exit code or its environment is lost.
func TestCommandRunsWithTheEnvironment(t *testing.T) {
	code, err := runCommand(t.Context(), []string{"sh", "-c", `test "$GIVEN" = yes || exit 9; exit 7`}, []string{"GIVEN=yes"})
	require.NoError(t, err)
	require.Equal(t, 7, code)
	_, err = runCommand(t.Context(), []string{"no-such-command"}, nil)
	require.ErrorContains(t, err, "no-such-command")
}

// Breaks when a container engine's client without an engine is taken for one.
func TestClientWithoutEngineIsNoEngine(t *testing.T) {
	dir := t.TempDir()
	script := "#!/bin/sh\ncase \"$1\" in info) echo 'cannot connect' >&2; exit 1;; esac\n"
	require.NoError(t, os.WriteFile(filepath.Join(dir, "docker"), []byte(script), 0o700))
	t.Setenv("PATH", dir+":"+strings.Join([]string{"/usr/bin", "/bin"}, ":"))
	_, err := findEngine(t.Context())
	require.ErrorContains(t, err, "cannot connect")
}
