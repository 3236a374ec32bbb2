package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/api"
	"github.com/scratch-platform/scratch/models"
)

const (
	snapshotID = "snp_06f0000000000000000000000a"
	otherID    = "snp_06f0000000000000000000000b"
	tableID    = "tbl_06f0000000000000000000000a"
	jobID      = "job_06f0000000000000000000000a"
	planID     = "pln_06f0000000000000000000000a"
)

// Breaks when scripts can no longer tell by the exit code how a job ended.
func TestExitCodeSaysHowAJobEnded(t *testing.T) {
	for state, code := range map[models.JobState]int{
		models.JobCompleted: exitCompleted, models.JobCompletedWithFailures: exitFailed, models.JobFailed: exitFailed,
		models.JobCancelled: exitFailed, models.JobTerminated: exitFailed, models.JobTimedOut: exitFailed, models.JobLost: exitFailed,
	} {
		t.Run(string(state), func(t *testing.T) {
			s := &service{state: models.JobRunning}
			paths := s.answers()
			paths["GET /api/v1/jobs/"+jobID+"/events"] = func(w http.ResponseWriter, r *http.Request) {
				s.set(state)
				streaming(nil, event("1-1", models.EventJobChanged, models.JobChanged{JobID: jobID, State: state}))(w, r)
			}
			got := scratch(t.Context(), t, paths, "download", "Autumn")
			require.Equal(t, code, got.code, got.err)
			require.Contains(t, got.out, "12,000 created")
		})
	}
}

// Breaks when a refusal by the server, a server that is away, and a mistyped
// name are no longer told apart.
func TestExitCodeSaysWhoIsAtFault(t *testing.T) {
	s := &service{}
	require.Equal(t, exitBadInput, scratch(t.Context(), t, s.answers(), "download", "Winter").code)
	require.Equal(t, exitBadInput, scratch(t.Context(), t, s.answers(), "no-such-command").code)
	require.Equal(t, exitBadInput, scratch(t.Context(), t, s.answers(), "job", "list", "--no-such-flag").code)
	away := httptest.NewServer(nil)
	away.Close()
	got := against(t.Context(), t, away.URL, "snapshot", "list")
	require.Equal(t, exitEnvironment, got.code)
	require.Contains(t, got.err, "client.unreachable")
	unsigned := answers{"GET /api/v1/snapshots": func(w http.ResponseWriter, _ *http.Request) {
		refuse(w, http.StatusUnauthorized, "auth.token", "This token is not known.")
	}}
	require.Equal(t, exitEnvironment, scratch(t.Context(), t, unsigned, "snapshot", "list").code)
	conflict := s.answers()
	conflict["POST /api/v1/snapshots/"+snapshotID+"/download"] = func(w http.ResponseWriter, _ *http.Request) {
		refuse(w, http.StatusConflict, "job.already_running", "Another download runs.")
	}
	got = scratch(t.Context(), t, conflict, "download", "Autumn")
	require.Equal(t, exitBadInput, got.code)
	require.Contains(t, got.err, "job.already_running")
	require.Contains(t, got.err, "a hint")
}

// Breaks when --json prints anything but one JSON document on standard output,
// or bars and words leak into it.
func TestJSONStandsAloneOnStandardOutput(t *testing.T) {
	s := &service{state: models.JobRunning}
	paths := s.answers()
	paths["GET /api/v1/jobs/"+jobID+"/events"] = streaming(func() { s.set(models.JobCompleted) },
		event("1-1", models.EventJobProgressed, models.JobProgressed{JobID: jobID, Progress: models.Progress{Total: 50, Done: 10, Step: "reading"}}))
	got := scratch(t.Context(), t, paths, "download", "Autumn", "--json")
	require.Equal(t, exitCompleted, got.code, got.err)
	var answer followed
	d := json.NewDecoder(strings.NewReader(got.out))
	d.DisallowUnknownFields()
	require.NoError(t, d.Decode(&answer))
	require.False(t, d.More(), "more than one document: %s", got.out)
	require.Equal(t, models.JobCompleted, answer.Job.State)
	require.Len(t, answer.Outcomes, 1)
	require.Contains(t, got.err, "reading, 10 of 50 (20 %)")
}

