package store

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"time"

	"gorm.io/gorm"

	"github.com/scratch-platform/scratch/models"
)

// Config says which database to open and how.
type Config struct {
	// URL is "postgres://…" (or "postgresql://…"), or the path of a SQLite file,
	// which is made when missing.
	URL string
	// ReadPool bounds the connections that read at once; 0 takes a default (8
	// on SQLite). On PostgreSQL it bounds all connections (default 20).
	ReadPool int
	// Log receives what an operator should know; nil discards it.
	Log *slog.Logger
	// Now is this process's clock; nil takes the machine's. On PostgreSQL it
	// only says how much time passed (Store.Now).
	Now func() time.Time
	// Spans makes statements that run under a span that is kept spans of their
	// own. False costs nothing at all.
	Spans bool
	// JobEnded is told of each job that ended, after the commit, on the
	// committing goroutine; nil tells nobody.
	JobEnded func(EndedJob)
	// ItemsSettled is told of items that came to an outcome, as JobEnded is.
	ItemsSettled func(SettledItems)
}

// Store is an open database. It is safe for use by several goroutines.
type Store struct {
	dialect dialect
	// read and write are the same on PostgreSQL; on SQLite write holds the one
	// connection that writes, so that writers queue in Go and never see BUSY.
	read, write *gorm.DB
	log         *slog.Logger
	clock       func() time.Time // Store.Now
	now         func() time.Time // the same, as both databases store it
	shared      *sharedClock     // nil on SQLite
	close       func() error
	refusal     refusal
	spans       bool
	// jobEnded and itemsSettled are never nil.
	jobEnded     func(EndedJob)
	itemsSettled func(SettledItems)
	// ahead has a place for each download that may work on two connections;
	// without one, pages are stored one by one. nil on SQLite.
	ahead chan struct{}

	mu        sync.RWMutex
	listeners []func()

	reading *reading // what makes reading records fast; owns its goroutines
}

// Open connects to the database. A SQLite file that another process (or another
// Store) holds fails with "store.in_use"; a database that does not answer or let
// this user in as with Ping. The schema is not touched: see Migrate.
func Open(ctx context.Context, cfg Config) (*Store, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	s := &Store{log: cfg.Log, clock: cfg.Now, spans: cfg.Spans, jobEnded: cfg.JobEnded, itemsSettled: cfg.ItemsSettled}
	s.now = func() time.Time { return stored(s.clock()) }
	if s.jobEnded == nil {
		s.jobEnded = func(EndedJob) {}
	}
	if s.itemsSettled == nil {
		s.itemsSettled = func(SettledItems) {}
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	var err error
	if strings.HasPrefix(cfg.URL, "postgres://") || strings.HasPrefix(cfg.URL, "postgresql://") {
		err = s.openPostgres(cfg)
	} else {
		err = s.openSQLite(cfg)
	}
	if err != nil {
		return nil, err
	}
	s.reading = newReading(s)
	if err = s.Ping(ctx); err == nil {
		err = s.startClock(ctx)
	}
	if err != nil {
		_ = s.Close()
		return nil, err
	}
	return s, nil
}

func (s *Store) startClock(ctx context.Context) error {
	if s.shared == nil {
		return nil
	}
	pool, err := s.read.DB()
	if err == nil {
		err = s.shared.start(ctx, pool)
	}
	return s.explain(ctx, err)
}

// stored is t as both databases keep it: UTC, microseconds.
func stored(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

// storedPtr is stored for a time that may be absent.
func storedPtr(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	u := stored(*t)
	return &u
}

// Close ends all connections and frees the SQLite file for another process.
func (s *Store) Close() error {
	s.reading.stop()
	if s.shared != nil {
		s.shared.stop()
	}
	return s.close()
}

// Ping fails with "store.unavailable" when the database does not answer, and
// with "store.refused" when it answers that this user may not come in.
func (s *Store) Ping(ctx context.Context) error {
	for _, db := range []*gorm.DB{s.write, s.read} {
		sqlDB, err := db.DB()
		if err != nil {
			return s.explain(ctx, err)
		}
		if err := sqlDB.PingContext(ctx); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if s.dialect.classify(err) == faultRefused {
				return models.NewProblem(models.KindUnavailable, "store.refused", "the database does not let this user in, or there is none of this name",
					"check user, password and name in the database's address").Because(err)
			}
			return models.NewProblem(models.KindUnavailable, "store.unavailable", "the database does not answer",
				"check the database address and that it is running").Because(err)
		}
	}
	return nil
}

// Dialect is "postgres" or "sqlite".
func (s *Store) Dialect() string { return s.dialect.name() }

// OnEvents registers a function that is called after each commit that wrote
// events, on the committing goroutine: it must only wake somebody up.
func (s *Store) OnEvents(wake func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.listeners = append(s.listeners, wake)
}

func (s *Store) wake() {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, listener := range s.listeners {
		listener()
	}
}

// Org is the only way to a tenant's data: every query made through it carries
// the organization's id (Promise 11).
func (s *Store) Org(organizationID string) *Org { return &Org{s: s, id: organizationID} }

// Org reads and writes one organization's data.
type Org struct {
	s        *Store
	id       string
	snapshot string // when set, tables of others are not found by transactions
}

// In gives the organization's data with its transactions bound to one snapshot:
// they do not find tables of another. It spares a look at the table before each
// write of a path that names both.
func (o *Org) In(snapshotID string) *Org { return &Org{s: o.s, id: o.id, snapshot: snapshotID} }

// ID is the organization's id.
func (o *Org) ID() string { return o.id }

// rows starts a reading query on the model's table, bound to the organization
// (Promise 11).
func (o *Org) rows(ctx context.Context, model any) *gorm.DB {
	return o.s.read.WithContext(ctx).Model(model).Where("organization_id = ?", o.id)
}

// System is the plumbing that looks across tenants: sign-in by hash, the event
// relay, reconciling, leases and clean-up. It never serves a user's request for
// data.
func (s *Store) System() *System { return &System{s: s} }

// System reads and writes across organizations.
type System struct{ s *Store }

// rows starts a reading query on the model's table over all organizations.
func (y *System) rows(ctx context.Context, model any) *gorm.DB {
	return y.s.read.WithContext(ctx).Model(model)
}
