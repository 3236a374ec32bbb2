package live_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/api/live"
	"github.com/scratch-platform/scratch/internal/testkit"
	"github.com/scratch-platform/scratch/models"
	"github.com/scratch-platform/scratch/models/store"
)

// relayed numbers what waits, as another process would.
func (g *stage) relayed(t *testing.T, of *store.Store) []models.Event {
	t.Helper()
	numbered, err := of.System().Relay(t.Context(), 1000)
	require.NoError(t, err)
	return numbered
}

// quietStage is a stage that nobody tells of what its log gained.
func quietStage(t *testing.T) *stage {
	t.Helper()
	ctx := t.Context()
	s, err := store.Open(ctx, store.Config{URL: testkit.SQLite(t), Log: slog.New(slog.DiscardHandler), Now: time.Now})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	require.NoError(t, s.Migrate(ctx))
	org, user, err := s.System().EnsureLocalAccount(ctx)
	require.NoError(t, err)
	g := &stage{store: s, actor: models.Actor{OrganizationID: org.ID, UserID: user.ID, Name: user.Name}}
	snapshot := models.Snapshot{ID: models.NewID(models.PrefixSnapshot), Name: "Blog"}
	require.NoError(t, s.Org(org.ID).CreateSnapshot(ctx, snapshot))
	g.job, _, err = s.Org(org.ID).CreateJob(ctx, models.Job{
		ID: models.NewID(models.PrefixJob), SnapshotID: snapshot.ID, Kind: models.JobDownload, State: models.JobQueued, WorkflowID: "w",
	})
	require.NoError(t, err)
	g.relayed(t, s)
	g.serve(t)
	return g
}

func (g *stage) serve(t *testing.T) (end context.CancelFunc) {
	t.Helper()
	hub := live.NewHub(live.NewStoreLog(g.store), slog.New(slog.DiscardHandler), time.Now)
	g.hub = hub
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- hub.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-ended)
	})
	g.http = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { hub.ServeWebSocket(w, r, g.actor) }))
	t.Cleanup(g.http.Close)
	return cancel
}

// Breaks when a client misses an event, or gets one twice or too early, because
// the copies that travel with the wake-ups came late, twice, in another order or
// not at all (Promise 7).
func TestCopiesMayComeInAnyOrder(t *testing.T) {
	g := quietStage(t)
	conn := g.dial(t)
	ask(t, conn, live.Request{Op: "subscribe", Topic: g.topic()})
	require.Equal(t, "subscribed", next(t, conn).Op)
	states := []models.JobState{models.JobRunning, models.JobPaused}
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 0))
	for round := range 20 {
		const moves = 6
		for i := range moves {
			g.move(t, states[i%2])
		}
		copies := g.relayed(t, g.store)
		copies = append(copies, copies[random.IntN(len(copies))])                                   // one comes twice
		copies = append(copies[:0:0], copies[random.IntN(2):]...)                                   // the first perhaps never
		random.Shuffle(len(copies), func(i, j int) { copies[i], copies[j] = copies[j], copies[i] }) // in any order
		for _, e := range copies {
			g.hub.Grown([]models.Event{e})
		}
		if len(copies) == 0 || round%5 == 0 {
			g.hub.Grown(nil)
		}
		for i := range moves {
			require.Equal(t, states[i%2], state(t, next(t, conn)), "seed %d, round %d: events come once and in order", seed, round)
		}
	}
}

// Breaks when a copy from another process reaches another tenant's client
// (Promise 11), or when one of another life of the topic is taken for the next.
func TestCopiesThatDoNotFollow(t *testing.T) {
	g := quietStage(t)
	conn := g.dial(t)
	ask(t, conn, live.Request{Op: "subscribe", Topic: g.topic()})
	at := next(t, conn)
	require.Equal(t, "subscribed", at.Op)
	g.move(t, models.JobRunning)
	copies := g.relayed(t, g.store)
	i := slices.IndexFunc(copies, func(e models.Event) bool { return e.Topic == g.topic() })
	require.NotEqual(t, -1, i)
	foreign, stale := copies[i], copies[i]
	foreign.OrganizationID = models.NewID(models.PrefixOrganization)
	foreign.Data = json.RawMessage(`{"state":"foreign"}`)
	_, n, _ := strings.Cut(stale.ID, "-")
	stale.ID, stale.Data = "cafecafecafe-"+n, json.RawMessage(`{"state":"stale"}`)
	g.hub.Grown([]models.Event{foreign, stale})
	require.Equal(t, models.JobRunning, state(t, next(t, conn)), "what the log says, and nothing before it")
}

// Breaks when a client that takes nothing is waited for, keeps more and more
// memory, or is not told why it was cut off.
func TestASlowClientIsDroppedWithItsReason(t *testing.T) {
	g := quietStage(t)
	conn, quick := g.dial(t), g.dial(t)
	for _, c := range []*websocket.Conn{conn, quick} {
		ask(t, c, live.Request{Op: "subscribe", Topic: g.topic()})
		require.Equal(t, "subscribed", next(t, c).Op)
	}
	data, err := json.Marshal(strings.Repeat("x", 32<<10))
	require.NoError(t, err)
	for g.hub.Dropped() == 0 {
		g.hub.Show(models.Event{OrganizationID: g.actor.OrganizationID, Topic: g.topic(), Type: models.EventPresenceChanged, Data: data, At: time.Now()})
		require.NotEmpty(t, next(t, quick).Data, "the others go on")
	}
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(time.Minute))) // it has not read since it subscribed
	for err == nil {
		_, _, err = conn.ReadMessage()
	}
	require.True(t, websocket.IsCloseError(err, websocket.CloseTryAgainLater), "%v", err)
	require.Eventually(t, func() bool { return g.hub.Connections() == 1 }, time.Minute, time.Millisecond)
}

// Breaks when a server that stops leaves its clients to find out by themselves,
// or waits for them.
func TestAServerThatStopsSaysSo(t *testing.T) {
	g := quietStage(t)
	end := g.serve(t)
	conn := g.dial(t)
	ask(t, conn, live.Request{Op: "subscribe", Topic: g.topic()})
	require.Equal(t, "subscribed", next(t, conn).Op)
	end()
	_, _, err := conn.ReadMessage()
	require.True(t, websocket.IsCloseError(err, websocket.CloseGoingAway), "%v", err)
	require.Eventually(t, func() bool { return g.hub.Connections() == 0 }, time.Minute, time.Millisecond)
	late := g.dial(t)
	_, _, err = late.ReadMessage()
	require.True(t, websocket.IsCloseError(err, websocket.CloseGoingAway), "%v", err)
}
