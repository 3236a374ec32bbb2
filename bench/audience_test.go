package bench

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/scratch-platform/scratch/internal/wait"
)

// The audience is a process of its own: this test binary, started again, with
// many WebSocket clients that do as little as a client can. The product and the
// bare hub are heard by the same program.

// seat is a number of clients that follow one topic at one address.
type seat struct {
	URL     string // http://host:port
	Token   string // asks for a ticket for each client; empty: none are wanted
	Topic   string
	Clients int
}

// heard is what the audience says of the events since it was last asked.
type heard struct {
	Told        int     // clients that got events
	Least, Most int     // events that one of them got
	P50, P99    float64 // from an event's own time to its receipt, ms
	Bytes       int     // of a message, on average
	Gone        int     // connections that ended
}

// audience is a running client program.
type audience struct {
	clients int
	ask     *json.Encoder
	answers *json.Decoder
	stop    func()
}

// question asks for a report once so many clients have got so many events.
type question struct {
	Events int
	Told   int
	Within time.Duration
}

// seatAudience connects the clients, and returns when all of them are
// subscribed.
func seatAudience(b testing.TB, seats []seat) *audience {
	b.Helper()
	a := &audience{}
	for _, s := range seats {
		a.clients += s.Clients
	}
	needDescriptors(b, a.clients)
	self, err := os.Executable()
	require.NoError(b, err)
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), childVariable+"="+childAudience)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	require.NoError(b, err)
	out, err := cmd.StdoutPipe()
	require.NoError(b, err)
	process(b, cmd)
	a.ask, a.answers = json.NewEncoder(in), json.NewDecoder(out)
	a.stop = sync.OnceFunc(func() {
		_ = in.Close() // which ends it
		_ = cmd.Wait()
	})
	b.Cleanup(a.stop)
	require.NoError(b, a.ask.Encode(seats))
	var connected int
	require.NoError(b, a.answers.Decode(&connected), "the clients could not connect")
	require.Equal(b, a.clients, connected)
	return a
}

// report waits until each client has got the events, and says how.
func (a *audience) report(b testing.TB, events int) heard {
	b.Helper()
	return a.reportOf(b, events, a.clients)
}

// reportOf is report where so many of the clients are told, and the others are
// told nothing.
func (a *audience) reportOf(b testing.TB, events, told int) heard {
	b.Helper()
	require.NoError(b, a.ask.Encode(question{Events: events, Told: told, Within: 20 * time.Second}))
	var h heard
	require.NoError(b, a.answers.Decode(&h))
	require.Zero(b, h.Gone, "connections ended")
	require.Equal(b, told, h.Told, "clients that were told")
	require.Equal(b, events, h.Least, "a client missed an event")
	require.Equal(b, events, h.Most, "a client got an event twice")
	return h
}

// needDescriptors says clearly when this machine does not let a process have
// that many connections.
func needDescriptors(b testing.TB, connections int) {
	b.Helper()
	var limit syscall.Rlimit
	require.NoError(b, syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit))
	if need := uint64(connections + 100); limit.Max < need {
		b.Fatalf("%d clients need as many file descriptors in one process, and the hard limit is %d: raise it (ulimit -Hn %d; LimitNOFILE or nofile where a supervisor sets it)",
			connections, limit.Max, need)
	}
}

// The rest runs in the child.

// sitting is one client of the audience.
type sitting struct {
	mu   sync.Mutex
	late []time.Duration // of each event since the last report; guarded by mu
	size int             // bytes of them; guarded by mu
	gone bool            // guarded by mu
}

// listen is the child's program.
func listen() error {
	in := bufio.NewReader(os.Stdin)
	questions, answers := json.NewDecoder(in), json.NewEncoder(os.Stdout)
	var seats []seat
	if err := questions.Decode(&seats); err != nil {
		return fmt.Errorf("read the seats: %w", err)
	}
	sittings, err := connectAll(seats)
	if err != nil {
		return err
	}
	if err := answers.Encode(len(sittings)); err != nil {
		return err
	}
	for {
		var q question
		if err := questions.Decode(&q); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if err := answers.Encode(gather(sittings, q)); err != nil {
			return err
		}
	}
}

func connectAll(seats []seat) ([]*sitting, error) {
	var all []*sitting
	var connecting errgroup.Group
	connecting.SetLimit(16)
	for _, s := range seats {
		for range s.Clients {
			one := &sitting{}
			all = append(all, one)
			connecting.Go(func() error { return one.sit(s) })
		}
	}
	return all, connecting.Wait()
}

