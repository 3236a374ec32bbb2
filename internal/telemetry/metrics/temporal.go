package metrics

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.temporal.io/sdk/client"
)

// Temporal gives the Temporal SDK's own measures a place here, under the names
// its users know from dashboards: temporal_…_total, and …_seconds for times.
func (m *Metrics) Temporal() client.MetricsHandler {
	return &temporalHandler{to: m.temporal}
}

// temporalHandler is one set of tags.
type temporalHandler struct {
	to   *temporalMeasures
	tags map[string]string
}

// WithTags implements client.MetricsHandler.
func (h *temporalHandler) WithTags(tags map[string]string) client.MetricsHandler {
	merged := maps.Clone(h.tags)
	if merged == nil {
		merged = make(map[string]string, len(tags))
	}
	maps.Copy(merged, tags)
	return &temporalHandler{to: h.to, tags: merged}
}

// Counter implements client.MetricsHandler.
func (h *temporalHandler) Counter(name string) client.MetricsCounter {
	series := h.to.series(name, counterKind, h.tags)
	return counting{series.counter}
}

// Gauge implements client.MetricsHandler.
func (h *temporalHandler) Gauge(name string) client.MetricsGauge {
	series := h.to.series(name, gaugeKind, h.tags)
	return gauging{series.gauge}
}

// Timer implements client.MetricsHandler.
func (h *temporalHandler) Timer(name string) client.MetricsTimer {
	series := h.to.series(name, timerKind, h.tags)
	return timing{series.histogram}
}

type (
	counting struct{ to prometheus.Counter }
	gauging  struct{ to prometheus.Gauge }
	timing   struct{ to prometheus.Observer }
)

// Inc implements client.MetricsCounter. The SDK only counts up.
func (c counting) Inc(n int64) { c.to.Add(float64(max(n, 0))) }

// Update implements client.MetricsGauge.
func (g gauging) Update(v float64) { g.to.Set(v) }

// Record implements client.MetricsTimer.
func (t timing) Record(d time.Duration) { t.to.Observe(d.Seconds()) }

type kind int

const (
	counterKind kind = iota
	gaugeKind
	timerKind
)

// temporalMeasures makes a vector at the first use of a name, with the tags it
// comes with. The SDK gives a name the same tags each time ("none" where one does
// not apply); should it not, a tag that came later is left out and its values
// fall together, so that sums stay right and no scrape breaks.
type temporalMeasures struct {
	registry *prometheus.Registry

	mu      sync.Mutex
	vectors map[string]*vector // guarded by mu
}

type vector struct {
	labels    []string
	counter   *prometheus.CounterVec
	gauge     *prometheus.GaugeVec
	histogram *prometheus.HistogramVec
}

// series is one series; the field of its kind is set.
type series struct {
	counter   prometheus.Counter
	gauge     prometheus.Gauge
	histogram prometheus.Observer
}

func (t *temporalMeasures) series(name string, of kind, tags map[string]string) series {
	v := t.vector(named(name, of), of, tags)
	values := make([]string, len(v.labels))
	for i, label := range v.labels {
		values[i] = tags[label]
	}
	switch {
	case v.counter != nil:
		return series{counter: v.counter.WithLabelValues(values...)}
	case v.gauge != nil:
		return series{gauge: v.gauge.WithLabelValues(values...)}
	default:
		return series{histogram: v.histogram.WithLabelValues(values...)}
	}
}

// named gives a measure the name by Prometheus' conventions.
func named(name string, of kind) string {
	switch {
	case of == counterKind && !strings.HasSuffix(name, "_total"):
		return name + "_total"
	case of == timerKind:
		return name + "_seconds"
	default:
		return name
	}
}

func (t *temporalMeasures) vector(name string, of kind, tags map[string]string) *vector {
	t.mu.Lock()
	defer t.mu.Unlock()
	if v, ok := t.vectors[name]; ok {
		return v
	}
	v := &vector{labels: slices.Sorted(maps.Keys(tags))}
	help := "Of the Temporal SDK; see its documentation."
	switch of {
	case counterKind:
		v.counter = prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, v.labels)
		t.registry.MustRegister(v.counter)
	case gaugeKind:
		v.gauge = prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, v.labels)
		t.registry.MustRegister(v.gauge)
	case timerKind:
		v.histogram = prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: quick}, v.labels)
		t.registry.MustRegister(v.histogram)
	}
	t.vectors[name] = v
	return v
}
