package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
	gormpostgres "gorm.io/driver/postgres"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/scratch-platform/scratch/models"
	"github.com/scratch-platform/scratch/models/store/sqlspan"
)

// defaultConnections bounds PostgreSQL connections of one process: a worker's
// activities and the API's requests together, well under a server's usual 100.
const defaultConnections = 20

// aheadShare: of so many connections one may be a download's second.
const aheadShare = 5

type postgres struct{}

func (s *Store) openPostgres(cfg Config) error {
	config, err := pgx.ParseConfig(cfg.URL)
	if err != nil {
		// pgx redacts the password in its parse errors.
		return models.NewProblem(models.KindInvalid, "store.bad_address", "the database address is not a PostgreSQL URL",
			"use postgres://user:password@host:5432/database").Because(err)
	}
	config.RuntimeParams["timezone"] = "UTC"
	if config.RuntimeParams["application_name"] == "" {
		config.RuntimeParams["application_name"] = "scratch"
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = 10 * time.Second
	}
	if cfg.Spans {
		config.Tracer = sqlspan.PGX{}
	}
	pool := stdlib.OpenDB(*config, stdlib.OptionAfterConnect(readTimesAsUTC))
	size := cfg.ReadPool
	if size <= 0 {
		size = defaultConnections
	}
	pool.SetMaxOpenConns(size)
	pool.SetMaxIdleConns(size)
	pool.SetConnMaxIdleTime(5 * time.Minute)
	// A connection's own temporary table (downloads_early.go) is out of vacuum's
	// reach, so no connection grows old.
	pool.SetConnMaxLifetime(time.Hour)
	s.ahead = make(chan struct{}, size/aheadShare)
	s.shared = newSharedClock(cfg.Now, s.log)
	s.clock = s.shared.now
	db, err := gorm.Open(gormpostgres.New(gormpostgres.Config{Conn: pool}), gormConfig(s.now))
	if err != nil {
		_ = pool.Close()
		return fmt.Errorf("open PostgreSQL: %w", err)
	}
	s.dialect, s.read, s.write, s.close = postgres{}, db, db, pool.Close
	return nil
}

// readTimesAsUTC gives times in UTC, as SQLite does, whatever the machine's zone.
func readTimesAsUTC(_ context.Context, conn *pgx.Conn) error {
	conn.TypeMap().RegisterType(&pgtype.Type{
		Name: "timestamptz", OID: pgtype.TimestamptzOID, Codec: &pgtype.TimestamptzCodec{ScanLocation: time.UTC},
	})
	return nil
}

// gormConfig is GORM without its own transactions, logging and statement
// cache: transactions are ours, errors are reported once by the caller, and
// pgx caches statements itself (on SQLite a cache broke commits).
func gormConfig(now func() time.Time) *gorm.Config {
	return &gorm.Config{
		SkipDefaultTransaction: true,
		DisableAutomaticPing:   true,
		Logger:                 logger.Discard,
		NowFunc:                now,
	}
}

func (postgres) name() string { return "postgres" }

func (postgres) bind(query string) string {
	var b strings.Builder
	b.Grow(len(query) + 16)
	n := 0
	for {
		at := strings.IndexByte(query, '?')
		if at < 0 {
			b.WriteString(query)
			return b.String()
		}
		n++
		b.WriteString(query[:at])
		b.WriteByte('$')
		b.WriteString(strconv.Itoa(n))
		query = query[at+1:]
	}
}

// Read committed: what must not change underneath is locked by row.
func (postgres) beginOptions() *sql.TxOptions { return nil }

func (postgres) classify(err error) fault {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		var connect *pgconn.ConnectError
		// A connection that is lost in mid-statement, or was before it began.
		lost := errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) || errors.Is(err, sql.ErrConnDone) || pgconn.SafeToRetry(err)
		if errors.As(err, &connect) || pgconn.Timeout(err) || lost {
			return faultUnavailable
		}
		return faultOther
	}
	switch pg.Code {
	case "23505":
		return faultUnique
	case "40001", "40P01", "55P03": // serialization failure, deadlock, lock not available
		return faultRetry
	case "25006": // read-only transaction: a standby, or default_transaction_read_only
		return faultReadOnly
	case "53100": // disk full
		return faultDiskFull
	case "57014": // query cancelled, also by statement_timeout
		return faultTimeout
	case "22021", "22P05": // bytes that are no UTF-8; U+0000 in jsonb
		return faultText
	case "42P01", "42703":
		return faultMissing
	}
	switch pg.Code[:2] {
	case "28", "3D": // invalid authorization, no such database
		return faultRefused
	case "08", "53", "57": // connection, resources, operator intervention
		return faultUnavailable
	}
	return faultOther
}

func (postgres) migrations() (goose.Dialect, fs.FS) {
	files, err := fs.Sub(migrations, "migrations/postgres")
	if err != nil {
		panic("store: embedded migrations: " + err.Error()) // a constant path of an embedded folder
	}
	return goose.DialectPostgres, files
}

// migrationLock lets one process migrate at a time; the others wait, then find
// nothing left to do.
func migrationLock(d dialect) []goose.ProviderOption {
	if d.name() != "postgres" {
		return nil
	}
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 120), lock.WithUnlockTimeout(1, 10))
	if err != nil {
		panic("store: migration lock: " + err.Error()) // constant options
	}
	return []goose.ProviderOption{goose.WithSessionLocker(locker)}
}

// pgx gives fn the transaction's own connection, for COPY. PostgreSQL only.
func (tx *Tx) pgx(fn func(context.Context, *pgx.Conn) error) error {
	if err := tx.sql.drain(tx.ctx); err != nil {
		return err
	}
	return onPgx(tx.conn, func(c *pgx.Conn) error { return fn(tx.ctx, c) })
}
