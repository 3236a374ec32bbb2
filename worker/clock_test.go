package worker

import (
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/internal/testkit"
	"github.com/scratch-platform/scratch/models"
	"github.com/scratch-platform/scratch/models/store"
)

// workOff starts a worker of a process whose clock is off, on the same database.
// It stops with rest, as any.
func (s *stack) workOff(url string, off time.Duration) {
	s.t.Helper()
	now := func() time.Time { return time.Now().Add(off) }
	db, err := store.Open(s.t.Context(), store.Config{URL: url, Now: now})
	require.NoError(s.t, err)
	s.t.Cleanup(func() { require.NoError(s.t, db.Close()) })
	opener := *s.opener
	opener.Now = now
	s.worker = New(Config{
		Client: s.engine, Store: db, Open: &opener, Now: now, Lease: 2 * time.Second, Log: slog.New(slog.DiscardHandler),
	})
	require.NoError(s.t, s.worker.Start())
}

// Promise 5: a publish begins on one worker, loses answers, and is taken over by
// another whose clock is an hour off, in either direction and either way round.
// Breaks when one of them takes the other's lease for over or for endless, waits
// an hour for nothing, or holds what a create made for older than its intent.
func TestPublishIsTakenOverByAWorkerWhoseClockIsOff(t *testing.T) {
	for _, c := range []struct {
		name          string
		first, second time.Duration
	}{
		{"the second is fast", 0, time.Hour},
		{"the second is slow", 0, -time.Hour},
		{"the first is fast", time.Hour, 0},
		{"the first is slow", -time.Hour, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			url := testkit.Postgres(t)
			s := newStack(t, url, testkit.Temporal(t))
			table := s.downloaded(3)
			before := s.records(table)
			s.rest()
			s.workOff(url, c.first)
			writes := []models.RecordWrite{update(before["1"], "Mine"), remove(before["2"])}
			for i := range 20 {
				writes = append(writes, create(fmt.Sprintf("Made %d", i)))
			}
			s.write(table, writes...)
			plan := s.plan()
			s.service.with(func(f *faults) { f.writeDelay, f.loseAnswers, f.loseWrites = 50*time.Millisecond, 4, 2 })
			job := s.publish(plan)
			require.Eventually(t, func() bool { return s.service.seen().writes > 5 }, 20*time.Second, 5*time.Millisecond)
			s.rest()
			require.Positive(t, s.states(plan)[models.ItemSending], "something is in flight when the second takes over")
			// What the first made comes in with a download of the second's, before
			// anybody has looked for it.
			s.workOff(url, c.second)
			s.until(s.download(models.DownloadFull, table), 30*time.Second, models.JobCompleted)
			job = s.until(job, 60*time.Second, anyEnd...)
			require.Equal(t, models.JobCompleted, job.State, "%v %v", job.Problem, s.states(plan))
			require.Equal(t, map[models.ItemState]int{models.ItemApplied: 22}, s.states(plan))
			require.Equal(t, 3+20-1, s.service.count("posts"))
			s.oneCreateEach()
			require.Len(t, s.records(table), 3+20-1)
			for _, item := range s.items(plan) {
				require.WithinDuration(t, time.Now(), *item.SettledAt, 10*time.Minute, "history is told by the server's clock")
			}
		})
	}
}
