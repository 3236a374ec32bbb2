package drill

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
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
	whole, want := versionIn(t, undisturbed), textIn(t, undisturbed, schemaNow)

	struck := 0
	for step := range whole {
		first, second := spawn(t, environ, "scratch", "migrate"), spawn(t, environ, "scratch", "migrate")
		eventually(t, time.Minute, "a step is done", func() bool { return versionIn(t, url) > step })
		first.kill()
		second.kill()
		if versionIn(t, url) < whole {
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
	require.Equal(t, whole, versionIn(t, url))
	require.Equal(t, want, textIn(t, url, schemaNow))
}

// versionIn is the newest migration that a database has; zero for an empty one.
func versionIn(t *testing.T, url string) int {
	t.Helper()
	if textIn(t, url, `SELECT coalesce(to_regclass('schema_versions')::text, '')`) == "" {
		return 0
	}
	var version int
	require.NoError(t, queryRow(t, url, `SELECT coalesce(max(version_id), 0) FROM schema_versions`, &version))
	return version
}

func textIn(t *testing.T, url, query string) (text string) {
	t.Helper()
	require.NoError(t, queryRow(t, url, query, &text))
	return text
}

func queryRow(t *testing.T, url, query string, into any) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	connection, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer func() { _ = connection.Close(ctx) }()
	return connection.QueryRow(ctx, query).Scan(into)
}
