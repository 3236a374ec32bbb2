//go:build e2e

package deploy

import (
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/api"
	"github.com/scratch-platform/scratch/internal/testkit"
	"github.com/scratch-platform/scratch/internal/toolbuild"
)

// Breaks when Temporal's Web UI, with the environment that the compose file gives
// it, does not show a run's input to an operator who is signed in, or shows it to
// anybody else (Promises 10 and 11). A browser looks.
func TestOperatorsReadPayloadsInTheWebUI(t *testing.T) {
	s := newStage(t)
	s.servers()
	at := "http://" + s.ports["frontend 127.0.0.1:3010"]
	ui := "http://" + testkit.FreeAddress(t)
	own := []string{"SCRATCH_PUBLIC_URL=" + at, "SCRATCH_TEMPORAL_UI_URL=" + ui}
	s.serve("worker", own...)
	s.job("deploy")
	s.serve("frontend", own...)
	s.webUI(at, ui)

	job := s.imported(at)
	browser := exec.CommandContext(t.Context(), "../tools/web.sh", "e2e-temporal")
	browser.Env = append(os.Environ(),
		fmt.Sprintf("SCRATCH_E2E_RUN=%s/namespaces/scratch/workflows/%s/%s/history", ui, url.PathEscape(job.WorkflowID), job.RunID),
		"SCRATCH_E2E_PAYLOAD="+job.ID,
		"SCRATCH_E2E_SIGN_IN="+s.link(own), "SCRATCH_E2E_OPERATOR="+s.link(own, "--operator"),
	)
	output, err := browser.CombinedOutput()
	require.NoError(t, err, "%s", output)
}

// link is what `scratch sign-in` makes.
func (s *stage) link(own []string, flags ...string) string {
	s.t.Helper()
	output, err := s.once(append([]string{s.scratch, "sign-in"}, flags...), s.environ("migrate", own...))
	require.NoError(s.t, err, output)
	return strings.TrimSpace(output)
}

// imported is the job that read a CSV file into a table.
func (s *stage) imported(at string) api.Job {
	s.t.Helper()
	file := filepath.Join(s.t.TempDir(), "posts.csv")
	require.NoError(s.t, os.WriteFile(file, []byte("id,title\n1,One\n2,Two\n"), 0o600))
	token, err := s.once([]string{s.scratch, "token", "new"}, s.environ("migrate"))
	require.NoError(s.t, err, token)
	client := append(s.environ("migrate"), "SCRATCH_SERVER="+at, "SCRATCH_TOKEN="+strings.TrimSpace(token))
	var snapshot api.Snapshot
	var done struct {
		Job api.Job `json:"job"`
	}
	s.client(client, &snapshot, "snapshot", "create", "Shown", "--json")
	s.client(client, &done, "table", "import", snapshot.ID, file, "--json")
	require.NotEmpty(s.t, done.Job.RunID)
	return done.Job
}

// client runs a client command and reads what it answers.
func (s *stage) client(environ []string, into any, words ...string) {
	s.t.Helper()
	cmd := exec.CommandContext(s.t.Context(), s.scratch, words...)
	cmd.Env = environ
	output, err := cmd.Output()
	require.NoError(s.t, err, "%v: %s", words, output)
	require.NoError(s.t, json.Unmarshal(output, into), "%s", output)
}

// webUI starts Temporal's Web UI as its image does, with the file's environment.
func (s *stage) webUI(at, address string) {
	s.t.Helper()
	tools, err := filepath.Abs(toolsDir)
	require.NoError(s.t, err)
	program, err := toolbuild.Build(s.t.Context(), tools, "temporal-ui", func(line string) { s.t.Log(line) })
	require.NoError(s.t, err)
	list := exec.CommandContext(s.t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "github.com/temporalio/ui-server/v2")
	list.Dir = filepath.Join(tools, "temporal-ui")
	list.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=readonly")
	dir, err := list.Output()
	require.NoError(s.t, err)

	environ := []string{"PATH=" + os.Getenv("PATH"), "HOME=" + s.t.TempDir()}
	for name, value := range s.project.Services["temporal-ui"].Environment {
		text := strings.NewReplacer("http://localhost:3010", at, "http://localhost:8233", address).Replace(s.here("temporal-ui", *value))
		if name == "TEMPORAL_UI_PORT" {
			_, text, _ = strings.Cut(strings.TrimPrefix(address, "http://"), ":")
		}
		environ = append(environ, name+"="+text)
	}
	line := []string{program, "--root", strings.TrimSpace(string(dir)), "--env", "docker", "start"}
	s.start("temporal-ui", line, environ, []string{s.scratch, "healthcheck", strings.TrimPrefix(address, "http://")})
}
