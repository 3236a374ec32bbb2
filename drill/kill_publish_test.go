package drill

import (
	"fmt"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/api"
	"github.com/scratch-platform/scratch/models"
)

// The publish under drill: 2,000 items on a blog of 2,000 posts.
const (
	drilledPosts   = 2000
	drilledCreates = 700
	drilledUpdates = 900
	drilledDeletes = 400
	perBatch       = 25 // WordPress takes no more
	drilledBatches = (drilledCreates + drilledUpdates + drilledDeletes) / perBatch
)

func asksForWrite(r *http.Request) bool { return r.Method != http.MethodGet }

func number(t *testing.T, text string) int64 {
	t.Helper()
	n, err := strconv.ParseInt(text, 10, 64)
	require.NoError(t, err)
	return n
}

// edits makes what the drilled publish sends: creates with titles of their own,
// updates of posts 1 …, deletes of the posts after those.
func (s *scene) edits() {
	s.t.Helper()
	ids := map[int64]string{}
	for _, row := range s.db.rows(`SELECT remote_id, id FROM ` + s.db.recordsOf(s.table.ID)) {
		ids[number(s.t, row[0])] = row[1]
	}
	var operations []api.Operation
	for i := range drilledCreates {
		operations = append(operations, create(createdTitle(i)))
	}
	for i := range drilledUpdates {
		operations = append(operations, update(ids[int64(i+1)], updatedTitle(i+1)))
	}
	for i := range drilledDeletes {
		operations = append(operations, remove(ids[int64(drilledUpdates+i+1)]))
	}
	s.write(operations...)
}

func createdTitle(i int) string { return fmt.Sprintf("Drilled create %04d", i) }
func updatedTitle(i int) string { return fmt.Sprintf("Drilled update %04d", i) }

// Promise 5 and 7: a publish whose process is killed at any moment is finished
// by the next: each change is made at the service exactly once, every item and
// the job tell the truth. Breaks when the intent is not on disk before the
// request, or when something is sent again without looking.
func TestKillDuringPublish(t *testing.T) {
	t.Parallel()
	eachSeed(t, func(t *testing.T, m mode, seed int, aim phase) {
		chance := chanceOf(t, seed)
		b := newBlog(t, drilledPosts)
		g := newGate(t, b)
		p := m.start(t)
		s := p.open(g.address)
		s.download()
		s.edits()
		plan := s.plan()
		require.EqualValues(t, drilledCreates+drilledUpdates+drilledDeletes, plan.Counts.Planned)
		mark := b.last()

		inState := func(states string) int {
			return p.db.number(`SELECT count(*) FROM items WHERE plan_id = ? AND state IN (`+states+`)`, plan.ID)
		}
		sh := &shot{
			t: t, chance: chance, blog: b, gate: g, matches: asksForWrite,
			holder:  func() *process { return m.victim(p, "publish:"+plan.ID) },
			settled: func() bool { return inState(`'sending'`) == 0 },
		}
		sh.fire(aim, chance.IntN(drilledBatches-15))
		job := s.apply(plan)
		sh.await()

		hit := sh.publishHit(mark, inState(`'sending'`), inState(`'applied','failed','conflict'`))
		t.Logf("seed %d: aimed %s, hit %s: %d items sending, %d settled", seed, aim, hit, inState(`'sending'`), inState(`'applied'`))
		if aim != anyMoment {
			require.Contains(t, hit, aim, "the kill struck elsewhere than it was aimed at")
		}

		m.revive(p)
		job = p.await(job.ID, 5*time.Minute, isFinal)
		checkPublish(t, s, b, plan, job, mark)
	})
}

