package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/scratch-platform/scratch/api"
	"github.com/scratch-platform/scratch/models"
)

// The servers here answer by hand: what is tested is the client's own
// behaviour (exit codes, what goes where, how a broken stream is picked up).

// ran is what came of one command line.
type ran struct {
	code     int
	out, err string
}

// scratch runs a command line as main does.
func scratch(ctx context.Context, t *testing.T, server http.Handler, args ...string) ran {
	t.Helper()
	s := httptest.NewServer(server)
	defer s.Close()
	return against(ctx, t, s.URL, args...)
}

func against(ctx context.Context, t *testing.T, address string, args ...string) ran {
	t.Helper()
	var out, errs bytes.Buffer
	c := root()
	c.SetArgs(append(args, "--server", address, "--token", "a-token"))
	c.SetIn(strings.NewReader(""))
	c.SetOut(&out)
	c.SetErr(&errs)
	err := c.ExecuteContext(ctx)
	if err != nil {
		reportTo(&errs, err)
	}
	return ran{exitCode(err), out.String(), errs.String()}
}

// answers is a server that knows a few paths: "GET /api/v1/jobs/x" → a value
// that is answered as JSON, or a function.
type answers map[string]any

func (a answers) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch answer := a[r.Method+" "+r.URL.Path].(type) {
	case nil:
		refuse(w, http.StatusNotFound, "request.no_such_path", "nothing at "+r.Method+" "+r.URL.Path)
	case func(http.ResponseWriter, *http.Request):
		answer(w, r)
	default:
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(answer)
	}
}

func refuse(w http.ResponseWriter, status int, code, detail string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(api.ProblemDocument{Status: status, Code: code, Detail: detail, Hint: "a hint"})
}

func jobIn(state models.JobState) api.Job {
	return api.Job{ID: jobID, Kind: models.JobDownload, State: state, Final: state.Final(), SnapshotID: snapshotID, PlanID: planID}
}

// service is a server with one snapshot, one table and one job whose state the
// test sets.
type service struct {
	mu    sync.Mutex
	state models.JobState
}

func (s *service) set(state models.JobState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state = state
}

func (s *service) job() api.Job {
	s.mu.Lock()
	defer s.mu.Unlock()
	return jobIn(s.state)
}

// streaming answers with a stream of server-sent events, then leaves it open.
func streaming(end func(), lines ...string) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for _, line := range lines {
			fmt.Fprint(w, line)
		}
		_ = http.NewResponseController(w).Flush()
		if end != nil {
			end()
		}
		<-r.Context().Done()
	}
}

func event(id string, name string, data any) string {
	text, err := json.Marshal(data)
	if err != nil {
		panic(err)
	}
	return fmt.Sprintf("id: %s\nevent: %s\ndata: %s\n\n", id, name, text)
}

func (s *service) answers() answers {
	return answers{
		"GET /api/v1/snapshots":               listing[api.Snapshot]{Items: []api.Snapshot{{ID: snapshotID, Name: "Autumn"}, {ID: otherID, Name: "Spring"}}},
		"GET /api/v1/snapshots/" + snapshotID: api.Snapshot{ID: snapshotID, Name: "Autumn"},
		"GET /api/v1/snapshots/" + snapshotID + "/tables": listing[api.Table]{Items: []api.Table{{
			ID: tableID, SnapshotID: snapshotID, Name: "Posts", RemoteID: "posts", RecordCount: 2,
			Columns: []models.Column{{ID: "title", Name: "Title", Kind: models.ColumnText}, {ID: "count", Name: "Count", Kind: models.ColumnInteger}, {ID: "sticky", Name: "Sticky", Kind: models.ColumnBoolean}},
		}}},
		"POST /api/v1/snapshots/" + snapshotID + "/download": api.Accepted{Job: jobIn(models.JobQueued)},
		"GET /api/v1/jobs/" + jobID: func(w http.ResponseWriter, _ *http.Request) {
			_ = json.NewEncoder(w).Encode(s.job())
		},
		"GET /api/v1/jobs/" + jobID + "/outcomes": listing[api.TableOutcome]{Items: []api.TableOutcome{{
			TableID: tableID, State: models.JobCompleted, Progress: models.Progress{Created: 12000},
		}}},
	}
}
