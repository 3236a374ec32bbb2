package store

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/models"
)

// Breaks when a full disk is not told, is told after there is room again, or is
// looked for with a write though nothing was refused, or with every poll.
func TestAFullDiskIsTold(t *testing.T) {
	for name, full := range map[string]struct {
		address func(*testing.T) string
		fill    string
		free    string
	}{
		"sqlite": {func(t *testing.T) string { return t.TempDir() + "/scratch.db" }, "PRAGMA max_page_count = 1", "PRAGMA max_page_count = 4294967294"},
		"postgres": {postgresDatabase, `CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no room' USING ERRCODE = '53100'; END $$;
			CREATE TRIGGER no_room BEFORE INSERT OR UPDATE ON leases FOR EACH ROW EXECUTE FUNCTION no_room();
			CREATE TRIGGER no_room BEFORE INSERT ON snapshots FOR EACH ROW EXECUTE FUNCTION no_room()`, "DROP FUNCTION no_room CASCADE"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			later := time.Duration(0)
			s, err := Open(t.Context(), Config{URL: full.address(t), Now: func() time.Time { return time.Now().Add(later) }})
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, s.Close()) })
			require.NoError(t, s.Migrate(t.Context()))
			org, _ := newOrg(t, s)
			fill := func(statement string) {
				t.Helper()
				require.NoError(t, s.write.Exec(statement).Error)
			}
			tried := func() int64 { return count(t, s, "SELECT count(*) FROM leases WHERE name = '"+tryName+"'") }
			require.NoError(t, s.Writable(t.Context()))
			fill(full.fill)
			var refused error
			for i := 0; refused == nil && i < 1000; i++ {
				refused = org.CreateSnapshot(t.Context(), models.Snapshot{ID: models.NewID(models.PrefixSnapshot), Name: fmt.Sprintf("%01000d", i)})
			}
			require.True(t, models.HasCode(refused, "store.disk_full"), "%v", refused)
			for range 3 {
				require.True(t, models.HasCode(s.Writable(t.Context()), "store.disk_full"))
			}
			later += 2 * tryAgain
			require.True(t, models.HasCode(s.Writable(t.Context()), "store.disk_full"), "there is no room yet")
			fill(full.free)
			require.True(t, models.HasCode(s.Writable(t.Context()), "store.disk_full"), "it was tried a moment ago")
			require.Zero(t, tried())
			later += 2 * tryAgain
			require.NoError(t, s.Writable(t.Context()))
			require.EqualValues(t, 1, tried())
			require.Zero(t, count(t, s, "SELECT length(holder) FROM leases WHERE name = '"+tryName+"'"), "what was written is kept")
			require.NoError(t, s.Writable(t.Context()))
		})
	}
}

// Breaks when a database that takes no changes shows as well until somebody
// fails to change something.
func TestAReadOnlyDatabaseIsTold(t *testing.T) {
	t.Parallel()
	address := postgresDatabase(t)
	openStore(t, address)
	s, err := Open(t.Context(), Config{URL: address + "&default_transaction_read_only=on"})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	require.True(t, models.HasCode(s.Writable(t.Context()), "store.read_only"))
	_, _, err = s.System().Lease(t.Context(), "x", "me", time.Minute)
	require.True(t, models.HasCode(err, "store.read_only"), "%v", err)
}
