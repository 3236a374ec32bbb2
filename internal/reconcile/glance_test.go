package reconcile

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/models"
)

// Promise 9: breaks when a page that polls a job asks the engine each time, when
// what is shown is older than the bound, and when a look that failed, or whose
// first reader went away, keeps the truth from the next.
func TestAJobReadAgainAndAgainIsLookedAtOnceASecond(t *testing.T) {
	now := time.Date(2026, 11, 25, 9, 0, 0, 0, time.UTC)
	clock := func() time.Time { return now }
	var g glances
	looks := 0
	read := func(id string, failure error) (models.Job, error) {
		return g.at(t.Context(), models.Job{ID: id, State: models.JobRunning}, clock, func(_ context.Context, job models.Job) (models.Job, error) {
			looks++
			job.State = models.JobTerminated
			return job, failure
		})
	}
	job, err := read("a", nil)
	require.NoError(t, err)
	require.Equal(t, models.JobTerminated, job.State)
	now = now.Add(GlanceEvery - 1)
	job, err = read("a", nil)
	require.NoError(t, err)
	require.Equal(t, models.JobRunning, job.State, "as it was read")
	require.Equal(t, 1, looks)
	_, err = read("b", nil)
	require.NoError(t, err)
	require.Equal(t, 2, looks, "each job has its own time")
	now = now.Add(1)
	_, err = read("a", errors.New("away"))
	require.Error(t, err)
	_, err = read("a", nil)
	require.NoError(t, err)
	require.Equal(t, 4, looks, "after a second, and again after a failure")
	now = now.Add(-time.Hour)
	_, err = read("a", nil)
	require.NoError(t, err)
	require.Equal(t, 5, looks, "a clock that was set back keeps nobody waiting")
}

// Breaks when readers who come together each ask the engine, or one of them
// going away takes the answer from the others.
func TestReadersShareALook(t *testing.T) {
	var g glances
	asked, answer := make(chan struct{}), make(chan struct{})
	looks := 0
	look := func(ctx context.Context, job models.Job) (models.Job, error) {
		looks++
		close(asked)
		<-answer
		job.State = models.JobCancelled
		return job, ctx.Err()
	}
	first, leaves := context.WithCancel(t.Context())
	var owner sync.WaitGroup
	owner.Go(func() { _, _ = g.at(first, models.Job{ID: "a", State: models.JobRunning}, time.Now, look) })
	<-asked
	shared, own := g.join("a", time.Now())
	require.False(t, own)
	for range 5 {
		another, own := g.join("a", time.Now())
		require.Same(t, shared, another)
		require.False(t, own)
	}
	gone, cancelled := context.WithCancel(t.Context())
	cancelled()
	_, err := g.at(gone, models.Job{ID: "a"}, time.Now, look)
	require.ErrorIs(t, err, context.Canceled, "a reader who leaves does not wait")
	leaves()
	close(answer)
	<-shared.done
	require.NoError(t, shared.err, "the first reader's leaving ends the look for nobody")
	require.Equal(t, models.JobCancelled, shared.job.State)
	owner.Wait()
	require.Equal(t, 1, looks)
}

// Breaks when the jobs read lately are remembered for ever.
func TestGlancesAreForgotten(t *testing.T) {
	now := time.Now()
	g := glances{last: map[string]time.Time{}, under: map[string]*glance{}}
	for i := range glancesKept + 1 {
		g.last[string(rune(i+1))] = now.Add(-GlanceEvery)
	}
	under, _ := g.join("x", now)
	g.leave("x", under, now)
	require.Len(t, g.last, 1)
}