// Breaks when bars are drawn into a log: cursor movements where nobody looks.
func TestNoBarsOffATerminal(t *testing.T) {
	s := &service{state: models.JobRunning}
	paths := s.answers()
	paths["GET /api/v1/jobs/"+jobID+"/events"] = streaming(func() { s.set(models.JobCompleted) },
		event("1-1", models.EventJobChanged, models.JobChanged{JobID: jobID, State: models.JobRunning}),
		event("1-2", models.EventJobProgressed, models.JobProgressed{JobID: jobID, Progress: models.Progress{Total: 50, Done: 10, Step: "reading"}}))
	got := scratch(t.Context(), t, paths, "job", "follow", jobID)
	require.Equal(t, exitCompleted, got.code, got.err)
	require.NotContains(t, got.err, "\x1b")
	require.NotContains(t, got.err, "\r")
	require.Contains(t, got.err, "running: reading, 10 of 50 (20 %)\n")
}

// Breaks when a stream that broke is read from its beginning again, or not at
// all: events would be shown twice, or missed.
func TestBrokenStreamIsPickedUpBehindTheLastEvent(t *testing.T) {
	s := &service{state: models.JobRunning}
	paths := s.answers()
	var asked []string
	var mu sync.Mutex
	paths["GET /api/v1/jobs/"+jobID+"/events"] = func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		asked = append(asked, r.Header.Get("Last-Event-ID"))
		w.Header().Set("Content-Type", "text/event-stream")
		switch len(asked) {
		case 1: // breaks in the middle of an event
			fmt.Fprint(w, event("7-1", models.EventJobProgressed, models.JobProgressed{JobID: jobID, Progress: models.Progress{Done: 1, Step: "one"}}), ": still here\n\n", "id: 7-2\nevent: job.prog")
		case 2:
			refuse(w, http.StatusServiceUnavailable, "server.restarting", "wait")
		default:
			s.set(models.JobCompleted)
			fmt.Fprint(w, event("7-2", models.EventJobChanged, models.JobChanged{JobID: jobID, State: models.JobCompleted}))
		}
	}
	got := scratch(t.Context(), t, paths, "job", "follow", jobID)
	require.Equal(t, exitCompleted, got.code, got.err)
	require.Equal(t, []string{"", "7-1", "7-1"}, asked[:3])
	require.Equal(t, 1, strings.Count(got.err, "running: one"))
}

// Breaks when a job that ended without an event (terminated with the engine's
// own tools, or no stream to be had) is followed for ever.
func TestFollowReadsTheJobWhereThereAreNoEvents(t *testing.T) {
	s := &service{state: models.JobRunning}
	paths := s.answers()
	paths["GET /api/v1/jobs/"+jobID+"/events"] = func(w http.ResponseWriter, _ *http.Request) {
		s.set(models.JobTerminated)
		refuse(w, http.StatusNotFound, "job.not_found", "no stream here")
	}
	got := scratch(t.Context(), t, paths, "job", "follow", jobID)
	require.Equal(t, exitFailed, got.code)
	require.Contains(t, got.err, "job.terminated")
}

// Breaks when Ctrl-C ends the job instead of the command, or does not say how
// to come back.
func TestInterruptLeavesTheJobRunning(t *testing.T) {
	s := &service{state: models.JobRunning}
	paths := s.answers()
	cancelled := false
	paths["POST /api/v1/jobs/"+jobID+"/cancel"] = func(http.ResponseWriter, *http.Request) { cancelled = true }
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	paths["GET /api/v1/jobs/"+jobID+"/events"] = streaming(interrupt, event("1-1", models.EventJobChanged, models.JobChanged{JobID: jobID, State: models.JobRunning}))
	got := scratch(ctx, t, paths, "job", "follow", jobID)
	require.Equal(t, exitInterrupted, got.code)
	require.False(t, cancelled)
	require.Contains(t, got.err, "scratch job follow "+jobID)
	require.Contains(t, got.err, "scratch job cancel "+jobID)
}

