package traces

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/scratch-platform/scratch/internal/telemetry"
	"github.com/scratch-platform/scratch/internal/testkit"
)

const canary = "canary-4711-hidden"

// lines is a log that counts what is told.
type lines struct{ bytes.Buffer }

func (l *lines) logger() *slog.Logger {
	return telemetry.NewLogger(telemetry.Options{Writer: l, Format: "json"})
}

func (l *lines) count(words string) int { return strings.Count(l.String(), words) }

func to(t *testing.T, address string, change func(*Options)) *Traces {
	t.Helper()
	o := Options{
		URL: address + "/v1/traces", Headers: map[string]string{"Authorization": testkit.CollectorToken},
		Sample: 1, Version: "1", Role: "monolith", Log: slog.New(slog.DiscardHandler),
	}
	if change != nil {
		change(&o)
	}
	made, err := New(t.Context(), o)
	require.NoError(t, err)
	t.Cleanup(func() { _ = made.Close(context.Background()) })
	return made
}

// Breaks when a secret leaves the process in a span: in its name, in an
// attribute named or formed like one, in an error, or in a list (Promise 10).
func TestSpansHoldNoSecrets(t *testing.T) {
	c := testkit.NewCollector(t)
	redactor := telemetry.NewRedactor()
	redactor.Hide(canary)
	made := to(t, c.Address, func(o *Options) { o.Redactor = redactor })
	_, span := made.tracer.Start(t.Context(), "named "+canary+strings.Repeat("é", maxName))
	span.SetAttributes(
		attribute.String("api_key", "plain-"+"words"), attribute.String("free", "said "+canary), attribute.Int("input_tokens", 512),
		attribute.String("url", "https://user:hunter2hunter2@host/"), attribute.StringSlice("list", []string{"a", canary}),
		attribute.String("long", strings.Repeat("ä", maxAttribute)),
	)
	span.RecordError(errors.New(`the service said "password": "` + canary + `" and Bearer abcDEF123456`))
	span.AddEvent("event", trace.WithAttributes(attribute.String("token", "plain-words")))
	span.SetStatus(codes.Error, "refused "+canary)
	span.End()
	require.NoError(t, made.Close(t.Context()))

	spans := c.Trace(span.SpanContext().TraceID().String())
	require.Len(t, spans, 1)
	got := spans[span.SpanContext().SpanID().String()]
	sent := string(c.Everything())
	for _, secret := range []string{canary, "plain-words", "hunter2hunter2", "abcDEF123456"} {
		require.NotContains(t, sent, secret)
	}
	require.Equal(t, telemetry.Redacted, got.Attributes["api_key"])
	require.Equal(t, "512", got.Attributes["input_tokens"])
	require.Contains(t, sent, "the service said", "what is no secret stays")
	require.LessOrEqual(t, len(got.Name), maxName)
	require.True(t, utf8.ValidString(got.Name))
	require.LessOrEqual(t, len(got.Attributes["long"]), maxAttribute)
	require.True(t, got.Failed)
	require.Equal(t, "scratch", c.Resource()["service.name"])
}

// Breaks when a collector that refuses is asked again for one batch, or fills
// the log, or is not told of at all.
func TestACollectorThatRefusesIsToldOfOnce(t *testing.T) {
	var asked, status atomic.Int64
	status.Store(http.StatusUnauthorized)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		asked.Add(1)
		w.WriteHeader(int(status.Load()))
	}))
	defer server.Close()
	log := &lines{}
	var failed, sent atomic.Int64
	made := to(t, server.URL, func(o *Options) {
		o.Log = log.logger()
		o.Sent = func(n int, err error) {
			if err != nil {
				failed.Add(int64(n))
			} else {
				sent.Add(int64(n))
			}
		}
	})
	batch := func() {
		_, span := made.tracer.Start(t.Context(), "one")
		span.End()
		require.NoError(t, made.provider.ForceFlush(t.Context()))
	}
	for range 3 {
		batch()
	}
	require.EqualValues(t, 3, asked.Load(), "a refusal is final for its batch")
	require.Equal(t, 1, log.count("traces cannot be sent"))
	require.NotContains(t, log.String(), testkit.CollectorToken)
	status.Store(http.StatusOK)
	batch()
	batch()
	require.Equal(t, 1, log.count("sent again"))
	require.EqualValues(t, 3, failed.Load())
	require.EqualValues(t, 2, sent.Load())
}

