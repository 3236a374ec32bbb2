package store

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/models"
)

// Breaks when a migrated database cannot be migrated again: every start does.
func TestMigrateTwice(t *testing.T) {
	eachStore(t, func(t *testing.T, s *Store) {
		require.NoError(t, s.Migrate(t.Context()))
		require.NoError(t, s.Ping(t.Context()))
	})
}

// Breaks when two processes could write one SQLite file.
func TestSecondProcessOnTheFileIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "scratch.db")
	first, err := Open(t.Context(), Config{URL: path})
	require.NoError(t, err)
	file, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), file.Mode().Perm(), "only its owner reads the database")
	_, err = Open(t.Context(), Config{URL: path})
	require.True(t, models.HasCode(err, "store.in_use"), "%v", err)
	require.NoError(t, first.Close())
	again, err := Open(t.Context(), Config{URL: path})
	require.NoError(t, err)
	require.NoError(t, again.Close())
}

// Breaks when a database that does not answer is not named as such.
func TestUnreachableDatabase(t *testing.T) {
	_, err := Open(t.Context(), Config{URL: "postgres://nobody@127.0.0.1:1/none"})
	require.True(t, models.HasCode(err, "store.unavailable"), "%v", err)
	_, err = Open(t.Context(), Config{URL: ""})
	require.True(t, models.HasCode(err, "store.bad_address"), "%v", err)
}

// Breaks when a failed transaction leaves rows or events behind, or a commit
// with events wakes nobody.
func TestTransactionIsAllOrNothing(t *testing.T) {
	eachStore(t, func(t *testing.T, s *Store) {
		org, _ := newOrg(t, s)
		var woken atomic.Int64
		s.OnEvents(func() { woken.Add(1) })
		boom := errors.New("boom")
		change := func(fail error) error {
			return org.tx(t.Context(), func(tx *Tx) error {
				if _, err := tx.exec("UPDATE counters SET value = value + 1 WHERE name = ?", "table_seq"); err != nil {
					return err
				}
				if err := tx.emit("snapshot:x", "snapshot.changed", "", map[string]string{"id": "x"}); err != nil {
					return err
				}
				return fail
			})
		}
		require.ErrorIs(t, change(boom), boom)
		require.Zero(t, woken.Load())
		require.NoError(t, change(nil))
		require.EqualValues(t, 1, woken.Load())
		require.EqualValues(t, 1, count(t, s, "SELECT value FROM counters"))
		require.EqualValues(t, 1, count(t, s, "SELECT count(*) FROM outbox"))
	})
}

// Breaks when the record table cannot be made, used by COPY on the
// transaction's own connection, or dropped.
func TestRecordTable(t *testing.T) {
	eachStore(t, func(t *testing.T, s *Store) {
		org, _ := newOrg(t, s)
		require.NoError(t, org.tx(t.Context(), func(tx *Tx) error {
			if err := createRecordTable(tx, 7); err != nil {
				return err
			}
			if s.Dialect() == "postgres" {
				return tx.pgx(func(ctx context.Context, c *pgx.Conn) error {
					_, err := c.CopyFrom(ctx, pgx.Identifier{recordTable(7)}, []string{"remote_id", "base", "created_at", "updated_at"},
						pgx.CopyFromRows([][]any{{"a", `{"x":"<p>"}`, int64(1), int64(1)}}))
					return err
				})
			}
			_, err := tx.exec("INSERT INTO records_7 (remote_id, base, created_at, updated_at) VALUES (?, ?, 1, 1)", "a", `{"x":"<p>"}`)
			return err
		}))
		require.EqualValues(t, 1, count(t, s, "SELECT count(*) FROM records_7 WHERE state = 0 AND edits IS NULL"))
		err := org.tx(t.Context(), func(tx *Tx) error {
			_, err := tx.exec("INSERT INTO records_7 (remote_id, base, created_at, updated_at) VALUES (?, ?, 1, 1)", "a", `{}`)
			return err
		})
		require.True(t, s.isUnique(err), "%v", err)
		require.NoError(t, org.tx(t.Context(), func(tx *Tx) error { return dropRecordTable(tx, 7) }))
	})
}

// Breaks when a caller that gave up keeps a transaction running.
func TestCancelledContext(t *testing.T) {
	eachStore(t, func(t *testing.T, s *Store) {
		org, _ := newOrg(t, s)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		err := org.tx(ctx, func(*Tx) error { return nil })
		require.ErrorIs(t, err, context.Canceled)
	})
}

func count(t *testing.T, s *Store, query string) (n int64) {
	t.Helper()
	require.NoError(t, s.read.WithContext(t.Context()).Raw(query).Scan(&n).Error)
	return n
}
