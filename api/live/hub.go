package live

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"

	"github.com/scratch-platform/scratch/models"
)

// Limits of the hub.
const (
	// LookEvery is how often the hub looks at the log when nobody wakes it:
	// the most an event of another process is late.
	LookEvery = time.Second
	// QueueLength is how many messages a client may be behind before it is
	// dropped: slow clients are dropped, never waited for.
	QueueLength = 512
	// MaxTopics bounds the topics of one connection.
	MaxTopics = 200

	pageSize = 500
)

// Log is the store's numbered event log.
type Log interface {
	// Events gives a topic's events after an id, oldest first. reset says that
	// the id is of another epoch or too old: the client must read again.
	Events(ctx context.Context, organizationID, topic, after string, limit int) (events []models.Event, reset bool, err error)
	// Latest gives the id of a topic's newest event, "" when it has none.
	Latest(ctx context.Context, organizationID, topic string) (string, error)
	// Moved gives those of the topics whose newest event is not the one named.
	Moved(ctx context.Context, known map[string]string) ([]string, error)
	// JobEnd gives the end of a job of which nothing more will come; nil of any
	// other.
	JobEnd(ctx context.Context, organizationID, jobID string) (*models.JobChanged, error)
	// CanRead reports whether the actor may follow a topic (Promise 11).
	CanRead(ctx context.Context, actor models.Actor, topic string) (bool, error)
}

// Hub fans events out to the connections of this process.
type Hub struct {
	events Log
	log    *slog.Logger
	now    func() time.Time
	over   chan struct{} // closed when Run ends
	wake   chan struct{}
	pass   func(models.Event) bool // to the hubs of other processes; nil: there are none

	mu      sync.Mutex
	feeds   map[string]*feed     // by topic; guarded by mu
	open    int                  // connections; guarded by mu
	sockets map[*socket]struct{} // nil once Run has ended; guarded by mu
	serving sync.WaitGroup       // of sockets

	dropped atomic.Int64
}

// message is an event on its way to clients.
type message struct {
	event models.Event
	op    string
	frame *frame // for sockets: made once, for all who follow
}

// NewHub makes a hub; Run drives it.
func NewHub(events Log, log *slog.Logger, now func() time.Time) *Hub {
	return &Hub{events: events, log: log, now: now, wake: make(chan struct{}, 1), over: make(chan struct{}), feeds: map[string]*feed{}, sockets: map[*socket]struct{}{}}
}

// PassOn has pass called with every event that is not kept and began here, for
// the hubs of other processes. Call it before Run; pass must not block.
func (h *Hub) PassOn(pass func(models.Event) bool) { h.pass = pass }

// Show fans an event out that is not kept (it has no id), to those of its
// organization who follow its topic here (Promise 11).
func (h *Hub) Show(e models.Event) {
	h.mu.Lock()
	f, ok := h.feeds[e.Topic]
	h.mu.Unlock()
	if !ok || f.organizationID != e.OrganizationID {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fanOut(newMessage(opEvent, e))
}

// tell shows an event that is not kept to everybody, wherever they are
// connected.
func (h *Hub) tell(e models.Event) {
	h.Show(e)
	if h.pass != nil {
		h.pass(e)
	}
}

// Grown tells the hub that the log has grown, by these events; with none it looks
// for itself. What does not follow on what it has shown makes it look as well: an
// event of a topic is shown after all before it, and once (Promise 7). It never
// blocks.
func (h *Hub) Grown(numbered []models.Event) {
	look := len(numbered) == 0
	for _, e := range numbered {
		if !h.take(e) {
			look = true
		}
	}
	if look {
		h.Wake()
	}
}

// Wake tells the hub that the log may have grown. It never blocks.
func (h *Hub) Wake() {
	select {
	case h.wake <- struct{}{}:
	default:
	}
}

// Run looks at the log whenever woken, and every LookEvery, until the context
// ends; with it end all connections. It is called once.
func (h *Hub) Run(ctx context.Context) error {
	defer h.endAll()
	ticker := time.NewTicker(LookEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-h.wake:
		case <-ticker.C:
		}
		if err := h.look(ctx); err != nil && ctx.Err() == nil {
			h.log.WarnContext(ctx, "reading the event log failed; trying again", "error", err)
		}
	}
}

// endAll ends every connection, and returns when the sockets have ended.
func (h *Hub) endAll() {
	close(h.over)
	h.mu.Lock()
	open := h.sockets
	h.sockets = nil
	h.mu.Unlock()
	for s := range open {
		s.end(websocket.CloseGoingAway, "the server stops")
	}
	h.serving.Wait()
}

// keep takes a socket into the hub's care; it refuses when the hub has ended.
func (h *Hub) keep(s *socket) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.sockets == nil {
		return false
	}
	h.sockets[s] = struct{}{}
	h.open++
	h.serving.Go(func() {
		s.serve()
		h.mu.Lock()
		defer h.mu.Unlock()
		delete(h.sockets, s)
		h.open--
	})
	return true
}

// within is a stream's context: it ends with the request's, and with Run: a
// server that stops does not wait for streams that never end.
func (h *Hub) within(ctx context.Context) (context.Context, context.CancelFunc) {
	own, cancel := context.WithCancel(ctx)
	go func() {
		select {
		case <-h.over:
			cancel()
		case <-own.Done():
		}
	}()
	return own, cancel
}

// Connections counts the open connections of this process.
func (h *Hub) Connections() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.open
}

// Dropped counts the connections of this process that were dropped because they
// were too slow.
func (h *Hub) Dropped() int64 { return h.dropped.Load() }

func (h *Hub) look(ctx context.Context) error {
	known := map[string]string{}
	feeds := map[string]*feed{}
	h.mu.Lock()
	for topic, f := range h.feeds {
		feeds[topic] = f
	}
	h.mu.Unlock()
	for topic, f := range feeds {
		f.mu.Lock()
		known[topic] = f.last
		f.mu.Unlock()
	}
	if len(known) == 0 {
		return nil
	}
	moved, err := h.events.Moved(ctx, known)
	if err != nil {
		return err
	}
	for _, topic := range moved {
		if f := feeds[topic]; f != nil {
			if err := h.advance(ctx, f); err != nil {
				return err
			}
		}
	}
	return nil
}

func (h *Hub) opened(n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.open += n
}
