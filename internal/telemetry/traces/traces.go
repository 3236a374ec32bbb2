package traces

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/scratch-platform/scratch/internal/telemetry"
	"github.com/scratch-platform/scratch/models"
)

const (
	// queueSize and batchSize bound the spans that wait to be sent: about 8 MB
	// when the collector is away. What does not fit is dropped.
	queueSize = 8192
	batchSize = 512
	// sendEvery is the longest a span waits for company.
	sendEvery = 2 * time.Second
	// sendTimeout bounds one request to the collector, and sendFor all tries of
	// one batch.
	sendTimeout = 10 * time.Second
	sendFor     = time.Minute
	// closeTimeout bounds the flush at the end.
	closeTimeout = 5 * time.Second
	// maxAttribute bounds one text in a span; the rest is cut.
	maxAttribute = 2 << 10
	// scope names the spans of this package.
	scope = "github.com/scratch-platform/scratch"
)

// Options say where spans go. URL and Log are needed.
type Options struct {
	URL     string            // posted to as it is: https://collector:4318/v1/traces
	Headers map[string]string // may hold secrets
	// Sample is the share of traces that are kept, 0 to 1; who begins a trace
	// decides for all of it.
	Sample  float64
	Version string // of this program
	Role    string // of this process
	// Redactor knows the secrets that were used; nil for the forms alone.
	Redactor *telemetry.Redactor
	Log      *slog.Logger
	// Sent is told of each batch, for metrics; nil tells nobody.
	Sent func(spans int, err error)
}

// Traces makes spans. Nil makes none.
type Traces struct {
	provider *sdktrace.TracerProvider
	tracer   trace.Tracer
	sampler  sdktrace.Sampler
}

// carrier is how a trace crosses processes: the W3C traceparent alone. Baggage
// is left out: it would carry words of a caller into histories.
var carrier = propagation.TraceContext{}

// New makes spans that are sent to o.URL. It does not speak to the collector:
// one that is away costs its spans and nothing else.
func New(ctx context.Context, o Options) (*Traces, error) {
	exporter, err := otlptracehttp.New(ctx,
		otlptracehttp.WithEndpointURL(o.URL),
		otlptracehttp.WithHeaders(o.Headers),
		otlptracehttp.WithCompression(otlptracehttp.GzipCompression),
		otlptracehttp.WithTimeout(sendTimeout),
		otlptracehttp.WithRetry(otlptracehttp.RetryConfig{
			Enabled: true, InitialInterval: time.Second, MaxInterval: 15 * time.Second, MaxElapsedTime: sendFor,
		}),
	)
	if err != nil {
		return nil, fmt.Errorf("set up the sending of traces: %w", err)
	}
	about, err := describe(ctx, o)
	if err != nil {
		return nil, err
	}
	root := sdktrace.TraceIDRatioBased(o.Sample)
	limits := sdktrace.NewSpanLimits()
	limits.AttributeValueLengthLimit = maxAttribute
	provider := sdktrace.NewTracerProvider(
		sdktrace.WithResource(about),
		sdktrace.WithSampler(sdktrace.ParentBased(root)),
		sdktrace.WithIDGenerator(ids{}),
		sdktrace.WithRawSpanLimits(limits),
		sdktrace.WithBatcher(newCleaning(exporter, o),
			sdktrace.WithMaxQueueSize(queueSize), sdktrace.WithMaxExportBatchSize(batchSize),
			sdktrace.WithBatchTimeout(sendEvery), sdktrace.WithExportTimeout(sendFor+sendTimeout)),
	)
	return &Traces{provider: provider, tracer: provider.Tracer(scope), sampler: root}, nil
}

// describe says which process the spans are of. OTEL_RESOURCE_ATTRIBUTES adds to
// it, so that operators can name what only they know (deployment.environment.name).
func describe(ctx context.Context, o Options) (*resource.Resource, error) {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown" // a name for people; nothing depends on it
	}
	about, err := resource.New(ctx, resource.WithTelemetrySDK(), resource.WithAttributes(
		attribute.String("service.name", "scratch"),
		attribute.String("service.version", o.Version),
		attribute.String("service.instance.id", models.NewID("prc")),
		attribute.String("host.name", host),
		attribute.String("scratch.role", o.Role),
	), resource.WithFromEnv())
	if errors.Is(err, resource.ErrPartialResource) && about != nil {
		o.Log.WarnContext(ctx, "OTEL_RESOURCE_ATTRIBUTES is not of the form name=value,name=value; what can be read of it is taken", "error", err)
		return about, nil
	}
	if err != nil {
		return nil, fmt.Errorf("describe this process for traces: %w", err)
	}
	return about, nil
}

// Close sends what waits, for at most 5 s, and ends the sending.
func (t *Traces) Close(ctx context.Context) error {
	if t == nil {
		return nil
	}
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	if err := t.provider.Shutdown(closing); err != nil {
		return fmt.Errorf("send the last traces: %w", err)
	}
	return nil
}

// fromOutside takes a caller's trace over. Whether it is kept is ours to say:
// anybody could ask for it in a header.
func (t *Traces) fromOutside(ctx context.Context, header http.Header) context.Context {
	asked := trace.SpanContextFromContext(carrier.Extract(ctx, propagation.HeaderCarrier(header)))
	if !asked.IsValid() {
		return ctx
	}
	var flags trace.TraceFlags
	decided := t.sampler.ShouldSample(sdktrace.SamplingParameters{ParentContext: ctx, TraceID: asked.TraceID()})
	return trace.ContextWithRemoteSpanContext(ctx, asked.WithTraceFlags(flags.WithSampled(decided.Decision == sdktrace.RecordAndSample)))
}
