package live_test

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/api/live"
	"github.com/scratch-platform/scratch/internal/events"
	"github.com/scratch-platform/scratch/internal/redis"
	"github.com/scratch-platform/scratch/internal/testkit"
	"github.com/scratch-platform/scratch/internal/vault"
	"github.com/scratch-platform/scratch/models"
	"github.com/scratch-platform/scratch/models/store"
)

// frontend is one process of several on one database and one Redis: a store, a
// relay and a hub of its own.
type frontend struct {
	stage

	redis    *redis.Client
	exchange *events.Exchange
	seen     chan models.Event // passing events of the others, as the hub is shown them
}

// newFrontend starts a process; url may be of a Redis that is away.
func newFrontend(t *testing.T, database, url, prefix string) *frontend {
	t.Helper()
	ctx := t.Context()
	log := slog.New(slog.DiscardHandler)
	s, err := store.Open(ctx, store.Config{URL: database, Log: log, Now: time.Now})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	require.NoError(t, s.Migrate(ctx))
	f := &frontend{stage: stage{store: s}, seen: make(chan models.Event, 100)}
	f.hub = live.NewHub(live.NewStoreLog(s), log, time.Now)
	f.redis, err = redis.Open(redis.Config{URL: vault.NewSecret(url), Prefix: prefix, Log: log})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, f.redis.Close()) })
	f.exchange = events.NewExchange(f.redis, log)
	f.exchange.OnGrown(f.hub.Grown)
	f.exchange.OnPassing(func(e models.Event) {
		f.hub.Show(e)
		f.seen <- e
	})
	f.hub.PassOn(f.exchange.Pass)
	relay := events.NewRelay(s.System(), func(numbered []models.Event) { f.hub.Grown(numbered); f.exchange.Announce(numbered) }, log)
	s.OnEvents(relay.Wake)
	run(t, f.redis.Serve)
	run(t, relay.Run)
	run(t, f.hub.Run)
	mux := http.NewServeMux()
	mux.HandleFunc("/ws", func(w http.ResponseWriter, r *http.Request) { f.hub.ServeWebSocket(w, r, f.actor) })
	f.http = httptest.NewServer(mux)
	t.Cleanup(f.http.Close)
	return f
}

// two starts two frontends and a job that both know.
func two(t *testing.T, url, prefix string) (a, b *frontend) {
	t.Helper()
	database := testkit.Postgres(t)
	a, b = newFrontend(t, database, url, prefix), newFrontend(t, database, url, prefix)
	org, user, err := a.store.System().EnsureLocalAccount(t.Context())
	require.NoError(t, err)
	snapshot := models.Snapshot{ID: models.NewID(models.PrefixSnapshot), Name: "Blog"}
	require.NoError(t, a.store.Org(org.ID).CreateSnapshot(t.Context(), snapshot))
	job, _, err := a.store.Org(org.ID).CreateJob(t.Context(), models.Job{
		ID: models.NewID(models.PrefixJob), SnapshotID: snapshot.ID, Kind: models.JobDownload, State: models.JobQueued, WorkflowID: "w",
	})
	require.NoError(t, err)
	for i, f := range []*frontend{a, b} {
		f.job = job
		f.actor = models.Actor{OrganizationID: org.ID, UserID: user.ID, Name: user.Name, Tab: []string{"tab-a", "tab-b"}[i]}
	}
	require.Eventually(t, func() bool {
		latest, err := a.store.Org(org.ID).LatestEventID(t.Context(), a.topic())
		return err == nil && latest != ""
	}, time.Minute, time.Millisecond)
	return a, b
}

func (f *frontend) follow(t *testing.T) *websocket.Conn {
	t.Helper()
	conn := f.dial(t)
	ask(t, conn, live.Request{Op: "subscribe", Topic: f.topic()})
	require.Equal(t, "subscribed", next(t, conn).Op)
	return conn
}

// Breaks when what changes at one frontend no longer reaches the clients of the
// other, or when presence stays where it began.
func TestClientsOfTwoFrontendsSeeOneAnother(t *testing.T) {
	url, prefix := testkit.Redis(t)
	a, b := two(t, url, prefix)
	require.Eventually(t, func() bool { return a.redis.Listening() && b.redis.Listening() }, time.Minute, time.Millisecond)
	one, other := a.follow(t), b.follow(t)
	for _, to := range []models.JobState{models.JobRunning, models.JobPaused, models.JobRunning} {
		a.move(t, to)
		require.Equal(t, to, state(t, next(t, one)))
		require.Equal(t, to, state(t, next(t, other)), "events come once and in order")
	}
	ask(t, one, live.Request{Op: "presence", Topic: a.topic(), Data: json.RawMessage(`{"record":"7"}`)})
	for _, conn := range []*websocket.Conn{one, other} {
		m := next(t, conn)
		require.Equal(t, models.EventPresenceChanged, m.Type)
		require.Equal(t, "tab-a", m.Origin)
		require.Empty(t, m.ID)
		require.Contains(t, string(m.Data), `"record":"7"`)
	}
	// It came once: the next message is the next event.
	b.move(t, models.JobPaused)
	require.Equal(t, models.JobPaused, state(t, next(t, one)))
	require.Equal(t, models.JobPaused, state(t, next(t, other)))
}

