package metrics

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/scratch-platform/scratch/models"
	"github.com/scratch-platform/scratch/models/store"
)

// backlogTimeout bounds the look at the database at a scrape; Prometheus gives
// up after 10 s.
const backlogTimeout = 3 * time.Second

// Storage is what is measured of the store.
type Storage interface {
	Pools() []store.PoolUse
	// Writable fails while the database takes no changes.
	Writable(ctx context.Context) error
}

// Backlogs tells what waits, over all organizations.
type Backlogs interface {
	Backlog(ctx context.Context) (store.Backlog, error)
}

// Store measures the store at each scrape: its connections, and what waits in
// it. Every process that is scraped asks for the same backlog: alerts take the
// maximum. A process that dies takes no measure of the backlog with it.
func (m *Metrics) Store(pools Storage, backlogs Backlogs) {
	m.registry.MustRegister(&storage{
		pools: pools, backlogs: backlogs, m: m,
		up:      describe("scratch_store_up", "1 when the database answered at this scrape."),
		room:    describe("scratch_store_writable", "1 when the database takes changes, 0 while its disk is full or it is read-only."),
		due:     describe("scratch_schedules_unapplied_seconds", "How long the engine has not known of a change of a schedule; 0 when it knows of all."),
		oldest:  describe("scratch_outbox_oldest_seconds", "How long the oldest event has waited to be relayed; 0 when none does."),
		jobs:    describe("scratch_jobs_live", "Jobs that have not ended.", "kind", "state"),
		open:    describe("scratch_store_connections", "Connections to the database.", "pool", "state"),
		most:    describe("scratch_store_connections_max", "The most connections a pool opens.", "pool"),
		waits:   describe("scratch_store_connection_waits_total", "Times a statement waited for a connection.", "pool"),
		waiting: describe("scratch_store_connection_wait_seconds_total", "Time statements waited for connections.", "pool"),
	})
}

func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, labels, nil)
}

type storage struct {
	pools    Storage
	backlogs Backlogs
	m        *Metrics

	up, room, due, oldest, jobs, open, most, waits, waiting *prometheus.Desc
}

// Describe implements prometheus.Collector.
func (s *storage) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{s.up, s.room, s.due, s.oldest, s.jobs, s.open, s.most, s.waits, s.waiting} {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (s *storage) Collect(out chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	counter := func(d *prometheus.Desc, v float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, v, labels...)
	}
	for _, p := range s.pools.Pools() {
		gauge(s.open, float64(p.InUse), p.Pool, "in_use")
		gauge(s.open, float64(p.Idle), p.Pool, "idle")
		gauge(s.most, float64(p.Max), p.Pool)
		counter(s.waits, float64(p.Waits), p.Pool)
		counter(s.waiting, p.Waited.Seconds(), p.Pool)
	}
	// A collector is given no context; the look has a bound of its own.
	ctx, cancel := context.WithTimeout(context.Background(), backlogTimeout)
	defer cancel()
	backlog, err := s.backlogs.Backlog(ctx)
	if err != nil {
		s.m.log.WarnContext(ctx, "the backlog could not be measured", "error", err)
		gauge(s.up, 0)
		return
	}
	gauge(s.up, 1)
	gauge(s.room, one(s.pools.Writable(ctx) == nil))
	gauge(s.due, backlog.Unapplied.Seconds())
	gauge(s.oldest, backlog.Oldest.Seconds())
	counts := map[store.LiveJobs]int64{}
	for _, kind := range kinds {
		for _, state := range liveStates {
			counts[store.LiveJobs{Kind: kind, State: state}] = 0
		}
	}
	for _, j := range backlog.Jobs {
		counts[store.LiveJobs{Kind: j.Kind, State: j.State}] = j.N
	}
	for j, n := range counts {
		gauge(s.jobs, float64(n), string(j.Kind), string(j.State))
	}
}

func one(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}

// liveStates are told also when no job is in them: a line at zero says more than
// none.
var liveStates = []models.JobState{
	models.JobQueued, models.JobRunning, models.JobWaiting, models.JobPaused, models.JobCancelling, models.JobStalled,
}
