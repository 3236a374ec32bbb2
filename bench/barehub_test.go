package bench

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"
)

// bareHub is what gorilla's own example does, written as well as we can: no
// database, no numbers, no tenants, nothing kept. One frame is made for an event
// and written to everyone who follows its topic. It is a process of its own.

// startBareHub serves until the benchmark ends, and gives the address.
func startBareHub(b testing.TB) string {
	b.Helper()
	self, err := os.Executable()
	require.NoError(b, err)
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), childVariable+"="+childHub)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	require.NoError(b, err)
	process(b, cmd)
	b.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(b, err, "the bare hub did not start")
	return strings.TrimSpace(line)
}

// publish has the hub send an event of that size to a topic.
func publish(b testing.TB, hub, topic string, size int) {
	b.Helper()
	request, err := http.NewRequestWithContext(b.Context(), http.MethodPost, hub+"/publish?topic="+topic+"&size="+strconv.Itoa(size), http.NoBody)
	require.NoError(b, err)
	answer, err := http.DefaultClient.Do(request)
	require.NoError(b, err)
	defer answer.Body.Close()
	require.Equal(b, http.StatusOK, answer.StatusCode)
}

// The rest runs in the child.

type bareHub struct {
	mu     sync.Mutex
	topics map[string]map[*bareClient]struct{} // guarded by mu
	n      int                                 // guarded by mu
}

type bareClient struct {
	conn *websocket.Conn
	send chan *websocket.PreparedMessage
}

// serveBareHub is the child's program.
func serveBareHub() error {
	h := &bareHub{topics: map[string]map[*bareClient]struct{}{}}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/api/v1/ws", h.join)
	mux.HandleFunc("/publish", h.publish)
	fmt.Println("http://" + listener.Addr().String())
	return http.Serve(listener, mux)
}

func (h *bareHub) join(w http.ResponseWriter, r *http.Request) {
	upgrader := websocket.Upgrader{ReadBufferSize: 1 << 10, WriteBufferSize: 1 << 10}
	conn, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	c := &bareClient{conn: conn, send: make(chan *websocket.PreparedMessage, 256)}
	var asked struct{ Topic string }
	if conn.ReadJSON(&asked) != nil || conn.WriteJSON(map[string]string{"op": "subscribed", "topic": asked.Topic}) != nil {
		_ = conn.Close()
		return
	}
	h.mu.Lock()
	if h.topics[asked.Topic] == nil {
		h.topics[asked.Topic] = map[*bareClient]struct{}{}
	}
	h.topics[asked.Topic][c] = struct{}{}
	h.mu.Unlock()
	go c.write()
	for {
		if _, _, err := conn.ReadMessage(); err != nil {
			return // the audience has gone, and so will this process
		}
	}
}

func (c *bareClient) write() {
	for m := range c.send {
		_ = c.conn.SetWriteDeadline(time.Now().Add(10 * time.Second))
		if c.conn.WritePreparedMessage(m) != nil {
			return
		}
	}
}

func (h *bareHub) publish(w http.ResponseWriter, r *http.Request) {
	at := time.Now().UTC()
	size, err := strconv.Atoi(r.FormValue("size"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	topic := r.FormValue("topic")
	h.mu.Lock()
	defer h.mu.Unlock()
	h.n++
	text, err := json.Marshal(struct {
		Op    string    `json:"op"`
		Topic string    `json:"topic"`
		ID    string    `json:"id"`
		Type  string    `json:"type"`
		Data  string    `json:"data"`
		At    time.Time `json:"at"`
	}{"event", topic, strconv.Itoa(h.n), "records.changed", "", at})
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	filled := bytes.Replace(text, []byte(`"data":""`), []byte(`"data":"`+strings.Repeat("x", max(0, size-len(text)))+`"`), 1)
	m, err := websocket.NewPreparedMessage(websocket.TextMessage, filled)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	for c := range h.topics[topic] {
		select {
		case c.send <- m:
		default: // too slow: the audience reports that it missed an event
		}
	}
	_, _ = io.WriteString(w, "sent\n")
}
