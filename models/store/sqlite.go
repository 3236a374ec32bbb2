package store

import (
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"syscall"

	"github.com/gofrs/flock"
	"github.com/pressly/goose/v3"
	gormsqlite "gorm.io/driver/sqlite"
	"gorm.io/gorm"
	sqlitedriver "modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/scratch-platform/scratch/models"
	"github.com/scratch-platform/scratch/models/store/sqlspan"
)

// defaultReaders is how many connections read a SQLite file side by side; each
// holds its own page cache.
const defaultReaders = 8

type sqlite struct{}

func (s *Store) openSQLite(cfg Config) error {
	path, err := filepath.Abs(cfg.URL)
	if err != nil || cfg.URL == "" {
		return models.NewProblem(models.KindInvalid, "store.bad_address", "the database address is empty or no path",
			"give a file path, or a URL that starts with postgres://").Because(err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return models.NewProblem(models.KindUnavailable, "store.unavailable", "the database folder cannot be made",
			"check that the data folder is writable").Because(err)
	}
	held := flock.New(path+".lock", flock.SetPermissions(0o600))
	got, err := held.TryLock()
	if err != nil {
		return models.NewProblem(models.KindUnavailable, "store.unavailable", "the database's lock file cannot be opened",
			"check that the data folder is writable").Because(err)
	}
	if !got {
		return models.NewProblem(models.KindConflict, "store.in_use", "another process uses the database file "+filepath.Base(path),
			"stop the other scratch process, or give this one another data folder")
	}
	if err := errors.Join(ownersOnly(path), registerDecimalKey()); err != nil {
		_ = held.Unlock()
		return err
	}
	writer, err := sqlitePool(path, 1, cfg.Spans, "_txlock=immediate&_pragma=cache_size(-16000)")
	if err != nil {
		_ = held.Unlock()
		return err
	}
	size := cfg.ReadPool
	if size <= 0 {
		size = defaultReaders
	}
	reader, err := sqlitePool(path, size, cfg.Spans, "_pragma=query_only(1)&_pragma=cache_size(-4000)")
	if err != nil {
		_ = writer.Close()
		_ = held.Unlock()
		return err
	}
	s.dialect = sqlite{}
	s.close = func() error { return errors.Join(reader.Close(), writer.Close(), held.Unlock()) }
	if s.write, err = gorm.Open(gormsqlite.New(gormsqlite.Config{Conn: writer}), gormConfig(s.now)); err == nil {
		s.read, err = gorm.Open(gormsqlite.New(gormsqlite.Config{Conn: reader}), gormConfig(s.now))
	}
	if err != nil {
		return errors.Join(fmt.Errorf("open SQLite: %w", err), s.close())
	}
	return nil
}

// ownersOnly makes a missing file readable by its owner alone; the files that
// SQLite makes beside it take its permissions over.
func ownersOnly(path string) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return models.NewProblem(models.KindUnavailable, "store.unavailable", "the database file cannot be made or opened",
			"check that the data folder is writable").Because(err)
	}
	return file.Close()
}

// sqlitePool opens connections to the file. WAL lets readers go on while the
// one writer commits; synchronous NORMAL keeps the file whole after a killed
// process (the last commits may be lost only when the machine itself dies).
// Page caches are small (cache_size, in KB) and large sorts go to temporary
// files: each connection has its own, and the process stays under 200 MB.
func sqlitePool(path string, size int, spans bool, extra string) (*sql.DB, error) {
	dsn := (&url.URL{Scheme: "file", Path: path}).String() +
		"?_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_pragma=synchronous(NORMAL)&_pragma=foreign_keys(1)" +
		"&_time_format=sqlite&_timezone=UTC&" + extra
	pool, err := sql.Open("sqlite", dsn)
	if err != nil {
		return nil, fmt.Errorf("open SQLite: %w", err)
	}
	if spans {
		inner := pool.Driver()
		if err := pool.Close(); err != nil { // nothing was opened yet
			return nil, fmt.Errorf("open SQLite: %w", err)
		}
		pool = sql.OpenDB(sqlspan.SQLite(inner, dsn))
	}
	pool.SetMaxOpenConns(size)
	pool.SetMaxIdleConns(size)
	return pool, nil
}

func (sqlite) name() string { return "sqlite" }

func (sqlite) bind(query string) string { return query }

func (sqlite) beginOptions() *sql.TxOptions { return nil }

func (sqlite) classify(err error) fault {
	var failure *sqlitedriver.Error
	if !errors.As(err, &failure) {
		if errors.Is(err, syscall.ENOSPC) {
			return faultDiskFull
		}
		return faultOther
	}
	switch failure.Code() {
	case sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY, sqlite3.SQLITE_CONSTRAINT_ROWID:
		return faultUnique
	}
	switch failure.Code() & 0xff {
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return faultRetry
	case sqlite3.SQLITE_FULL:
		return faultDiskFull
	case sqlite3.SQLITE_INTERRUPT:
		return faultTimeout
	case sqlite3.SQLITE_READONLY:
		return faultReadOnly
	case sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_PERM:
		return faultUnavailable
	}
	return faultOther
}

func (sqlite) migrations() (goose.Dialect, fs.FS) {
	files, err := fs.Sub(migrations, "migrations/sqlite")
	if err != nil {
		panic("store: embedded migrations: " + err.Error()) // a constant path of an embedded folder
	}
	return goose.DialectSQLite3, files
}
