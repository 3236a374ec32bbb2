package drill

import (
	"net/http"
	"strings"
	"sync"
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

// rowsOf is how many posts n pages bring: neighbours share a row.
func rowsOf(pages int) int { return min(pages*(perPage-1)+1, drillPosts) }

func asksForPage(r *http.Request) bool {
	return r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, "/wp/v2/posts") && r.URL.Query().Get("include") == ""
}

// Promise 7: a download whose process is killed at any moment goes on from its
// last checkpoint: every record is there once, no finished page is read again,
// and the job tells what happened. Breaks when a checkpoint and its page are
// not one transaction, or a run starts over.
func TestKillDuringDownload(t *testing.T) {
	t.Parallel()
	struck := &phases{t: t, hit: map[phase]bool{}}
	t.Cleanup(struck.requireAll)
	eachSeed(t, func(t *testing.T, m mode, seed int, aim phase) {
		chance := chanceOf(t, seed)
		b := newBlog(t, drillPosts) // of its own: its log says where the kill struck
		g := newGate(t, b)
		p := m.start(t)
		s := p.open(g.address)
		records := p.db.recordsOf(s.table.ID)
		stored := func() int { return p.db.number(`SELECT count(*) FROM ` + records) }

		passed := g.count(asksForPage)
		sh := &shot{
			t: t, chance: chance, blog: b, gate: g, matches: asksForPage,
			holder:  func() *process { return m.victim(p, "download:"+s.table.ID) },
			settled: func() bool { return stored() >= rowsOf(passed()) },
		}
		skip := chance.IntN(drillPosts/perPage - 60)
		sh.fire(aim, skip)
		job := s.startDownload()
		sh.await()
		before, asked := stored(), passed()
		hit := sh.downloadHit(asked, before)
		t.Logf("seed %d: aimed %s, hit %s: %d pages asked for, %d records stored", seed, aim, hit, asked, before)
		if aim != anyMoment {
			require.Contains(t, hit, aim, "the kill struck elsewhere than it was aimed at")
		}
		struck.add(hit)
		require.Less(t, before, drillPosts, "the kill came too late to be one")
		// One look: a commit that was on its way at the kill may still come.
		require.Zero(t, p.db.number(`SELECT count(*) - count(DISTINCT remote_id) FROM `+records), "records were stored twice")

		m.revive(p)
		job = p.await(job.ID, 3*time.Minute, isFinal)
		require.Equal(t, models.JobCompleted, job.State, "%v", job.Problem)
		if m.replaces {
			sh.replaced(isPage)
		}
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

// downloadHit tells from the blog's log and from SQL where the kill struck. The
// next page is asked for while the last one is stored, so it may strike in
// several phases.
func (s *shot) downloadHit(asked, stored int) []phase {
	s.t.Helper()
	var hit []phase
	pending, answered := len(s.unanswered(isPage, 0)), 0
	for _, e := range only(s.blog.log(0), isPage) {
		if e.Ended != nil && e.Ended.Before(s.at) {
			answered++
		}
	}
	if asked > answered+pending {
		hit = append(hit, beforeSend)
	}
	if pending > 0 {
		hit = append(hit, afterSend)
	}
	switch {
	case stored >= rowsOf(answered):
	case s.told:
		hit = append(hit, beforeCommit)
	default:
		hit = append(hit, afterAnswer)
	}
	return hit
}

// phases are where the kills of all seeds struck.
type phases struct {
	t   *testing.T
	mu  sync.Mutex
	hit map[phase]bool
}

func (p *phases) add(hit []phase) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, one := range hit {
		p.hit[one] = true
	}
}

// requireAll fails when a phase was struck by no seed, where there are enough
// of them to aim at each.
func (p *phases) requireAll() {
	if p.t.Failed() || seeds(p.t, len(aims)/2)*len(modes) < len(aims) {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, aim := range aims {
		if aim != anyMoment && !p.hit[aim] {
			p.t.Errorf("no kill struck %s", aim)
		}
	}
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
