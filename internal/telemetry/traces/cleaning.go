package traces

import (
	"context"
	"log/slog"
	"sync"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/scratch-platform/scratch/internal/telemetry"
	"github.com/scratch-platform/scratch/models"
)

// maxName bounds a span's name in bytes; collectors cut longer ones, some in the
// middle of a letter.
const maxName = 512

// cleaning redacts spans on their way out, and is where failures to send end.
type cleaning struct {
	next     sdktrace.SpanExporter
	redactor *telemetry.Redactor
	log      *slog.Logger
	sent     func(spans int, err error)

	mu   sync.Mutex
	away bool // guarded by mu
}

func newCleaning(next sdktrace.SpanExporter, o Options) *cleaning {
	c := &cleaning{next: next, redactor: o.Redactor, log: o.Log, sent: o.Sent}
	if c.redactor == nil {
		c.redactor = telemetry.NewRedactor()
	}
	if c.sent == nil {
		c.sent = func(int, error) {}
	}
	return c
}

// ExportSpans sends spans without secrets. Its failures are told here and not
// passed on: the SDK could only print them past the log.
func (c *cleaning) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	clean := make([]sdktrace.ReadOnlySpan, len(spans))
	for i, span := range spans {
		clean[i] = c.clean(span)
	}
	err := c.next.ExportSpans(ctx, clean)
	c.sent(len(spans), err)
	c.tell(ctx, err)
	return nil
}

// tell logs that the collector went away, or came back, once each.
func (c *cleaning) tell(ctx context.Context, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case err != nil && !c.away:
		c.log.WarnContext(ctx, "traces cannot be sent; they are dropped until they can, nothing else is affected",
			"error", models.Bound(err.Error(), models.MaxProblemText))
	case err == nil && c.away:
		c.log.InfoContext(ctx, "traces are being sent again")
	}
	c.away = err != nil
}

// Shutdown implements sdktrace.SpanExporter.
func (c *cleaning) Shutdown(ctx context.Context) error { return c.next.Shutdown(ctx) }

// cleanSpan is a span with its texts replaced.
type cleanSpan struct {
	sdktrace.ReadOnlySpan
	name       string
	attributes []attribute.KeyValue
	events     []sdktrace.Event
	status     sdktrace.Status
}

func (s cleanSpan) Name() string                     { return s.name }
func (s cleanSpan) Attributes() []attribute.KeyValue { return s.attributes }
func (s cleanSpan) Events() []sdktrace.Event         { return s.events }
func (s cleanSpan) Status() sdktrace.Status          { return s.status }

func (c *cleaning) clean(span sdktrace.ReadOnlySpan) sdktrace.ReadOnlySpan {
	out := cleanSpan{
		ReadOnlySpan: span, name: models.Bound(c.redactor.Text(span.Name()), maxName),
		attributes: c.attributes(span.Attributes()), status: span.Status(),
	}
	out.status.Description = c.text(out.status.Description)
	for _, event := range span.Events() {
		event.Attributes = c.attributes(event.Attributes)
		out.events = append(out.events, event)
	}
	return out
}

func (c *cleaning) text(text string) string {
	return models.Bound(c.redactor.Text(text), maxAttribute)
}

// attributes redacts by name first, then by form, as log lines are (Promise 10).
func (c *cleaning) attributes(attributes []attribute.KeyValue) []attribute.KeyValue {
	out := make([]attribute.KeyValue, len(attributes))
	for i, a := range attributes {
		out[i] = a
		switch a.Value.Type() {
		case attribute.BOOL, attribute.INT64, attribute.FLOAT64:
			continue // numbers are no secrets
		default:
		}
		if telemetry.Sensitive(string(a.Key)) {
			out[i].Value = attribute.StringValue(telemetry.Redacted)
			continue
		}
		if a.Value.Type() == attribute.STRING {
			out[i].Value = attribute.StringValue(c.text(a.Value.AsString()))
			continue
		}
		// Lists are shown as one text: none of ours needs more, and one that a
		// library adds must not pass unseen.
		out[i].Value = attribute.StringValue(c.text(a.Value.String()))
	}
	return out
}
