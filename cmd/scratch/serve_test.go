package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// served runs serveHTTP until the test stops it.
type served struct {
	address string
	stop    context.CancelFunc
	ended   chan error
}

func serving(t *testing.T, drain time.Duration, handler http.HandlerFunc) served {
	t.Helper()
	var lc net.ListenConfig
	listener, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	s := served{address: "http://" + listener.Addr().String(), stop: stop, ended: make(chan error, 1)}
	go func() { s.ended <- serveHTTP(ctx, listener, handler, drain) }()
	return s
}

// asks sends a request and tells how it was answered.
func (s served) asks(t *testing.T) <-chan string {
	t.Helper()
	answered := make(chan string, 1)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.address, nil)
	require.NoError(t, err)
	go func() {
		answer, err := http.DefaultTransport.RoundTrip(request)
		if err != nil {
			answered <- "cut off"
			return
		}
		defer answer.Body.Close()
		text, _ := io.ReadAll(answer.Body)
		answered <- string(text)
	}()
	return answered
}

// Breaks when a request under way is cut off, or told to give up, by a stop that
// it could have outlived.
func TestRequestsEndBeforeTheServerDoes(t *testing.T) {
	begun, mayEnd := make(chan struct{}), make(chan struct{})
	s := serving(t, time.Minute, func(w http.ResponseWriter, r *http.Request) {
		close(begun)
		<-mayEnd
		if r.Context().Err() == nil {
			_, _ = io.WriteString(w, "whole")
		}
	})
	answered := s.asks(t)
	<-begun
	s.stop()
	require.Eventually(t, func() bool {
		conn, err := net.Dial("tcp", s.address[len("http://"):])
		if err == nil {
			_ = conn.Close()
		}
		return err != nil
	}, 10*time.Second, 5*time.Millisecond, "it takes new requests still")
	close(mayEnd)
	require.Equal(t, "whole", <-answered)
	require.NoError(t, <-s.ended)
}

// Breaks when a request that never ends keeps the process from ending.
func TestTheDrainHasADeadline(t *testing.T) {
	begun := make(chan struct{})
	s := serving(t, 50*time.Millisecond, func(_ http.ResponseWriter, r *http.Request) {
		close(begun)
		<-r.Context().Done()
		panic(http.ErrAbortHandler) // else the server still says 200 at times
	})
	answered := s.asks(t)
	<-begun
	s.stop()
	require.NoError(t, <-s.ended)
	require.Equal(t, "cut off", <-answered)
}
