package connectors

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
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
	penalties map[string]time.Time
	refuse    string
}

func (l *recordedLimiter) Wait(_ context.Context, key string, _ Rate) (func(), error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if key == l.refuse {
		return nil, context.Canceled
	}
	l.waited = append(l.waited, key)
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

func TestStatuses(t *testing.T) {
	for _, tc := range []struct {
		status      int
		body        string
		read, write Kind
		outcome     Outcome
	}{
		{400, `{}`, KindInvalid, KindInvalid, Failed},
		{401, `{}`, KindAuth, KindAuth, NotSent},
		{402, `{}`, KindQuota, KindQuota, NotSent},
		{403, `{}`, KindPermission, KindPermission, Failed},
		{403, `<html><body>Blocked</body></html>`, KindUnavailable, KindUnavailable, NotSent},
		{404, `{}`, KindNotFound, KindNotFound, Failed},
		{405, `{}`, KindUnsupported, KindUnsupported, Failed},
		{409, `{}`, KindConflict, KindConflict, Conflict},
		{410, `{}`, KindNotFound, KindNotFound, Failed},
		{413, `<html>`, KindTooLarge, KindTooLarge, Failed},
		{429, `{}`, KindRateLimited, KindRateLimited, NotSent},
		{408, ``, KindUnavailable, KindAmbiguous, Unknown},
		{500, `{}`, KindUnavailable, KindAmbiguous, Unknown},
		{502, `<html>`, KindUnavailable, KindAmbiguous, Unknown},
		{503, ``, KindUnavailable, KindAmbiguous, Unknown},
		{504, ``, KindUnavailable, KindAmbiguous, Unknown},
	} {
		t.Run(fmt.Sprintf("%d %s", tc.status, tc.body), func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(tc.status)
				_, _ = io.WriteString(w, tc.body)
			}))
			t.Cleanup(server.Close)
			client := testClient(t, server.URL)
			_, err := client.Do(t.Context(), HTTPRequest{Method: "GET", Tried: "read"})
			require.Equal(t, tc.status, requireKind(t, err, tc.read).Status)
			_, err = client.Do(t.Context(), HTTPRequest{Method: "PATCH", Tried: "write", Body: 1})
			requireKind(t, err, tc.write)
			require.Equal(t, tc.outcome, ResultOf("k", err).Outcome)
		})
	}
}

func TestExplainHasTheLastWord(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(503)
		_, _ = io.WriteString(w, `{"code":"not_done","column":"title"}`)
	}))
	t.Cleanup(server.Close)
	client := testClient(t, server.URL, func(c *HTTPConfig) {
		c.Explain = func(a *HTTPAnswer, e *Error) {
			var said struct{ Code, Column string }
			if a.JSON(&said) == nil && said.Code == "not_done" {
				e.Kind, e.Code, e.Column = KindUnavailable, said.Code, said.Column
			}
		}
	})
	_, err := client.Do(t.Context(), HTTPRequest{Method: "POST", Tried: "write"})
	e := requireKind(t, err, KindUnavailable)
	require.Equal(t, "not_done", e.Code)
	require.Equal(t, "title", e.Problem().Fields[0].Field)
}

func TestRedirects(t *testing.T) {
	var elsewhere http.Header
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		elsewhere = r.Header.Clone()
		_, _ = io.WriteString(w, `{}`)
	}))
	t.Cleanup(other.Close)
	var hits atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		hits.Add(1)
		switch r.URL.Path {
		case "/near":
			http.Redirect(w, r, "/there", http.StatusMovedPermanently)
		case "/far":
			http.Redirect(w, r, strings.Replace(other.URL, "127.0.0.1", "localhost", 1), http.StatusFound)
		case "/loop":
			http.Redirect(w, r, "/loop", http.StatusFound)
		default:
			if _, _, ok := r.BasicAuth(); !ok {
				w.WriteHeader(401)
				return
			}
			_, _ = io.WriteString(w, `{}`)
		}
	}))
	t.Cleanup(server.Close)
	client := testClient(t, server.URL, func(c *HTTPConfig) {
		c.Authorize = func(_ context.Context, r *http.Request) error {
			r.SetBasicAuth("ana", canary)
			r.Header.Set("X-Api-Key", canary)
			return nil
		}
	})
	answer, err := client.Do(t.Context(), HTTPRequest{Method: "GET", Path: "near", Tried: "read"})
	require.NoError(t, err, "a redirect on the same host keeps the credential")
	require.Equal(t, "/there", answer.URL.Path)
	_, err = client.Do(t.Context(), HTTPRequest{Method: "GET", Path: "far", Tried: "read"})
	require.NoError(t, err)
	require.Empty(t, elsewhere.Get("Authorization")+elsewhere.Get("X-Api-Key"), "the credential went to another host")
	_, err = client.Do(t.Context(), HTTPRequest{Method: "GET", Path: "loop", Tried: "read"})
	require.Equal(t, "redirects_too_many", requireKind(t, err, KindInvalid).Code)

	hits.Store(0)
	_, err = client.Do(t.Context(), HTTPRequest{Method: "POST", Path: "near", Tried: "write", Body: 1})
	e := requireKind(t, err, KindInvalid)
	require.Equal(t, "redirected", e.Code)
	require.Contains(t, e.Reason, "/there")
	require.EqualValues(t, 1, hits.Load(), "a write followed a redirect")
}

