package telemetry

import (
	"io"
	"log/slog"
	"os"

	"github.com/mattn/go-isatty"

	"github.com/scratch-platform/scratch/internal/config"
)

// Options say how log lines are written.
type Options struct {
	Writer   io.Writer
	Level    slog.Leveler
	Format   config.LogFormat
	Redactor *Redactor // nil for one of its own
}

// NewLogger returns the logger of a process. Nothing else writes log lines.
func NewLogger(o Options) *slog.Logger {
	if o.Redactor == nil {
		o.Redactor = NewRedactor()
	}
	handlerOptions := &slog.HandlerOptions{Level: o.Level}
	var sink slog.Handler
	if o.Format == config.LogText || o.Format != config.LogJSON && terminal(o.Writer) {
		sink = slog.NewTextHandler(o.Writer, handlerOptions)
	} else {
		sink = slog.NewJSONHandler(o.Writer, handlerOptions)
	}
	return slog.New(&handler{sink: sink, redactor: o.Redactor})
}

func terminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	return ok && isatty.IsTerminal(file.Fd())
}