// publishHit tells from the blog's log and from SQL where the kill struck. The
// product sends batches side by side, so it may strike them in several phases.
func (s *shot) publishHit(mark int64, sending, settled int) []phase {
	s.t.Helper()
	if sending == 0 {
		return []phase{"between batches"}
	}
	var hit []phase
	pending, answered := len(s.unanswered(isWrite, mark)), 0
	for _, e := range only(s.blog.log(mark), isWrite) {
		if e.Ended != nil && e.Ended.Before(s.at) {
			answered += len(e.Changes)
		}
	}
	if pending > 0 {
		hit = append(hit, afterSend)
	}
	if answered > settled && s.told {
		hit = append(hit, beforeCommit)
	} else if answered > settled {
		hit = append(hit, afterAnswer)
	}
	if answered+pending*perBatch < settled+sending {
		hit = append(hit, beforeSend)
	}
	return hit
}

// checkPublish is the judge: it uses the blog's log and state, and SQL.
func checkPublish(t *testing.T, s *scene, b *blog, plan api.Plan, job api.Job, mark int64) {
	t.Helper()
	states := map[string]string{}
	for _, row := range s.db.rows(`SELECT state, count(*) FROM items WHERE plan_id = ? GROUP BY state`, plan.ID) {
		states[row[0]] = row[1]
	}
	require.Equal(t, map[string]string{"applied": fmt.Sprint(drilledCreates + drilledUpdates + drilledDeletes)}, states)

	made, changed, removed := map[string]int{}, map[int64]int{}, map[int64]int{}
	for _, e := range b.log(mark) {
		for _, c := range e.Changes {
			switch c.Op {
			case "create":
				made[c.Title]++
			case "update":
				changed[c.ID]++
			case "trash", "delete":
				removed[c.ID]++
			}
		}
	}
	require.Len(t, made, drilledCreates)
	require.Len(t, changed, drilledUpdates)
	require.Len(t, removed, drilledDeletes)
	for title, n := range made {
		require.Equal(t, 1, n, "%q was created %d times (Promise 5)", title, n)
	}
	for _, counts := range []map[int64]int{changed, removed} {
		for id, n := range counts {
			require.Equal(t, 1, n, "post %d was written %d times: something was sent after its answer", id, n)
		}
	}
	checkBlog(t, b)

	records := s.db.recordsOf(s.table.ID)
	left := drilledPosts + drilledCreates - drilledDeletes
	require.Equal(t, left, s.db.number(`SELECT count(*) FROM `+records))
	require.Equal(t, left, s.db.number(`SELECT count(DISTINCT remote_id) FROM `+records), "every create knows its post")
	require.Zero(t, s.db.number(`SELECT count(*) FROM `+records+` WHERE edits IS NOT NULL OR state <> 0`), "what was published is no edit any more")

	require.Equal(t, models.JobCompleted, job.State, "%v", job.Problem)
	require.Equal(t, [3]int64{drilledCreates, drilledUpdates, drilledDeletes},
		[3]int64{job.Progress.Created, job.Progress.Updated, job.Progress.Deleted}, "the job tells what was done")
	require.Equal(t, "applied", s.db.rows(`SELECT state FROM plans WHERE id = ?`, plan.ID)[0][0])
	again := s.plan()
	require.Zero(t, again.Counts.Planned, "nothing is left to publish")
}

// checkBlog holds the site's state against what was planned.
func checkBlog(t *testing.T, b *blog) {
	t.Helper()
	titles := map[string]int{}
	posts := b.posts()
	for _, post := range posts {
		if post.Status != "trash" {
			titles[post.Title]++
		}
	}
	require.Len(t, titles, drilledPosts+drilledCreates-drilledDeletes, "as many posts as planned, all of different titles")
	for i := range drilledCreates {
		require.Equal(t, 1, titles[createdTitle(i)])
	}
	for i := 1; i <= drilledUpdates; i++ {
		require.Equal(t, updatedTitle(i), posts[int64(i)].Title)
	}
	for i := drilledUpdates + 1; i <= drilledUpdates+drilledDeletes; i++ {
		require.Contains(t, []string{"", "trash"}, posts[int64(i)].Status, "post %d was to go", i)
	}
}
