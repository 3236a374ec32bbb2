package store

import (
	"context"
	"database/sql"
	"embed"
	"io/fs"

	"github.com/jackc/pgx/v5"
	"github.com/pressly/goose/v3"
)

// versionTable says which migrations have run.
const versionTable = "schema_versions"

//go:embed migrations
var migrations embed.FS

// dialect is what differs between the two databases, beyond what GORM hides.
type dialect interface {
	name() string
	// bind rewrites "?" placeholders as the driver wants them. Statements given
	// to it hold no other question mark.
	bind(query string) string
	// beginOptions are the options of a writing transaction.
	beginOptions() *sql.TxOptions
	// classify says what a driver's error means.
	classify(err error) fault
	// createRecordTable and dropRecordTable give the statements that make and
	// remove the physical table of a table's records.
	createRecordTable(seq int64) []string
	dropRecordTable(seq int64) []string
	// migrations are the numbered SQL files of this dialect.
	migrations() (goose.Dialect, fs.FS)
}

// fault is the class of a driver's error.
type fault int

const (
	faultOther       fault = iota
	faultUnique            // a unique index refused the row
	faultRetry             // serialization failure, deadlock, busy: the same transaction may succeed now
	faultDiskFull          // no space left
	faultReadOnly          // a standby, or set to take no changes
	faultTimeout           // the statement ran over its time limit or was cancelled
	faultUnavailable       // no connection
	faultRefused           // a server that does not let us in
	faultText              // text the database cannot hold
	faultMissing           // a table or column that does not exist: not migrated, or dropped meanwhile
)

// onPgx hands the transaction's own PostgreSQL connection to fn, for COPY.
// It must not be called on SQLite.
func onPgx(conn *sql.Conn, fn func(*pgx.Conn) error) error {
	return conn.Raw(func(driverConn any) error {
		return fn(driverConn.(interface{ Conn() *pgx.Conn }).Conn())
	})
}

// Migrate brings the schema up to date. It is safe to call from several
// processes at once on PostgreSQL.
func (s *Store) Migrate(ctx context.Context) error {
	sqlDB, err := s.write.DB()
	if err != nil {
		return s.explain(ctx, err)
	}
	kind, files := s.dialect.migrations()
	options := []goose.ProviderOption{goose.WithDisableGlobalRegistry(true), goose.WithTableName(versionTable)}
	options = append(options, migrationLock(s.dialect)...)
	provider, err := goose.NewProvider(kind, sqlDB, files, options...)
	if err != nil {
		return s.explain(ctx, err)
	}
	// The provider is not closed: closing it would close the pool it was given.
	if _, err := provider.Up(ctx); err != nil {
		return s.explain(ctx, err)
	}
	return nil
}
