package connectors

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/models"
)

const canary = "cAnArY-51f2 pass word"

func testClient(t *testing.T, base string, change ...func(*HTTPConfig)) *HTTPClient {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	config := HTTPConfig{
		Service: "test", Base: base, Transport: transport,
		Authorize: func(_ context.Context, r *http.Request) error {
			r.SetBasicAuth("ana", canary)
			return nil
		},
		Timeout: 5 * time.Second,
	}
	for _, c := range change {
		c(&config)
	}
	client, err := NewHTTPClient(config)
	require.NoError(t, err)
	return client
}

func requireKind(t *testing.T, err error, kind Kind) *Error {
	t.Helper()
	e, ok := AsError(err)
	require.True(t, ok, "the error is not typed: %v", err)
	require.Equal(t, kind, e.Kind, "%v", err)
	return e
}

// rawServer answers each request with what script gives; "" closes the
// connection without an answer. It counts the requests it has read whole.
func rawServer(t *testing.T, script func(n int32, r *http.Request) string) (base string, count *atomic.Int32) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	count = &atomic.Int32{}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			serving.Go(func() {
				defer conn.Close()
				in := bufio.NewReader(conn)
				for {
					r, err := http.ReadRequest(in)
					if err != nil {
						return
					}
					_, _ = io.Copy(io.Discard, r.Body)
					reply := script(count.Add(1), r)
					if reply == "" {
						return
					}
					if _, err := io.WriteString(conn, reply); err != nil || strings.Contains(reply, "Connection: close") {
						return
					}
				}
			})
		}
	})
	t.Cleanup(func() { listener.Close(); serving.Wait() })
	return "http://" + listener.Addr().String(), count
}

const okReply = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"

// A write whose connection dies after it went out is sent once, whatever net/http
// thinks of its method and headers, and comes back as ambiguous (Promise 5).
func TestWriteIsNeverRepeated(t *testing.T) {
	for _, method := range []string{"POST", "PUT", "PATCH", "DELETE"} {
		for _, header := range []string{"", "Idempotency-Key", "X-Idempotency-Key"} {
			for _, body := range []any{nil, map[string]string{"a": "b"}} {
				t.Run(fmt.Sprintf("%s %s %v", method, header, body != nil), func(t *testing.T) {
					base, count := rawServer(t, func(n int32, r *http.Request) string {
						if n == 1 {
							return okReply // leaves a connection to be used again
						}
						if header != "" && r.Header.Get(header) != "k1" {
							return "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"
						}
						return ""
					})
					client := testClient(t, base)
					_, err := client.Do(t.Context(), HTTPRequest{Method: "GET", Path: "a", Tried: "warm up"})
					require.NoError(t, err)
					request := HTTPRequest{Method: method, Path: "a", Tried: "write", Body: body, Header: http.Header{}}
					if header != "" {
						request.Header.Set(header, "k1")
					}
					_, err = client.Do(t.Context(), request)
					requireKind(t, err, KindAmbiguous)
					require.EqualValues(t, 2, count.Load(), "the write reached the service more than once")
				})
			}
		}
	}
}

// deadConn is a connection whose other end is gone: nothing can be written.
type deadConn struct {
	net.Conn
	dead *atomic.Bool
}

func (c deadConn) Write(p []byte) (int, error) {
	if c.dead.Load() {
		return 0, errors.New("broken pipe")
	}
	return c.Conn.Write(p)
}

// A kept connection on which nothing could be written costs nobody an unknown
// outcome: the write goes out on another, once.
func TestWriteSurvivesADeadIdleConnection(t *testing.T) {
	base, count := rawServer(t, func(int32, *http.Request) string { return okReply })
	var first *atomic.Bool
	client := testClient(t, base, func(c *HTTPConfig) {
		c.Transport.(*http.Transport).DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := new(net.Dialer).DialContext(ctx, network, address)
			dead := &atomic.Bool{}
			if first == nil {
				first = dead
			}
			return deadConn{conn, dead}, err
		}
	})
	_, err := client.Do(t.Context(), HTTPRequest{Method: "GET", Tried: "warm up"})
	require.NoError(t, err)
	first.Store(true)
	_, err = client.Do(t.Context(), HTTPRequest{Method: "POST", Body: 1, Tried: "write"})
	require.NoError(t, err)
	require.EqualValues(t, 2, count.Load())
}

