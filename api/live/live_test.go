package live_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/api/live"
	"github.com/scratch-platform/scratch/internal/events"
	"github.com/scratch-platform/scratch/internal/testkit"
	"github.com/scratch-platform/scratch/models"
	"github.com/scratch-platform/scratch/models/store"
)

// stage is a hub over a real store, with a job whose changes make events.
type stage struct {
	store *store.Store
	hub   *live.Hub
	actor models.Actor
	job   models.Job
	http  *httptest.Server
}

func newStage(t *testing.T) *stage {
	ctx := t.Context()
	s, err := store.Open(ctx, store.Config{URL: testkit.SQLite(t), Log: slog.New(slog.DiscardHandler), Now: time.Now})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	require.NoError(t, s.Migrate(ctx))
	org, user, err := s.System().EnsureLocalAccount(ctx)
	require.NoError(t, err)
	g := &stage{store: s, actor: models.Actor{OrganizationID: org.ID, UserID: user.ID, Name: user.Name, Tab: "tab-1"}}
	g.hub = live.NewHub(live.NewStoreLog(s), slog.New(slog.DiscardHandler), time.Now)
	relay := events.NewRelay(s.System(), g.hub.Grown, slog.New(slog.DiscardHandler))
	s.OnEvents(relay.Wake)
	run(t, relay.Run)
	run(t, g.hub.Run)
	snapshot := models.Snapshot{ID: models.NewID(models.PrefixSnapshot), Name: "Blog"}
	require.NoError(t, s.Org(org.ID).CreateSnapshot(ctx, snapshot))
	g.job, _, err = s.Org(org.ID).CreateJob(ctx, models.Job{
		ID: models.NewID(models.PrefixJob), SnapshotID: snapshot.ID, Kind: models.JobDownload, State: models.JobQueued, WorkflowID: "w",
	})
	require.NoError(t, err)
	// The job's own beginning is in the log before anybody follows it.
	require.Eventually(t, func() bool {
		latest, err := s.Org(org.ID).LatestEventID(ctx, models.JobTopic(g.job.ID))
		return err == nil && latest != ""
	}, 10*time.Second, time.Millisecond)
	mux := http.NewServeMux()
	mux.HandleFunc("/ws", func(w http.ResponseWriter, r *http.Request) { g.hub.ServeWebSocket(w, r, g.actor) })
	mux.HandleFunc("/events", func(w http.ResponseWriter, r *http.Request) { g.hub.StreamJob(w, r, g.actor, g.job.ID) })
	g.http = httptest.NewServer(mux)
	t.Cleanup(g.http.Close)
	return g
}

// run owns a loop for the length of the test.
func run(t testing.TB, loop func(context.Context) error) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- loop(ctx) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-ended)
	})
}

func (g *stage) topic() string { return models.JobTopic(g.job.ID) }

// move changes the job, which makes one job.changed event.
func (g *stage) move(t *testing.T, to models.JobState) {
	changed, err := g.store.Org(g.actor.OrganizationID).SetJobState(t.Context(), g.job.ID, store.JobChange{To: to})
	require.NoError(t, err)
	require.True(t, changed)
}

func (g *stage) dial(t *testing.T) *websocket.Conn {
	conn, answer, err := websocket.DefaultDialer.DialContext(t.Context(), "ws"+strings.TrimPrefix(g.http.URL, "http")+"/ws", nil)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func ask(t *testing.T, conn *websocket.Conn, r live.Request) {
	require.NoError(t, conn.WriteJSON(r))
}

// next reads the next message; a test that waits in vain fails after a while.
func next(t *testing.T, conn *websocket.Conn) live.Message {
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(10*time.Second)))
	var m live.Message
	require.NoError(t, conn.ReadJSON(&m))
	return m
}

// nextEvent skips the word that the subscription stands, which comes before or
// after events that happen at the same moment.
func nextEvent(t *testing.T, conn *websocket.Conn) live.Message {
	m := next(t, conn)
	for m.Op == "subscribed" {
		m = next(t, conn)
	}
	return m
}

func state(t *testing.T, m live.Message) models.JobState {
	require.Equal(t, "event", m.Op, "%+v", m)
	require.Equal(t, models.EventJobChanged, m.Type)
	var data models.JobChanged
	require.NoError(t, json.Unmarshal(m.Data, &data))
	return data.State
}

