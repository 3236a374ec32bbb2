package deploy

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/worker/deployment"
)

// Breaks when the compose file does not bring up a Scratch that could start a
// download: each service is run as the file says, in the order it says.
func TestEverythingComesUp(t *testing.T) {
	s := newStage(t)
	s.servers()
	worker := s.serve("worker")
	s.job("deploy")
	frontend := s.serve("frontend")
	cron := s.serve("cron")

	at := "http://" + s.ports["frontend 127.0.0.1:3010"]
	status, text := ask(t, http.MethodGet, at+"/readyz", nil)
	require.Equal(t, http.StatusOK, status, text)
	s.operatorGetsIn(at)
	s.browserGetsIn(at)
	s.workersHaveAVersion()
	s.doctorIsContent()
	s.payloadsAreDecodedForTheUI(at)

	// In an upgrade the workers of the build before start again on a schema that is
	// newer than they are.
	output, err := s.psql(nil, "scratch"+s.suffix, "INSERT INTO schema_versions (version_id, is_applied) VALUES (99999, true)")
	require.NoError(t, err, output)
	before := s.serve("worker-before")

	for _, p := range []*process{before, cron, frontend, worker} {
		p.stop()
		require.NoError(t, p.err, "%s did not end in order", p.name)
	}
}

// servers brings up what is not ours, and the schemas.
func (s *stage) servers() {
	s.t.Helper()
	s.databases()
	s.redis()
	host, port := s.admin.Hostname(), s.admin.Port()
	s.job("temporal-schema", "SQL_HOST="+host, "SQL_PORT="+port, "SQL_USER=temporal"+s.suffix,
		"TEMPORAL_DATABASE=temporal"+s.suffix, "VISIBILITY_DATABASE=temporal_visibility"+s.suffix)
	s.temporal()
	s.job("temporal-namespace")
	s.job("migrate")
}

func ask(t *testing.T, method, address string, header map[string]string) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, address, nil)
	require.NoError(t, err)
	for name, value := range header {
		request.Header.Set(name, value)
	}
	answer, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(request)
	require.NoError(t, err)
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	return answer.StatusCode, string(text) + " " + answer.Header.Get("Access-Control-Allow-Origin")
}

// operatorGetsIn: a new installation makes its first token by itself.
func (s *stage) operatorGetsIn(at string) {
	s.t.Helper()
	token, err := s.once([]string{s.scratch, "token", "new"}, s.environ("migrate"))
	require.NoError(s.t, err, token)
	status, text := ask(s.t, http.MethodGet, at+"/api/v1/me", map[string]string{"Authorization": "Bearer " + strings.TrimSpace(token)})
	require.Equal(s.t, http.StatusOK, status, text)
}

// browserGetsIn: the operator's link opens the page, on PostgreSQL as in dev.
func (s *stage) browserGetsIn(at string) {
	s.t.Helper()
	link, err := s.once([]string{s.scratch, "sign-in"}, s.environ("migrate"))
	require.NoError(s.t, err, link)
	path, ok := strings.CutPrefix(strings.TrimSpace(link), *s.project.Services["frontend"].Environment["SCRATCH_PUBLIC_URL"])
	require.True(s.t, ok, "the link %s does not lead to the public address", link)
	jar, err := cookiejar.New(nil)
	require.NoError(s.t, err)
	browser := &http.Client{Jar: jar, Transport: &http.Transport{DisableKeepAlives: true}, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse // the page is not built here
	}}
	for _, step := range []struct {
		path   string
		status int
	}{{path, http.StatusSeeOther}, {"/api/v1/me", http.StatusOK}} {
		request, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, at+step.path, nil)
		require.NoError(s.t, err)
		answer, err := browser.Do(request)
		require.NoError(s.t, err)
		require.NoError(s.t, answer.Body.Close())
		require.Equal(s.t, step.status, answer.StatusCode, answer.Request.URL.Path)
	}
}

// workersHaveAVersion: `scratch deploy` in the same image names the workers' build
// by itself.
func (s *stage) workersHaveAVersion() {
	s.t.Helper()
	output, err := s.once([]string{s.scratch, "deploy", "status", "--json"}, s.environ("deploy"))
	require.NoError(s.t, err, output)
	var state deployment.State
	require.NoError(s.t, json.Unmarshal([]byte(output), &state), output)
	require.NotEmpty(s.t, state.Current)
	build, ok := state.Build(state.Current)
	require.True(s.t, ok)
	require.Equal(s.t, 1, build.Workers)
	require.Zero(s.t, state.Unversioned)
}

// doctorIsContent: inside a container doctor finds nothing to mend.
func (s *stage) doctorIsContent() {
	s.t.Helper()
	output, err := s.once([]string{s.scratch, "doctor"}, s.environ("frontend", "SCRATCH_SERVER=http://"+s.ports["frontend 127.0.0.1:3010"]))
	require.NoError(s.t, err, output)
}

// payloadsAreDecodedForTheUI: the Web UI's page may ask the codec endpoint that
// the file gives it, with the session's cookie; an operator's link opens a session
// for which that answers. `make e2e` looks at it in a browser.
func (s *stage) payloadsAreDecodedForTheUI(at string) {
	s.t.Helper()
	ui := s.project.Services["temporal-ui"].Environment
	path, ok := strings.CutPrefix(*ui["TEMPORAL_CODEC_ENDPOINT"], *s.project.Services["frontend"].Environment["SCRATCH_PUBLIC_URL"])
	require.True(s.t, ok, "the codec is the frontend's")
	origin := *ui["TEMPORAL_CORS_ORIGINS"]
	status, text := ask(s.t, http.MethodOptions, at+path+"/decode", map[string]string{
		"Origin": origin, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type,x-namespace,authorization",
	})
	require.Less(s.t, status, 300, text)
	require.Contains(s.t, text, origin)
	require.Equal(s.t, "true", *ui["TEMPORAL_CODEC_INCLUDE_CREDENTIALS"], "the browser keeps its session to itself")
	status, text = ask(s.t, http.MethodPost, at+path+"/decode", map[string]string{"Origin": origin})
	require.Equal(s.t, http.StatusUnauthorized, status, "payloads are shown to whoever asks: %s", text)
}