// Promise 10: whatever the service quotes, in whatever spelling, the credential is
// in no error, no problem and no cause.
func TestCredentialIsInNoError(t *testing.T) {
	pair := base64.StdEncoding.EncodeToString([]byte("ana:" + canary))
	quoted := []string{
		canary, pair, url.QueryEscape(canary), strings.ReplaceAll(canary, " ", ""),
		base64.StdEncoding.EncodeToString([]byte(canary)), "Authorization: Basic " + pair,
		strings.Repeat("x", MaxServiceWords-8) + canary,
		"<html><body>" + canary + "</body></html>", `{"message":"bad ` + canary + `"}`,
	}
	for _, words := range quoted {
		for _, status := range []int{200, 400, 401, 403, 500} {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(status)
				_, _ = io.WriteString(w, words)
			}))
			client := testClient(t, server.URL, func(c *HTTPConfig) {
				c.Explain = func(a *HTTPAnswer, e *Error) {
					e.Words, e.Code, e.Hint, e.Reason = string(a.Body), string(a.Body), string(a.Body), string(a.Body)
					e.Fields = []models.FieldProblem{{Field: "a", Detail: string(a.Body), Code: string(a.Body)}}
				}
			})
			for _, method := range []string{"GET", "POST"} {
				answer, err := client.Do(t.Context(), HTTPRequest{Method: method, Tried: "try"})
				if err == nil {
					var into struct{ ID int }
					err = answer.JSON(&into)
					if err == nil {
						continue // valid JSON without an id
					}
				}
				requireNoCanary(t, err, pair)
			}
			server.Close()
		}
	}
}

func requireNoCanary(t *testing.T, err error, pair string) {
	t.Helper()
	e, ok := AsError(err)
	require.True(t, ok)
	problem, jsonErr := json.Marshal(e.Problem())
	require.NoError(t, jsonErr)
	whole := fmt.Sprintf("%v %+v %s", err, *e, problem)
	for cause := error(e); cause != nil; cause = errors.Unwrap(cause) {
		whole += cause.Error()
	}
	for _, secret := range []string{canary, "cAnArY", url.QueryEscape(canary), pair[:16]} {
		require.NotContains(t, whole, secret)
	}
}

func TestKeyInTheAddressIsInNoError(t *testing.T) {
	client := testClient(t, "http://127.0.0.1:1", func(c *HTTPConfig) {
		c.Authorize = func(_ context.Context, r *http.Request) error {
			q := r.URL.Query()
			q.Set("key", canary)
			r.URL.RawQuery = q.Encode()
			return nil
		}
	})
	_, err := client.Do(t.Context(), HTTPRequest{Method: "GET", Tried: "read", Query: url.Values{"a": {"b"}}})
	requireNoCanary(t, err, base64.StdEncoding.EncodeToString([]byte(canary)))
}

func TestAnswersThatAreNoJSON(t *testing.T) {
	for _, tc := range []struct {
		name, body, code string
		kind             Kind
	}{
		{"html", "<!DOCTYPE html><html><head><title>Log in</title><script>var a = 1</script></head><body>Please</body></html>", "answer_html", KindInvalid},
		{"empty", "", "answer_empty", KindUnavailable},
		{"text", "Service OK", "answer_not_json", KindInvalid},
		{"cut", `{"id":1,`, "answer_not_json", KindInvalid},
		{"other form", `{"id":"seven"}`, "answer_unexpected", KindInternal},
	} {
		t.Run(tc.name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, tc.body) }))
			t.Cleanup(server.Close)
			client := testClient(t, server.URL)
			var into struct{ ID int }
			answer, err := client.Do(t.Context(), HTTPRequest{Method: "GET", Tried: "read"})
			require.NoError(t, err)
			e := requireKind(t, answer.JSON(&into), tc.kind)
			require.Equal(t, tc.code, e.Code)
			require.NotContains(t, e.Words, "<")
			require.NotContains(t, e.Words, "var a")
			answer, err = client.Do(t.Context(), HTTPRequest{Method: "POST", Tried: "write"})
			require.NoError(t, err)
			requireKind(t, answer.JSON(&into), KindAmbiguous)
		})
	}
}

func TestJSONBehindJunk(t *testing.T) {
	for _, junk := range []string{
		"<br />\n<b>Notice</b>: Undefined index: foo[1] in {closure} <b>/srv/x.php</b> on line <b>3</b><br />\n",
		"\ufeff", "Warning: x\n", ")]}',\n",
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, junk+`{"ID":7}`) }))
		client := testClient(t, server.URL)
		answer, err := client.Do(t.Context(), HTTPRequest{Method: "POST", Tried: "write"})
		require.NoError(t, err)
		var into struct{ ID int }
		require.NoError(t, answer.JSON(&into))
		require.Equal(t, 7, into.ID)
		if junk != "\ufeff" {
			require.Equal(t, "connector.junk_before_json", answer.Warning().Code)
		} else {
			require.Nil(t, answer.Warning())
		}
		server.Close()
	}
}

func TestAnswerIsBounded(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 2000)) }))
	t.Cleanup(server.Close)
	client := testClient(t, server.URL, func(c *HTTPConfig) { c.MaxBody = 1000 })
	_, err := client.Do(t.Context(), HTTPRequest{Method: "GET", Tried: "read"})
	requireKind(t, err, KindTooLarge)
	_, err = client.Do(t.Context(), HTTPRequest{Method: "POST", Tried: "write"})
	requireKind(t, err, KindAmbiguous)
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
