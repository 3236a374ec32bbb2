package traces

import (
	"context"
	"errors"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"
)

// headerKey is where every Temporal SDK keeps a trace in a run's header, so that
// workers in other languages go on with ours. It holds a traceparent, readable in
// the history: an operator gets from a run to its trace by it.
const headerKey = "_tracer-data"

// The SDK's names: of the span of a whole run, and of what names the run.
const (
	runWorkflow   = "RunWorkflow"
	workflowIDTag = "temporalWorkflowID"
	runIDTag      = "temporalRunID"
)

// runKey is what the ids of a run's span follow from.
func runKey(runID string) string { return "run " + runID }

// Interceptors carry the trace through Temporal: start, run, activity. They are
// for the client; workers made from it use them too. Queries get no spans: they
// are asked over and over by whoever looks.
//
// The SDK's contrib/opentelemetry does the same with two flaws that matter here:
// a run that another worker takes over gets a new span, so that what the first
// worker did hangs on a span nobody ever sends; and a run that is merely evicted
// from a worker's cache shows as ended. Ours has the same ids on every worker and
// is sent once, when the run has returned.
func (t *Traces) Interceptors() []interceptor.ClientInterceptor {
	if t == nil {
		return nil
	}
	return []interceptor.ClientInterceptor{
		interceptor.NewTracingInterceptor(&temporalTracer{tracer: t.tracer}),
		&annotating{},
	}
}

type temporalSpanKey struct{}

// temporalTracer is the SDK's tracer over OpenTelemetry.
type temporalTracer struct {
	interceptor.BaseTracer
	tracer trace.Tracer
}

var _ interceptor.Tracer = (*temporalTracer)(nil)

// temporalSpan is a span as the SDK hands it around, or a reference to one of
// another process.
type temporalSpan struct {
	trace.Span
	// whole says that this is the span of a run, which is sent only when the
	// run has returned.
	whole    bool
	returned bool
}

// Options implements interceptor.Tracer.
func (t *temporalTracer) Options() interceptor.TracerOptions {
	return interceptor.TracerOptions{
		SpanContextKey: temporalSpanKey{}, HeaderKey: headerKey, DisableQueryTracing: true,
		AllowInvalidParentSpans: true, // a header that cannot be read costs the trace, never the run
	}
}

// UnmarshalSpan implements interceptor.Tracer.
func (t *temporalTracer) UnmarshalSpan(header map[string]string) (interceptor.TracerSpanRef, error) {
	remote := trace.SpanContextFromContext(carrier.Extract(context.Background(), propagation.MapCarrier(header)))
	if !remote.IsValid() {
		return nil, nil //nolint:nilnil // what the interface asks for where there is no span
	}
	return remote, nil
}

// MarshalSpan implements interceptor.Tracer.
func (t *temporalTracer) MarshalSpan(span interceptor.TracerSpan) (map[string]string, error) {
	header := propagation.MapCarrier{}
	carrier.Inject(trace.ContextWithSpan(context.Background(), span.(*temporalSpan).Span), header)
	return header, nil
}

// SpanFromContext implements interceptor.Tracer.
func (t *temporalTracer) SpanFromContext(ctx context.Context) interceptor.TracerSpan {
	span := trace.SpanFromContext(ctx)
	if !span.SpanContext().IsValid() {
		return nil
	}
	return &temporalSpan{Span: span}
}

// ContextWithSpan implements interceptor.Tracer.
func (t *temporalTracer) ContextWithSpan(ctx context.Context, span interceptor.TracerSpan) context.Context {
	return trace.ContextWithSpan(ctx, span.(*temporalSpan).Span)
}

