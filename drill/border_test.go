package drill

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/api"
	"github.com/scratch-platform/scratch/connectors/wordpress/fake"
	"github.com/scratch-platform/scratch/internal/testkit"
	"github.com/scratch-platform/scratch/models"
)

// Sites that are no WordPress, or not for us: each is kept as a connection with
// a coded reason and a hint, and harms nothing.
func TestSitesThatCannotBeRead(t *testing.T) {
	t.Parallel()
	alike(t, sitesThatCannotBeRead)
}

func sitesThatCannotBeRead(t *testing.T, p *product) {
	closed, err := fake.New(fake.Options{RequireLogin: true, AppPasswordsDisabled: true}, fake.Generated(3))
	require.NoError(t, err)
	t.Cleanup(closed.Close)
	web := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte("<!DOCTYPE html><html><body><h1>Welcome to our shop</h1></body></html>"))
	})
	serve := func(start func(http.Handler) *httptest.Server, h http.Handler) string {
		server := start(h)
		t.Cleanup(server.Close)
		return server.URL
	}
	for name, c := range map[string]struct {
		site string
		code string
	}{
		"answers web pages":          {serve(httptest.NewServer, web), "connector.invalid"},
		"asks everybody to sign in":  {serve(httptest.NewServer, closed), "connector.auth"},
		"has an unknown certificate": {serve(httptest.NewTLSServer, web), "connector.unavailable"},
		"does not exist":             {"http://no-such-host.invalid", "connector.unavailable"},
		"speaks no https":            {"https" + strings.TrimPrefix(serve(httptest.NewServer, web), "http"), "connector.unavailable"},
	} {
		connection := p.connect(credential(c.site))
		require.NotEqual(t, "ready", string(connection.State), name)
		require.NotNil(t, connection.Problem, name)
		require.Equal(t, c.code, connection.Problem.Code, "%s: %s", name, connection.Problem.Detail)
		require.NotEmpty(t, connection.Problem.Hint, name)
	}
}

// Two downloads of one table at once, and a publish while a download runs: all
// of them do what they are there for.
func TestRunsSideBySide(t *testing.T) {
	t.Parallel()
	alike(t, runsSideBySide)
}

func runsSideBySide(t *testing.T, p *product) {
	b := newBlog(t, 1500)
	s := p.open(b.address)
	s.download()
	other := &scene{product: p, connection: s.connection}
	other.snapshot = call[api.Snapshot](p, http.MethodPost, "/api/v1/snapshots", map[string]any{"name": "Other"})
	other.table = other.add("posts")
	for post := range int64(30) {
		s.write(update(s.recordID(post+1), "Side by side"))
	}
	b.fault(fake.Fault{Kind: fake.FaultSlow, Method: http.MethodGet, Path: "/wp/v2/posts", Times: 60, DelayMS: 200})
	first, second := s.startDownload(), other.startDownload()
	require.Equal(t, first.ID, s.startDownload().ID, "the same download asked for again is the one that runs")
	publish := s.apply(s.plan())
	for _, id := range []string{first.ID, second.ID, publish.ID} {
		job := p.await(id, 2*time.Minute, isFinal)
		require.Equal(t, models.JobCompleted, job.State, "%s: %v", job.Kind, job.Problem)
	}
	require.Len(t, b.titled("Side by side"), 30)
	for _, of := range []*scene{s, other} {
		records := p.db.recordsOf(of.table.ID)
		require.Equal(t, 1500, p.db.number(`SELECT count(*) FROM `+records))
		require.Zero(t, p.db.number(`SELECT count(*) FROM `+records+` WHERE edits IS NOT NULL`))
	}
}

// A second process on one data folder is refused, says why, and harms nothing.
func TestSecondProcessIsRefused(t *testing.T) {
	t.Parallel()
	p := dev(t)
	for name, second := range map[string]*process{
		"dev":   spawn(t, nil, "scratch", "dev", "--data-dir", p.dir, "--port", "0", "--temporal-port", "0", "--temporal-ui-port", "0", "--demo=false"),
		"serve": spawn(t, []string{"SCRATCH_DATA_DIR=" + p.dir, "SCRATCH_LISTEN=" + testkit.FreeAddress(t)}, "scratch", "serve"),
	} {
		select {
		case <-second.done:
		case <-time.After(60 * time.Second):
			t.Fatalf("%s runs beside the first", name)
		}
		require.Equal(t, 3, second.cmd.ProcessState.ExitCode(), "%s: %s", name, second.stderr)
		require.Contains(t, second.stderr.String(), "store.in_use", name)
	}
	p.mustRun(p.main)
	p.awaitReady()
}
