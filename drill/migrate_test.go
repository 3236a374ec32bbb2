package drill

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/internal/testkit"
)

// schemaNow is what a database is laid out as: every column, index and constraint.
const schemaNow = `SELECT coalesce(string_agg(line, E'\n' ORDER BY line), '') FROM (
	SELECT table_name || '.' || column_name || ' ' || data_type || ' ' || is_nullable || ' ' || coalesce(column_default, '') AS line
		FROM information_schema.columns WHERE table_schema = 'public'
	UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'
	UNION ALL SELECT conrelid::regclass || ' ' || pg_get_constraintdef(oid) FROM pg_constraint WHERE connamespace = 'public'::regnamespace
) AS parts`

// Two deployments lay the schema at once, and both are killed at every step of it
// in turn, as by a machine that is switched off: whoever tries again comes to the
// same schema as one that nobody disturbed.
func TestMigrationsAreKilledAndRunAgain(t *testing.T) {
	t.Parallel()
	undisturbed, url := testkit.Postgres(t), testkit.Postgres(t)
	account(t, undisturbed)
	p := &product{t: t, dir: t.TempDir(), engine: &engine{address: testkit.FreeAddress(t)}}
	environ := append(p.settings(p.dir), "SCRATCH_DATABASE_URL="+url)
	before, db := postgresOf(t, undisturbed), postgresOf(t, url)
	whole, want := versionIn(before), before.rows(schemaNow)

	struck := 0
	for step := range whole {
		first, second := spawn(t, environ, "scratch", "migrate"), spawn(t, environ, "scratch", "migrate")
		eventually(t, time.Minute, "a step is done", func() bool { return versionIn(db) > step })
		first.kill()
		second.kill()
		if versionIn(db) < whole {
			struck++
		}
	}
	require.Positive(t, struck, "every kill came too late to be one")
	t.Logf("%d of %d kills left steps to do", struck, whole)

	for _, again := range []*process{spawn(t, environ, "scratch", "migrate"), spawn(t, environ, "scratch", "migrate")} {
		select {
		case <-again.done:
		case <-time.After(time.Minute):
			t.Fatal("a migration waits for one that was killed")
		}
		require.NoError(t, again.err, "%s", again.stderr)
	}
	require.Equal(t, whole, versionIn(db))
	require.Equal(t, want, db.rows(schemaNow))
}

// versionIn is the newest migration that a database has; zero for an empty one.
func versionIn(d *database) int {
	d.t.Helper()
	if d.number(`SELECT count(*) FROM pg_class WHERE oid = to_regclass('schema_versions')`) == 0 {
		return 0
	}
	return d.number(`SELECT coalesce(max(version_id), 0) FROM schema_versions`)
}
