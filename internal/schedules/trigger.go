package schedules

import (
	"context"
	"slices"
	"time"

	"go.temporal.io/sdk/client"

	"github.com/scratch-platform/scratch/internal/wait"
	"github.com/scratch-platform/scratch/models"
	"github.com/scratch-platform/scratch/workflows/contract"
)

const (
	// beginWithin bounds the wait for what comes of a trigger: with a worker
	// there it is known within a quarter of a second.
	beginWithin = 5 * time.Second
	beginAgain  = 100 * time.Millisecond
)

// Trigger runs a schedule now, whether it is paused or not, and waits for what
// comes of it, for at most a few seconds: the run, with its own job or the one in
// its way. A nil run says that no worker has taken it up yet. While the last run
// has not ended, and the policy is to leave the next one out, it fails with
// "schedule.still_running", with that run's job as a field: the engine would leave
// it out without a word.
func (r *Reconciler) Trigger(ctx context.Context, s models.Schedule) (*models.ScheduleRun, error) {
	applied, err := r.Apply(ctx, s)
	if err != nil {
		return nil, err
	}
	under := runUnder(applied)
	if under != nil && applied.Schedule.Overlap == models.OverlapSkip {
		return nil, stillRunning(under.JobID)
	}
	known := timesOf(applied)
	if err := anotherSecond(ctx, known); err != nil {
		return nil, err
	}
	handle := r.Engine.ScheduleClient().GetHandle(ctx, contract.ScheduleID(s.ID))
	if err := handle.Trigger(ctx, client.ScheduleTriggerOptions{}); err != nil {
		return nil, err
	}
	if under != nil && applied.Schedule.Overlap == models.OverlapBufferOne {
		return &models.ScheduleRun{At: under.At, Outcome: models.ScheduleWaiting, JobID: under.JobID}, nil // the engine holds it back
	}
	return r.began(ctx, applied.Schedule, known)
}

// began waits until a time that is not known is recorded with the schedule.
func (r *Reconciler) began(ctx context.Context, s models.Schedule, known []time.Time) (*models.ScheduleRun, error) {
	db := r.Org(s.OrganizationID)
	waiting, cancel := context.WithTimeout(ctx, beginWithin)
	defer cancel()
	for {
		if err := wait.For(waiting, beginAgain); err != nil {
			return nil, nil //nolint:nilnil // nobody has taken it up: no failure
		}
		now, err := db.ScheduleToApply(ctx, s.ID)
		if err != nil {
			return nil, err
		}
		for _, run := range now.Runs { // newest first
			if !slices.ContainsFunc(known, run.At.Equal) {
				return &run, nil
			}
		}
	}
}

// runUnder is the latest run that the engine has under way; its job is empty while
// none is known.
func runUnder(a Applied) *models.ScheduleRun {
	if len(a.Sight.Running) == 0 {
		return nil
	}
	at := slices.MaxFunc(a.Sight.Running, time.Time.Compare)
	for _, run := range a.Schedule.Runs {
		if run.At.Equal(at) {
			return &run
		}
	}
	return &models.ScheduleRun{At: at, Outcome: models.ScheduleQueued}
}

// timesOf are the times that came before.
func timesOf(a Applied) []time.Time {
	times := append(slices.Clone(a.Sight.Began), a.Sight.Running...)
	for _, run := range a.Schedule.Runs {
		times = append(times, run.At)
	}
	return times
}

// anotherSecond waits until the second of the latest time is over: the engine
// names a run by its second, and would take a second one in it for the first.
func anotherSecond(ctx context.Context, known []time.Time) error {
	if len(known) == 0 {
		return nil
	}
	left := time.Until(slices.MaxFunc(known, time.Time.Compare).Add(time.Second))
	return wait.For(ctx, min(left, time.Second)) // a clock that is off costs no more than that
}

func stillRunning(jobID string) *models.Problem {
	p := models.NewProblem(models.KindConflict, "schedule.still_running", "The last run of this schedule has not ended.",
		"Wait for it, or cancel its job; another overlap policy lets the next one wait or replace it.")
	if jobID == "" {
		return p
	}
	return p.WithFields(models.FieldProblem{Field: "job", Code: jobID, Detail: "running"})
}
