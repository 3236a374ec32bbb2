package workflows

import (
	"go.temporal.io/sdk/workflow"

	"github.com/scratch-platform/scratch/activities"
	"github.com/scratch-platform/scratch/models"
	"github.com/scratch-platform/scratch/workflows/contract"
	"github.com/scratch-platform/scratch/workflows/policy"
)

// listen passes pause, resume and decide on to the tables and takes in where
// they stand.
func (s *snapshotDownload) listen(ctx workflow.Context) {
	workflow.Go(ctx, func(ctx workflow.Context) {
		selector := workflow.NewSelector(ctx)
		contract.Pause.Channel(ctx).AddTo(ctx, selector, func(contract.By) {
			s.paused = true
			s.forwardAll(ctx, contract.Pause)
		})
		contract.Resume.Channel(ctx).AddTo(ctx, selector, func(contract.By) {
			s.paused = false
			s.forwardAll(ctx, contract.Resume)
		})
		contract.Decide.Channel(ctx).AddTo(ctx, selector, func(word contract.SweepDecision) {
			if t, ours := s.tables[word.TableID]; ours && t.began && !t.done {
				ignore(ctx, contract.Decide.Forward(ctx, contract.DownloadID(t.id), word))
			}
		})
		contract.Table.Channel(ctx).AddTo(ctx, selector, func(now contract.TableState) {
			if t, ours := s.tables[now.TableID]; ours && t.began && !t.done {
				t.at = standing{State: now.State, Until: now.Until, Why: now.Why}
			}
		})
		selector.AddReceive(ctx.Done(), func(workflow.ReceiveChannel, bool) {})
		for ctx.Err() == nil {
			selector.Select(ctx)
		}
	})
}

// hearEnded takes in which tables' runs have closed without this one's hearing
// of it, also after a cancel: it is their end that a cancelled run waits for.
func (s *snapshotDownload) hearEnded(ctx workflow.Context) {
	ctx, _ = workflow.NewDisconnectedContext(ctx)
	ended := contract.TableEnded.Channel(ctx)
	workflow.Go(ctx, func(ctx workflow.Context) {
		selector := workflow.NewSelector(ctx)
		ended.AddTo(ctx, selector, func(word contract.EndedTable) {
			if t, ours := s.tables[word.TableID]; ours && t.began && !t.done {
				t.unheard = true
			}
		})
		for {
			selector.Select(ctx)
		}
	})
}

func (s *snapshotDownload) forwardAll(ctx workflow.Context, signal contract.Signal[contract.By]) {
	for _, id := range s.input.Tables {
		if t := s.tables[id]; t.began && !t.done {
			s.forward(ctx, t, signal)
		}
	}
}

func (s *snapshotDownload) forward(ctx workflow.Context, t *tableDownload, signal contract.Signal[contract.By]) {
	ignore(ctx, signal.Forward(ctx, contract.DownloadID(t.id), contract.By{}))
}

// ignore lets a signal go its way: a table that is not there to hear it is
// starting, and is told then, or has ended.
func ignore(ctx workflow.Context, sent workflow.Future) {
	workflow.Go(ctx, func(ctx workflow.Context) {
		if err := sent.Get(ctx, nil); err != nil {
			workflow.GetLogger(ctx).Debug("a table was not there to hear a signal", "error", err)
		}
	})
}

// keepJob makes the job show where its tables stand, from the first moment on,
// until end takes over. Only one change is under way at a time.
func (s *snapshotDownload) keepJob(ctx workflow.Context) {
	workflow.Go(ctx, func(ctx workflow.Context) {
		defer func() { s.idle = true }()
		for {
			if err := workflow.Await(ctx, func() bool { return s.ending || !s.stands().equal(s.shown) }); err != nil || s.ending {
				return
			}
			now := s.stands()
			if err := s.change(ctx, now, nil); err != nil {
				return // cancelled: end has the last word
			}
			s.shown = now
		}
	})
}

// stands sums where the tables stand: running while one is, else waiting for
// the one that goes on first, else paused.
func (s *snapshotDownload) stands() standing {
	sum := standing{State: models.JobRunning}
	if s.paused {
		sum.State = models.JobPaused
	}
	for _, id := range s.input.Tables {
		t := s.tables[id]
		if !t.began || t.done {
			continue
		}
		switch t.at.State { //nolint:exhaustive // the three a table under way can be in
		case models.JobRunning:
			return standing{State: models.JobRunning}
		case models.JobPaused:
			if sum.State == models.JobRunning {
				sum.State = models.JobPaused
			}
		case models.JobWaiting:
			if sum.State != models.JobWaiting || sooner(t.at, sum) {
				sum = t.at
			}
		}
	}
	return sum
}

// sooner: a wait without an end is one for a person, and is shown first.
func sooner(a, b standing) bool {
	switch {
	case b.Until == nil:
		return false
	case a.Until == nil:
		return true
	default:
		return a.Until.Before(*b.Until)
	}
}

func (s *snapshotDownload) change(ctx workflow.Context, now standing, problem *models.Problem) error {
	return workflow.ExecuteActivity(policy.Store(ctx, "Show the job as "+string(now.State)), jobs.ChangeJob, activities.ChangeJobInput{
		JobRef: s.job(), To: now.State, Until: now.Until, Why: now.Why, Problem: problem,
	}).Get(ctx, nil)
}

func (s *snapshotDownload) job() activities.JobRef {
	return activities.JobRef{OrganizationID: s.input.OrganizationID, JobID: s.input.JobID}
}

func (s *snapshotDownload) report() (contract.ProgressReport, error) {
	report := contract.ProgressReport{State: s.stands().State, Paused: s.paused, Step: "downloading"}
	for _, id := range s.input.Tables {
		report.Progress.Count(s.tables[id].result.Progress)
	}
	return report, nil
}
