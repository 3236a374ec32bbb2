package store

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/models"
)

// Breaks when a statement whose answer nobody waits for runs later than one
// that was asked for after it, or is forgotten.
func TestQueuedStatementsKeepTheirOrder(t *testing.T) {
	eachStore(t, func(t *testing.T, s *Store) {
		org, _ := newOrg(t, s)
		require.NoError(t, org.tx(t.Context(), func(tx *Tx) error {
			require.NoError(t, tx.queue("INSERT INTO counters (name, value) VALUES (?, ?)", "a", 1))
			require.NoError(t, tx.queue("UPDATE counters SET value = value + ? WHERE name = ?", 10, "a"))
			var counter struct{ Value int64 }
			require.NoError(t, tx.db.Table("counters").Where("name = ?", "a").Take(&counter).Error, "GORM reads what was queued before")
			require.EqualValues(t, 11, counter.Value)
			n, err := tx.exec("UPDATE counters SET value = value * 2 WHERE name = ?", "a")
			require.EqualValues(t, 1, n)
			require.NoError(t, err)
			return tx.queue("UPDATE counters SET value = value + ? WHERE name = ?", 1, "a")
		}))
		require.EqualValues(t, 23, count(t, s, "SELECT value FROM counters WHERE name = 'a'"))
	})
}

// Breaks when a failure nobody waited for is committed over, or told as
// something that only followed from it.
func TestAFailedQueuedStatementEndsTheTransaction(t *testing.T) {
	for name, then := range map[string]func(*Tx) error{
		"at the commit":       func(*Tx) error { return nil },
		"before a query":      func(tx *Tx) error { return tx.sql.QueryRowContext(tx.ctx, "SELECT 1").Scan(new(int)) },
		"before a statement":  func(tx *Tx) error { _, err := tx.exec("DELETE FROM counters"); return err },
		"though it was eaten": func(tx *Tx) error { _, _ = tx.exec("DELETE FROM counters"); return nil },
	} {
		t.Run(name, func(t *testing.T) {
			eachStore(t, func(t *testing.T, s *Store) {
				org, _ := newOrg(t, s)
				err := org.tx(t.Context(), func(tx *Tx) error {
					require.NoError(t, tx.queue("INSERT INTO counters (name, value) VALUES (?, 1)", "kept"))
					if err := tx.queue("INSERT INTO counters (name, value) VALUES (?, 1)", "kept"); err != nil {
						return err
					}
					return then(tx)
				})
				require.True(t, s.isUnique(err), "%v", err)
				require.Zero(t, count(t, s, "SELECT count(*) FROM counters WHERE name = 'kept'"))
			})
		})
	}
}

// Breaks when a value that marshals itself is stored otherwise when it is
// queued.
func TestQueuedValuesAreStoredAsOthers(t *testing.T) {
	eachStore(t, func(t *testing.T, s *Store) {
		org, _ := newOrg(t, s)
		require.NoError(t, org.tx(t.Context(), func(tx *Tx) error {
			return tx.emit(models.UserTopic("usr_1"), models.EventConnectionChanged, "tab", map[string]string{"html": "<p>\u00e4</p>"})
		}))
		var row outboxRow
		require.NoError(t, s.read.WithContext(t.Context()).Take(&row).Error)
		require.JSONEq(t, `{"html":"<p>\u00e4</p>"}`, string(row.Data.V))
		require.Equal(t, "tab", row.Origin)
	})
}
