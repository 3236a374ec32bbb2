package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"runtime/debug"
	"time"

	"go.temporal.io/sdk/interceptor"
	"golang.org/x/sync/errgroup"

	"github.com/scratch-platform/scratch/connectors"
	"github.com/scratch-platform/scratch/internal/config"
	"github.com/scratch-platform/scratch/internal/connecting"
	"github.com/scratch-platform/scratch/internal/events"
	"github.com/scratch-platform/scratch/internal/locks"
	"github.com/scratch-platform/scratch/internal/telemetry"
	"github.com/scratch-platform/scratch/internal/telemetry/metrics"
	"github.com/scratch-platform/scratch/internal/telemetry/traces"
	"github.com/scratch-platform/scratch/models"
)

// observation is how this process is measured and traced.
type observation struct {
	metrics *metrics.Metrics
	traces  *traces.Traces // nil: no traces are made
	// ending is for the last traces: what the process was started with, which
	// its end does not end.
	ending context.Context //nolint:containedctx // closing takes none, as that of everything else
}

// observe makes the measures, and traces where a collector is configured. It
// speaks to nobody yet.
func observe(ctx context.Context, settings config.Settings, redactor *telemetry.Redactor, log *slog.Logger) (*observation, error) {
	o := &observation{metrics: metrics.New(version(), string(settings.Role), log), ending: context.WithoutCancel(ctx)}
	if settings.TracesURL() == "" {
		return o, nil
	}
	headers, err := settings.TraceHeaders()
	if err != nil {
		return nil, err
	}
	for _, value := range headers {
		redactor.Hide(value)
	}
	o.traces, err = traces.New(ctx, traces.Options{
		URL: settings.TracesURL(), Headers: headers, Sample: float64(settings.TraceSample),
		Version: version(), Role: string(settings.Role), Redactor: redactor, Log: log, Sent: o.metrics.SpansSent,
	})
	return o, err
}

// version names this build: the module's version, or the commit it was built
// from.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	for _, setting := range info.Settings {
		if setting.Key == "vcs.revision" {
			return setting.Value[:min(len(setting.Value), 12)]
		}
	}
	return "dev"
}

// expect names the services there are to the measures.
func (o *observation) expect(registry *connectors.Registry) {
	var services []string
	for _, definition := range registry.Definitions() {
		services = append(services, definition.Service)
	}
	o.metrics.Expect(services, connecting.Outcomes())
}

// interceptors carry traces through the engine.
func (o *observation) interceptors() []interceptor.ClientInterceptor { return o.traces.Interceptors() }

// outbox has what is relayed counted.
func (o *observation) outbox(next events.Outbox) events.Outbox {
	return countedOutbox{next: next, relayed: o.metrics.Relayed}
}

type countedOutbox struct {
	next    events.Outbox
	relayed func(n int)
}

// Relay implements events.Outbox.
func (c countedOutbox) Relay(ctx context.Context, limit int) ([]models.Event, error) {
	numbered, err := c.next.Relay(ctx, limit)
	c.relayed(len(numbered))
	return numbered, err
}

// locker has waits for leases counted.
func (o *observation) locker(next locks.Locker) locks.Locker {
	return locks.Measured(next, time.Now, o.metrics.Leased)
}

// serve adds the listener that Prometheus asks without a token, where one is
// configured.
func (o *observation) serve(ctx context.Context, settings config.Settings, group *errgroup.Group, log *slog.Logger) error {
	if settings.MetricsListen == "" {
		return nil
	}
	var lc net.ListenConfig
	listener, err := lc.Listen(ctx, "tcp", settings.MetricsListen)
	if err != nil {
		return fmt.Errorf("listen for Prometheus on %s: %w", settings.MetricsListen, err)
	}
	log.InfoContext(ctx, "serving metrics", "address", listener.Addr().String())
	group.Go(func() error { return o.metrics.Serve(ctx, listener) })
	return nil
}

// close sends the traces that wait. A collector that is away was told of in the
// log, and ends nothing but its own traces.
func (o *observation) close(log *slog.Logger) {
	if o == nil {
		return
	}
	if err := o.traces.Close(o.ending); err != nil {
		log.WarnContext(o.ending, "the last traces were not sent", "error", err)
	}
}
