package metrics

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/scratch-platform/scratch/models"
	"github.com/scratch-platform/scratch/models/store"
)

// Buckets in seconds.
var (
	// quick is for requests and waits: 1 ms is a read from memory, 15 s the most
	// a person waits for a service, 60 s an upload.
	quick = []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 15, 60}
	// long is for jobs: a second to a day.
	long = []float64{1, 5, 15, 60, 300, 900, 3600, 4 * 3600, 24 * 3600}
)

// Directions of records.
const (
	Down = "down" // read from a service
	Up   = "up"   // written to a service
)

// Metrics holds the measures of one process. It is safe for use by several
// goroutines; nil measures nothing.
type Metrics struct {
	registry *prometheus.Registry
	log      *slog.Logger

	requests     *prometheus.CounterVec   // route, method, status
	requestTimes *prometheus.HistogramVec // route, method
	jobs         *prometheus.HistogramVec // kind, outcome
	records      *prometheus.CounterVec   // service, direction
	items        *prometheus.CounterVec   // service, operation, outcome
	calls        *prometheus.CounterVec   // service, outcome
	callTimes    *prometheus.HistogramVec // service
	limitWaits   *prometheus.HistogramVec // service
	leaseWaits   *prometheus.HistogramVec // lease, outcome
	relayed      prometheus.Counter
	traces       *prometheus.CounterVec // outcome
	temporal     *temporalMeasures
}

// New makes the measures of a process of that version and role.
func New(version, role string, log *slog.Logger) *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry(), log: log}
	m.temporal = &temporalMeasures{registry: m.registry, vectors: map[string]*vector{}}
	m.requests = m.counter("scratch_api_requests_total", "Requests answered, by route template.", "route", "method", "status")
	m.requestTimes = m.histogram("scratch_api_request_seconds", "Time to answer a request; streams and sockets are left out.", quick, "route", "method")
	m.jobs = m.histogram("scratch_job_seconds", "Jobs that ended, and the time from the asking to the end.", long, "kind", "outcome")
	m.records = m.counter("scratch_records_moved_total", "Records read from services (down) and written to them (up).", "service", "direction")
	m.items = m.counter("scratch_publish_items_total", "Publish items that came to an outcome.", "service", "operation", "outcome")
	m.calls = m.counter("scratch_service_requests_total", "Requests to services.", "service", "outcome")
	m.callTimes = m.histogram("scratch_service_request_seconds", "Time of a request to a service, with its answer.", quick, "service")
	m.limitWaits = m.histogram("scratch_limit_wait_seconds", "Waits for a turn under a service's limits.", quick, "service")
	m.leaseWaits = m.histogram("scratch_lease_wait_seconds", "Waits for a lease that one process may hold.", quick, "lease", "outcome")
	m.traces = m.counter("scratch_trace_spans_total", "Spans handed to the collector.", "outcome")
	m.relayed = prometheus.NewCounter(prometheus.CounterOpts{Name: "scratch_events_relayed_total", Help: "Events numbered for delivery."})
	build := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "scratch_build_info", Help: "Always 1; the labels tell."}, []string{"version", "role"})
	build.WithLabelValues(version, role).Set(1)
	m.registry.MustRegister(m.relayed, build,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	for _, kind := range kinds {
		for _, outcome := range []models.JobState{models.JobCompleted, models.JobCompletedWithFailures, models.JobFailed} {
			m.jobs.WithLabelValues(string(kind), string(outcome))
		}
	}
	m.SpansSent(0, nil)
	m.SpansSent(0, context.Canceled)
	return m
}

// kinds are those of jobs that have runs.
var kinds = []models.JobKind{models.JobDownload, models.JobPublish}

// Expect begins the counts of services at zero: Prometheus sees an increase only
// from a value to a larger one, and the first failure is the one to tell of.
func (m *Metrics) Expect(services, outcomes []string) {
	for _, service := range services {
		for _, outcome := range outcomes {
			m.calls.WithLabelValues(service, outcome)
		}
		for _, direction := range []string{Down, Up} {
			m.records.WithLabelValues(service, direction)
		}
		for _, op := range []models.Operation{models.OpCreate, models.OpUpdate, models.OpDelete} {
			for _, outcome := range []models.ItemState{models.ItemApplied, models.ItemFailed, models.ItemConflict, models.ItemUnknown, models.ItemSkipped} {
				m.items.WithLabelValues(service, string(op), string(outcome))
			}
		}
	}
}

