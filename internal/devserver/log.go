package devserver

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"sync"
)

const (
	// maxLog bounds temporal.log; beyond it the file begins anew.
	maxLog = 20 << 20
	// maxTail is how much of the log goes into an error.
	maxTail = 2 << 10
)

// serverLog is where the server's words go: a file of its own, which an adopted
// server can go on writing, or a bounded memory.
type serverLog interface {
	// output is what the child writes to.
	output() io.Writer
	// tail is the end of what was said.
	tail() string
	// bound begins the log anew when it has grown too large.
	bound()
	Close() error
}

func openLog(o Options) (serverLog, error) {
	if o.DataDir == "" {
		return &memoryLog{}, nil
	}
	file, err := os.OpenFile(o.file("temporal.log"), os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the log of Temporal's dev server: %w", err)
	}
	return &fileLog{File: file}, nil
}

type fileLog struct{ *os.File }

// output is the file itself, not a pipe through us: the child must be able to
// write when we are gone.
func (l *fileLog) output() io.Writer { return l.File }

func (l *fileLog) tail() string {
	info, err := l.Stat()
	if err != nil {
		return ""
	}
	text := make([]byte, min(info.Size(), maxTail))
	n, err := l.ReadAt(text, info.Size()-int64(len(text)))
	if err != nil && n == 0 {
		return ""
	}
	return string(bytes.TrimSpace(text[:n]))
}

// bound truncates in place: the child appends to the same file.
func (l *fileLog) bound() {
	if info, err := l.Stat(); err == nil && info.Size() > maxLog {
		_ = l.Truncate(0)
	}
}

// memoryLog keeps the last words only.
type memoryLog struct {
	mu   sync.Mutex
	text []byte
}

func (l *memoryLog) output() io.Writer { return l }

func (l *memoryLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = append(l.text, p...)
	if over := len(l.text) - maxTail; over > 0 {
		l.text = append(l.text[:0], l.text[over:]...)
	}
	return len(p), nil
}

func (l *memoryLog) tail() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(bytes.TrimSpace(l.text))
}

func (*memoryLog) bound()       {}
func (*memoryLog) Close() error { return nil }
