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

// socket is one client's connection.
type socket struct {
	hub   *Hub
	actor models.Actor
	conn  *websocket.Conn
	queue chan Message
	gone  context.CancelFunc
	moves *rate.Limiter // of presence
	words *rate.Limiter // about too much of it: a flood is not answered by one

	once   sync.Once
	topics map[string]*subscription // used by the reading goroutine only
}

type subscription struct {
	feed     *feed
	follower *follower
}

// ServeWebSocket upgrades a request whose ticket and origin the API has
// checked, and serves it until either side ends it.
func (h *Hub) ServeWebSocket(w http.ResponseWriter, r *http.Request, actor models.Actor) {
	upgrader := websocket.Upgrader{
		HandshakeTimeout: writeWait,
		ReadBufferSize:   1 << 10,
		WriteBufferSize:  4 << 10,
		CheckOrigin:      func(*http.Request) bool { return true }, // the API's origin check has run for every route
	}
	conn, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		return // the upgrader has answered
	}
	// The request's context ends when its handler returns, which is when this
	// socket has ended.
	ctx, cancel := h.within(r.Context())
	defer cancel()
	s := &socket{
		hub: h, actor: actor, conn: conn, queue: make(chan Message, QueueLength), gone: cancel,
		moves: rate.NewLimiter(presenceRate, presenceBurst), words: rate.NewLimiter(1, 1), topics: map[string]*subscription{},
	}
	h.opened(1)
	defer h.opened(-1)
	var writing sync.WaitGroup
	writing.Go(func() { s.write(ctx) })
	s.read(ctx)
	s.drop()
	writing.Wait()
	for _, sub := range s.topics {
		h.leave(sub.feed, sub.follower)
	}
}

// drop ends the connection; the reader and the writer notice.
func (s *socket) drop() { s.end(false) }

// tooSlow ends a connection that cannot keep up.
func (s *socket) tooSlow() { s.end(true) }

func (s *socket) end(slow bool) {
	s.once.Do(func() {
		if slow {
			s.hub.dropped.Add(1)
		}
		s.gone()
		// Unblocks the reader, which waits on the network alone.
		_ = s.conn.SetReadDeadline(time.Unix(1, 0))
	})
}

// send queues a message without waiting.
func (s *socket) send(m Message) bool {
	select {
	case s.queue <- m:
		return true
	default:
		return false
	}
}

func (s *socket) write(ctx context.Context) {
	defer func() { _ = s.conn.Close() }() // what is left to say was said by the close message
	ping := time.NewTicker(pingEvery)
	defer ping.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			_ = s.conn.WriteControl(websocket.CloseMessage, s.farewell(), time.Now().Add(time.Second))
			return
		case m := <-s.queue:
			_ = s.conn.SetWriteDeadline(time.Now().Add(writeWait))
			err = s.conn.WriteJSON(m)
		case <-ping.C:
			err = s.conn.WriteControl(websocket.PingMessage, nil, time.Now().Add(writeWait))
		}
		if err != nil {
			s.drop()
			return
		}
	}
}

// farewell is the close message: a server that stops says so, for the client to
// come back to another.
func (s *socket) farewell() []byte {
	select {
	case <-s.hub.over:
		return websocket.FormatCloseMessage(websocket.CloseGoingAway, "the server is stopping")
	default:
		return websocket.FormatCloseMessage(websocket.CloseNormalClosure, "")
	}
}

func (s *socket) read(ctx context.Context) {
	s.conn.SetReadLimit(maxRead)
	_ = s.conn.SetReadDeadline(time.Now().Add(pongWait))
	s.conn.SetPongHandler(func(string) error { return s.conn.SetReadDeadline(time.Now().Add(pongWait)) })
	for ctx.Err() == nil {
		kind, text, err := s.conn.ReadMessage()
		if err != nil {
			return
		}
		_ = s.conn.SetReadDeadline(time.Now().Add(pongWait))
		var request Request
		if kind != websocket.TextMessage || json.Unmarshal(text, &request) != nil {
			s.refuse("", "live.not_json", "A message is a JSON object with op and topic.", `For example {"op":"subscribe","topic":"job:…"}.`)
			continue
		}
		s.handle(ctx, request)
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
	w := &follower{drop: s.tooSlow}
	w.deliver = func(m message) bool { return s.send(show(m)) }
	joined, from, err := s.hub.join(ctx, s.actor.OrganizationID, r.Topic, r.After, false, w)
	switch {
	case errors.Is(err, errTooSlow):
		s.tooSlow()
	case err != nil:
		s.hub.log.WarnContext(ctx, "subscribing failed", "topic", r.Topic, "error", err)
		s.refuse(r.Topic, "live.unavailable", "The event log could not be read just now.", "Subscribe again in a moment.")
	default:
		s.topics[r.Topic] = &subscription{feed: joined, follower: w}
		if !s.send(Message{Op: opSubscribed, Topic: r.Topic, ID: from}) {
			s.tooSlow()
		}
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
	if !s.send(Message{Op: opError, Topic: models.Bound(topic, 200), Code: code, Detail: detail, Hint: hint}) {
		s.tooSlow()
	}
}

func show(m message) Message {
	shown := Message{Op: m.op, Topic: m.event.Topic, ID: m.event.ID}
	if m.op == opEvent {
		at := m.event.At
		shown.Type, shown.Origin, shown.Data, shown.At = m.event.Type, m.event.Origin, m.event.Data, &at
	}
	return shown
}
