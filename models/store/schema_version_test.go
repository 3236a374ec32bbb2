package store

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/internal/testkit"
	"github.com/scratch-platform/scratch/models"
)

// Breaks when doctor can no longer tell an empty or old database from a current
// one, or changes the database by asking.
func TestSchemaVersionOnlyLooks(t *testing.T) {
	for name, address := range map[string]string{"sqlite": filepath.Join(t.TempDir(), "scratch.db"), "postgres": testkit.Postgres(t)} {
		t.Run(name, func(t *testing.T) {
			s, err := Open(t.Context(), Config{URL: address})
			require.NoError(t, err)
			defer func() { require.NoError(t, s.Close()) }()
			for range 2 {
				v, err := s.SchemaVersion(t.Context())
				require.NoError(t, err)
				require.Zero(t, v.Current)
				require.NotEmpty(t, v.Pending)
				require.Equal(t, "0001_foundation.sql", v.Pending[0])
			}
			require.NoError(t, s.Migrate(t.Context()))
			v, err := s.SchemaVersion(t.Context())
			require.NoError(t, err)
			require.Equal(t, v.Latest, v.Current)
			require.Empty(t, v.Pending)
			require.False(t, v.Ahead)
			version, err := s.ServerVersion(t.Context())
			require.NoError(t, err)
			require.Regexp(t, `^[0-9]+\.[0-9]+`, version)
			require.NoError(t, s.write.Exec("INSERT INTO "+versionTable+" (version_id, is_applied) VALUES (99999, ?)", true).Error)
			v, err = s.SchemaVersion(t.Context())
			require.NoError(t, err)
			require.True(t, v.Ahead)
		})
	}
}

// Breaks when the pass that seals credentials anew misses a tenant, touches
// another's, or overwrites a credential that was changed meanwhile.
func TestReplaceSealedLosesNoNewerCredential(t *testing.T) {
	eachStore(t, func(t *testing.T, s *Store) {
		want := map[string]bool{}
		for range 3 {
			org, _ := newOrg(t, s)
			for range 2 {
				id := models.NewID(models.PrefixConnection)
				require.NoError(t, org.CreateConnection(t.Context(), models.Connection{ID: id, Service: "wordpress", Name: "Blog", Credential: []byte("old")}))
				want[id] = true
			}
		}
		after := ""
		for {
			page, err := s.System().ConnectionsAfter(t.Context(), after, 4)
			require.NoError(t, err)
			if len(page) == 0 {
				break
			}
			for _, c := range page {
				require.True(t, want[c.ID])
				delete(want, c.ID)
				done, err := s.System().ReplaceSealed(t.Context(), c, []byte("new"))
				require.NoError(t, err)
				require.True(t, done)
				now, err := s.Org(c.OrganizationID).Connection(t.Context(), c.ID)
				require.NoError(t, err)
				require.Equal(t, "new", string(now.Credential))

				now.Credential = []byte("newer")
				require.NoError(t, s.Org(c.OrganizationID).UpdateConnection(t.Context(), now))
				done, err = s.System().ReplaceSealed(t.Context(), c, []byte("late"))
				require.NoError(t, err)
				require.False(t, done, "a credential was overwritten by an older one")
				after = c.ID
			}
		}
		require.Empty(t, want, "connections were passed over")
	})
}
