package workflows_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	sdk "go.temporal.io/sdk/worker"

	"github.com/scratch-platform/scratch/worker"
)

// Histories of runs that began before a change must replay after it: a run in
// production is in the middle of one. They were recorded from a real engine by
// `go test ./worker -run TestRecordHistories -record` at the commit that was
// deployed, never at the change that is tested, and are never edited: a changed
// workflow gets a version marker (workflow.GetVersion) and a new history beside
// the old ones.
func TestHistoriesReplay(t *testing.T) {
	files, err := filepath.Glob("testdata/*.json")
	require.NoError(t, err)
	recorded := map[string]bool{}
	for _, file := range files {
		name := filepath.Base(file)
		recorded[strings.SplitN(name, "-", 2)[0]] = true
		t.Run(name, func(t *testing.T) {
			body, err := os.ReadFile(file)
			require.NoError(t, err)
			require.Less(t, len(body), 512<<10, "a recorded history is small")
			history, err := client.HistoryFromJSON(bytes.NewReader(body), client.HistoryJSONOptions{})
			require.NoError(t, err)
			replayer := sdk.NewWorkflowReplayer()
			worker.RegisterWorkflows(replayer)
			require.NoError(t, replayer.ReplayWorkflowHistory(nil, history))
		})
	}
	for _, workflow := range []string{"downloadsnapshot", "download", "publish", "scheduleddownload", "cleanup"} {
		require.True(t, recorded[workflow], "no history of %s is recorded", workflow)
	}
}

// A history that was recorded once is the promise to runs of that time: no
// commit may change or remove one.
func TestHistoriesAreOnlyAdded(t *testing.T) {
	git := func(arguments ...string) string {
		out, err := exec.CommandContext(t.Context(), "git", arguments...).Output()
		require.NoError(t, err, "git %v", arguments)
		return strings.TrimSpace(string(out))
	}
	if exec.CommandContext(t.Context(), "git", "rev-parse", "--git-dir").Run() != nil {
		t.Log("no git checkout: there is no past to compare with")
		return
	}
	require.Empty(t, git("log", "--diff-filter=MDRT", "--format=%h %s", "--", "testdata"), "commits changed recorded histories")
	for _, line := range strings.Split(git("status", "--porcelain", "--", "testdata"), "\n") {
		require.NotRegexp(t, `^.?[MDRT]`, line, "a recorded history is changed in the working tree")
	}
}