// StartSpan implements interceptor.Tracer.
func (t *temporalTracer) StartSpan(o *interceptor.TracerStartSpanOptions) (interceptor.TracerSpan, error) {
	ctx := context.Background() // a workflow has no other; the parent is in the options
	switch parent := o.Parent.(type) {
	case trace.SpanContext:
		ctx = trace.ContextWithRemoteSpanContext(ctx, parent)
	case *temporalSpan:
		ctx = trace.ContextWithSpan(ctx, parent.Span)
	default: // a trace begins here
	}
	whole := o.Operation == runWorkflow
	if whole {
		// The same on every worker that runs or replays it, and for RunEnded.
		ctx = withSpanKey(ctx, runKey(o.Tags[runIDTag]))
	}
	kind := trace.SpanKindServer
	if o.ToHeader {
		kind = trace.SpanKindClient
	}
	attributes := make([]attribute.KeyValue, 0, len(o.Tags))
	for name, value := range o.Tags {
		attributes = append(attributes, attribute.String(name, value))
	}
	_, span := t.tracer.Start(ctx, o.Operation+":"+o.Name,
		trace.WithTimestamp(o.Time), trace.WithSpanKind(kind), trace.WithAttributes(attributes...))
	return &temporalSpan{Span: span, whole: whole}, nil
}

// GetLogger names the trace in the lines of workflows and activities, by the
// names all our lines have.
func (t *temporalTracer) GetLogger(logger log.Logger, ref interceptor.TracerSpanRef) log.Logger {
	span, ok := ref.(*temporalSpan)
	if !ok || !span.SpanContext().IsValid() {
		return logger
	}
	return log.With(logger, "trace_id", span.SpanContext().TraceID().String(), "span_id", span.SpanContext().SpanID().String())
}

// Finish implements interceptor.TracerSpan.
func (s *temporalSpan) Finish(o *interceptor.TracerFinishSpanOptions) {
	if s.whole && !s.returned {
		return // evicted or replayed: it is not the end, and another worker sends it
	}
	var again *workflow.ContinueAsNewError
	switch {
	case o.Error == nil, errors.As(o.Error, &again):
	case temporal.IsCanceledError(o.Error), errors.Is(o.Error, context.Canceled):
		s.SetAttributes(attribute.Bool("scratch.cancelled", true))
	default:
		s.RecordError(o.Error)
		s.SetStatus(codes.Error, o.Error.Error())
	}
	s.End()
}

// annotating adds to the spans what the SDK's interceptor does not tell them. It
// stands inside of it.
type annotating struct{ interceptor.InterceptorBase }

// InterceptWorkflow implements interceptor.WorkerInterceptor.
func (*annotating) InterceptWorkflow(_ workflow.Context, next interceptor.WorkflowInboundInterceptor) interceptor.WorkflowInboundInterceptor {
	return &annotatedWorkflow{interceptor.WorkflowInboundInterceptorBase{Next: next}}
}

// InterceptActivity implements interceptor.WorkerInterceptor.
func (*annotating) InterceptActivity(_ context.Context, next interceptor.ActivityInboundInterceptor) interceptor.ActivityInboundInterceptor {
	return &annotatedActivity{interceptor.ActivityInboundInterceptorBase{Next: next}}
}

type annotatedWorkflow struct {
	interceptor.WorkflowInboundInterceptorBase
}

// ExecuteWorkflow tells the run's span that the run returned. An evicted run
// never comes here: its goroutine ends inside of Next.
func (w *annotatedWorkflow) ExecuteWorkflow(ctx workflow.Context, in *interceptor.ExecuteWorkflowInput) (any, error) {
	result, err := w.Next.ExecuteWorkflow(ctx, in)
	if span, ok := ctx.Value(temporalSpanKey{}).(*temporalSpan); ok && !workflow.IsReplaying(ctx) {
		span.returned = true
	}
	return result, err
}

type annotatedActivity struct {
	interceptor.ActivityInboundInterceptorBase
}

// ExecuteActivity names the attempt.
func (a *annotatedActivity) ExecuteActivity(ctx context.Context, in *interceptor.ExecuteActivityInput) (any, error) {
	if span := trace.SpanFromContext(ctx); span.IsRecording() {
		span.SetAttributes(attribute.Int("scratch.attempt", int(activity.GetInfo(ctx).Attempt)))
	}
	return a.Next.ExecuteActivity(ctx, in)
}
