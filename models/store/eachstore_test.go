package store

import (
	"context"
	"database/sql"
	"flag"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/models"
)

// eachStore runs a test on a fresh, migrated store of each database.
func eachStore(t *testing.T, test func(t *testing.T, s *Store)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		test(t, openStore(t, filepath.Join(t.TempDir(), "scratch.db")))
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		test(t, openStore(t, postgresDatabase(t)))
	})
}

// openStore opens and migrates a store that the test's end closes.
func openStore(t *testing.T, address string) *Store {
	t.Helper()
	s, err := Open(t.Context(), Config{URL: address})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	require.NoError(t, s.Migrate(t.Context()))
	return s
}

// newOrg makes an organization with one user and gives both.
func newOrg(t *testing.T, s *Store) (*Org, models.Actor) {
	t.Helper()
	org := models.Organization{ID: models.NewID(models.PrefixOrganization), Name: "Test", CreatedAt: s.now()}
	user := models.User{ID: models.NewID(models.PrefixUser), OrganizationID: org.ID, Name: "Ana", CreatedAt: s.now()}
	require.NoError(t, s.System().CreateAccount(t.Context(), org, user))
	return s.Org(org.ID), models.Actor{OrganizationID: org.ID, UserID: user.ID, Name: user.Name, Tab: "tab-1"}
}

const adminURL = "SCRATCH_TEST_POSTGRES_URL"

// template is a migrated database that each test's own is copied from; copying
// is many times faster than migrating.
var template = sync.OnceValues(func() (string, error) {
	admin := os.Getenv(adminURL)
	if admin == "" {
		return "", fmt.Errorf("%s is not set: run make test, which sets up PostgreSQL", adminURL)
	}
	name := fmt.Sprintf("scratch_store_template_%d", os.Getpid())
	if err := execAdmin(admin, "CREATE DATABASE "+name); err != nil {
		return "", err
	}
	s, err := Open(context.Background(), Config{URL: databaseURL(admin, name)})
	if err != nil {
		return "", err
	}
	if err := s.Migrate(context.Background()); err != nil {
		return "", err
	}
	return name, s.Close()
})

// cloning is held while a database is copied: PostgreSQL copies from a
// template only one at a time.
var cloning sync.Mutex

func postgresDatabase(t *testing.T) string {
	t.Helper()
	source, err := template()
	require.NoError(t, err)
	admin := os.Getenv(adminURL)
	name := fmt.Sprintf("scratch_store_%d_%d", os.Getpid(), time.Now().UnixNano())
	cloning.Lock()
	err = execAdmin(admin, "CREATE DATABASE "+name+" TEMPLATE "+source)
	cloning.Unlock()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, execAdmin(admin, "DROP DATABASE "+name+" WITH (FORCE)")) })
	return databaseURL(admin, name)
}

func execAdmin(admin, statement string) error {
	db, err := sql.Open("pgx", admin)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	_, err = db.ExecContext(context.Background(), statement)
	return err
}

func databaseURL(admin, name string) string {
	u, err := url.Parse(admin)
	if err != nil {
		return admin
	}
	u.Path = "/" + name
	return u.String()
}

func TestMain(m *testing.M) {
	// Each check of a property works on a real database; -rapid.checks asks for more.
	if err := flag.Set("rapid.checks", "15"); err != nil {
		panic(err)
	}
	code := m.Run()
	if admin := os.Getenv(adminURL); admin != "" {
		if name, err := template(); err == nil {
			_ = execAdmin(admin, "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)")
		}
	}
	os.Exit(code)
}

// contextOf is the test's context; a property's runs have the background.
func contextOf(t require.TestingT) context.Context {
	if test, ok := t.(interface{ Context() context.Context }); ok {
		return test.Context()
	}
	return context.Background()
}
