package worker

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/connectors"
	"github.com/scratch-platform/scratch/models"
)

// downloaded gives a table of n records, downloaded.
func (s *stack) downloaded(n int) models.Table {
	s.t.Helper()
	s.service.fill("posts", n)
	table := s.table("posts")
	s.until(s.download(models.DownloadFull, table), 30*time.Second, models.JobCompleted)
	return table
}

func create(title string) models.RecordWrite {
	return models.RecordWrite{Op: models.OpCreate, Fields: models.Fields{"title": text(title), "body": text("New")}}
}

func update(r models.Record, title string) models.RecordWrite {
	return models.RecordWrite{Op: models.OpUpdate, ID: r.ID, Fields: models.Fields{"title": text(title)}, Seen: models.Fields{"title": r.Shown("title")}}
}

func remove(r models.Record) models.RecordWrite {
	return models.RecordWrite{Op: models.OpDelete, ID: r.ID}
}

var anyEnd = []models.JobState{models.JobCompleted, models.JobCompletedWithFailures, models.JobFailed}

// oneCreateEach: Promise 5, from the service's own books.
func (s *stack) oneCreateEach() {
	s.t.Helper()
	s.service.mu.Lock()
	defer s.service.mu.Unlock()
	for key, n := range s.service.creates {
		require.Equal(s.t, 1, n, "item %s was created %d times", key, n)
	}
}

func (s *stack) states(plan models.Plan) map[models.ItemState]int {
	counts := map[models.ItemState]int{}
	for _, item := range s.items(plan) {
		counts[item.State]++
	}
	return counts
}

func TestPublishChangesTheServiceOnce(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s *stack) {
		table := s.downloaded(40)
		before := s.records(table)
		var writes []models.RecordWrite
		for i := 1; i <= 25; i++ {
			writes = append(writes, update(before[fmt.Sprint(i)], fmt.Sprintf("Edited %d", i)), create(fmt.Sprintf("Made %d", i)))
		}
		for i := 31; i <= 40; i++ {
			writes = append(writes, remove(before[fmt.Sprint(i)]))
		}
		s.write(table, writes...)
		plan := s.plan()
		require.EqualValues(t, 60, plan.Counts.Planned)
		job := s.until(s.publish(plan), 60*time.Second, anyEnd...)
		require.Equal(t, models.JobCompleted, job.State, "%v %v", job.Problem, s.states(plan))
		require.Equal(t, map[models.ItemState]int{models.ItemApplied: 60}, s.states(plan))
		require.Equal(t, 40+25-10, s.service.count("posts"))
		require.Equal(t, "Edited 3", s.service.cell("posts", "3", "title"))
		require.Equal(t, 60, s.service.seen().writes)
		s.oneCreateEach()
		after := s.records(table)
		require.Len(t, after, 55)
		require.NotContains(t, after, "new", "every create has its remote id")
		for _, r := range after {
			require.Empty(t, r.Edits, "what was published is no edit any more")
		}
	})
}

// Promise 4: a value changed at the service after the plan was made, and before
// its batch, survives; the item says so.
func TestPublishWritesOverNothing(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s *stack) {
		table := s.downloaded(5)
		before := s.records(table)
		s.write(table, update(before["1"], "Mine"), update(before["2"], "Mine"), update(before["3"], "Mine"), update(before["4"], "Mine"),
			remove(before["5"]))
		plan := s.plan()
		s.service.set("posts", "1", "title", "Theirs")
		s.service.set("posts", "2", "title", "Mine")  // somebody had the same idea
		s.service.set("posts", "3", "body", "Theirs") // another cell: no conflict
		s.service.remove("posts", "4")
		job := s.until(s.publish(plan), 60*time.Second, anyEnd...)
		require.Equal(t, models.JobCompletedWithFailures, job.State)
		require.Equal(t, "Theirs", s.service.cell("posts", "1", "title"))
		require.Equal(t, "Mine", s.service.cell("posts", "3", "title"))
		require.Equal(t, 2, s.service.seen().writes, "only records 3 and 5 needed a request")
		for _, item := range s.items(plan) {
			switch item.RemoteID {
			case "1":
				require.Equal(t, models.ItemConflict, item.State)
				require.JSONEq(t, `"Theirs"`, string(item.Theirs["title"]))
			case "4":
				require.Equal(t, models.ItemConflict, item.State)
				require.Equal(t, "publish.record_gone", item.Problem.Code)
			default:
				require.Equal(t, models.ItemApplied, item.State)
			}
		}
	})
}

