package store

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/models"
)

// Breaks when two tables of one job that store something for the first time, and
// then lock the job, wait for each other until the database ends one of them:
// with several workers that is every start of a download. On PostgreSQL; SQLite
// has one writer at a time.
func TestTablesOfOneJobDoNotWaitForEachOther(t *testing.T) {
	s := openStore(t, postgresDatabase(t))
	org, _, first := posts(t, s)
	second, err := org.AddTable(t.Context(), models.Table{
		SnapshotID: first.SnapshotID, ConnectionID: first.ConnectionID, Service: "wordpress", RemoteID: "pages", Name: "Pages", Columns: first.Columns,
	})
	require.NoError(t, err)
	j := job(t, org, 1)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var stored, done sync.WaitGroup
	stored.Add(2)
	var attempts atomic.Int64
	for _, tableID := range []string{first.ID, second.ID} {
		var once sync.Once
		done.Go(func() {
			err := org.tx(ctx, func(tx *Tx) error {
				attempts.Add(1)
				if _, err := tx.saveTableProgress(j, tableID, models.Progress{Done: 1}); err != nil {
					return err
				}
				once.Do(stored.Done)
				stored.Wait() // both refer to the job now
				_, err := tx.lockJob(j)
				return err
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	done.Wait()
	require.EqualValues(t, 2, attempts.Load(), "one was ended as a deadlock and began again")
}
