package schedules

import (
	"context"
	"slices"
	"time"

	"go.temporal.io/sdk/client"

	"github.com/scratch-platform/scratch/models"
	"github.com/scratch-platform/scratch/workflows/contract"
)

// Sight is what the engine shows of a schedule.
type Sight struct {
	Known  bool // the engine has it
	Paused bool
	Next   []time.Time // of the next runs, at most ten; none while paused
	// Began are the times of the latest runs, at most ten, newest first; Running
	// those of the runs under way.
	Began, Running []time.Time
	// LeftOut counts times that were left out since the schedule was made,
	// because the run before had not ended; Missed those that the engine was
	// away for and that came too late to be made up for.
	LeftOut, Missed int
}

// See asks the engine about a schedule and changes nothing.
func (r *Reconciler) See(ctx context.Context, s models.Schedule) (Sight, error) {
	described, err := describe(ctx, r.Engine.ScheduleClient().GetHandle(ctx, contract.ScheduleID(s.ID)))
	return sightOf(described), err
}

func sightOf(d *client.ScheduleDescription) Sight {
	if d == nil {
		return Sight{}
	}
	seen := Sight{
		Known: true, Paused: d.Schedule.State.Paused,
		LeftOut: d.Info.NumActionsSkippedOverlap, Missed: d.Info.NumActionsMissedCatchupWindow,
	}
	if !seen.Paused {
		seen.Next = d.Info.NextActionTimes
	}
	for _, action := range d.Info.RecentActions {
		if started := action.StartWorkflowResult; started != nil {
			seen.Began = appendTime(seen.Began, started.WorkflowID)
		}
	}
	for _, running := range d.Info.RunningWorkflows {
		seen.Running = appendTime(seen.Running, running.WorkflowID)
	}
	slices.Reverse(seen.Began)
	return seen
}

// appendTime reads the time that a run is for from its id.
func appendTime(times []time.Time, workflowID string) []time.Time {
	if at, ok := contract.ScheduledTime(workflowID); ok {
		return append(times, at.UTC())
	}
	return times
}
