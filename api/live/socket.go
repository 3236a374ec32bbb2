package live

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/gorilla/websocket"
	"golang.org/x/time/rate"

	"github.com/scratch-platform/scratch/internal/telemetry"
	"github.com/scratch-platform/scratch/models"
)

// Operations of the protocol, from the server and from the client.
const (
	opEvent      = "event"
	opSubscribed = "subscribed"
	opReset      = "reset"
	opError      = "error"

	opSubscribe   = "subscribe"
	opUnsubscribe = "unsubscribe"
	opPresence    = "presence"
)

const (
	writeWait = 10 * time.Second
	pongWait  = 60 * time.Second
	pingEvery = 25 * time.Second
	maxRead   = 16 << 10
	// closeWait is how long the last word to a client may take.
	closeWait = 2 * time.Second
	// readBuffer holds what clients send, which is short; a longer message takes
	// more reads.
	readBuffer = 512

	// What one client may tell of its place, a second and at once: each goes to
	// every follower on every frontend.
	presenceRate  = 20
	presenceBurst = 40
)

var errTooSlow = errors.New("client is too slow")

// Message is what the server sends.
type Message struct {
	Op     string          `json:"op"`
	Topic  string          `json:"topic,omitempty"`
	ID     string          `json:"id,omitempty"`
	Type   string          `json:"type,omitempty"`
	Origin string          `json:"origin,omitempty"`
	Data   json.RawMessage `json:"data,omitempty"`
	At     *time.Time      `json:"at,omitempty"`
	Code   string          `json:"code,omitempty"`
	Detail string          `json:"detail,omitempty"`
	Hint   string          `json:"hint,omitempty"`
}

// Request is what a client sends.
type Request struct {
	Op    string          `json:"op"`
	Topic string          `json:"topic"`
	After string          `json:"after,omitempty"`
	Data  json.RawMessage `json:"data,omitempty"`
}

// socket is one client's connection. At rest it costs one goroutine, which
// reads, and no buffer for writing: what there is to write is written by a second
// one that lives as long as that takes.
type socket struct {
	hub   *Hub
	actor models.Actor
	conn  *websocket.Conn
	ctx   context.Context //nolint:containedctx // the connection's own life; it outlives its request
	gone  context.CancelFunc
	moves *rate.Limiter // of presence
	words *rate.Limiter // about too much of it: a flood is not answered by one

	mu      sync.Mutex
	queue   []*frame    // guarded by mu
	behind  int         // frames not yet written; guarded by mu
	writing bool        // somebody writes; guarded by mu
	ping    *time.Timer // guarded by mu
	pings   bool        // a ping is due; guarded by mu
	code    int         // why it ended, 0: it has not; guarded by mu
	why     string      // guarded by mu
	writer  sync.WaitGroup

	topics map[string]*subscription // used by the reading goroutine only
}

type subscription struct {
	feed     *feed
	follower *follower
}

// ServeWebSocket upgrades a request whose ticket and origin the API has checked,
// and leaves the connection to the hub: what the request's handling holds is let
// go of, so that thousands of idle clients cost little.
func (h *Hub) ServeWebSocket(w http.ResponseWriter, r *http.Request, actor models.Actor) {
	upgrader := websocket.Upgrader{
		HandshakeTimeout: writeWait,
		ReadBufferSize:   readBuffer,
		WriteBufferSize:  readBuffer,
		WriteBufferPool:  noBuffers{},                              // frames come ready made
		CheckOrigin:      func(*http.Request) bool { return true }, // the API's origin check has run for every route
	}
	conn, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		return // the upgrader has answered
	}
	ctx, cancel := context.WithCancel(telemetry.WithRequestID(context.Background(), telemetry.RequestID(r.Context())))
	s := &socket{
		hub: h, actor: actor, conn: conn, ctx: ctx, gone: cancel,
		moves: rate.NewLimiter(presenceRate, presenceBurst), words: rate.NewLimiter(1, 1), topics: map[string]*subscription{},
	}
	if !h.keep(s) {
		cancel()
		s.close(websocket.CloseGoingAway, "the server stops")
	}
}

// noBuffers keeps gorilla from holding a buffer for each connection; it asks for
// one only when a message is not a frame that was made before.
type noBuffers struct{}