// Promise 5: what became of a write whose answer was lost is found out before
// anything is sent again; what was not done is done once.
func TestPublishFindsOutWhatWasLost(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s *stack) {
		table := s.downloaded(4)
		before := s.records(table)
		s.write(table, create("A"), create("B"), create("C"), update(before["1"], "Mine"), remove(before["2"]))
		s.service.with(func(f *faults) { f.loseAnswers, f.loseWrites = 2, 1 })
		plan := s.plan()
		job := s.until(s.publish(plan), 60*time.Second, anyEnd...)
		require.Equal(t, models.JobCompleted, job.State, "%v %v", job.Problem, s.states(plan))
		require.Equal(t, 4+3-1, s.service.count("posts"))
		s.oneCreateEach()
		require.NotContains(t, s.records(table), "new")
	})
}

// Promise 5: two equal creates whose answers were lost are never told apart by
// guessing; a person's word settles them.
func TestPublishAsksAboutEqualCreates(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s *stack) {
		table := s.downloaded(1)
		s.write(table, create("Twin"), create("Twin"))
		s.service.with(func(f *faults) { f.loseAnswers = 2 })
		plan := s.plan()
		job := s.until(s.publish(plan), 60*time.Second, anyEnd...)
		require.Equal(t, models.JobFailed, job.State)
		require.Equal(t, map[models.ItemState]int{models.ItemUnknown: 2}, s.states(plan))
		require.Equal(t, 3, s.service.count("posts"), "nothing was sent a second time")
		items := s.items(plan)
		again := s.plan()
		require.Zero(t, again.Counts.Planned, "a record whose outcome is unknown enters no other plan")
		for i, item := range items {
			_, err := s.org.ResolveItem(t.Context(), item.ID, models.Resolution{Choice: "happened", RemoteID: fmt.Sprint(2 + i)}, s.actor)
			require.NoError(t, err)
		}
		require.NotContains(t, s.records(table), "new")
	})
}

// Promise 6: every item has its own outcome.
func TestPublishFailsOnlyWhatIsRefused(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s *stack) {
		table := s.downloaded(10)
		before := s.records(table)
		for i := 1; i <= 10; i++ {
			s.write(table, update(before[fmt.Sprint(i)], fmt.Sprintf("Mine %d", i)))
		}
		s.service.with(func(f *faults) {
			f.refuse = func(item connectors.WriteItem) *connectors.Error {
				if item.RemoteID == "4" {
					return &connectors.Error{Kind: connectors.KindInvalid, Service: "memory", Tried: "update", Column: "title", Words: "too silly"}
				}
				return nil
			}
		})
		plan := s.plan()
		job := s.until(s.publish(plan), 60*time.Second, anyEnd...)
		require.Equal(t, models.JobCompletedWithFailures, job.State)
		require.Equal(t, map[models.ItemState]int{models.ItemApplied: 9, models.ItemFailed: 1}, s.states(plan))
		for _, item := range s.items(plan) {
			if item.State == models.ItemFailed {
				require.Equal(t, "connector.invalid", item.Problem.Code)
				require.Equal(t, "title", item.Problem.Fields[0].Field)
			}
		}
		retry, err := s.org.RetryFailedPlan(t.Context(), plan.ID, s.actor)
		require.NoError(t, err)
		require.EqualValues(t, 1, retry.Counts.Planned)
	})
}

// A rate limit puts items back and spends no attempts.
func TestPublishIsTurnedAwayAndComesBack(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s *stack) {
		table := s.downloaded(1)
		s.write(table, create("A"), create("B"))
		s.service.with(func(f *faults) { f.turnAway = 6 })
		plan := s.plan()
		job := s.until(s.publish(plan), 60*time.Second, anyEnd...)
		require.Equal(t, models.JobCompleted, job.State)
		s.oneCreateEach()
	})
}

