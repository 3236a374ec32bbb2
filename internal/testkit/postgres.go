package testkit

import (
	"context"
	"crypto/rand"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// postgresURL names the server the tests use.
const postgresURL = "SCRATCH_TEST_POSTGRES_URL"

// databaseTimeout bounds making or dropping one database (about 40 ms each).
const databaseTimeout = 30 * time.Second

// Postgres makes an empty database for this test and returns its URL. The
// database is dropped when the test ends, with whatever is still connected.
func Postgres(t testing.TB) string {
	t.Helper()
	admin := os.Getenv(postgresURL)
	if admin == "" {
		t.Fatalf("this test needs PostgreSQL: run `make test`, which brings one up, or set %s to the URL of a server "+
			"where it may create databases, as postgres://postgres@127.0.0.1:5432/postgres", postgresURL)
	}
	location, err := url.Parse(admin)
	require.NoError(t, err, "%s is not a URL", postgresURL)
	name := createDatabase(t, admin)
	t.Cleanup(func() {
		inPostgres(t, admin, `DROP DATABASE IF EXISTS `+pgx.Identifier{name}.Sanitize()+` WITH (FORCE)`)
	})
	location.Path = "/" + name
	return location.String()
}

// createDatabase makes an empty database and returns its name.
func createDatabase(t testing.TB, admin string) string {
	t.Helper()
	name := "scratch_test_" + strings.ToLower(rand.Text())
	// A linguistic collation, as most servers have: what relies on byte order
	// without saying COLLATE "C" shows here and not first at an operator's.
	inPostgres(t, admin, `CREATE DATABASE `+pgx.Identifier{name}.Sanitize()+
		` TEMPLATE template0 ENCODING 'UTF8' LOCALE_PROVIDER icu ICU_LOCALE 'en-US'`)
	return name
}

// inPostgres runs one statement as the administrator, also while the test is
// being cleaned up and its context has ended.
func inPostgres(t testing.TB, admin, statement string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), databaseTimeout)
	defer cancel()
	connection, err := pgx.Connect(ctx, admin)
	require.NoError(t, err, "connect to PostgreSQL")
	defer func() { _ = connection.Close(ctx) }()
	_, err = connection.Exec(ctx, statement)
	require.NoError(t, err, "%s", statement)
}

// SQLite returns the path of a database file that does not exist yet, in a
// folder that goes with the test.
func SQLite(t testing.TB) string {
	t.Helper()
	return filepath.Join(t.TempDir(), "scratch.db")
}