// Breaks when a publish goes out although nobody said yes (Promise 3).
func TestPublishAsksFirst(t *testing.T) {
	s := &service{state: models.JobCompleted}
	paths := s.answers()
	applied := ""
	plan := api.Plan{ID: planID, SnapshotID: snapshotID, State: models.PlanReady, Hash: "the-hash", Counts: models.PlanCounts{Updates: 1}}
	paths["POST /api/v1/snapshots/"+snapshotID+"/publish-plans"] = plan
	paths["GET /api/v1/publish-plans/"+planID] = plan
	paths["GET /api/v1/publish-plans/"+planID+"/items"] = listing[api.Item]{Items: []api.Item{{
		ID: "itm_1", TableID: tableID, RecordID: "42", Op: models.OpUpdate, Label: "A \x1b[31mred\x1b[0m post", State: models.ItemPlanned,
		Values: models.Fields{"title": json.RawMessage(`"New"`)}, EditBases: models.Fields{"title": json.RawMessage(`"OLD"`)},
	}}}
	paths["POST /api/v1/publish-plans/"+planID+"/apply"] = func(w http.ResponseWriter, r *http.Request) {
		var body struct{ Hash string }
		_ = json.NewDecoder(r.Body).Decode(&body)
		applied = body.Hash
		_ = json.NewEncoder(w).Encode(api.Accepted{Job: jobIn(models.JobCompleted)})
	}
	got := scratch(t.Context(), t, paths, "publish", "Autumn")
	require.Equal(t, exitBadInput, got.code)
	require.Empty(t, applied)
	require.Contains(t, got.out, "Title: OLD → New")
	require.Contains(t, got.err, "scratch publish apply "+planID)
	require.NotContains(t, got.out, "\x1b", "a label moved the cursor")

	got = scratch(t.Context(), t, paths, "publish", "Autumn", "--yes")
	require.Equal(t, exitCompleted, got.code, got.err)
	require.Equal(t, "the-hash", applied)
}

// Breaks when a write from the command line no longer carries what it replaces,
// or its values have the wrong JSON type.
func TestSetSendsWhatItReplaces(t *testing.T) {
	paths := (&service{}).answers()
	record := "/api/v1/snapshots/" + snapshotID + "/tables/" + tableID + "/records"
	paths["GET "+record+"/42"] = api.Record{ID: "42", State: "live", Fields: json.RawMessage(`{"count":"1","title":"OLD"}`)}
	var sent writeBody
	tabs := map[string]bool{}
	paths["PATCH "+record] = func(w http.ResponseWriter, r *http.Request) {
		_ = json.NewDecoder(r.Body).Decode(&sent)
		tabs[r.Header.Get("Scratch-Tab")] = true
		_ = json.NewEncoder(w).Encode(api.WriteResult{Results: []api.OperationState{{ID: "42", Version: 2}}})
	}
	got := scratch(t.Context(), t, paths, "table", "set", "autumn", "posts", "42", "Title=a=b", "count=12", "sticky=true")
	require.Equal(t, exitCompleted, got.code, got.err)
	want := api.Operation{
		Op: models.OpUpdate, ID: "42",
		Fields: models.Fields{"title": json.RawMessage(`"a=b"`), "count": json.RawMessage(`"12"`), "sticky": json.RawMessage(`true`)},
		Seen:   models.Fields{"title": json.RawMessage(`"OLD"`), "count": json.RawMessage(`"1"`), "sticky": json.RawMessage(`null`)},
	}
	require.Equal(t, []api.Operation{want}, sent.Operations)
	require.Len(t, tabs, 1)
	require.NotContains(t, tabs, "", "undo would not find the change")
	require.Contains(t, got.out, "Title: OLD → a=b")

	got = scratch(t.Context(), t, paths, "table", "set", "Autumn", "Posts", "42", "nosuch=1")
	require.Equal(t, exitBadInput, got.code)
	require.Contains(t, got.err, "title, count, sticky")
	got = scratch(t.Context(), t, paths, "table", "set", "Autumn", "Posts", "42", "sticky=perhaps")
	require.Equal(t, exitBadInput, got.code)
}

