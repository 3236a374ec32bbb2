package main

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	temporal "go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/scratch-platform/scratch/internal/accounts"
	"github.com/scratch-platform/scratch/internal/devserver"
	"github.com/scratch-platform/scratch/internal/testkit"
	"github.com/scratch-platform/scratch/models/store"
	"github.com/scratch-platform/scratch/worker/deployment"
	"github.com/scratch-platform/scratch/workflows/contract"
)

// pollAs is a worker of one build on every task queue.
func pollAs(t *testing.T, server *devserver.Server, build string) {
	t.Helper()
	engine := testkit.Dial(t, server, temporal.Options{Identity: "worker of " + build})
	for _, queue := range contract.Queues() {
		w := worker.New(engine, queue, worker.Options{DeploymentOptions: worker.DeploymentOptions{
			UseVersioning: true, Version: worker.WorkerDeploymentVersion{DeploymentName: "blog", BuildID: build},
			DefaultVersioningBehavior: workflow.VersioningBehaviorPinned,
		}})
		w.RegisterWorkflow(noWorkflow)
		w.RegisterActivity(noActivity)
		require.NoError(t, w.Start())
		t.Cleanup(w.Stop)
	}
}

// Breaks when an operator cannot put a build into service, look, and go back, or
// when doctor does not see what is wrong with a deployment.
func TestDeployFromTheCommandLine(t *testing.T) {
	server := testkit.OwnTemporal(t)
	environment := map[string]string{
		"SCRATCH_TEMPORAL_ADDRESS": server.Address(), "SCRATCH_TEMPORAL_NAMESPACE": server.Namespace(), "SCRATCH_DATA_DIR": t.TempDir(),
	}
	got := local(t, environment, "deploy", "status")
	require.Equal(t, exitBadInput, got.code)
	require.Contains(t, got.err, "SCRATCH_DEPLOYMENT")
	environment["SCRATCH_DEPLOYMENT"] = "blog"

	got = local(t, environment, "deploy", "--build-id", "one", "--timeout", "1s")
	require.Equal(t, exitEnvironment, got.code)
	require.Contains(t, got.err, "deploy.no_workers")
	require.Equal(t, exitBadInput, local(t, environment, "deploy", "--ramp", "101").code)
	require.Equal(t, checkBroken, examined(t, local(t, environment, "doctor", "--json"))["deployment"].State)

	pollAs(t, server, "one")
	environment["SCRATCH_BUILD_ID"] = "one"
	got = local(t, environment, "deploy", "--json")
	require.Equal(t, exitCompleted, got.code, got.err)
	require.Equal(t, "one", deployed(t, got).Current)
	checks := examined(t, local(t, environment, "doctor", "--json"))
	require.Equal(t, checkOK, checks["deployment"].State, checks["deployment"].Detail)
	require.Equal(t, checkOK, checks["workers"].State, checks["workers"].Detail)
	require.Contains(t, checks["workers"].Detail, "blog one")
	require.Equal(t, exitFailed, local(t, environment, "deploy", "rollback").code, "there is nothing to go back to")

	pollAs(t, server, "two")
	got = local(t, environment, "deploy", "--build-id", "two", "--ramp", "25", "--json")
	require.Equal(t, exitCompleted, got.code, got.err)
	state := deployed(t, got)
	require.Equal(t, "one", state.Current)
	require.Equal(t, "two", state.Ramping)
	require.InDelta(t, 25, state.RampPercent, 0)
	require.Equal(t, exitCompleted, local(t, environment, "deploy", "--build-id", "two").code)
	got = local(t, environment, "deploy", "status")
	require.Contains(t, got.out, "new runs go to two")
	require.Contains(t, got.out, "1 worker")
	got = local(t, environment, "deploy", "rollback", "--json")
	require.Equal(t, exitCompleted, got.code, got.err)
	require.Equal(t, "one", deployed(t, got).Current)
}

func deployed(t *testing.T, got ran) deployment.State {
	t.Helper()
	var state deployment.State
	require.NoError(t, json.Unmarshal([]byte(got.out), &state), got.out)
	return state
}

// Breaks when a new installation has no way to let its operator in, or when the
// token it makes opens nothing.
func TestFirstTokenOfAnInstallation(t *testing.T) {
	environment := map[string]string{"SCRATCH_DATA_DIR": t.TempDir()}
	require.NotEqual(t, exitCompleted, local(t, environment, "token", "new").code, "a database without a schema has no accounts")
	require.Equal(t, exitCompleted, local(t, environment, "migrate").code)
	got := local(t, environment, "token", "new", "--json")
	require.Equal(t, exitCompleted, got.code, got.err)
	var made madeToken
	require.NoError(t, json.Unmarshal([]byte(got.out), &made))
	hash, err := accounts.Parse(accounts.APIToken, made.Token)
	require.NoError(t, err)
	s, err := store.Open(t.Context(), store.Config{URL: filepath.Join(environment["SCRATCH_DATA_DIR"], "scratch.db")})
	require.NoError(t, err)
	token, _, err := s.System().TokenByHash(t.Context(), hash[:])
	require.NoError(t, err)
	require.Equal(t, made.ID, token.ID)

	require.NoError(t, s.Close())
	got = local(t, environment, "sign-in", "--json")
	require.Equal(t, exitCompleted, got.code, got.err)
	var link madeLink
	require.NoError(t, json.Unmarshal([]byte(got.out), &link))
	require.True(t, strings.HasPrefix(link.Link, "http://127.0.0.1:3010/sign-in?key="), link.Link)
}
