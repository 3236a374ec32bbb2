package worker

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/connectors"
	"github.com/scratch-platform/scratch/models"
)

// A download brings every record, and says how it went in job and table.
func TestDownloadBringsEveryRecord(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s *stack) {
		s.service.fill("posts", 2500)
		s.service.fill("pages", 3)
		posts, pages := s.table("posts"), s.table("pages")
		job := s.until(s.download(models.DownloadFull, posts, pages), 30*time.Second, models.JobCompleted, models.JobFailed)
		require.Equal(t, models.JobCompleted, job.State, "%v", job.Problem)
		require.Len(t, s.records(posts), 2500)
		require.Len(t, s.records(pages), 3)
		outcome := s.outcome(job, posts)
		require.Equal(t, models.JobCompleted, outcome.State)
		require.EqualValues(t, 2500, outcome.Progress.Created)
		require.EqualValues(t, 2503, job.Progress.Created)

		// Again, with one change, one gone and one new: only those are written.
		s.service.set("posts", "7", "title", "Changed")
		s.service.remove("posts", "8")
		s.service.fill("posts", 1)
		job = s.until(s.download(models.DownloadFull, posts), 30*time.Second, models.JobCompleted, models.JobFailed)
		require.Equal(t, models.JobCompleted, job.State, "%v", job.Problem)
		records := s.records(posts)
		require.Len(t, records, 2500)
		require.NotContains(t, records, "8")
		changed := records["7"]
		require.JSONEq(t, `"Changed"`, string(changed.Shown("title")))
		require.EqualValues(t, 1, s.outcome(job, posts).Progress.Updated)
	})
}

// Promise 2: an empty answer where records were sweeps nothing and is told.
func TestDownloadDoesNotBelieveAnEmptyAnswer(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s *stack) {
		s.service.fill("posts", 30)
		posts := s.table("posts")
		s.until(s.download(models.DownloadFull, posts), 30*time.Second, models.JobCompleted)
		s.service.with(func(f *faults) { f.empty = true })
		job := s.until(s.download(models.DownloadFull, posts), 30*time.Second, models.JobCompleted, models.JobFailed)
		require.Equal(t, models.JobCompleted, job.State)
		require.Len(t, s.records(posts), 30)
		warnings := s.outcome(job, posts).Warnings
		require.NotEmpty(t, warnings)
		require.Equal(t, "download.empty_answer", warnings[0].Code)
	})
}

// Promise 2: what pages did not show but the service still has stays.
func TestDownloadConfirmsBeforeItSweeps(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s *stack) {
		s.service.fill("posts", 30)
		posts := s.table("posts")
		s.until(s.download(models.DownloadFull, posts), 30*time.Second, models.JobCompleted)
		s.service.with(func(f *faults) { f.hidden = map[string]bool{"3": true, "4": true} })
		s.service.remove("posts", "5")
		s.until(s.download(models.DownloadFull, posts), 30*time.Second, models.JobCompleted)
		records := s.records(posts)
		require.Contains(t, records, "3")
		require.Contains(t, records, "4")
		require.NotContains(t, records, "5")
	})
}

// A rate limit and a service that is away for a moment spend no attempts.
func TestDownloadOutlivesTroubleOfTheService(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s *stack) {
		s.service.fill("posts", 1500)
		limited := &connectors.Error{Kind: connectors.KindRateLimited, Service: "memory", Tried: "list", Wait: 50 * time.Millisecond}
		away := &connectors.Error{Kind: connectors.KindUnavailable, Service: "memory", Tried: "list", Wait: 6 * time.Second}
		expired := &connectors.Error{Kind: connectors.KindCursorExpired, Service: "memory", Tried: "list"}
		s.service.with(func(f *faults) {
			f.failPages = []error{nil, limited, nil, nil, expired, nil, limited, limited, nil, away}
		})
		posts := s.table("posts")
		job := s.download(models.DownloadFull, posts)
		waiting := s.until(job, 20*time.Second, models.JobWaiting)
		require.NotNil(t, waiting.WaitingUntil, "a wait that the service named is shown")
		job = s.until(job, 30*time.Second, models.JobCompleted, models.JobFailed)
		require.Equal(t, models.JobCompleted, job.State, "%v", job.Problem)
		require.Len(t, s.records(posts), 1500)
	})
}

// Promise 2: breaks when a table that the service has no longer does not show as
// gone, loses its records, or stays marked when it is back.
func TestDownloadOfATableThatIsGone(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s *stack) {
		table := s.downloaded(3)
		s.service.with(func(f *faults) { f.gone = true })
		job := s.until(s.download(models.DownloadFull, table), 30*time.Second, models.JobFailed)
		require.Equal(t, "connector.not_found", job.Problem.Code)
		stored, err := s.org.Table(t.Context(), table.ID)
		require.NoError(t, err)
		require.Equal(t, models.TableGone, stored.State)
		require.Len(t, s.records(table), 3)
		s.service.with(func(f *faults) { f.gone = false })
		s.until(s.download(models.DownloadFull, table), 30*time.Second, models.JobCompleted)
		stored, err = s.org.Table(t.Context(), table.ID)
		require.NoError(t, err)
		require.Equal(t, models.TableReady, stored.State)
	})
}
