package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/api"
)

// workspace is a server that makes what the demo asks for, and breaks off at
// one of the writes: before it did it, or after, without a word.
type workspace struct {
	connections []api.Connection
	snapshots   []api.Snapshot
	tables      []api.Table
	mu          sync.Mutex
	writes      int
	breakAt     int // the write that is broken off; 0 breaks off none
	after       bool
}

func (w *workspace) ServeHTTP(answer http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if r.Method == http.MethodGet {
		w.list(answer, r)
		return
	}
	w.writes++
	if w.writes == w.breakAt && !w.after {
		panic(http.ErrAbortHandler)
	}
	made := w.make(r)
	if w.writes == w.breakAt {
		panic(http.ErrAbortHandler)
	}
	_ = json.NewEncoder(answer).Encode(made)
}

func (w *workspace) list(answer http.ResponseWriter, r *http.Request) {
	var list any = struct{}{}
	switch {
	case strings.HasSuffix(r.URL.Path, "/connections"):
		list = listing[api.Connection]{Items: w.connections}
	case strings.HasSuffix(r.URL.Path, "/snapshots"):
		list = listing[api.Snapshot]{Items: w.snapshots}
	case strings.HasSuffix(r.URL.Path, "/tables"):
		list = listing[api.Table]{Items: w.tables}
	}
	_ = json.NewEncoder(answer).Encode(list)
}

func (w *workspace) make(r *http.Request) any {
	var in struct {
		Name         string            `json:"name"`
		Credential   map[string]string `json:"credential"`
		ConnectionID string            `json:"connection_id"`
		RemoteID     string            `json:"remote_id"`
	}
	_ = json.NewDecoder(r.Body).Decode(&in)
	switch {
	case r.Method == http.MethodPatch:
		w.connections[0].Hint, _ = json.Marshal(in.Credential)
		return w.connections[0]
	case strings.HasSuffix(r.URL.Path, "/connections"):
		hint, _ := json.Marshal(in.Credential)
		w.connections = append(w.connections, api.Connection{ID: fmt.Sprint("con_", len(w.connections)), Name: in.Name, Hint: hint})
		return w.connections[len(w.connections)-1]
	case strings.HasSuffix(r.URL.Path, "/snapshots"):
		w.snapshots = append(w.snapshots, api.Snapshot{ID: fmt.Sprint("snp_", len(w.snapshots)), Name: in.Name})
		return w.snapshots[len(w.snapshots)-1]
	default:
		w.tables = append(w.tables, api.Table{ConnectionID: in.ConnectionID, RemoteID: in.RemoteID})
		return w.tables[len(w.tables)-1]
	}
}

// Breaks when a first start that is broken off makes the demo twice, or leaves
// it unfinished: whichever of its writes it was, and whether the server had done
// it. The blog's port moves meanwhile, as a free one may.
func TestTheDemoIsMadeOnce(t *testing.T) {
	for _, after := range []bool{false, true} {
		for breakAt := 1; breakAt <= 2+len(demoTables); breakAt++ {
			for _, moves := range []int{0, 1} {
				t.Run(fmt.Sprintf("write %d, done %t, moved by %d", breakAt, after, moves), func(t *testing.T) {
					w := &workspace{breakAt: breakAt, after: after}
					server := httptest.NewServer(w)
					defer server.Close()
					file := filepath.Join(t.TempDir(), "demo.json")
					start := func(port int) error {
						d := &demo{file: file, client: newClient(server.URL, "a-token")}
						require.NoError(t, d.read())
						return d.introduce(t.Context(), port)
					}
					require.Error(t, start(demoPort))
					require.NoError(t, start(demoPort+moves))
					w.mu.Lock()
					require.Len(t, w.connections, 1)
					require.Len(t, w.snapshots, 1)
					require.Len(t, w.tables, len(demoTables))
					require.Contains(t, string(w.connections[0].Hint), demoSite(demoPort+moves))

					w.tables = w.tables[1:]
					w.mu.Unlock()
					require.NoError(t, start(demoPort+moves))
					require.Len(t, w.tables, len(demoTables)-1, "what a person removed comes back")
				})
			}
		}
	}
}
