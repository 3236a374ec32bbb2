package drill

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/protobuf/proto"

	"github.com/scratch-platform/scratch/connectors/wordpress/fake"
	"github.com/scratch-platform/scratch/internal/testkit"
	"github.com/scratch-platform/scratch/models"
)

// wrongPassword is one that the service refuses.
const wrongPassword = "canary wrong word 4711"

// serviceWords stand around the credential in what the service says.
const serviceWords = "quince and medlar"

// secrets are the forms in which the credential could turn up.
func secrets() []string {
	bare := strings.ReplaceAll(fake.EditorPassword, " ", "")
	out := []string{fake.EditorPassword, bare}
	for _, password := range out[:2] {
		out = append(out, base64.StdEncoding.EncodeToString([]byte(fake.EditorLogin+":"+password)))
	}
	return out
}

// Promise 10: a credential, also one that the service repeats in its errors, is
// in no history, log, event, answer, measure, span, file or dump, but for its
// ciphertext.
// Breaks when an error is passed on as the service said it.
func TestSecretsAreNowhere(t *testing.T) {
	t.Parallel()
	for _, m := range modes {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			c := testkit.NewCollector(t)
			p := m.start(t, c.Environ()...)
			spread(t, p)
			histories(t, p)
			stopped(t, p) // which sends the last spans
			requireNoSecret(t, "the spans", c.Everything())
			sent := string(c.Everything())
			require.Contains(t, sent, serviceWords, "the service's words are in no span, so nothing was proved")
			require.Contains(t, sent, "wordpress POST")
			require.NotContains(t, sent, "per_page", "a span holds a query string")
			require.NotContains(t, sent, testkit.CollectorToken)
		})
	}
}

// spread lets the service say the credential in its errors, and looks through
// what the product answers.
func spread(t *testing.T, p *product) {
	b := newBlog(t, 60)
	s := p.open(b.address)
	s.download()
	s.write(create("Secretive"), update(s.record(1).ID, "Edited"))

	// The service says the credential, in every form, in its errors: of a write
	// and of a page. The words around it must arrive, or this proves nothing.
	said := serviceWords + " " + strings.Join(secrets(), " / ")
	b.fault(fake.Fault{Kind: fake.FaultStatus, Status: http.StatusForbidden, Path: "/batch/v1", Times: -1, Text: said})
	b.fault(fake.Fault{Kind: fake.FaultStatus, Status: http.StatusForbidden, Method: http.MethodPost, Path: "/wp/v2/posts*", Times: -1, Text: said})
	b.fault(fake.Fault{Kind: fake.FaultStatus, Status: http.StatusForbidden, Method: http.MethodPost, Path: "/wp/v2/posts/*", Times: -1, Text: said})
	plan := s.plan()
	published := p.await(s.apply(plan).ID, 2*time.Minute, isFinal)
	require.NotEqual(t, models.JobCompleted, published.State)
	b.clearFaults()
	b.fault(fake.Fault{Kind: fake.FaultStatus, Status: http.StatusForbidden, Path: "/wp/v2/posts", Times: -1, Text: said})
	failed := p.await(s.startDownload().ID, 2*time.Minute, isFinal)
	require.Equal(t, models.JobFailed, failed.State)
	wrong := p.connect(map[string]any{"site": b.address, "username": fake.EditorLogin, "password": wrongPassword})

	found := false
	for _, path := range []string{
		"/api/v1/connections", "/api/v1/connections/" + s.connection.ID, "/api/v1/connections/" + wrong.ID, "/api/v1/jobs",
		"/api/v1/jobs/" + failed.ID, "/api/v1/jobs/" + failed.ID + "/outcomes", "/api/v1/jobs/" + failed.ID + "/events",
		"/api/v1/jobs/" + published.ID, "/api/v1/jobs/" + published.ID + "/outcomes", "/api/v1/jobs/" + published.ID + "/events",
		"/api/v1/publish-plans/" + plan.ID + "/items", "/api/v1/snapshots/" + s.snapshot.ID, s.records(), "/api/v1/audit", "/metrics",
	} {
		text := p.text(path)
		requireNoSecret(t, path, text)
		found = found || bytes.Contains(text, []byte(serviceWords))
	}
	require.True(t, found, "the service's words never arrived, so nothing was proved")
}

