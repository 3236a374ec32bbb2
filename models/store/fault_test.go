package store

import (
	"context"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/internal/testkit"
	"github.com/scratch-platform/scratch/models"
)

// Breaks when two transactions that wait for each other end in an error instead
// of one after the other.
func TestDeadlocksAreRetried(t *testing.T) {
	s := openStore(t, postgresDatabase(t)) // SQLite has one writer, so no deadlocks
	org, _ := newOrg(t, s)
	require.NoError(t, org.tx(t.Context(), func(tx *Tx) error {
		_, err := tx.exec("INSERT INTO counters (name, value) VALUES ('a', 0), ('b', 0)")
		return err
	}))
	var first, wg sync.WaitGroup
	first.Add(2)
	for _, order := range [][2]string{{"a", "b"}, {"b", "a"}} {
		wg.Go(func() {
			met := false
			err := org.tx(t.Context(), func(tx *Tx) error {
				if _, err := tx.exec("UPDATE counters SET value = value + 1 WHERE name = ?", order[0]); err != nil {
					return err
				}
				if !met { // both hold their first row before they want the second
					met = true
					first.Done()
					first.Wait()
				}
				_, err := tx.exec("UPDATE counters SET value = value + 1 WHERE name = ?", order[1])
				return err
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	require.EqualValues(t, 4, count(t, s, "SELECT sum(value) FROM counters WHERE name IN ('a', 'b')"))
}

// Breaks when a full disk shows as anything but a full disk, or leaves half a
// change behind.
func TestDiskFull(t *testing.T) {
	s := openStore(t, filepath.Join(t.TempDir(), "scratch.db"))
	org, _, table := posts(t, s)
	pages := count(t, s, "PRAGMA page_count")
	require.NoError(t, s.write.Exec("PRAGMA max_page_count = "+strconv.FormatInt(pages+20, 10)).Error)
	run, err := org.BeginRun(t.Context(), job(t, org, 1), table.ID, models.DownloadFull)
	require.NoError(t, err)
	var records []RemoteRecord
	for i := range 2000 {
		records = append(records, remote("r"+strconv.Itoa(i), "title", `"a title that takes some room on the disk, and then some more"`))
	}
	_, err = org.SavePage(t.Context(), &run, PageWrite{Records: records, Complete: true})
	require.True(t, models.HasCode(err, "store.disk_full"), "%v", err)
	require.Zero(t, count(t, s, "SELECT count(*) FROM "+recordTable(table.Seq)))
	require.NoError(t, s.write.Exec("PRAGMA max_page_count = 1000000").Error)
	_, err = org.SavePage(t.Context(), &run, PageWrite{Records: records, Complete: true})
	require.NoError(t, err, "with room again, it goes on")
}

// Breaks when a statement that runs over its time, or text that cannot be
// stored, shows as an internal error.
func TestFaultsHaveCodes(t *testing.T) {
	s := openStore(t, postgresDatabase(t))
	org, _ := newOrg(t, s)
	err := org.tx(t.Context(), func(tx *Tx) error {
		if _, err := tx.exec("SET LOCAL statement_timeout = 20"); err != nil {
			return err
		}
		_, err := tx.exec("SELECT pg_sleep(5)")
		return err
	})
	require.True(t, models.HasCode(err, "store.timeout"), "%v", err)
	err = org.tx(t.Context(), func(tx *Tx) error {
		_, err := tx.exec("SELECT ?::jsonb", `"\u0000"`)
		return err
	})
	require.True(t, models.HasCode(err, "records.bad_text"), "%v", err)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	err = org.tx(ctx, func(tx *Tx) error {
		_, err := tx.exec("SELECT pg_sleep(5)")
		return err
	})
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

// Breaks when a database that goes away is not named as such, or the store does
// not come back with it.
func TestConnectionsThatBreak(t *testing.T) {
	s := openStore(t, postgresDatabase(t))
	org, _ := newOrg(t, s)
	err := org.tx(t.Context(), func(tx *Tx) error {
		_, err := tx.exec("SELECT pg_terminate_backend(pg_backend_pid())")
		return err
	})
	require.True(t, models.HasCode(err, "store.unavailable"), "%v", err)
	require.NoError(t, org.tx(t.Context(), func(*Tx) error { return nil }))
}

// Breaks when readers wait for a writer, or writers trip over each other, on
// SQLite.
func TestReadersDoNotWaitForTheWriter(t *testing.T) {
	s := openStore(t, filepath.Join(t.TempDir(), "scratch.db"))
	org, _ := newOrg(t, s)
	snapshot, _ := newSnapshot(t, org)
	writing, done := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		err := org.tx(t.Context(), func(tx *Tx) error {
			_, err := tx.exec("UPDATE snapshots SET name = 'new'")
			close(writing)
			<-done
			return err
		})
		if err != nil {
			t.Error(err)
		}
	})
	<-writing
	got, err := org.Snapshot(t.Context(), snapshot.ID)
	require.NoError(t, err)
	require.Equal(t, "Autumn", got.Name, "what is committed, while the writer writes")
	waiting, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, org.RenameSnapshot(waiting, snapshot.ID, "late"), context.DeadlineExceeded)
	close(done)
	wg.Wait()
	require.NoError(t, org.RenameSnapshot(t.Context(), snapshot.ID, "then"))
}

// Breaks when a server that is lost in the middle of a transaction, or between
// two, shows as an internal error, or is not found again when it is back.
func TestALostServerIsUnavailable(t *testing.T) {
	server := testkit.OwnPostgres(t)
	url := server.Database()
	s := openStore(t, url)
	org, _ := newOrg(t, s)
	err := org.tx(t.Context(), func(tx *Tx) error {
		if _, err := tx.exec("INSERT INTO counters (name, value) VALUES ('a', 1)"); err != nil {
			return err
		}
		server.Kill()
		_, err := tx.exec("UPDATE counters SET value = 2")
		return err
	})
	require.True(t, models.HasCode(err, "store.unavailable"), "%v", err)
	for range 30 { // every connection of the pool was lost
		_, err = org.Connection(t.Context(), models.NewID(models.PrefixConnection))
		require.True(t, models.HasCode(err, "store.unavailable"), "%v", err)
	}
	require.True(t, models.HasCode(s.Ping(t.Context()), "store.unavailable"))
	server.Start()
	require.NoError(t, s.Ping(t.Context()))
	require.Zero(t, count(t, s, "SELECT count(*) FROM counters WHERE name = 'a'"), "half a change was kept")

	_, err = Open(t.Context(), Config{URL: strings.Replace(url, "/scratch_test_", "/no_such_", 1)})
	require.True(t, models.HasCode(err, "store.refused"), "%v", err)
}