func (noBuffers) Get() any { return nil }
func (noBuffers) Put(any)  {}

// serve reads until either side ends the connection, and clears up after it.
func (s *socket) serve() {
	s.mu.Lock()
	s.ping = time.AfterFunc(pingEvery, s.duePing)
	s.mu.Unlock()
	s.read(s.ctx)
	s.end(websocket.CloseNormalClosure, "")
	for _, sub := range s.topics {
		s.hub.leave(sub.feed, sub.follower)
	}
	s.writer.Wait()
	s.mu.Lock()
	s.ping.Stop()
	code, why := s.code, s.why
	s.mu.Unlock()
	s.close(code, why)
}

func (s *socket) close(code int, why string) {
	_ = s.conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, why), time.Now().Add(closeWait))
	_ = s.conn.Close() // what is left to say was said by the close message
}

// tooSlow ends a connection that cannot keep up: it comes back with the last
// event it has seen and misses nothing.
func (s *socket) tooSlow() {
	if s.end(websocket.CloseTryAgainLater, "too slow: come back with the last event id") {
		s.hub.dropped.Add(1)
	}
}

// end makes the reader and the writer end. It reports whether it was first: the
// first one's reason is told to the client.
func (s *socket) end(code int, why string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.code != 0 {
		return false
	}
	s.code, s.why, s.queue = code, why, nil
	s.gone()
	// Unblock the reader, which waits on the network alone, and a writer whose
	// client takes nothing.
	_ = s.conn.SetReadDeadline(time.Unix(1, 0))
	_ = s.conn.NetConn().SetWriteDeadline(time.Now().Add(closeWait))
	return true
}

// send queues a frame without waiting. It reports whether the client keeps up.
func (s *socket) send(f *frame) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.code != 0:
		return true // it is ending; nobody is slow
	case s.behind >= QueueLength:
		return false
	}
	s.queue = append(s.queue, f)
	s.behind++
	s.write()
	return true
}

// duePing keeps the connection alive on its way through proxies, and finds out
// when the client is gone.
func (s *socket) duePing() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.code == 0 {
		s.pings = true
		s.ping.Reset(pingEvery)
		s.write()
	}
}

// write starts the writer where there is none. It needs mu held.
func (s *socket) write() {
	if !s.writing {
		s.writing = true
		s.writer.Go(s.writeAll)
	}
}

// writeAll writes what is queued, in order, until nothing is left.
func (s *socket) writeAll() {
	for {
		s.mu.Lock()
		frames, ping := s.queue, s.pings
		s.queue, s.pings = nil, false
		if s.code != 0 || len(frames) == 0 && !ping {
			s.writing = false
			s.mu.Unlock()
			return
		}
		s.mu.Unlock()
		if err := s.writeSome(frames, ping); err != nil {
			s.end(websocket.CloseInternalServerErr, "")
		}
	}
}

func (s *socket) writeSome(frames []*frame, ping bool) error {
	for _, f := range frames {
		prepared, err := f.prepared()
		if err != nil {
			return err
		}
		_ = s.conn.SetWriteDeadline(time.Now().Add(writeWait))
		if err := s.conn.WritePreparedMessage(prepared); err != nil {
			return err
		}
		s.mu.Lock()
		s.behind--
		ended := s.code != 0
		s.mu.Unlock()
		if ended {
			return nil
		}
	}
	if ping {
		return s.conn.WriteControl(websocket.PingMessage, nil, time.Now().Add(writeWait))
	}
	return nil
}

func (s *socket) read(ctx context.Context) {
	s.conn.SetReadLimit(maxRead)
	s.awaitMore()
	s.conn.SetPongHandler(func(string) error {
		s.awaitMore()
		return nil
	})
	for ctx.Err() == nil {
		kind, text, err := s.conn.ReadMessage()
		if err != nil {
			return
		}
		s.awaitMore()
		var request Request
		if kind != websocket.TextMessage || json.Unmarshal(text, &request) != nil {
			s.refuse("", "live.not_json", "A message is a JSON object with op and topic.", `For example {"op":"subscribe","topic":"job:…"}.`)
			continue
		}
		s.handle(ctx, request)
	}
}

