package workflows

import (
	"go.temporal.io/sdk/workflow"

	"github.com/scratch-platform/scratch/activities"
	"github.com/scratch-platform/scratch/models"
	"github.com/scratch-platform/scratch/workflows/contract"
	"github.com/scratch-platform/scratch/workflows/policy"
)

// ScheduledDownload is one time of a schedule: it starts the download that the
// schedule asks for, as a person would, and lasts as long as it, so that the
// engine knows whether two times overlap. A download of the snapshot that is
// under way already, whoever started it, is left alone, waited for, stopped or
// shared, as the overlap policy says.
//
// The engine starts it, by the schedule contract.ScheduleID, under the id
// contract.ScheduledDownloadID. A cancel, by the engine for a newer time or by an
// operator, is passed on to the download that it started itself. It does not
// continue as new: it takes a handful of steps.
func ScheduledDownload(ctx workflow.Context, input contract.ScheduledDownloadInput) (contract.ScheduledDownloadResult, error) {
	info := workflow.GetInfo(ctx)
	at, ok := contract.ScheduledTime(info.WorkflowExecution.ID)
	if !ok { // an operator started it by hand
		at = info.WorkflowStartTime
	}
	s := &scheduledDownload{input: activities.ScheduledInput{ScheduledDownloadInput: input, At: at.UTC()}}
	return s.end(ctx, s.run(ctx))
}

// scheduledDownload is the state of one run.
type scheduledDownload struct {
	input  activities.ScheduledInput
	begun  activities.BeginScheduledResult
	result contract.ScheduledDownloadResult
}

// run begins, and begins again after each download that it had to wait for.
func (s *scheduledDownload) run(ctx workflow.Context) error {
	for {
		s.begun = activities.BeginScheduledResult{}
		err := workflow.ExecuteActivity(policy.Store(ctx, "Start the download, or see what is in its way"), schedules.BeginScheduled, s.input).Get(ctx, &s.begun)
		if err != nil {
			return err
		}
		s.result = contract.ScheduledDownloadResult{Outcome: s.begun.Outcome, JobID: s.begun.JobID}
		if s.begun.Outcome != models.ScheduleStarted && s.begun.Outcome != models.ScheduleWaiting {
			return nil // left out, or shared
		}
		if err := s.follow(ctx); err != nil {
			return err
		}
		if s.begun.Outcome == models.ScheduleStarted {
			s.result.Outcome = models.ScheduleEnded
			return nil
		}
	}
}

// follow waits for the job's end. A cancel ends a job of this run's own, and is
// waited for as well: the next time must not find it in its way.
func (s *scheduledDownload) follow(ctx workflow.Context) error {
	err := s.watch(ctx)
	if ctx.Err() == nil || s.begun.Outcome != models.ScheduleStarted {
		return err
	}
	cancelled := ctx.Err()
	ctx, _ = workflow.NewDisconnectedContext(ctx)
	if err := workflow.ExecuteActivity(policy.Store(ctx, "Cancel the download"), schedules.CancelJob, s.job()).Get(ctx, nil); err != nil {
		return err
	}
	if err := s.watch(ctx); err != nil {
		return err
	}
	s.result.Outcome = models.ScheduleEnded
	return cancelled
}

func (s *scheduledDownload) watch(ctx workflow.Context) error {
	var ended activities.FollowJobResult
	err := workflow.ExecuteActivity(policy.Follow(ctx, "Wait for the download's end"), schedules.FollowJob, s.job()).Get(ctx, &ended)
	s.result.State = ended.State
	return err
}

func (s *scheduledDownload) job() activities.JobRef {
	return activities.JobRef{OrganizationID: s.input.OrganizationID, JobID: s.begun.JobID}
}

// end keeps what came of the time with the schedule, and says it in the search
// attribute. A time of which no download could be made is a failed run.
func (s *scheduledDownload) end(ctx workflow.Context, err error) (contract.ScheduledDownloadResult, error) {
	if s.begun.Gone {
		return s.result, nil
	}
	state, problem := ended(ctx, err)
	switch {
	case state == models.JobFailed:
		s.result.Outcome = models.ScheduleFailed
	case state == models.JobCancelled && s.result.Outcome != models.ScheduleEnded:
		s.result.Outcome = models.ScheduleSkipped // it had not begun
	}
	ctx, _ = workflow.NewDisconnectedContext(ctx) // a cancelled run still tells its end
	if err := workflow.ExecuteActivity(policy.Store(ctx, "Keep what came of it: "+string(s.result.Outcome)), schedules.EndScheduled, activities.EndScheduledInput{
		ScheduledInput: s.input, Outcome: s.result.Outcome, JobID: s.result.JobID, State: s.result.State, Problem: problem,
	}).Get(ctx, nil); err != nil {
		return s.result, err
	}
	if state != models.JobCompleted {
		return s.result, conclude(ctx, state, problem)
	}
	// How the download went is its job's to tell, and no failure of this run.
	word := string(s.result.State)
	if s.result.Outcome != models.ScheduleEnded {
		word = string(s.result.Outcome)
	}
	return s.result, tellOutcome(ctx, word)
}