// A reference to a record made in the same publish goes out as the service's id
// of it, also where the referring one comes first.
func TestPublishSendsReferencesToNewRecords(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s *stack) {
		table := s.downloaded(1)
		s.write(table, create("Child"), create("Mother"))
		var child, mother models.Record
		require.NoError(t, s.org.StreamRecords(t.Context(), table.ID, models.Query{}, func(r models.Record) error {
			switch title, _ := models.Text(r.Shown("title")); title {
			case "Child":
				child = r
			case "Mother":
				mother = r
			}
			return nil
		}))
		s.write(table, models.RecordWrite{Op: models.OpUpdate, ID: child.ID, Fields: models.Fields{
			"parent": text(fmt.Sprintf("local:%s/%d", table.ID, mother.ID)),
		}})
		plan := s.plan()
		job := s.until(s.publish(plan), 60*time.Second, anyEnd...)
		require.Equal(t, models.JobCompleted, job.State, "%v", s.items(plan))
		for id, r := range s.records(table) {
			if title, _ := models.Text(r.Shown("title")); title == "Mother" {
				mother.RemoteID = id
			}
		}
		for id, r := range s.records(table) {
			if title, _ := models.Text(r.Shown("title")); title == "Child" {
				require.Equal(t, mother.RemoteID, s.service.cell("posts", id, "parent"))
			}
		}
	})
}

// A credential refused in the middle stops the run; what was not sent is
// skipped and may be planned again.
func TestPublishStopsWhenTheCredentialIsRefused(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s *stack) {
		table := s.downloaded(25)
		before := s.records(table)
		for i := 1; i <= 25; i++ {
			s.write(table, update(before[fmt.Sprint(i)], fmt.Sprintf("Mine %d", i)))
		}
		var calls atomic.Int32
		s.service.with(func(f *faults) {
			f.before = func() {
				if calls.Add(1) == 2 {
					s.service.with(func(f *faults) {
						f.lookErr = &connectors.Error{Kind: connectors.KindAuth, Service: "memory", Tried: "look", Words: "no"}
					})
				}
			}
		})
		plan := s.plan()
		job := s.until(s.publish(plan), 60*time.Second, anyEnd...)
		require.Equal(t, models.JobCompletedWithFailures, job.State)
		require.Equal(t, "connector.auth", job.Problem.Code)
		require.Equal(t, map[models.ItemState]int{models.ItemApplied: 20, models.ItemSkipped: 5}, s.states(plan))
		s.service.with(func(f *faults) { f.lookErr, f.before = nil, nil })
		job = s.until(s.publish(s.plan()), 60*time.Second, anyEnd...)
		require.Equal(t, models.JobCompleted, job.State)
		require.Equal(t, "Mine 25", s.service.cell("posts", "25", "title"))
	})
}

// Promise 6: a credential refused by one service keeps nothing of another from
// going out; what was not sent says why, in the words of its own service.
func TestPublishStopsOneConnectionAlone(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s *stack) {
		var tables []models.Table
		for i, name := range []string{"first", "second", "third"} {
			if i > 0 {
				s.connect(t.Context())
			}
			s.service.fill(name, 3)
			tables = append(tables, s.table(name))
		}
		s.until(s.download(models.DownloadFull, tables...), 30*time.Second, models.JobCompleted)
		for _, table := range tables {
			for _, r := range s.records(table) {
				s.write(table, update(r, "Mine"))
			}
		}
		s.service.with(func(f *faults) {
			f.lookErrOf = map[string]error{
				"first": &connectors.Error{Kind: connectors.KindAuth, Service: "memory", Tried: "look", Words: "no"},
				"third": &connectors.Error{Kind: connectors.KindQuota, Service: "memory", Tried: "look", Words: "enough"},
			}
		})
		plan := s.plan()
		job := s.until(s.publish(plan), 60*time.Second, anyEnd...)
		require.Equal(t, models.JobCompletedWithFailures, job.State, "%v", job.Problem)
		require.Contains(t, []string{"connector.auth", "connector.quota"}, job.Problem.Code)
		notes := map[string]string{}
		for _, item := range s.items(plan) {
			if item.TableID == tables[1].ID {
				require.Equal(t, models.ItemApplied, item.State)
				continue
			}
			require.Equal(t, models.ItemSkipped, item.State)
			notes[item.TableID] = item.Note
		}
		require.Contains(t, notes[tables[0].ID], "no")
		require.Contains(t, notes[tables[2].ID], "enough")
		require.NotEqual(t, notes[tables[0].ID], notes[tables[2].ID])
		s.settled()
		job = s.until(s.publish(s.plan()), 60*time.Second, anyEnd...)
		require.Equal(t, models.JobCompleted, job.State, "%v", job.Problem)
	})
}
