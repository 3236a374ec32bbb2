package fake

import (
	"encoding/json"
	"os"
	"sync"
	"time"
)

// maxLog bounds the entries kept in memory; the file keeps all of them.
const maxLog = 200_000

// Change is one effective write: what an object-level checker counts.
type Change struct {
	Op    string `json:"op"` // create, update, trash, delete
	Table string `json:"table"`
	ID    int64  `json:"id"`
	Title string `json:"title,omitempty"`
	Item  int    `json:"item,omitempty"`  // position in a batch
	Fault bool   `json:"fault,omitempty"` // done by a fault, not asked for
}

// How a request ended.
const (
	AnswerPending  = "pending"  // still being worked on
	AnswerSent     = "sent"     // the whole answer was written
	AnswerWithheld = "withheld" // the connection was closed without an answer
	AnswerCut      = "cut"      // half of the answer was written
	AnswerLost     = "lost"     // the caller was gone before the answer
)

// Entry is one request in the log. The phases say how far it came: received,
// then applied (when a write took effect), then ended.
type Entry struct {
	Seq      int64      `json:"seq"`
	Method   string     `json:"method"`
	Route    string     `json:"route"`
	Query    string     `json:"query,omitempty"`
	User     string     `json:"user,omitempty"`
	Status   int        `json:"status,omitempty"`
	Answer   string     `json:"answer"`
	Rows     int        `json:"rows,omitempty"`
	Changes  []Change   `json:"changes,omitempty"`
	Faults   []string   `json:"faults,omitempty"`
	Received time.Time  `json:"received"`
	Applied  *time.Time `json:"applied,omitempty"`
	Ended    *time.Time `json:"ended,omitempty"`
}

// requestLog is append-only. An entry appears when the request is received
// and is completed in place; the file gets it once, complete.
type requestLog struct {
	mu      sync.Mutex
	seq     int64
	entries []*Entry
	file    *os.File
	err     error
}

func (l *requestLog) open(path string) error {
	if path == "" {
		return nil
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	l.file = f
	// Entries go on counting where an earlier process stopped.
	dec := json.NewDecoder(f)
	for {
		var e Entry
		if dec.Decode(&e) != nil {
			return nil
		}
		l.seq = max(l.seq, e.Seq)
		l.keep(&e)
	}
}

func (l *requestLog) begin(e *Entry) *Entry {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.seq++
	e.Seq, e.Answer = l.seq, AnswerPending
	l.keep(e)
	return e
}

func (l *requestLog) keep(e *Entry) {
	if len(l.entries) >= maxLog {
		l.entries = append(l.entries[:0], l.entries[maxLog/4:]...)
	}
	l.entries = append(l.entries, e)
}

func (l *requestLog) note(e *Entry, change func(*Entry)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change(e)
}

// end completes an entry. A failing file is reported by the log's readers,
// because a drill must not trust a log with holes.
func (l *requestLog) end(e *Entry, change func(*Entry)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change(e)
	if l.file == nil {
		return
	}
	line, err := json.Marshal(e)
	if err == nil {
		_, err = l.file.Write(append(line, '\n'))
	}
	if err != nil && l.err == nil {
		l.err = err
	}
}

func (l *requestLog) after(seq int64, limit int) ([]Entry, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := []Entry{}
	for _, e := range l.entries {
		if e.Seq > seq && (limit <= 0 || len(out) < limit) {
			out = append(out, *e)
		}
	}
	return out, l.err
}

func (l *requestLog) clear() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.entries = nil
}

func (l *requestLog) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file != nil {
		_ = l.file.Close()
		l.file = nil
	}
}

// Log returns the entries after a sequence number, oldest first.
func (s *Server) Log(after int64) []Entry {
	out, _ := s.log.after(after, 0)
	return out
}

func clip(text string, n int) string {
	if r := []rune(text); len(r) > n {
		return string(r[:n])
	}
	return text
}
