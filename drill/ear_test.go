package drill

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/api/live"
	"github.com/scratch-platform/scratch/models"
)

// closedGoingAway is the code with which a server that stops closes.
const closedGoingAway = websocket.CloseGoingAway

// hearWithin bounds the wait for one message.
const hearWithin = time.Minute

// ear follows one topic over a WebSocket of one frontend.
type ear struct {
	t    *testing.T
	conn *websocket.Conn
	from string   // the topic's place when it began
	ids  []string // of the events since
	last string   // where to go on
}

// listen follows a topic at a frontend, behind an event or from now on.
func (p *product) listen(at *frontend, topic, after string) *ear {
	p.t.Helper()
	one := *p
	one.frontends = []*frontend{at}
	ticket := call[struct {
		Ticket string `json:"ticket"`
	}](&one, http.MethodPost, "/api/v1/ws-tickets", map[string]any{}).Ticket
	conn, answer, err := websocket.DefaultDialer.DialContext(p.t.Context(), strings.Replace(at.address, "http", "ws", 1)+"/api/v1/ws?ticket="+ticket, nil)
	require.NoError(p.t, err)
	_ = answer.Body.Close()
	p.t.Cleanup(func() { _ = conn.Close() })
	e := &ear{t: p.t, conn: conn, from: after, last: after}
	require.NoError(p.t, conn.WriteJSON(live.Request{Op: "subscribe", Topic: topic, After: after}))
	if after != "" {
		return e // what was missed comes first
	}
	m, err := e.hear()
	require.NoError(p.t, err)
	require.Equal(p.t, "subscribed", m.Op)
	e.from, e.last = m.ID, m.ID
	return e
}

// hear waits for one message.
func (e *ear) hear() (live.Message, error) {
	if err := e.conn.SetReadDeadline(time.Now().Add(hearWithin)); err != nil {
		return live.Message{}, err
	}
	_, text, err := e.conn.ReadMessage()
	if err != nil {
		return live.Message{}, err
	}
	var m live.Message
	err = json.Unmarshal(text, &m)
	if err == nil && m.Op == "event" {
		e.ids, e.last = append(e.ids, m.ID), m.ID
	}
	return m, err
}

// until listens until an event is such.
func (e *ear) until(what string, is func(live.Message) bool) {
	e.t.Helper()
	for {
		m, err := e.hear()
		require.NoError(e.t, err, "while listening for %s", what)
		require.NotEqual(e.t, "reset", m.Op, "the log does not reach back")
		if m.Op == "event" && is(m) {
			return
		}
	}
}

// untilEnd listens until the job has ended.
func (e *ear) untilEnd() {
	e.t.Helper()
	e.until("the job's end", func(m live.Message) bool {
		var change models.JobChanged
		return m.Type == models.EventJobChanged && json.Unmarshal(m.Data, &change) == nil && change.State.Final()
	})
}

// ended listens until the server closes, and gives its code.
func (e *ear) ended() int {
	e.t.Helper()
	for {
		if _, err := e.hear(); err != nil {
			var closed *websocket.CloseError
			require.ErrorAs(e.t, err, &closed, "the connection was cut off")
			return closed.Code
		}
	}
}
