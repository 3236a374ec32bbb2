package metrics

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Handler serves the measures in Prometheus' own formats. It asks for no
// authorization: whoever mounts it decides who may see.
func (m *Metrics) Handler() http.Handler {
	return promhttp.InstrumentMetricHandler(m.registry, promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{
		ErrorHandling: promhttp.ContinueOnError, // one measure that cannot be taken must not cost the others
		ErrorLog:      promLog{m},
		Timeout:       10 * time.Second,
	}))
}

// promLog takes what the handler would print.
type promLog struct{ m *Metrics }

// Println implements promhttp.Logger.
func (l promLog) Println(words ...any) {
	l.m.log.Warn("serving metrics failed in part", "error", fmt.Sprint(words...))
}

// Serve serves /metrics, and nothing else, on an address of its own until the
// context ends.
func (m *Metrics) Serve(ctx context.Context, listener net.Listener) error {
	routes := http.NewServeMux()
	routes.Handle("GET /metrics", m.Handler())
	server := &http.Server{Handler: routes, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10}
	ended := context.AfterFunc(ctx, func() { _ = server.Close() }) // a scrape cut short is made again
	defer ended()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve metrics: %w", err)
	}
	return nil
}