// sit connects and subscribes, and leaves a goroutine that listens until the
// process ends.
func (c *sitting) sit(s seat) error {
	address := "ws" + s.URL[len("http"):] + "/api/v1/ws"
	if s.Token != "" {
		ticket, err := ticketFor(s)
		if err != nil {
			return err
		}
		address += "?ticket=" + ticket
	}
	dialer := websocket.Dialer{HandshakeTimeout: 30 * time.Second, ReadBufferSize: 1 << 10, WriteBufferSize: 256}
	conn, answer, err := dialer.Dial(address, nil)
	if err != nil {
		return fmt.Errorf("connect to %s: %w", s.URL, err)
	}
	_ = answer.Body.Close()
	if err := conn.WriteJSON(map[string]string{"op": "subscribe", "topic": s.Topic}); err != nil {
		return fmt.Errorf("subscribe at %s: %w", s.URL, err)
	}
	_, first, err := conn.ReadMessage()
	if err != nil || !bytes.Contains(first, []byte(`"op":"subscribed"`)) {
		return fmt.Errorf("subscribe to %s at %s: %s %w", s.Topic, s.URL, first, err)
	}
	go c.hear(conn)
	return nil
}

// ticketFor asks as often as the API's limit of requests wants it.
func ticketFor(s seat) (string, error) {
	for {
		request, err := http.NewRequestWithContext(context.Background(), http.MethodPost, s.URL+"/api/v1/ws-tickets", http.NoBody)
		if err != nil {
			return "", err
		}
		request.Header.Set("Authorization", "Bearer "+s.Token)
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			return "", err
		}
		var ticket struct{ Ticket string }
		err = json.NewDecoder(answer.Body).Decode(&ticket)
		_ = answer.Body.Close()
		switch {
		case answer.StatusCode == http.StatusTooManyRequests:
			if err := wait.For(context.Background(), 50*time.Millisecond); err != nil {
				return "", err
			}
		case err != nil || answer.StatusCode >= 300:
			return "", fmt.Errorf("ask for a ticket: %s %w", answer.Status, err)
		default:
			return ticket.Ticket, nil
		}
	}
}

var (
	changedType = []byte(`"type":"records.changed"`)
	atField     = []byte(`"at":"`)
)

func (c *sitting) hear(conn *websocket.Conn) {
	var text [4 << 10]byte
	for {
		_, r, err := conn.NextReader()
		n := 0
		if err == nil {
			n, err = io.ReadFull(r, text[:])
		}
		got := time.Now()
		if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
			c.mu.Lock()
			c.gone = true
			c.mu.Unlock()
			return
		}
		message := text[:n]
		begun := bytes.LastIndex(message, atField)
		if begun < 0 || !bytes.Contains(message, changedType) {
			continue
		}
		stamp, _, _ := bytes.Cut(message[begun+len(atField):], []byte{'"'})
		at, err := time.Parse(time.RFC3339Nano, string(stamp))
		if err != nil {
			continue // it is missing in the report
		}
		c.mu.Lock()
		c.late, c.size = append(c.late, got.Sub(at)), c.size+n
		c.mu.Unlock()
	}
}

// gather waits until every client has got the events, or the time is over, and
// a moment more for what should not come; then it begins anew.
func gather(sittings []*sitting, q question) heard {
	ctx, cancel := context.WithTimeout(context.Background(), q.Within)
	defer cancel()
	for told := -1; told < q.Told; {
		told = 0
		for _, c := range sittings {
			if c.count() >= q.Events {
				told++
			}
		}
		if wait.For(ctx, 20*time.Millisecond) != nil {
			break
		}
	}
	_ = wait.For(context.WithoutCancel(ctx), 100*time.Millisecond)
	h := heard{Least: int(^uint(0) >> 1)}
	var all []time.Duration
	size := 0
	for _, c := range sittings {
		c.mu.Lock()
		if len(c.late) > 0 {
			h.Told++
			h.Least, h.Most = min(h.Least, len(c.late)), max(h.Most, len(c.late))
		}
		all, size = append(all, c.late...), size+c.size
		if c.gone {
			h.Gone++
		}
		c.late, c.size = nil, 0
		c.mu.Unlock()
	}
	if len(all) > 0 {
		h.P50, h.P99, h.Bytes = milliseconds(quantile(all, 0.5)), milliseconds(quantile(all, 0.99)), size/len(all)
	}
	return h
}

func (c *sitting) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.late)
}