func TestSubscriberSeesChangesAsTheyHappen(t *testing.T) {
	g := newStage(t)
	conn := g.dial(t)
	ask(t, conn, live.Request{Op: "subscribe", Topic: g.topic()})
	require.Equal(t, "subscribed", next(t, conn).Op)
	for _, to := range []models.JobState{models.JobRunning, models.JobPaused, models.JobRunning} {
		g.move(t, to)
		require.Equal(t, to, state(t, next(t, conn)), "events come once and in order")
	}
}

func TestClientThatComesBackMissesNothing(t *testing.T) {
	g := newStage(t)
	first := g.dial(t)
	ask(t, first, live.Request{Op: "subscribe", Topic: g.topic()})
	require.Equal(t, "subscribed", next(t, first).Op)
	g.move(t, models.JobRunning)
	seen := next(t, first)
	require.NoError(t, first.Close())

	g.move(t, models.JobPaused)
	g.move(t, models.JobRunning)
	second := g.dial(t)
	ask(t, second, live.Request{Op: "subscribe", Topic: g.topic(), After: seen.ID})
	require.Equal(t, models.JobPaused, state(t, nextEvent(t, second)))
	require.Equal(t, models.JobRunning, state(t, nextEvent(t, second)))
	g.move(t, models.JobPaused)
	require.Equal(t, models.JobPaused, state(t, nextEvent(t, second)), "live again after catching up")
}

func TestUnknownPlaceInTheLogMeansReadAgain(t *testing.T) {
	g := newStage(t)
	g.move(t, models.JobRunning)
	for name, after := range map[string]string{"another epoch": "cafecafecafe-1", "ahead of the log": "x-999", "nonsense": "nonsense"} {
		t.Run(name, func(t *testing.T) {
			conn := g.dial(t)
			ask(t, conn, live.Request{Op: "subscribe", Topic: g.topic(), After: after})
			require.Equal(t, "reset", next(t, conn).Op)
			m := next(t, conn)
			for m.Op == "event" { // the change above may reach the log only now
				m = next(t, conn)
			}
			require.Equal(t, "subscribed", m.Op)
		})
	}
}

func TestHostileMessagesAreRefusedAndTheSocketGoesOn(t *testing.T) {
	g := newStage(t)
	conn := g.dial(t)
	cases := []struct{ text, code string }{
		{`not json`, "live.not_json"},
		{`{"op":"shout"}`, "live.unknown_op"},
		{`{"op":"subscribe","topic":"job:job_00000000000000000000000000"}`, "live.topic_not_found"},
		{`{"op":"subscribe","topic":"user:somebody-else"}`, "live.topic_not_found"},
		{`{"op":"subscribe","topic":""}`, "live.topic_not_found"},
		{`{"op":"presence","topic":"job:x","data":{}}`, "live.not_subscribed"},
	}
	for _, c := range cases {
		require.NoError(t, conn.WriteMessage(websocket.TextMessage, []byte(c.text)))
		m := next(t, conn)
		require.Equal(t, "error", m.Op, c.text)
		require.Equal(t, c.code, m.Code, c.text)
	}
	ask(t, conn, live.Request{Op: "subscribe", Topic: g.topic()})
	require.Equal(t, "subscribed", next(t, conn).Op)
}

func TestTopicOfAnotherTenantIsNotFound(t *testing.T) {
	g := newStage(t)
	other := models.Organization{ID: models.NewID(models.PrefixOrganization), Name: "Other", CreatedAt: time.Now()}
	user := models.User{ID: models.NewID(models.PrefixUser), OrganizationID: other.ID, Name: "Eve", CreatedAt: time.Now()}
	require.NoError(t, g.store.System().CreateAccount(t.Context(), other, user))
	topic := g.topic()
	g.actor = models.Actor{OrganizationID: other.ID, UserID: user.ID}
	conn := g.dial(t)
	ask(t, conn, live.Request{Op: "subscribe", Topic: topic})
	require.Equal(t, "live.topic_not_found", next(t, conn).Code, "Promise 11")
}