// stopped ends the product and looks through all that it leaves: its words, its
// files, the engine's, and a dump of its database.
func stopped(t *testing.T, p *product) {
	t.Helper()
	folders := []string{p.dir}
	for _, process := range []*process{p.main, p.worker} {
		if process != nil {
			process.stop()
			requireNoSecret(t, "the log", []byte(process.stderr.String()))
		}
	}
	if p.engine != nil {
		p.engine.server.stop()
		folders = append(folders, filepath.Dir(p.engine.state))
	}
	for _, folder := range folders {
		for _, path := range filesBelow(t, folder) {
			text, err := os.ReadFile(path)
			require.NoError(t, err)
			requireNoSecret(t, path, text)
		}
	}
	if p.db.driver == "pgx" {
		dump := dumped(t, p.db.name)
		require.Contains(t, string(dump), "Secretive", "the dump does not hold what is stored, so it proves nothing")
		requireNoSecret(t, "the dump", dump)
	}
}

// dumped is what pg_dump says of a database, as plain text.
func dumped(t *testing.T, url string) []byte {
	t.Helper()
	tool, err := exec.LookPath("pg_dump")
	if found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/pg_dump"); len(found) > 0 {
		tool, err = found[len(found)-1], nil // the newest reads older servers too
	}
	require.NoError(t, err, "this drill needs pg_dump, which comes with PostgreSQL's client")
	cmd := exec.CommandContext(t.Context(), tool, "--dbname="+url)
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	require.NoError(t, err, "%s", said.String())
	return out
}

// filesBelow are the files in a folder and those below it.
func filesBelow(t *testing.T, dir string) []string {
	t.Helper()
	var out []string
	require.NoError(t, filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() {
			out = append(out, path)
		}
		return err
	}))
	return out
}

// requireNoSecret looks for the secrets as they are, and as PostgreSQL shows
// bytes.
func requireNoSecret(t *testing.T, where string, text []byte) {
	t.Helper()
	for _, secret := range append(secrets(), wrongPassword) {
		for _, form := range []string{secret, hex.EncodeToString([]byte(secret))} {
			require.False(t, bytes.Contains(text, []byte(form)), "%s holds a secret", where)
		}
	}
}

// text reads an answer, of a stream what it says at first.
func (p *product) text(path string) []byte {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), 20*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, p.address+path, nil)
	require.NoError(p.t, err)
	request.Header.Set("Authorization", "Bearer "+p.token)
	answer, err := http.DefaultTransport.RoundTrip(request)
	require.NoError(p.t, err)
	defer answer.Body.Close()
	require.Equal(p.t, http.StatusOK, answer.StatusCode, path)
	var text bytes.Buffer
	stream := strings.HasSuffix(path, "/events")
	for chunk := make([]byte, 64<<10); ; {
		n, err := answer.Body.Read(chunk)
		text.Write(chunk[:n])
		if err != nil || stream && bytes.Contains(text.Bytes(), []byte("failed")) {
			return text.Bytes()
		}
	}
}

// engineClient connects to the product's engine as an operator does, without
// keys.
func (p *product) engineClient() client.Client {
	p.t.Helper()
	c, err := client.DialContext(p.t.Context(), client.Options{HostPort: p.engineAddress(), Namespace: engineNamespace, Logger: quiet{}})
	require.NoError(p.t, err)
	p.t.Cleanup(c.Close)
	return c
}

// quiet is a logger of the engine's client that says nothing.
type quiet struct{}

func (quiet) Debug(string, ...any) {}
func (quiet) Info(string, ...any)  {}
func (quiet) Warn(string, ...any)  {}
func (quiet) Error(string, ...any) {}

// histories reads every run's raw history.
func histories(t *testing.T, p *product) {
	t.Helper()
	c := p.engineClient()
	runs, err := c.ListWorkflow(t.Context(), &workflowservice.ListWorkflowExecutionsRequest{})
	require.NoError(t, err)
	events, encrypted := 0, 0
	for _, run := range runs.GetExecutions() {
		id := run.GetExecution()
		raw, err := proto.Marshal(run)
		require.NoError(t, err)
		requireNoSecret(t, "the listing of "+id.GetWorkflowId(), raw)
		history := c.GetWorkflowHistory(t.Context(), id.GetWorkflowId(), id.GetRunId(), false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
		for history.HasNext() {
			event, err := history.Next()
			require.NoError(t, err)
			raw, err := proto.Marshal(event)
			require.NoError(t, err)
			requireNoSecret(t, "the history of "+id.GetWorkflowId(), raw)
			require.NotContains(t, string(raw), "quince", "a history holds the service's words in the clear")
			events++
			if bytes.Contains(raw, []byte("encrypted")) {
				encrypted++
			}
		}
	}
	require.Greater(t, events, 50)
	require.Positive(t, encrypted)
}
