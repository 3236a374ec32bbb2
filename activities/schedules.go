package activities

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/scratch-platform/scratch/internal/launch"
	"github.com/scratch-platform/scratch/internal/wait"
	"github.com/scratch-platform/scratch/models"
	"github.com/scratch-platform/scratch/workflows/contract"
)

// ScheduleStore is what Schedules needs of one organization's store.
type ScheduleStore interface {
	launch.Org
	launch.Jobs
	Schedule(ctx context.Context, id string) (models.Schedule, error)
	RecordScheduleRun(ctx context.Context, id string, run models.ScheduleRun) error
}

// Schedules turns a time that has come into a download, as its schedule says.
type Schedules struct {
	Store  func(organizationID string) ScheduleStore
	Engine client.Client
	Ended  Ended
}

// ScheduledInput names a schedule and one of its times.
type ScheduledInput struct {
	contract.ScheduledDownloadInput
	At time.Time `json:"at"`
}

// BeginScheduledResult says what is to be done about the time. Gone: the
// schedule is no more, and nothing is.
type BeginScheduledResult struct {
	Gone    bool                   `json:"gone,omitempty"`
	Outcome models.ScheduleOutcome `json:"outcome,omitempty"`
	JobID   string                 `json:"job_id,omitempty"` // its own job, or the one in its way
}

// BeginScheduled starts the schedule's download, or, while another one of the
// snapshot is under way, does what the overlap policy says. It is idempotent: one
// time makes one job.
func (s *Schedules) BeginScheduled(ctx context.Context, in ScheduledInput) (BeginScheduledResult, error) {
	db := s.Store(in.OrganizationID)
	schedule, err := db.Schedule(ctx, in.ScheduleID)
	if models.HasCode(err, "schedule.not_found") {
		return BeginScheduledResult{Gone: true}, s.forget(ctx, in.ScheduleID)
	}
	if err != nil {
		return BeginScheduledResult{}, err
	}
	tables, err := tablesLeft(ctx, db, schedule)
	if err != nil {
		return BeginScheduledResult{}, err
	}
	launched, err := launch.Download(ctx, db, s.Engine, launch.Request{
		OrganizationID: in.OrganizationID, SnapshotID: schedule.SnapshotID, Tables: tables, Mode: schedule.Mode, By: schedule.CreatedBy,
		ScheduleID: schedule.ID, JobID: contract.ScheduledJobID(activity.GetInfo(ctx).WorkflowExecution.ID, in.At),
	})
	if err != nil {
		return BeginScheduledResult{}, err
	}
	if launched.NotStarted != nil {
		return BeginScheduledResult{}, models.NewProblem(models.KindUnavailable, "engine.away", "The download could not be started just now.",
			"It is tried again by itself.").Because(launched.NotStarted)
	}
	begun := BeginScheduledResult{Outcome: models.ScheduleStarted, JobID: launched.Job.ID}
	if launched.Joined {
		if begun.Outcome, err = s.meet(ctx, db, schedule, launched); err != nil {
			return BeginScheduledResult{}, err
		}
	}
	return begun, recorded(db.RecordScheduleRun(ctx, schedule.ID, models.ScheduleRun{At: in.At, Outcome: begun.Outcome, JobID: begun.JobID}))
}

// meet decides about a download of the snapshot that is under way.
func (s *Schedules) meet(ctx context.Context, db ScheduleStore, schedule models.Schedule, met launch.Launched) (models.ScheduleOutcome, error) {
	switch schedule.Overlap {
	case models.OverlapAllowAll:
		if met.Covered {
			return models.ScheduleShared, nil
		}
		return models.ScheduleWaiting, nil
	case models.OverlapBufferOne:
		return models.ScheduleWaiting, nil
	case models.OverlapCancelOther:
		// What a person started is theirs to stop.
		if met.Job.ScheduleID != schedule.ID || met.Job.State == models.JobCancelling {
			return models.ScheduleWaiting, nil
		}
		return models.ScheduleWaiting, launch.Cancel(ctx, db, s.Engine, met.Job)
	case models.OverlapSkip:
	}
	return models.ScheduleSkipped, nil
}