func TestPresenceReachesTheOthers(t *testing.T) {
	g := newStage(t)
	one, two := g.dial(t), g.dial(t)
	for _, conn := range []*websocket.Conn{one, two} {
		ask(t, conn, live.Request{Op: "subscribe", Topic: g.topic()})
		require.Equal(t, "subscribed", next(t, conn).Op)
	}
	ask(t, one, live.Request{Op: "presence", Topic: g.topic(), Data: json.RawMessage(`{"record":"7","column":"title"}`)})
	m := next(t, two)
	require.Equal(t, "presence.changed", m.Type)
	require.Empty(t, m.ID, "presence is not kept, so it has no place in the log")
	require.Contains(t, string(m.Data), `"record":"7"`)
}

func TestConnectionsAreCountedAndForgotten(t *testing.T) {
	g := newStage(t)
	conn := g.dial(t)
	ask(t, conn, live.Request{Op: "subscribe", Topic: g.topic()})
	require.Equal(t, "subscribed", next(t, conn).Op)
	require.Equal(t, 1, g.hub.Connections())
	require.NoError(t, conn.Close())
	require.Eventually(t, func() bool { return g.hub.Connections() == 0 }, 10*time.Second, 10*time.Millisecond, "a closed socket is still counted")
}

func TestStreamTellsTheJobsWholeStoryAndEndsWithIt(t *testing.T) {
	g := newStage(t)
	g.move(t, models.JobRunning)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, g.http.URL+"/events", nil)
	require.NoError(t, err)
	answer, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer answer.Body.Close()
	require.Equal(t, "text/event-stream", answer.Header.Get("Content-Type"))

	lines := bufio.NewScanner(answer.Body)
	states := make(chan models.JobState)
	go func() {
		defer close(states)
		for lines.Scan() {
			if text, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
				var data models.JobChanged
				if json.Unmarshal([]byte(text), &data) == nil && data.State != "" {
					states <- data.State
				}
			}
		}
	}()
	require.Equal(t, models.JobQueued, <-states, "from the beginning")
	require.Equal(t, models.JobRunning, <-states)
	g.move(t, models.JobCompleted)
	require.Equal(t, models.JobCompleted, <-states)
	_, more := <-states
	require.False(t, more, "the stream goes on after the job has ended")
}

func TestStreamResumesAfterTheLastEvent(t *testing.T) {
	g := newStage(t)
	for _, to := range []models.JobState{models.JobRunning, models.JobPaused, models.JobRunning, models.JobCompleted} {
		g.move(t, to)
	}
	read := func(after string) (ids []string) {
		for _, e := range g.stream(t, after) {
			ids = append(ids, e.id)
		}
		return ids
	}
	whole := read("")
	require.NotEmpty(t, whole)
	require.Equal(t, whole[2:], read(whole[1]), fmt.Sprintf("after %s", whole[1]))
}

// Breaks when the stream of a job that ended long ago, or one that is followed
// again from its last event, tells nothing and never ends.
func TestStreamOfAnOldJobTellsItsEnd(t *testing.T) {
	g := newStage(t)
	g.move(t, models.JobRunning)
	g.move(t, models.JobCompleted)
	whole := g.stream(t, "")
	last := whole[len(whole)-1]
	require.Equal(t, models.JobCompleted, last.state)
	again := g.stream(t, last.id)
	require.Len(t, again, 1)
	require.Equal(t, models.JobCompleted, again[0].state)

	n, err := g.store.System().TrimEvents(t.Context(), time.Now().Add(time.Hour), 1000)
	require.NoError(t, err)
	require.NotZero(t, n)
	for _, after := range []string{"", whole[0].id, last.id} {
		old := g.stream(t, after)
		require.Equal(t, models.JobCompleted, old[len(old)-1].state, "after %q", after)
	}
}

// told is one event of a stream.
type told struct {
	id    string
	state models.JobState
}

// stream reads a job's stream to its end.
func (g *stage) stream(t *testing.T, after string) (all []told) {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, g.http.URL+"/events", nil)
	require.NoError(t, err)
	request.Header.Set("Last-Event-ID", after)
	answer, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer answer.Body.Close()
	lines := bufio.NewScanner(answer.Body)
	id := ""
	for lines.Scan() {
		if text, ok := strings.CutPrefix(lines.Text(), "id: "); ok {
			id = text
		}
		if text, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
			var data models.JobChanged
			require.NoError(t, json.Unmarshal([]byte(text), &data))
			all = append(all, told{id, data.State})
		}
	}
	require.NoError(t, lines.Err(), "the stream has no end")
	return all
}