// awaitMore lets the client be silent for a while from now, unless the connection
// is ending.
func (s *socket) awaitMore() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.code == 0 {
		_ = s.conn.SetReadDeadline(time.Now().Add(pongWait))
	}
}

func (s *socket) handle(ctx context.Context, r Request) {
	switch r.Op {
	case opSubscribe:
		s.subscribe(ctx, r)
	case opUnsubscribe:
		if sub, ok := s.topics[r.Topic]; ok {
			s.hub.leave(sub.feed, sub.follower)
			delete(s.topics, r.Topic)
		}
	case opPresence:
		s.presence(r)
	default:
		s.refuse(r.Topic, "live.unknown_op", "There is no such op.", "Use subscribe, unsubscribe or presence.")
	}
}

func (s *socket) subscribe(ctx context.Context, r Request) {
	if _, twice := s.topics[r.Topic]; !twice && len(s.topics) >= MaxTopics {
		s.refuse(r.Topic, "live.too_many_topics", "This connection follows as many topics as one may.", "Unsubscribe from some.")
		return
	}
	may, err := s.hub.events.CanRead(ctx, s.actor, r.Topic)
	if err != nil {
		s.hub.log.WarnContext(ctx, "checking a subscription failed", "topic", models.Bound(r.Topic, 100), "error", err)
		s.refuse(r.Topic, "live.unavailable", "The subscription could not be checked just now.", "Subscribe again in a moment.")
		return
	}
	if !may {
		s.refuse(r.Topic, "live.topic_not_found", "There is no such topic.", "Topics are snapshot:<id>, job:<id>, agent:<id> and user:<id> of your organization.")
		return
	}
	if old, ok := s.topics[r.Topic]; ok {
		s.hub.leave(old.feed, old.follower)
		delete(s.topics, r.Topic)
	}
	w := &follower{drop: s.tooSlow, deliver: func(m message) bool { return s.send(m.frame) }}
	joined, from, err := s.hub.join(ctx, s.actor.OrganizationID, r.Topic, r.After, false, w)
	switch {
	case errors.Is(err, errTooSlow):
		s.tooSlow()
	case err != nil:
		s.hub.log.WarnContext(ctx, "subscribing failed", "topic", r.Topic, "error", err)
		s.refuse(r.Topic, "live.unavailable", "The event log could not be read just now.", "Subscribe again in a moment.")
	default:
		s.topics[r.Topic] = &subscription{feed: joined, follower: w}
		s.say(Message{Op: opSubscribed, Topic: r.Topic, ID: from})
	}
}

// presence tells the topic's other followers, on all frontends, where this
// client is. It is not kept: it need not last.
func (s *socket) presence(r Request) {
	if _, ok := s.topics[r.Topic]; !ok {
		s.refuse(r.Topic, "live.not_subscribed", "Presence is told to a topic you follow.", "Subscribe first.")
		return
	}
	if len(r.Data) > 1<<10 {
		s.refuse(r.Topic, "live.presence_too_large", "Presence takes at most 1 KB.", "Send ids only.")
		return
	}
	if !s.moves.AllowN(s.hub.now(), 1) {
		if s.words.AllowN(s.hub.now(), 1) {
			s.refuse(r.Topic, "live.presence_too_often", "Presence is told at most 20 times a second.", "Send the last place only.")
		}
		return
	}
	data, err := json.Marshal(models.PresenceChanged{UserID: s.actor.UserID, Name: s.actor.Name, Tab: s.actor.Tab, At: r.Data})
	if err != nil {
		s.refuse(r.Topic, "live.not_json", "Presence data is JSON.", "")
		return
	}
	s.hub.tell(models.Event{
		OrganizationID: s.actor.OrganizationID, Topic: r.Topic, Type: models.EventPresenceChanged, Origin: s.actor.Tab, Data: data, At: s.hub.now(),
	})
}

func (s *socket) refuse(topic, code, detail, hint string) {
	s.say(Message{Op: opError, Topic: models.Bound(topic, 200), Code: code, Detail: detail, Hint: hint})
}

// say queues a word to this client alone.
func (s *socket) say(m Message) {
	if !s.send(&frame{message: m}) {
		s.tooSlow()
	}
}
