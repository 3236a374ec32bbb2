package live

import (
	"context"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

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
	over   chan struct{} // closed when the hub stops
	wake   chan struct{}
	pass   func(models.Event) bool // to the hubs of other processes; nil: there are none

	mu    sync.Mutex
	feeds map[string]*feed // by topic; guarded by mu
	open  int              // connections; guarded by mu

	dropped atomic.Int64
}

// feed is one topic with those who follow it. last is the id of the newest
// event that was fanned out; it moves only under mu, together with the
// fan-out, so that a follower that joins at last misses nothing and gets
// nothing twice.
type feed struct {
	organizationID string
	topic          string

	mu        sync.Mutex
	last      string
	followers map[*follower]struct{}
}

// follower is one connection's subscription to one topic.
type follower struct {
	deliver func(message) bool // false: the client is too slow or gone
	drop    func()             // ends the connection
}

// message is an event on its way to a client.
type message struct {
	event models.Event
	op    string
}

// NewHub makes a hub; Run drives it.
func NewHub(events Log, log *slog.Logger, now func() time.Time) *Hub {
	return &Hub{events: events, log: log, now: now, wake: make(chan struct{}, 1), over: make(chan struct{}), feeds: map[string]*feed{}}
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
	f.fanOut(message{op: opEvent, event: e})
}

// tell shows an event that is not kept to everybody, wherever they are
// connected.
func (h *Hub) tell(e models.Event) {
	h.Show(e)
	if h.pass != nil {
		h.pass(e)
	}
}

// Wake tells the hub that the log has grown. It never blocks.
func (h *Hub) Wake() {
	select {
	case h.wake <- struct{}{}:
	default:
	}
}

// Run looks at the log whenever woken, and every LookEvery, until the context
// ends; with it end all connections, and Run when they have. It is called once.
func (h *Hub) Run(ctx context.Context) error {
	defer h.part()
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

// farewell is how long the last close messages may take.
const farewell = 2 * time.Second

// part ends all connections and waits until they have been told.
func (h *Hub) part() {
	close(h.over)
	late := time.NewTimer(farewell)
	defer late.Stop()
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for h.Connections() > 0 {
		select {
		case <-ticker.C:
		case <-late.C:
			return
		}
	}
}

// within is a connection's context: it ends with the request's, and with Run: a
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

// advance reads what a topic gained and fans it out.
func (h *Hub) advance(ctx context.Context, f *feed) error {
	for {
		f.mu.Lock()
		after := f.last
		f.mu.Unlock()
		events, reset, err := h.events.Events(ctx, f.organizationID, f.topic, after, pageSize)
		if err != nil {
			return err
		}
		if reset {
			if err := h.resetFeed(ctx, f); err != nil {
				return err
			}
			continue
		}
		f.mu.Lock()
		if f.last == after {
			for _, e := range events {
				f.fanOut(message{op: opEvent, event: e})
				f.last = e.ID
			}
		}
		f.mu.Unlock()
		if len(events) < pageSize {
			return nil
		}
	}
}

// resetFeed tells every follower to read again: the log was trimmed past us or
// began a new epoch.
func (h *Hub) resetFeed(ctx context.Context, f *feed) error {
	latest, err := h.events.Latest(ctx, f.organizationID, f.topic)
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.last = latest
	f.fanOut(message{op: opReset, event: models.Event{Topic: f.topic, ID: latest}})
	return nil
}

// fanOut needs mu held.
func (f *feed) fanOut(m message) {
	for w := range f.followers {
		if !w.deliver(m) {
			delete(f.followers, w)
			w.drop()
		}
	}
}

// join catches a follower up from an event id and makes it live. With no id it
// starts at the newest event. It returns the id it is live from.
func (h *Hub) join(ctx context.Context, organizationID, topic, after string, fromStart bool, w *follower) (*feed, string, error) {
	f, err := h.feed(ctx, organizationID, topic)
	if err != nil {
		return nil, "", err
	}
	if after == "" && !fromStart {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.followers[w] = struct{}{}
		return f, f.last, nil
	}
	for {
		events, reset, err := h.events.Events(ctx, organizationID, topic, after, pageSize)
		if err != nil {
			return nil, "", err
		}
		if reset {
			f.mu.Lock()
			after = f.last
			f.mu.Unlock()
			if !w.deliver(message{op: opReset, event: models.Event{Topic: topic, ID: after}}) {
				return nil, "", errTooSlow
			}
			continue
		}
		for _, e := range events {
			if !w.deliver(message{op: opEvent, event: e}) {
				return nil, "", errTooSlow
			}
			after = e.ID
		}
		if len(events) == pageSize {
			continue
		}
		f.mu.Lock()
		if !before(after, f.last) {
			// We may have read further than the feed has: the rest of the
			// followers need those events too, so the feed stays where it is and
			// this follower skips what it has had.
			inner, seen := w.deliver, after
			w.deliver = func(m message) bool {
				if m.op == opEvent && !before(seen, m.event.ID) {
					return true
				}
				return inner(m)
			}
			f.followers[w] = struct{}{}
			f.mu.Unlock()
			return f, after, nil
		}
		f.mu.Unlock()
	}
}

// feed finds a topic's feed or begins one at the newest event.
func (h *Hub) feed(ctx context.Context, organizationID, topic string) (*feed, error) {
	h.mu.Lock()
	f, ok := h.feeds[topic]
	h.mu.Unlock()
	if ok {
		return f, nil
	}
	latest, err := h.events.Latest(ctx, organizationID, topic)
	if err != nil {
		return nil, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if f, ok := h.feeds[topic]; ok {
		return f, nil
	}
	f = &feed{
		organizationID: organizationID, topic: topic, last: latest,
		followers: map[*follower]struct{}{},
	}
	h.feeds[topic] = f
	return f, nil
}

// leave ends a subscription; a topic nobody follows is forgotten.
func (h *Hub) leave(f *feed, w *follower) {
	h.mu.Lock()
	defer h.mu.Unlock()
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.followers, w)
	if len(f.followers) == 0 && h.feeds[f.topic] == f {
		delete(h.feeds, f.topic)
	}
}

func (h *Hub) opened(n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.open += n
}

// before reports whether event id a is older than b. Ids are "<epoch>-<n>";
// ids of two epochs are never ordered, so that a reset is not taken for an old
// event.
func before(a, b string) bool {
	epochA, nA := splitID(a)
	epochB, nB := splitID(b)
	if a == "" {
		return b != ""
	}
	return epochA == epochB && nA < nB
}

func splitID(id string) (epoch string, n uint64) {
	cut := strings.LastIndexByte(id, '-')
	if cut < 0 {
		return "", 0
	}
	n, err := strconv.ParseUint(id[cut+1:], 10, 64)
	if err != nil {
		return "", 0
	}
	return id[:cut], n
}
