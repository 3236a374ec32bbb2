package telemetry

import (
	"context"
	"log/slog"
	"slices"

	"go.opentelemetry.io/otel/trace"

	"github.com/scratch-platform/scratch/models"
)

type contextKey int

const (
	requestIDKey contextKey = iota
	attributesKey
)

// requestPrefix starts the ids of requests.
const requestPrefix = "req"

// NewRequestID returns an id for one request; a user quotes it, an operator finds
// the log lines by it.
func NewRequestID() string { return models.NewID(requestPrefix) }

// ValidRequestID reports whether an id from outside (X-Request-Id) may be taken
// over: short, and of characters that cannot disturb a log or a header.
func ValidRequestID(id string) bool {
	if id == "" || len(id) > 64 {
		return false
	}
	for _, c := range []byte(id) {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !letter && c != '-' && c != '_' && c != '.' {
			return false
		}
	}
	return true
}

// WithRequestID puts the id on the context; every line logged with it carries the
// id as request_id.
func WithRequestID(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, requestIDKey, id)
}

// RequestID is the id on the context, or "".
func RequestID(ctx context.Context) string {
	id, _ := ctx.Value(requestIDKey).(string)
	return id
}

// With puts attributes (job, organization, …) on the context, beside those already
// there; every line logged with it carries them.
func With(ctx context.Context, attributes ...slog.Attr) context.Context {
	before, _ := ctx.Value(attributesKey).([]slog.Attr)
	return context.WithValue(ctx, attributesKey, append(slices.Clip(before), attributes...))
}

// fromContext is what the context adds to a line: its attributes, the request's
// id and, where the work is traced, the trace's, by which a line is found from a
// trace and a trace from a line.
func fromContext(ctx context.Context) []slog.Attr {
	attributes, _ := ctx.Value(attributesKey).([]slog.Attr)
	attributes = slices.Clip(attributes)
	if id := RequestID(ctx); id != "" {
		attributes = append(attributes, slog.String("request_id", id))
	}
	if span := trace.SpanContextFromContext(ctx); span.IsValid() {
		attributes = append(attributes, slog.String("trace_id", span.TraceID().String()), slog.String("span_id", span.SpanID().String()))
	}
	return attributes
}
