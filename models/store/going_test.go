package store

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/models"
)

// Breaks when a publish or a download begins in a snapshot, or with a table,
// that somebody takes away at that moment: it would write for people who can no
// longer see it. On PostgreSQL; SQLite has one writer at a time.
func TestNothingBeginsInWhatIsTakenAway(t *testing.T) {
	publish := func(t *testing.T, org *Org, plan models.Plan, actor models.Actor) error {
		return org.StartApply(t.Context(), plan.ID, plan.Hash, nil,
			models.Job{ID: models.NewID(models.PrefixJob), Kind: models.JobPublish, WorkflowID: "publish:" + plan.ID}, actor)
	}
	download := func(t *testing.T, org *Org, plan models.Plan, actor models.Actor) error {
		_, _, err := org.CreateJob(t.Context(), models.Job{
			ID: models.NewID(models.PrefixJob), SnapshotID: plan.SnapshotID,
			Kind: models.JobDownload, WorkflowID: "download-snapshot:" + plan.SnapshotID, CreatedBy: actor.UserID,
		})
		return err
	}
	for _, c := range []struct {
		name  string
		taken any
		begin func(*testing.T, *Org, models.Plan, models.Actor) error
		code  string
	}{
		{"a publish, the snapshot", &snapshotRow{}, publish, "snapshot.not_found"},
		{"a download, the snapshot", &snapshotRow{}, download, "snapshot.not_found"},
		{"a publish, its table", &tableRow{}, publish, "plan.stale"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := openStore(t, postgresDatabase(t))
			org, actor, table := edited(t, s)
			plan := build(t, org, actor, table)
			began := make(chan error, 1)
			// As DeleteSnapshot and RemoveTable do, but halfway until the other waits.
			require.NoError(t, org.tx(t.Context(), func(tx *Tx) error {
				if _, err := tx.lockSnapshot(plan.SnapshotID); err != nil {
					return err
				}
				go func() { began <- c.begin(t, org, plan, actor) }()
				require.Eventually(t, func() bool { return len(began) > 0 || waiting(t, s) }, 20*time.Second, 5*time.Millisecond)
				return tx.rows(c.taken).Where("deleted_at IS NULL").Updates(map[string]any{"deleted_at": tx.now}).Error
			}))
			require.True(t, models.HasCode(<-began, c.code))
		})
	}
}

// waiting says whether a connection to the store's database waits for a lock.
func waiting(t *testing.T, s *Store) bool {
	var n int64
	err := s.read.WithContext(t.Context()).
		Raw("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'").Scan(&n).Error
	return err == nil && n > 0
}
