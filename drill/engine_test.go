package drill

import (
	"context"
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/internal/testkit"
)

// engine is Temporal's dev server, run by its own CLI with its state in a file,
// beside Scratch and not by it: whoever kills it starts it again.
type engine struct {
	t            *testing.T
	cli, address string
	state        string // its database
	server       *process
}

const engineNamespace = "default"

func newEngine(t *testing.T) *engine {
	t.Helper()
	e := &engine{t: t, cli: testkit.TemporalCLI(t), address: testkit.FreeAddress(t), state: filepath.Join(t.TempDir(), "temporal.db")}
	e.start()
	return e
}

// start starts it, again on the port and the file it had.
func (e *engine) start() {
	e.t.Helper()
	_, port, err := net.SplitHostPort(e.address)
	require.NoError(e.t, err)
	args := []string{
		"server", "start-dev", "--headless", "--ip", "127.0.0.1", "--port", port, "--namespace", engineNamespace,
		"--db-filename", e.state, "--sqlite-pragma", "journal_mode=WAL", "--sqlite-pragma", "synchronous=NORMAL", "--log-level", "warn",
	}
	// As docs/operations.md has an operator make them.
	for _, attribute := range []string{
		"ScratchOrg=Keyword", "ScratchSnapshot=Keyword", "ScratchJobKind=Keyword", "ScratchOutcome=Keyword", "ScratchConnector=KeywordList",
	} {
		args = append(args, "--search-attribute", attribute)
	}
	e.server = spawn(e.t, nil, e.cli, args...)
	eventually(e.t, 60*time.Second, "the engine serves", func() bool {
		select {
		case <-e.server.done:
			e.t.Fatalf("the engine ended (%v):\n%s", e.server.err, tail(e.server.stderr.String(), 6000))
		default:
		}
		out, err := temporal(e.t, e.cli, e.address, "operator", "search-attribute", "list")
		return err == nil && strings.Contains(out, "ScratchConnector")
	})
}

// temporal runs Temporal's CLI and gives what it prints.
func temporal(t *testing.T, cli, address string, args ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, cli, append(args, "--address", address, "--namespace", engineNamespace)...)
	cmd.Env = cleanEnviron()
	said := &strings.Builder{}
	cmd.Stderr = said
	out, err := cmd.Output()
	if err != nil {
		return string(out) + said.String(), err
	}
	return string(out), nil
}

// engineAddress is where the product's engine listens.
func (p *product) engineAddress() string {
	p.t.Helper()
	if p.engine != nil {
		return p.engine.address
	}
	text, err := os.ReadFile(filepath.Join(p.dir, "temporal-address"))
	require.NoError(p.t, err)
	lines := strings.Fields(string(text))
	require.Equal(p.t, engineNamespace, lines[1])
	return lines[0]
}

// temporal does something to the product's engine as an operator does.
func (p *product) temporal(args ...string) string {
	p.t.Helper()
	out, err := temporal(p.t, testkit.TemporalCLI(p.t), p.engineAddress(), args...)
	require.NoError(p.t, err, "temporal %s: %s", strings.Join(args, " "), out)
	return out
}

// openRuns are the ids of a snapshot's runs that have not ended.
func (p *product) openRuns(snapshotID string) []string {
	p.t.Helper()
	out := p.temporal("workflow", "list", "--output", "json", "--query", "ScratchSnapshot = '"+snapshotID+"' AND ExecutionStatus = 'Running'")
	var runs []struct {
		Execution struct {
			WorkflowID string `json:"workflowId"`
		} `json:"execution"`
	}
	require.NoError(p.t, json.Unmarshal([]byte(out), &runs), out)
	ids := []string{}
	for _, r := range runs {
		ids = append(ids, r.Execution.WorkflowID)
	}
	return ids
}

// noOrphans waits until no run of a snapshot is open, 10 s at most.
func (p *product) noOrphans(snapshotID string) {
	p.t.Helper()
	var left []string
	over := time.Now().Add(10 * time.Second)
	for left = p.openRuns(snapshotID); len(left) > 0; left = p.openRuns(snapshotID) {
		require.True(p.t, time.Now().Before(over), "runs go on unseen: %v", left)
	}
}
