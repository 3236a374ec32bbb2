package drill

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/models"
)

// The download under drill: 500 pages.
const (
	drillPosts = 50_000
	perPage    = 100
)

func asksForPage(r *http.Request) bool {
	return r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, "/wp/v2/posts") && r.URL.Query().Get("include") == ""
}

// Promise 7: a download whose process is killed at any moment goes on from its
// last checkpoint: every record is there once, no finished page is read again,
// and the job tells what happened. Breaks when a checkpoint and its page are
// not one transaction, or a run starts over.
func TestKillDuringDownload(t *testing.T) {
	t.Parallel()
	site := newBlog(t, drillPosts)
	eachSeed(t, func(t *testing.T, m mode, seed int, aim phase) {
		chance := chanceOf(t, seed)
		b := &blog{t: t, address: site.address}
		g := newGate(t, b)
		p := m.start(t)
		s := p.open(g.address)
		records := p.db.recordsOf(s.table.ID)
		stored := func() int { return p.db.number(`SELECT count(*) FROM ` + records) }

		passed := g.count(asksForPage)
		sh := &shot{
			t: t, chance: chance, blog: b, gate: g, victim: m.victim(p), matches: asksForPage,
			settled: func() bool { return stored() >= passed()*perPage },
		}
		skip := chance.IntN(drillPosts/perPage - 60)
		sh.fire(aim, skip)
		job := s.startDownload()
		sh.await()
		before, asked := stored(), passed()
		t.Logf("killed %s after %d pages had been asked for: %d records stored, %d pages unanswered",
			aim, asked, before, len(sh.unanswered(isPage, 0)))
		require.Less(t, before, drillPosts, "the kill came too late to be one")
		require.Zero(t, before-p.db.number(`SELECT count(DISTINCT remote_id) FROM `+records), "records were stored twice")

		m.revive(p)
		job = p.await(job.ID, 3*time.Minute, isFinal)
		require.Equal(t, models.JobCompleted, job.State, "%v", job.Problem)
		require.Equal(t, drillPosts, stored())
		require.Equal(t, drillPosts, p.db.number(`SELECT count(DISTINCT remote_id) FROM `+records))
		require.EqualValues(t, drillPosts, job.Progress.Created, "the job tells what was done")
		require.EqualValues(t, drillPosts, p.outcomes(job.ID)[0].Progress.Created)
		require.Equal(t, drillPosts, p.db.number(`SELECT record_count FROM tables WHERE id = ?`, s.table.ID))
		again := passed() - asked
		left := (drillPosts - before) / perPage
		require.LessOrEqual(t, again, left+30, "finished pages were read again: %d pages for the %d that were left", again, left)
		require.Equal(t, "0", p.db.rows(`SELECT count(*) FROM jobs WHERE ended_at IS NULL`)[0][0], "no job is left behind")
		// The next run works, and has nothing to write.
		next := s.download()
		require.EqualValues(t, drillPosts, next.Progress.Unchanged)
		requireSameRows(t, p.db, records, b)
	})
}

// requireSameRows holds titles and contents against the blog's own.
func requireSameRows(t *testing.T, db *database, records string, b *blog) {
	t.Helper()
	posts := b.posts()
	column := `base->>'title'`
	for _, row := range db.rows(`SELECT remote_id, ` + column + ` FROM ` + records) {
		id := number(t, row[0])
		require.Equal(t, posts[id].Title, row[1], "post %d", id)
	}
}