// tablesLeft are the tables that a schedule names and the snapshot still has;
// none when it names none, which is all.
func tablesLeft(ctx context.Context, db ScheduleStore, schedule models.Schedule) ([]string, error) {
	if len(schedule.Tables) == 0 {
		return nil, nil
	}
	tables, err := db.ListTables(ctx, schedule.SnapshotID)
	if err != nil {
		return nil, err
	}
	left := slices.DeleteFunc(slices.Clone(schedule.Tables), func(id string) bool {
		return !slices.ContainsFunc(tables, func(t models.Table) bool { return t.ID == id })
	})
	if len(left) == 0 {
		return nil, models.NewProblem(models.KindNotFound, "schedule.tables_gone", "The tables of this schedule are no longer in the snapshot.",
			"Choose others, or remove the schedule.")
	}
	return left, nil
}

// forget takes a schedule from the engine that the store does not have.
func (s *Schedules) forget(ctx context.Context, id string) error {
	err := s.Engine.ScheduleClient().GetHandle(ctx, contract.ScheduleID(id)).Delete(ctx)
	var gone *serviceerror.NotFound
	if err != nil && !errors.As(err, &gone) {
		return fmt.Errorf("take schedule %s from the engine: %w", id, err)
	}
	return nil
}

// recorded lets a run end whose schedule was removed meanwhile.
func recorded(err error) error {
	if models.HasCode(err, "schedule.not_found") {
		return nil
	}
	return err
}

// FollowJobResult says how a job ended.
type FollowJobResult struct {
	State models.JobState `json:"state"`
}

// followAgain is the wait between two looks at a job whose run has closed and
// which does not show its end yet.
const followAgain = time.Second

// engineTimeout bounds a word with the engine that nothing waits for.
const engineTimeout = 5 * time.Second

// FollowJob waits for a job's end. A cancel ends the waiting, not the job.
func (s *Schedules) FollowJob(ctx context.Context, in JobRef) (FollowJobResult, error) {
	life := beat(ctx, nil)
	defer life.end()
	watching, stop := untilStopping(ctx)
	defer stop()
	for {
		job, err := s.Store(in.OrganizationID).Job(ctx, in.JobID)
		if err != nil {
			return FollowJobResult{}, fmt.Errorf("follow job %s: %w", in.JobID, err)
		}
		if job.State.Final() {
			return FollowJobResult{State: job.State}, nil
		}
		// How it ended is the job's to say; this only waits for the moment.
		_ = s.Engine.GetWorkflow(watching, job.WorkflowID, job.RunID).Get(watching, nil)
		if err := wait.For(watching, followAgain); err != nil {
			if ctx.Err() != nil {
				s.endedUnder(ctx)
				return FollowJobResult{}, ctx.Err()
			}
			return FollowJobResult{}, temporal.NewApplicationError("the worker stops; another one follows job "+in.JobID, "worker.stops")
		}
	}
}

// endedUnder tells of the run that this activity is of, if it is over: a
// terminated run has no other last moment.
func (s *Schedules) endedUnder(ctx context.Context) {
	run := activity.GetInfo(ctx).WorkflowExecution
	telling, cancel := context.WithTimeout(context.WithoutCancel(ctx), engineTimeout)
	defer cancel()
	s.Ended.tell(telling, run.ID, run.RunID)
}

// CancelJob cancels a job that the schedule started.
func (s *Schedules) CancelJob(ctx context.Context, in JobRef) error {
	db := s.Store(in.OrganizationID)
	job, err := db.Job(ctx, in.JobID)
	if err != nil || job.State.Final() {
		return err
	}
	return launch.Cancel(ctx, db, s.Engine, job)
}

// EndScheduledInput is what came of a scheduled time in the end.
type EndScheduledInput struct {
	ScheduledInput
	Outcome models.ScheduleOutcome `json:"outcome"`
	JobID   string                 `json:"job_id,omitempty"`
	State   models.JobState        `json:"state,omitempty"`
	Problem *models.Problem        `json:"problem,omitempty"`
}

// EndScheduled keeps what came of it with the schedule.
func (s *Schedules) EndScheduled(ctx context.Context, in EndScheduledInput) error {
	return recorded(s.Store(in.OrganizationID).RecordScheduleRun(ctx, in.ScheduleID, models.ScheduleRun{
		At: in.At, Outcome: in.Outcome, JobID: in.JobID, State: in.State, Problem: in.Problem,
	}))
}