// Breaks when a passing event reaches another tenant's client that follows a
// topic of the same name (Promise 11).
func TestPassingEventsStayInTheirOrganization(t *testing.T) {
	url, prefix := testkit.Redis(t)
	a, b := two(t, url, prefix)
	require.Eventually(t, b.redis.Listening, time.Minute, time.Millisecond)
	conn := b.follow(t)
	foreign := models.Event{OrganizationID: models.NewID(models.PrefixOrganization), Topic: b.topic(), Type: models.EventPresenceChanged, Data: json.RawMessage(`{}`), At: time.Now()}
	require.True(t, a.exchange.Pass(foreign))
	require.Equal(t, foreign.OrganizationID, (<-b.seen).OrganizationID)
	own := foreign
	own.OrganizationID, own.Origin = b.actor.OrganizationID, "ours"
	require.True(t, a.exchange.Pass(own))
	require.Equal(t, "ours", next(t, conn).Origin, "another tenant's event was shown")
}

// Breaks when an event is lost because Redis was killed, hung or came back, or
// when the way over Redis is not taken again afterwards.
func TestEventsOutliveRedis(t *testing.T) {
	server := testkit.OwnRedis(t)
	a, b := two(t, server.URL(), "")
	require.Eventually(t, func() bool { return a.redis.Listening() && b.redis.Listening() }, time.Minute, time.Millisecond)
	conn := b.follow(t)
	states := []models.JobState{models.JobRunning, models.JobPaused}
	moved := 0
	see := func(n int) {
		t.Helper()
		for range n {
			a.move(t, states[moved%2])
			require.Equal(t, states[moved%2], state(t, next(t, conn)), "events come once and in order")
			moved++
		}
	}
	back := func() {
		t.Helper()
		require.Eventually(t, func() bool {
			return !a.redis.Away() && a.redis.Listening() && !b.redis.Away() && b.redis.Listening()
		}, time.Minute, time.Millisecond)
	}
	see(3)
	server.Kill()
	see(3) // by looking every second
	server.Start()
	see(1)
	back()
	see(3)
	server.Hang()
	see(3)
	server.Resume()
	see(1)
	back()
	require.True(t, a.exchange.Pass(models.Event{OrganizationID: b.actor.OrganizationID, Topic: b.topic(), Type: models.EventPresenceChanged, Data: json.RawMessage(`{}`)}))
	require.Equal(t, models.EventPresenceChanged, next(t, conn).Type, "the way over Redis is not taken again")
}

// Breaks when a frontend cannot start without Redis, or does not find it later.
func TestFrontendsStartWithoutRedis(t *testing.T) {
	server := testkit.OwnRedis(t)
	server.Kill()
	a, b := two(t, server.URL(), "")
	conn := b.follow(t)
	a.move(t, models.JobRunning)
	require.Equal(t, models.JobRunning, state(t, next(t, conn)))
	server.Start()
	require.Eventually(t, func() bool { return !a.redis.Away() && b.redis.Listening() }, time.Minute, time.Millisecond)
	ask(t, a.follow(t), live.Request{Op: "presence", Topic: a.topic(), Data: json.RawMessage(`{}`)})
	require.Equal(t, models.EventPresenceChanged, next(t, conn).Type)
}

// Breaks when a ticket is good at one frontend only, or twice: once at each.
func TestATicketIsGoodAtAnyFrontendOnce(t *testing.T) {
	server := testkit.OwnRedis(t)
	server.Kill() // tickets do not need it
	a, b := two(t, server.URL(), "")
	hash := []byte("0123456789abcdef0123456789abcdef")
	require.NoError(t, a.store.Org(a.actor.OrganizationID).CreateTicket(t.Context(), hash, a.actor))
	actor, err := b.store.System().RedeemTicket(t.Context(), hash)
	require.NoError(t, err)
	require.Equal(t, a.actor.UserID, actor.UserID)
	for _, f := range []*frontend{a, b} {
		_, err := f.store.System().RedeemTicket(t.Context(), hash)
		require.Error(t, err, "a ticket was good twice")
	}
}

// A client may not flood the others with its place.
func TestPresenceIsBounded(t *testing.T) {
	g := newStage(t)
	conn := g.dial(t)
	ask(t, conn, live.Request{Op: "subscribe", Topic: g.topic()})
	require.Equal(t, "subscribed", next(t, conn).Op)
	// More than a burst, and fewer than the messages a client may be behind.
	for range live.QueueLength / 2 {
		ask(t, conn, live.Request{Op: "presence", Topic: g.topic(), Data: json.RawMessage(`{}`)})
	}
	for {
		if m := next(t, conn); m.Op == "error" {
			require.Equal(t, "live.presence_too_often", m.Code)
			return
		}
	}
}

// How long a change at one frontend takes to a client of the other.
func BenchmarkWakeAcrossFrontends(b *testing.B) {
	url, prefix := testkit.Redis(b)
	log := slog.New(slog.DiscardHandler)
	ends := [2]*redis.Client{}
	woken := make(chan struct{}, 1)
	var exchanges [2]*events.Exchange
	for i := range ends {
		c, err := redis.Open(redis.Config{URL: vault.NewSecret(url), Prefix: prefix, Log: log})
		require.NoError(b, err)
		b.Cleanup(func() { require.NoError(b, c.Close()) })
		ends[i], exchanges[i] = c, events.NewExchange(c, log)
	}
	exchanges[1].OnGrown(func([]models.Event) {
		select {
		case woken <- struct{}{}:
		default:
		}
	})
	for _, c := range ends {
		run(b, c.Serve)
	}
	require.Eventually(b, ends[1].Listening, time.Minute, time.Millisecond)
	<-woken // the subscription itself
	for b.Loop() {
		exchanges[0].Announce(nil)
		<-woken
	}
}
