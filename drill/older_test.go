package drill

import (
	"context"
	"encoding/json"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/internal/testkit"
)

// laterMigration is what a newer build does to the schema, as migrations may:
// it adds what older builds can live without.
const laterMigration = `DO $$ DECLARE name text; BEGIN
	FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' LOOP
		EXECUTE format('ALTER TABLE %I ADD COLUMN from_a_later_build text', name);
		EXECUTE format('ALTER TABLE %I ADD COLUMN of_a_later_build bigint NOT NULL DEFAULT 7', name);
	END LOOP;
	CREATE TABLE later_things (id text PRIMARY KEY);
	INSERT INTO schema_versions (version_id, is_applied) SELECT max(version_id) + 1, true FROM schema_versions;
END $$`

// The schema is one migration ahead of this build, as after a rollback, and for
// a while in every upgrade: the build works on, starts again, and its commands
// say so and harm nothing.
func TestAnOlderBuildWorksOnANewerSchema(t *testing.T) {
	t.Parallel()
	url := testkit.Postgres(t)
	account(t, url)
	inDatabase(t, url, laterMigration)
	p := productionOn(t, url)
	b := newBlog(t, 300)
	s := p.open(b.address)
	s.download()
	s.write(create("From an older build"), update(s.recordID(1), "By an older build"), remove(s.recordID(2)))
	s.publish()
	require.Len(t, b.titled("From an older build"), 1)
	require.Equal(t, "By an older build", b.posts()[1].Title)
	p.worker.drain()
	p.startWorker()
	s.download()

	run := func(args ...string) (string, int) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		cmd := exec.CommandContext(ctx, filepath.Join(binaries, "scratch"), args...)
		cmd.Env = append(cleanEnviron(), p.environ...)
		out, _ := cmd.Output()
		return string(out), cmd.ProcessState.ExitCode()
	}
	before := p.db.rows(`SELECT version_id, is_applied FROM schema_versions ORDER BY id`)
	out, code := run("migrate")
	require.Zero(t, code, out)
	require.Equal(t, before, p.db.rows(`SELECT version_id, is_applied FROM schema_versions ORDER BY id`))
	out, _ = run("doctor", "--json")
	var report map[string]any
	require.NoError(t, json.Unmarshal([]byte(out), &report), out)
	require.Contains(t, out, "newer")
}
