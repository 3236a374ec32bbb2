package main

import (
	"bufio"
	"bytes"
	"context"
	"net/http"
	"strings"
	"time"
)

// Limits of an event stream.
const (
	maxEventLine = 1 << 20
	// streamQuiet is how long a stream may say nothing, not even that it is
	// still there (the server does so every 25 s), before it is taken for dead.
	streamQuiet = 70 * time.Second
	retryFirst  = 250 * time.Millisecond
	retryMost   = 5 * time.Second
)

// streamEvent is one server-sent event.
type streamEvent struct {
	id   string
	name string
	data []byte
}

// listen follows a job's events and hands them out in order, each once: after a
// break it goes on behind the last one it got. It returns when the context
// ends; what the events lead to is the reader's to decide.
func (s *session) listen(ctx context.Context, jobID string, out chan<- streamEvent) {
	source := s.unhurried()
	last, pause := "", retryFirst
	for ctx.Err() == nil {
		before := last
		last = source.readStream(ctx, jobPath(jobID)+"/events", last, out)
		if last != before {
			pause = retryFirst
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
		pause = min(2*pause, retryMost)
	}
}

// readStream reads one connection's events until it ends, and gives the id of
// the last one. Why it ended is of no interest: the job itself is read as well.
func (c *client) readStream(ctx context.Context, path, last string, out chan<- streamEvent) string {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+path, nil)
	if err != nil {
		return last
	}
	request.Header.Set("Authorization", "Bearer "+c.token)
	request.Header.Set("Accept", "text/event-stream")
	if last != "" {
		request.Header.Set("Last-Event-ID", last)
	}
	answer, err := c.http.Do(request)
	if err != nil {
		return last
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK || !strings.HasPrefix(answer.Header.Get("Content-Type"), "text/event-stream") {
		return last
	}
	quiet := time.AfterFunc(streamQuiet, cancel)
	defer quiet.Stop()
	lines := bufio.NewScanner(answer.Body)
	lines.Buffer(make([]byte, 0, 64<<10), maxEventLine)
	var e streamEvent
	for lines.Scan() {
		quiet.Reset(streamQuiet)
		line := lines.Bytes()
		if len(line) > 0 {
			e.take(line)
			continue
		}
		if e.name != "" {
			select {
			case out <- e:
			case <-ctx.Done():
				return last
			}
			last = e.id
		}
		e = streamEvent{id: e.id}
	}
	return last
}

// take reads one line of an event; comments and unknown fields are passed over.
func (e *streamEvent) take(line []byte) {
	name, value, _ := bytes.Cut(line, []byte(":"))
	value = bytes.TrimPrefix(value, []byte(" "))
	switch string(name) {
	case "id":
		e.id = string(value)
	case "event":
		e.name = string(value)
	case "data":
		if e.data != nil {
			e.data = append(e.data, '\n')
		}
		e.data = append(e.data, value...)
	}
}