// Breaks when two things of one name are mixed up.
func TestAmbiguousNamesAreRefused(t *testing.T) {
	paths := answers{"GET /api/v1/snapshots": listing[api.Snapshot]{Items: []api.Snapshot{{ID: snapshotID, Name: "Autumn"}, {ID: otherID, Name: "Autumn"}}}}
	got := scratch(t.Context(), t, paths, "download", "Autumn")
	require.Equal(t, exitBadInput, got.code)
	require.Contains(t, got.err, "snapshot.ambiguous")
	require.Contains(t, got.err, snapshotID)
	require.Contains(t, got.err, otherID)
}

// Breaks when an export that broke off leaves half a file, or removes the one
// that was there.
func TestExportIsWholeOrNotAtAll(t *testing.T) {
	paths := (&service{}).answers()
	paths["GET /api/v1/snapshots/"+snapshotID+"/tables/"+tableID+"/export.csv"] = func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "id,title\n")
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
	folder := t.TempDir()
	file := folder + "/posts.csv"
	require.NoError(t, writeFile(file, "before"))
	got := scratch(t.Context(), t, paths, "table", "export", "Autumn", "Posts", "-o", file)
	require.Equal(t, exitEnvironment, got.code)
	require.Equal(t, "before", readFile(t, file))
	require.Equal(t, []string{"posts.csv"}, namesIn(t, folder))
}

// Breaks when the credential is taken from nowhere, or read from the wrong place.
func TestCredentialComesFromAFile(t *testing.T) {
	definition := api.Connector{Service: "wordpress", Title: "WordPress", Credential: json.RawMessage(
		`{"type":"object","required":["url","password"],"properties":{"note":{"type":"string"},"url":{"type":"string"},"password":{"type":"string","writeOnly":true}}}`)}
	var sent newConnection
	paths := answers{
		"GET /api/v1/connectors": listing[api.Connector]{Items: []api.Connector{definition}},
		"POST /api/v1/connections": func(w http.ResponseWriter, r *http.Request) {
			_ = json.NewDecoder(r.Body).Decode(&sent)
			_ = json.NewEncoder(w).Encode(api.Connection{ID: "con_1", Name: sent.Name, State: models.ConnectionReady})
		},
	}
	got := scratch(t.Context(), t, paths, "connection", "add", "wordpress")
	require.Equal(t, exitBadInput, got.code)
	require.Contains(t, got.err, "url, password, note (optional)")
	file := t.TempDir() + "/blog.json"
	require.NoError(t, writeFile(file, `{"url":"https://blog.example","password":"canary"}`))
	got = scratch(t.Context(), t, paths, "connection", "add", "wordpress", "--credential", "@"+file)
	require.Equal(t, exitCompleted, got.code, got.err)
	require.JSONEq(t, `{"url":"https://blog.example","password":"canary"}`, string(sent.Credential))
	require.Equal(t, "WordPress", sent.Name)
	require.NotContains(t, got.out+got.err, "canary")
}

// Breaks when following does not end soon after the job did.
func TestFollowEndsWithTheJob(t *testing.T) {
	s := &service{state: models.JobRunning}
	paths := s.answers()
	paths["GET /api/v1/jobs/"+jobID+"/events"] = func(w http.ResponseWriter, r *http.Request) {
		s.set(models.JobCompleted)
		streaming(nil, event("1-1", models.EventJobChanged, models.JobChanged{JobID: jobID, State: models.JobCompleted}))(w, r)
	}
	began := time.Now()
	require.Equal(t, exitCompleted, scratch(t.Context(), t, paths, "job", "follow", jobID).code)
	require.Less(t, time.Since(began), pollEvery, "the event was not acted upon")
}

