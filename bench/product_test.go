package bench

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/models"
)

// product is `scratch serve` as a process of its own, and a client of its API.
type product struct {
	url   string
	token string
	pid   int
	http  *http.Client
	db    *database // nil on SQLite
}

// scratch is the product's command: the one named, or a fresh build.
func scratch(b testing.TB) string {
	b.Helper()
	if path := os.Getenv("SCRATCH_BENCH_BINARY"); path != "" {
		return path
	}
	return command(b, "cmd/scratch")
}

// pause waits between two looks at another process.
func pause(b testing.TB, d time.Duration) {
	b.Helper()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-b.Context().Done():
		b.Fatal(b.Context().Err())
	}
}

// try sends a request and gives its status; 0 when there was no answer.
func (p *product) try(b testing.TB, method, path string, in, out any) int {
	b.Helper()
	status, _ := p.send(b, method, path, in, out)
	return status
}

// call sends a request that must succeed, as often as the rate limit wants it.
func (p *product) call(b testing.TB, method, path string, in, out any) {
	b.Helper()
	for {
		status, words := p.send(b, method, path, in, out)
		if status == http.StatusTooManyRequests {
			pause(b, 100*time.Millisecond)
			continue
		}
		require.True(b, status >= 200 && status < 300, "%s %s: %d %s", method, path, status, words)
		return
	}
}

func (p *product) send(b testing.TB, method, path string, in, out any) (int, string) {
	b.Helper()
	var body io.Reader
	if in != nil {
		text, err := json.Marshal(in)
		require.NoError(b, err)
		body = bytes.NewReader(text)
	}
	request, err := http.NewRequestWithContext(b.Context(), method, p.url+path, body)
	require.NoError(b, err)
	if in != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	return p.do(b, request, out)
}

func (p *product) do(b testing.TB, request *http.Request, out any) (int, string) {
	b.Helper()
	request.Header.Set("Authorization", "Bearer "+p.token)
	answer, err := p.http.Do(request)
	if err != nil {
		return 0, err.Error()
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	require.NoError(b, err)
	if out != nil && answer.StatusCode < 300 {
		require.NoError(b, json.Unmarshal(text, out), "%s", text)
	}
	return answer.StatusCode, string(text)
}

// named is what most answers begin with.
type named struct {
	ID string `json:"id"`
}

// tableOf is a table of the product's, as its API names it.
type tableOf struct {
	snapshot, connection, id string
}

func (t tableOf) path() string { return "/api/v1/snapshots/" + t.snapshot + "/tables/" + t.id }

func (p *product) connect(b testing.TB, service string, credential map[string]any) string {
	b.Helper()
	var connection struct {
		named
		State   string          `json:"state"`
		Problem json.RawMessage `json:"problem"`
	}
	p.call(b, http.MethodPost, "/api/v1/connections", map[string]any{"service": service, "name": "Bench", "credential": credential}, &connection)
	require.Equal(b, "ready", connection.State, "%s", connection.Problem)
	return connection.ID
}

func (p *product) connectSite(b testing.TB, s *site) string {
	b.Helper()
	return p.connect(b, "wordpress", map[string]any{"site": s.url, "username": siteUser, "password": sitePassword})
}

// addTable makes a snapshot with one table.
func (p *product) addTable(b testing.TB, connection, remote string, settings any) tableOf {
	b.Helper()
	var snapshot, table named
	p.call(b, http.MethodPost, "/api/v1/snapshots", map[string]any{"name": "Bench"}, &snapshot)
	body := map[string]any{"connection_id": connection, "remote_id": remote}
	if settings != nil {
		body["settings"] = settings
	}
	p.call(b, http.MethodPost, "/api/v1/snapshots/"+snapshot.ID+"/tables", body, &table)
	return tableOf{snapshot: snapshot.ID, connection: connection, id: table.ID}
}

// job is what the API says of a run.
type job struct {
	named
	State    string          `json:"state"`
	Final    bool            `json:"final"`
	Progress models.Progress `json:"progress"`
	Problem  json.RawMessage `json:"problem"`
}

func (p *product) start(b testing.TB, t tableOf) string {
	b.Helper()
	var accepted struct {
		Job named `json:"job"`
	}
	p.call(b, http.MethodPost, "/api/v1/snapshots/"+t.snapshot+"/download", map[string]any{"mode": "full"}, &accepted)
	return accepted.Job.ID
}

// await follows a job's events, as the page and the command do, until it ends.
func (p *product) await(b testing.TB, id string) job {
	b.Helper()
	for {
		request, err := http.NewRequestWithContext(b.Context(), http.MethodGet, p.url+"/api/v1/jobs/"+id+"/events", http.NoBody)
		require.NoError(b, err)
		status, words := p.do(b, request, nil) // ends with the job
		if status == http.StatusTooManyRequests {
			pause(b, 100*time.Millisecond)
			continue
		}
		require.Equal(b, http.StatusOK, status, "%s", words)
		var j job
		p.call(b, http.MethodGet, "/api/v1/jobs/"+id, nil, &j)
		if j.Final {
			return j
		}
	}
}

// downloaded is a download as its user sees it: from the request to the job's
// end.
type downloaded struct {
	measured
	peak float64 // the process's memory at its highest, MB
	job  job
}

func (d downloaded) String() string {
	return fmt.Sprintf("%v, %.0f MB", d.measured, d.peak)
}

func (p *product) download(b testing.TB, t tableOf) downloaded {
	b.Helper()
	forgetPeak(b, p.pid)
	var database map[int]time.Duration
	if p.db != nil {
		database = p.db.cpu(b)
	}
	cpu, begun := cpuOf(p.pid), time.Now()
	j := p.await(b, p.start(b, t))
	d := downloaded{measured: measured{took: time.Since(begun), cpu: cpuOf(p.pid) - cpu}, job: j}
	if p.db != nil {
		d.database = p.db.since(b, database)
	}
	require.Equal(b, "completed", j.State, "%s", j.Problem)
	d.records = int(j.Progress.Done)
	_, d.peak = memoryOf(b, p.pid)
	return d
}

// upload sends a file and gives the upload's id.
func (p *product) upload(b testing.TB, path string) string {
	b.Helper()
	file, err := os.Open(path)
	require.NoError(b, err)
	defer func() { _ = file.Close() }()
	const boundary = "bench-boundary-4f1c"
	body := io.MultiReader(
		bytes.NewReader([]byte("--"+boundary+"\r\nContent-Disposition: form-data; name=\"file\"; filename="+strconv.Quote(filepath.Base(path))+"\r\nContent-Type: text/csv\r\n\r\n")),
		file, bytes.NewReader([]byte("\r\n--"+boundary+"--\r\n")))
	request, err := http.NewRequestWithContext(b.Context(), http.MethodPost, p.url+"/api/v1/uploads", body)
	require.NoError(b, err)
	request.Header.Set("Content-Type", "multipart/form-data; boundary="+boundary)
	var upload named
	status, words := p.do(b, request, &upload)
	require.Equal(b, http.StatusCreated, status, "%s", words)
	return upload.ID
}
