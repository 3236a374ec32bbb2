package main

import (
	"context"
	"errors"
	"time"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	temporal "go.temporal.io/sdk/client"

	"github.com/scratch-platform/scratch/workflows/contract"
)

// lookAtSchedules asks whether clean-up is scheduled, which is how it shows
// whether a process of role cron ever ran, and whether a worker takes what comes
// of schedules.
func (d *doctor) lookAtSchedules(ctx context.Context, engine temporal.Client) {
	const name = "schedules"
	queue, err := engine.DescribeTaskQueue(ctx, contract.QueueMaintenance, enums.TASK_QUEUE_TYPE_WORKFLOW)
	if err == nil && len(queue.GetPollers()) == 0 {
		d.note(name, "no worker takes work from "+contract.QueueMaintenance+": what is scheduled would wait", "Start one of this version: 'scratch worker', or 'scratch serve' as monolith.")
		return
	}
	described, err := engine.ScheduleClient().GetHandle(ctx, contract.CleanupScheduleID).Describe(ctx)
	var none *serviceerror.NotFound
	switch {
	case errors.As(err, &none):
		d.note(name, "clean-up is not scheduled: what is kept no longer stays", "Start a process with 'scratch serve --role=cron'.")
	case err != nil:
		d.failed(name, "they cannot be read", err, "Check the rights of the API key or certificate.")
	case described.Schedule.State.Paused:
		d.note(name, "clean-up is paused at Temporal: "+described.Schedule.State.Note,
			"Let it go on: temporal schedule toggle --schedule-id "+contract.CleanupScheduleID+" --unpause --reason done")
	case len(described.Info.NextActionTimes) == 0:
		d.note(name, "clean-up has no next time", "Start a process with 'scratch serve --role=cron': it puts the schedule right.")
	default:
		d.ok(name, "clean-up is scheduled, next at %s", described.Info.NextActionTimes[0].Format(time.RFC3339))
	}
}
