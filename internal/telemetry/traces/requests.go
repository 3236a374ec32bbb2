package traces

import (
	"context"
	"net/http"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/scratch-platform/scratch/internal/telemetry"
)

// Request is the span of a request that came in; nil is none.
type Request struct{ span trace.Span }

// Request begins the span of a request that came in on a route, named by the
// route's template ("/api/v1/jobs/{id}"), never by its path. A caller's trace is
// gone on with.
func (t *Traces) Request(r *http.Request, route string) (context.Context, *Request) {
	ctx := r.Context()
	if t == nil {
		return ctx, nil
	}
	ctx, span := t.tracer.Start(t.fromOutside(ctx, r.Header), r.Method+" "+route, trace.WithSpanKind(trace.SpanKindServer))
	if span.IsRecording() {
		span.SetAttributes(
			attribute.String("http.request.method", r.Method),
			attribute.String("http.route", route),
			attribute.String("scratch.request_id", telemetry.RequestID(ctx)),
		)
	}
	return ctx, &Request{span: span}
}

// End ends the span with the answer's status.
func (r *Request) End(status int) {
	if r == nil {
		return
	}
	r.span.SetAttributes(attribute.Int("http.response.status_code", status))
	if status >= http.StatusInternalServerError {
		r.span.SetStatus(codes.Error, http.StatusText(status))
	}
	r.span.End()
}

// Call is a request to a service.
type Call struct {
	Service string // registry name
	Method  string
	Host    string // without user, path or query
	Attempt int    // 1 for the first
}

// Call begins the span of a request to a service, under the span on the context;
// without one, or one that is not kept, there is none. end takes the status, 0
// when no answer came, and the outcome in one word; it may be called once.
func (t *Traces) Call(ctx context.Context, call Call) (_ context.Context, end func(status int, outcome string)) {
	if t == nil || !trace.SpanFromContext(ctx).IsRecording() {
		return ctx, func(int, string) {}
	}
	ctx, span := t.tracer.Start(ctx, call.Service+" "+call.Method, trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(
		attribute.String("scratch.service", call.Service),
		attribute.String("http.request.method", call.Method),
		attribute.String("server.address", call.Host),
		attribute.Int("scratch.attempt", call.Attempt),
	))
	return ctx, func(status int, outcome string) {
		if status > 0 {
			span.SetAttributes(attribute.Int("http.response.status_code", status))
		}
		span.SetAttributes(attribute.String("scratch.outcome", outcome))
		if status == 0 || status >= http.StatusBadRequest {
			span.SetStatus(codes.Error, outcome)
		}
		span.End()
	}
}

// Exchange is Call for a service that does not speak HTTP; what says in a word or
// two what it is. failed says that the outcome is not what was wanted.
func (t *Traces) Exchange(ctx context.Context, service, what string) (_ context.Context, end func(outcome string, failed bool)) {
	if t == nil || !trace.SpanFromContext(ctx).IsRecording() {
		return ctx, func(string, bool) {}
	}
	ctx, span := t.tracer.Start(ctx, service+" "+what, trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(attribute.String("scratch.service", service)))
	return ctx, func(outcome string, failed bool) {
		span.SetAttributes(attribute.String("scratch.outcome", outcome))
		if failed {
			span.SetStatus(codes.Error, outcome)
		}
		span.End()
	}
}

// seen is the shortest wait that gets a span of its own.
const seen = 5 * time.Millisecond

// Waited records that a request waited for its turn under a service's limits.
func (t *Traces) Waited(ctx context.Context, service string, from time.Time, took time.Duration) {
	if t == nil || took < seen || !trace.SpanFromContext(ctx).IsRecording() {
		return
	}
	_, span := t.tracer.Start(ctx, service+" wait for limit", trace.WithTimestamp(from), trace.WithAttributes(attribute.String("scratch.service", service)))
	span.End(trace.WithTimestamp(from.Add(took)))
}