func TestLostAnswers(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	nobody := "http://" + closed.Addr().String()
	require.NoError(t, closed.Close())
	silent, _ := rawServer(t, func(int32, *http.Request) string { return "" })
	half, _ := rawServer(t, func(int32, *http.Request) string {
		return "HTTP/1.1 201 Created\r\nContent-Length: 200\r\nConnection: close\r\n\r\n{\"id\":"
	})
	release := make(chan struct{})
	slow := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-release
	}))
	t.Cleanup(func() { close(release); slow.Close() })
	secure := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(secure.Close)
	plain := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(plain.Close)

	for _, tc := range []struct {
		name, base  string
		read, write Kind
		code        string
	}{
		{"nobody listens", nobody, KindUnavailable, KindUnavailable, "connection_refused"},
		{"closed without an answer", silent, KindUnavailable, KindAmbiguous, "connection_lost"},
		{"half an answer", half, KindUnavailable, KindAmbiguous, "connection_lost"},
		{"no answer in time", slow.URL, KindTimeout, KindAmbiguous, ""},
		{"unknown signer", secure.URL, KindUnavailable, KindUnavailable, "tls_certificate"},
		{"http on an https port", "https" + strings.TrimPrefix(plain.URL, "http"), KindUnavailable, KindUnavailable, "tls_failed"},
		{"unknown host", "http://no-such-host.invalid", KindUnavailable, KindUnavailable, "host"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			client := testClient(t, tc.base, func(c *HTTPConfig) {
				if tc.base == slow.URL {
					c.Timeout = 200 * time.Millisecond
				}
			})
			_, err := client.Do(t.Context(), HTTPRequest{Method: "GET", Tried: "read"})
			e := requireKind(t, err, tc.read)
			require.Contains(t, e.Code, tc.code)
			require.NotEmpty(t, e.Reason)
			require.NotEmpty(t, e.Hint)
			_, err = client.Do(t.Context(), HTTPRequest{Method: "POST", Body: "x", Tried: "write"})
			requireKind(t, err, tc.write)
			require.NotErrorIs(t, err, context.DeadlineExceeded, "our own time limit is not the caller's")
			_, err = client.Do(t.Context(), HTTPRequest{Method: "POST", Body: "x", Tried: "ask", Reads: true})
			requireKind(t, err, tc.read)
		})
	}
}

// Over HTTP/2 too, a write that the service broke off is ambiguous and was sent
// once.
func TestWriteOverHTTP2(t *testing.T) {
	var hits atomic.Int32
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		hits.Add(1)
		_, _ = io.Copy(io.Discard, r.Body)
		panic(http.ErrAbortHandler)
	}))
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	client := testClient(t, server.URL, func(c *HTTPConfig) { c.Transport = server.Client().Transport })
	for _, body := range []any{nil, 1} {
		hits.Store(0)
		_, err := client.Do(t.Context(), HTTPRequest{Method: "POST", Body: body, Tried: "write"})
		requireKind(t, err, KindAmbiguous)
		require.EqualValues(t, 1, hits.Load())
	}
}

func TestCancelIsPromptAndTold(t *testing.T) {
	arrived, release := make(chan struct{}, 2), make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { arrived <- struct{}{}; <-release }))
	t.Cleanup(func() { close(release); server.Close() })
	client := testClient(t, server.URL, func(c *HTTPConfig) { c.Timeout = time.Minute })
	for method, kind := range map[string]Kind{"GET": KindUnavailable, "POST": KindAmbiguous} {
		ctx, cancel := context.WithCancel(t.Context())
		go func() { <-arrived; cancel() }()
		began := time.Now()
		_, err := client.Do(ctx, HTTPRequest{Method: method, Tried: "wait", Body: 1})
		requireKind(t, err, kind)
		require.ErrorIs(t, err, context.Canceled)
		require.Less(t, time.Since(began), 2*time.Second)
		_, err = client.Do(ctx, HTTPRequest{Method: method, Tried: "go on", Body: 1})
		requireKind(t, err, KindUnavailable)
		require.ErrorIs(t, err, context.Canceled)
	}
}

type recordedLimiter struct {
	mu        sync.Mutex
	inFlight  int
	waited    []string
	rates     []Rate
	penalties map[string]time.Time
	refuse    string
}

func (l *recordedLimiter) Wait(_ context.Context, key string, rate Rate) (func(), error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if key == l.refuse {
		return nil, context.Canceled
	}
	l.waited, l.rates = append(l.waited, key), append(l.rates, rate)
	l.inFlight++
	return func() { l.mu.Lock(); l.inFlight--; l.mu.Unlock() }, nil
}

func (l *recordedLimiter) Penalize(key string, until time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.penalties == nil {
		l.penalties = map[string]time.Time{}
	}
	l.penalties[key] = until
}