func (m *Metrics) counter(name, help string, labels ...string) *prometheus.CounterVec {
	v := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	m.registry.MustRegister(v)
	return v
}

func (m *Metrics) histogram(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
	v := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets}, labels)
	m.registry.MustRegister(v)
	return v
}

// Answered counts a request. route is a template; took below zero is not told.
func (m *Metrics) Answered(route, method string, status int, took time.Duration) {
	if m == nil {
		return
	}
	method = knownMethod(method)
	m.requests.WithLabelValues(route, method, statusText(status)).Inc()
	if took >= 0 {
		m.requestTimes.WithLabelValues(route, method).Observe(took.Seconds())
	}
}

// knownMethod keeps what a client invents out of the labels.
func knownMethod(method string) string {
	switch method {
	case "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS":
		return method
	default:
		return "other"
	}
}

func statusText(status int) string {
	if status < 100 || status > 599 {
		return "other"
	}
	return string([]byte{byte('0' + status/100), byte('0' + status/10%10), byte('0' + status%10)})
}

// JobEnded counts a job that ended.
func (m *Metrics) JobEnded(job store.EndedJob) {
	m.jobs.WithLabelValues(string(job.Kind), string(job.State)).Observe(job.Took.Seconds())
}

// RecordsRead counts records that were read from a service and stored.
func (m *Metrics) RecordsRead(service string, n int) {
	m.records.WithLabelValues(service, Down).Add(float64(n))
}

// ItemsSettled counts publish items that came to an outcome; one that was
// applied is a record written.
func (m *Metrics) ItemsSettled(items store.SettledItems) {
	m.items.WithLabelValues(items.Service, string(items.Op), string(items.State)).Add(float64(items.N))
	if items.State == models.ItemApplied {
		m.records.WithLabelValues(items.Service, Up).Add(float64(items.N))
	}
}

// Requested counts a request to a service. outcome is one of few words.
func (m *Metrics) Requested(service, outcome string, took time.Duration) {
	m.calls.WithLabelValues(service, outcome).Inc()
	m.callTimes.WithLabelValues(service).Observe(took.Seconds())
}

// Waited counts a wait for a turn under a service's limits.
func (m *Metrics) Waited(service string, took time.Duration) {
	m.limitWaits.WithLabelValues(service).Observe(took.Seconds())
}

// Leased counts a wait for a lease. Of its name, what stands before the first
// colon is told: the rest may be an id.
func (m *Metrics) Leased(name, outcome string, took time.Duration) {
	name, _, _ = strings.Cut(name, ":")
	m.leaseWaits.WithLabelValues(name, outcome).Observe(took.Seconds())
}

// Relayed counts events that were numbered.
func (m *Metrics) Relayed(n int) { m.relayed.Add(float64(n)) }

// SpansSent counts spans that were handed to the collector, or could not be.
func (m *Metrics) SpansSent(n int, err error) {
	outcome := "sent"
	if err != nil {
		outcome = "failed"
	}
	m.traces.WithLabelValues(outcome).Add(float64(n))
}

// Redis measures whether Redis answers; where none is configured, none is away.
func (m *Metrics) Redis(answers func() bool) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(
		prometheus.GaugeOpts{Name: "scratch_redis_up", Help: "1 when Redis answers, or none is configured."},
		func() float64 { return one(answers()) }))
}

// Disk measures the disk that this process keeps files on: the bytes it may still
// use, and all there are. What cannot be asked is told as 0 of 0.
func (m *Metrics) Disk(look func() (free, size int64, err error)) {
	gauge := func(name, help string, value func() float64) {
		m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value))
	}
	gauge("scratch_disk_free_bytes", "Left on the disk of the data folder.", func() float64 { free, _, _ := look(); return float64(free) })
	gauge("scratch_disk_size_bytes", "The disk of the data folder.", func() float64 { _, size, _ := look(); return float64(size) })
}

// Live measures a hub of live connections: those open, and those dropped so far
// because they were too slow.
func (m *Metrics) Live(open func() int, dropped func() int64) {
	m.registry.MustRegister(
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "scratch_live_connections", Help: "WebSockets and event streams open now."},
			func() float64 { return float64(open()) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "scratch_live_dropped_total", Help: "WebSockets and event streams dropped for being too slow."},
			func() float64 { return float64(dropped()) }))
}