// Breaks when a schedule cannot be made, seen or ended from the command line, or
// a script is told the wrong exit code.
func TestSchedulesAtTheCommandLine(t *testing.T) {
	const id = "sch_06f0000000000000000000000a"
	next := time.Date(2026, 3, 4, 6, 30, 0, 0, time.UTC)
	made := api.Schedule{
		ID: id, SnapshotID: snapshotID, Cron: "30 6 * * 1-5", TimeZone: "Europe/Berlin", Overlap: models.OverlapBufferOne, Mode: models.DownloadIncremental,
		Tables: []string{tableID}, NextRuns: []time.Time{next}, Runs: []api.ScheduleRun{{At: next, Outcome: models.ScheduleEnded, JobID: jobID, State: models.JobFailed}},
	}
	var asked map[string]any
	server := (&service{}).answers()
	server["GET /api/v1/schedules"] = listing[api.Schedule]{Items: []api.Schedule{made}}
	server["GET /api/v1/schedules/"+id] = made
	server["POST /api/v1/schedules"] = func(w http.ResponseWriter, r *http.Request) {
		asked = nil
		_ = json.NewDecoder(r.Body).Decode(&asked)
		if asked["cron"] == "x" {
			refuse(w, http.StatusUnprocessableEntity, "schedule.bad_cron", "no")
			return
		}
		_ = json.NewEncoder(w).Encode(made)
	}
	paused := made
	paused.Paused, paused.NextRuns = true, nil
	server["POST /api/v1/schedules/"+id+"/pause"] = paused
	server["POST /api/v1/schedules/"+id+"/resume"] = made
	server["POST /api/v1/schedules/"+id+"/trigger"] = func(w http.ResponseWriter, _ *http.Request) {
		refuse(w, http.StatusConflict, "schedule.still_running", "busy")
	}
	server["DELETE /api/v1/schedules/"+id] = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }

	got := scratch(t.Context(), t, server, "schedule", "add", "Autumn", "--cron", "30 6 * * 1-5", "--zone", "Europe/Berlin", "--overlap", "buffer_one", "--table", "Posts", "--incremental")
	require.Equal(t, exitCompleted, got.code, got.err)
	require.Contains(t, got.out, id)
	require.Equal(t, map[string]any{
		"snapshot_id": snapshotID, "cron": "30 6 * * 1-5", "time_zone": "Europe/Berlin", "overlap": "buffer_one", "mode": "incremental", "tables": []any{tableID},
	}, asked)
	got = scratch(t.Context(), t, server, "schedule", "list", "--json")
	var list listing[api.Schedule]
	require.NoError(t, json.Unmarshal([]byte(got.out), &list))
	require.Equal(t, []api.Schedule{made}, list.Items)
	got = scratch(t.Context(), t, server, "schedule", "show", id)
	require.Contains(t, got.out, "30 6 * * 1-5 Europe/Berlin")
	require.Contains(t, got.out, "failed")
	require.Equal(t, exitCompleted, scratch(t.Context(), t, server, "schedule", "pause", id, "--why", "x").code)
	require.Equal(t, exitCompleted, scratch(t.Context(), t, server, "schedule", "resume", id).code)
	require.Equal(t, exitBadInput, scratch(t.Context(), t, server, "schedule", "trigger", id).code)
	server["POST /api/v1/schedules/"+id+"/trigger"] = api.Triggered{Job: &api.Job{ID: jobID, State: models.JobQueued}}
	got = scratch(t.Context(), t, server, "schedule", "trigger", id, "--detach")
	require.Equal(t, exitCompleted, got.code, got.err)
	require.Contains(t, got.out, jobID, "the job is what came of it")
	server["POST /api/v1/schedules/"+id+"/trigger"] = api.Triggered{Job: &api.Job{ID: jobID}, Waits: true, Warnings: []models.Problem{{Detail: "Another download is running."}}}
	got = scratch(t.Context(), t, server, "schedule", "trigger", id)
	require.Equal(t, exitCompleted, got.code, got.err)
	require.Contains(t, got.out, "Another download is running.")
	require.Equal(t, exitCompleted, scratch(t.Context(), t, server, "schedule", "remove", id).code)
	require.Equal(t, exitBadInput, scratch(t.Context(), t, server, "schedule", "add", "Autumn", "--cron", "x").code)
	require.Equal(t, exitBadInput, scratch(t.Context(), t, server, "schedule", "show", "sch_none").code)
	require.Equal(t, exitBadInput, scratch(t.Context(), t, server, "schedule", "add").code)
}