// Breaks when a collector that is busy for a moment loses spans.
func TestABusyCollectorIsAskedAgain(t *testing.T) {
	var asked atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		switch asked.Add(1) {
		case 1:
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusTooManyRequests)
		case 2:
			w.WriteHeader(http.StatusServiceUnavailable)
		default:
		}
	}))
	defer server.Close()
	log := &lines{}
	made := to(t, server.URL, func(o *Options) { o.Log = log.logger() })
	_, span := made.tracer.Start(t.Context(), "one")
	span.End()
	require.NoError(t, made.provider.ForceFlush(t.Context()))
	require.EqualValues(t, 3, asked.Load())
	require.Empty(t, log.String())
}

// Breaks when a collector that hangs holds up the work, its memory or the end of
// the process: this test then never ends.
func TestAHangingCollectorHoldsNothingUp(t *testing.T) {
	hang := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-hang }))
	defer server.Close()
	defer close(hang)
	made := to(t, server.URL, nil)
	for range 3 * queueSize {
		_, span := made.tracer.Start(t.Context(), "one")
		span.End()
	}
	require.Error(t, made.Close(t.Context()), "the flush is given up")
}

// Breaks when somebody outside decides what is kept here, or a caller's trace is
// not gone on with.
func TestSamplingIsOurs(t *testing.T) {
	const caller = "4bf92f3577b34da6a3ce929d0e0e4736"
	for share, kept := range map[float64]bool{0: false, 1: true} {
		for _, flag := range []string{"00", "01"} {
			c := testkit.NewCollector(t)
			made := to(t, c.Address, func(o *Options) { o.Sample = share })
			r := httptest.NewRequest(http.MethodGet, "/api/v1/jobs/job_1?secret=canary", nil)
			r.Header.Set("Traceparent", "00-"+caller+"-00f067aa0ba902b7-"+flag)
			ctx, request := made.Request(r, "/api/v1/jobs/{id}")
			require.Equal(t, caller, trace.SpanContextFromContext(ctx).TraceID().String())
			_, end := made.Call(ctx, Call{Service: "wordpress", Method: "GET", Host: "blog.example", Attempt: 1})
			end(http.StatusTooManyRequests, "rate_limited")
			_, done := made.Exchange(ctx, "postgres", "read")
			done("ok", false)
			made.Waited(ctx, "wordpress", time.Now(), time.Second)
			request.End(http.StatusServiceUnavailable)
			require.NoError(t, made.Close(t.Context()))
			spans := c.Trace(caller)
			if !kept {
				require.Empty(t, spans)
				continue
			}
			require.Len(t, spans, 4)
			for _, s := range spans {
				require.NotContains(t, s.Name, "job_1")
				require.NotContains(t, string(c.Everything()), "canary")
			}
		}
	}
}

// Breaks when a mistyped variable of OpenTelemetry keeps the product from
// starting.
func TestAMistypedAttributeIsToldOf(t *testing.T) {
	t.Setenv("OTEL_RESOURCE_ATTRIBUTES", "nonsense")
	c := testkit.NewCollector(t)
	log := &lines{}
	made := to(t, c.Address, func(o *Options) { o.Log = log.logger() })
	_, span := made.tracer.Start(t.Context(), "one")
	span.End()
	require.NoError(t, made.Close(t.Context()))
	require.Equal(t, 1, log.count("OTEL_RESOURCE_ATTRIBUTES"))
	require.Equal(t, "scratch", c.Resource()["service.name"])
}

// Breaks when tracing that is off does anything.
func TestNoTracesIsNothing(t *testing.T) {
	var none *Traces
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	ctx, request := none.Request(r, "/")
	require.Equal(t, r.Context(), ctx)
	request.End(http.StatusOK)
	called, end := none.Call(ctx, Call{})
	require.Equal(t, ctx, called)
	end(http.StatusOK, "ok")
	_, done := none.Exchange(ctx, "", "")
	done("ok", false)
	none.Waited(ctx, "", time.Now(), time.Hour)
	require.Nil(t, none.Interceptors())
	require.NoError(t, none.Close(ctx))
}

// Breaks when the span of a run has another id on the worker that takes it over.
func TestARunHasOneSpanOnEveryWorker(t *testing.T) {
	ctx := withSpanKey(t.Context(), "run 1")
	first, span := ids{}.NewIDs(ctx)
	again, same := ids{}.NewIDs(ctx)
	require.Equal(t, first, again)
	require.Equal(t, span, same)
	require.Equal(t, span, ids{}.NewSpanID(ctx, trace.TraceID{}))
	_, other := ids{}.NewIDs(withSpanKey(t.Context(), "run 2"))
	require.NotEqual(t, span, other)
	seen := map[trace.SpanID]bool{}
	for range 1000 {
		begun, id := ids{}.NewIDs(t.Context())
		require.True(t, begun.IsValid())
		require.True(t, id.IsValid())
		require.False(t, seen[id])
		seen[id] = true
	}
}