func TestRateLimits(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	for _, tc := range []struct {
		name, header string
		status       int
		kind         Kind
		least, most  time.Duration
	}{
		{"seconds", "12", 429, KindRateLimited, 12 * time.Second, 12 * time.Second},
		{"date by the service's clock", now.Add(time.Hour + 30*time.Second).Format(http.TimeFormat), 429, KindRateLimited, 30 * time.Second, 30 * time.Second},
		{"a date gone by", now.Add(-time.Hour).Format(http.TimeFormat), 429, KindRateLimited, time.Second, time.Second},
		{"for ever", "99999999999", 429, KindRateLimited, 24 * time.Hour, 24 * time.Hour},
		{"none", "", 429, KindRateLimited, 2 * time.Second, 3 * time.Second},
		{"nonsense", "soon", 429, KindRateLimited, 2 * time.Second, 3 * time.Second},
		{"unavailable", "7", 503, KindUnavailable, 7 * time.Second, 7 * time.Second},
	} {
		t.Run(tc.name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Date", now.Add(time.Hour).Format(http.TimeFormat))
				if tc.header != "" {
					w.Header().Set("Retry-After", tc.header)
				}
				w.WriteHeader(tc.status)
			}))
			t.Cleanup(server.Close)
			limiter := &recordedLimiter{}
			client := testClient(t, server.URL, func(c *HTTPConfig) {
				c.Limiter, c.Now = limiter, func() time.Time { return now }
				c.Claims = []Claim{{Key: "base"}, {Key: "user"}}
			})
			_, err := client.Do(t.Context(), HTTPRequest{Method: "GET", Tried: "read"})
			e := requireKind(t, err, tc.kind)
			require.GreaterOrEqual(t, e.Wait, tc.least)
			require.LessOrEqual(t, e.Wait, tc.most)
			require.Equal(t, []string{"base", "user"}, limiter.waited)
			require.Zero(t, limiter.inFlight, "a share of the limit was not given back")
			require.Equal(t, map[string]time.Time{"base": now.Add(e.Wait)}, limiter.penalties)
		})
	}
}

func TestLimitThatCannotBeHadGivesBackTheOthers(t *testing.T) {
	limiter := &recordedLimiter{refuse: "user"}
	client := testClient(t, "http://127.0.0.1:1", func(c *HTTPConfig) {
		c.Limiter, c.Claims = limiter, []Claim{{Key: "base"}, {Key: "user"}}
	})
	_, err := client.Do(t.Context(), HTTPRequest{Method: "POST", Tried: "write"})
	requireKind(t, err, KindUnavailable)
	require.Zero(t, limiter.inFlight)
}

type rotating struct{ asked []string }

func (r *rotating) Token(_ context.Context, refused string) (string, error) {
	r.asked = append(r.asked, refused)
	return fmt.Sprintf("token-number-%d", len(r.asked)), nil
}

func TestTokenIsRefreshedOnce(t *testing.T) {
	var good atomic.Value
	var hits atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		hits.Add(1)
		if r.Header.Get("Authorization") != good.Load() {
			w.WriteHeader(401)
			return
		}
		_, _ = io.Copy(w, r.Body)
	}))
	t.Cleanup(server.Close)
	good.Store("Bearer token-number-2")
	tokens := &rotating{}
	client := testClient(t, server.URL, func(c *HTTPConfig) { c.Tokens = tokens })
	answer, err := client.Do(t.Context(), HTTPRequest{Method: "POST", Body: []string{"<a&b>"}, Tried: "write"})
	require.NoError(t, err)
	require.Equal(t, `["<a&b>"]`, string(answer.Body), "content is sent as it is")
	require.Equal(t, []string{"", "token-number-1"}, tokens.asked)

	good.Store("none")
	hits.Store(0)
	_, err = client.Do(t.Context(), HTTPRequest{Method: "POST", Tried: "write"})
	requireKind(t, err, KindAuth)
	require.EqualValues(t, 2, hits.Load())
}

type refusingTransport struct{}

func (refusingTransport) RoundTrip(*http.Request) (*http.Response, error) {
	return nil, fmt.Errorf("dial: %w", models.NewProblem(models.KindInvalid, "network.address_refused", "It is a private address.", "Enter a public one."))
}

func TestGuardsWordIsKept(t *testing.T) {
	client := testClient(t, "http://10.0.0.1", func(c *HTTPConfig) { c.Transport = refusingTransport{} })
	_, err := client.Do(t.Context(), HTTPRequest{Method: "POST", Tried: "write"})
	e := requireKind(t, err, KindInvalid)
	require.Equal(t, "network.address_refused", e.Code)
	require.Equal(t, "Enter a public one.", e.Hint)
}

func TestBaseIsChecked(t *testing.T) {
	for _, base := range []string{"ftp://a", "a.example", "https://u:p@a.example", "https://a.example/#x", "http://"} {
		_, err := NewHTTPClient(HTTPConfig{Service: "test", Base: base})
		require.Equal(t, "address_invalid", requireKind(t, err, KindInvalid).Code, base)
	}
}
