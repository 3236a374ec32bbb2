package drill

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/connectors/wordpress/fake"
	"github.com/scratch-platform/scratch/models"
)

// Promises 3 and 4, while others are at work: a plan stays valid when a
// colleague types elsewhere and is stale when one of its items changed; a value
// changed at the service before its batch survives; a cell edited while it is
// being published keeps the edit, over what was published.
func TestPublishWhileOthersWork(t *testing.T) {
	t.Parallel()
	alike(t, publishWhileOthersWork)
}

func publishWhileOthersWork(t *testing.T, p *product) {
	b := newBlog(t, 80)
	g := newGate(t, b)
	s := p.open(g.address)
	s.download()
	for post := range int64(60) {
		s.write(update(s.recordID(post+1), fmt.Sprintf("Mine %d", post+1)))
	}
	stale := s.plan()
	s.write(update(s.recordID(10), "Mine 10, again"))
	problem := p.refused(http.MethodPost, "/api/v1/publish-plans/"+stale.ID+"/apply", map[string]any{"hash": stale.Hash}, http.StatusConflict, "plan.stale")
	require.Len(t, problem.Errors, 1, "it names the item that changed, and no other")

	plan := s.plan()
	s.write(update(s.recordID(70), "A colleague's"))
	p.refused(http.MethodPost, "/api/v1/publish-plans/"+plan.ID+"/apply", map[string]any{"hash": "of-another-plan"}, http.StatusConflict, "plan.stale")
	typed := s.recordID(3)
	g.at(0, asksForWrite, func(g *gate) {
		g.before = func() bool { // the first batch is on its way
			b.edit(55, map[string]any{"title": "Theirs"})
			s.write(update(typed, "Typed meanwhile"))
			return true
		}
		g.told = func() {}
	})
	job := p.await(s.apply(plan).ID, 2*time.Minute, isFinal)
	require.Equal(t, models.JobCompletedWithFailures, job.State, "%v", job.Problem)
	items := p.items(plan.ID)
	require.Equal(t, map[models.ItemState]int{models.ItemApplied: 59, models.ItemConflict: 1}, statesOf(items))
	conflict := itemOf(t, items, 55)
	require.Equal(t, models.ItemConflict, conflict.State)
	require.JSONEq(t, `"Theirs"`, string(conflict.Theirs["title"]))

	posts := b.posts()
	require.Equal(t, "Theirs", posts[55].Title, "a value changed elsewhere was written over (Promise 4)")
	require.Equal(t, "Mine 3", posts[3].Title, "what was planned is sent, and nothing else (Promise 3)")
	require.NotEqual(t, "A colleague's", posts[70].Title)
	edited := s.recordByID(typed)
	require.Equal(t, "Typed meanwhile", field(t, edited, "title"), "an edit made during the publish is lost")
	require.JSONEq(t, `"Mine 3"`, string(edited.EditBases["title"]), "its base is what the service has now")
	require.Empty(t, edited.Conflicts)
	require.Equal(t, "A colleague's", field(t, s.record(70), "title"))
}

// Promise 5: writes whose answers were lost are found out; twins are never
// guessed between, and a person's word settles them.
func TestLostAnswersMakeNoSecondObject(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]fake.Fault{
		"lost after it was applied": {Kind: fake.FaultDrop, Path: "/batch/v1", Apply: true},
		"applied 10 s later":        {Kind: fake.FaultLate, Path: "/batch/v1", DelayMS: 10_000},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			alike(t, func(t *testing.T, p *product) { loseAnswers(t, p, fault) })
		})
	}
}

func loseAnswers(t *testing.T, p *product, fault fake.Fault) {
	b := newBlog(t, 5)
	s := p.open(b.address)
	s.download()
	s.write(create("One"), create("Two"), create("Twin"), create("Twin"), create("Three"))
	b.fault(fault)
	plan := s.plan()
	job := p.await(s.apply(plan).ID, 5*time.Minute, isFinal)
	require.Equal(t, 1, b.struck())
	require.Equal(t, models.JobCompletedWithFailures, job.State, "%v", job.Problem)
	items := p.items(plan.ID)
	require.Equal(t, map[models.ItemState]int{models.ItemApplied: 3, models.ItemUnknown: 2}, statesOf(items))
	for title, n := range map[string]int{"One": 1, "Two": 1, "Three": 1, "Twin": 2} {
		require.Len(t, b.titled(title), n, "%s (Promise 5)", title)
	}
	require.Zero(t, s.plan().Counts.Planned, "a record whose outcome is unknown enters no other plan")
	twins := b.titled("Twin")
	for _, item := range items {
		if item.State == models.ItemUnknown {
			call[any](p, http.MethodPost, "/api/v1/publish-plans/"+plan.ID+"/items/"+item.ID+"/resolve",
				map[string]any{"choice": "happened", "remote_id": fmt.Sprint(twins[0])})
			twins = twins[1:]
		}
	}
	require.Equal(t, map[models.ItemState]int{models.ItemApplied: 5}, statesOf(p.items(plan.ID)))
	require.Zero(t, s.plan().Counts.Planned)
	records := p.db.recordsOf(s.table.ID)
	require.Zero(t, p.db.number(`SELECT count(*) FROM `+records+` WHERE remote_id IS NULL`))
	s.download()
	require.Equal(t, 10, p.db.number(`SELECT count(*) FROM `+records))
}

// Promise 2: rows that move because others are deleted while pages are read are
// not swept, and an empty answer sweeps nothing and says so.
func TestNoLiveRecordIsSwept(t *testing.T) {
	t.Parallel()
	alike(t, noLiveRecordIsSwept)
}

func noLiveRecordIsSwept(t *testing.T, p *product) {
	b := newBlog(t, 900)
	s := p.open(b.address)
	s.download()
	b.fault(fake.Fault{Kind: fake.FaultDelete, Path: "/wp/v2/posts", Skip: 1, Times: 3, Rows: 4})
	s.download()
	require.Equal(t, 3, b.struck())
	records := p.db.recordsOf(s.table.ID)
	kept := map[int64]bool{}
	for _, row := range p.db.rows(`SELECT remote_id FROM ` + records + ` WHERE state = 0`) {
		kept[number(t, row[0])] = true
	}
	live := b.posts()
	require.Less(t, len(live), 900)
	for id := range live {
		require.True(t, kept[id], "post %d is at the service and was swept here", id)
	}
	b.clearFaults()
	s.download()
	require.Equal(t, len(live), p.db.number(`SELECT count(*) FROM `+records), "what is gone goes with the next download")

	b.fault(fake.Fault{Kind: fake.FaultEmpty, Path: "/wp/v2/posts", Times: -1})
	job := s.download()
	require.Equal(t, len(live), p.db.number(`SELECT count(*) FROM `+records))
	warnings := p.outcomes(job.ID)[0].Warnings
	require.NotEmpty(t, warnings)
	require.Equal(t, "download.empty_answer", warnings[0].Code)
}
