package policy

import (
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"
)

// Heartbeat is the time after which a silent activity is given up and its work
// goes on elsewhere. 15 s: a busy worker misses a beat or two (they come every
// second, see HeartbeatThrottle) without losing its place, and a killed one is
// replaced before a person reloads the page twice.
const Heartbeat = 15 * time.Second

// HeartbeatThrottle is how often a worker may report at most. A cancel or pause
// reaches an activity with the answer to a report: 1 s keeps "no new request
// 2 s after a cancel" (with the SDK's default, 0.8 of the timeout, it was
// measured at 21 s).
const HeartbeatThrottle = time.Second

// Turn is how long one long activity works before it returns to its workflow
// and is started again at its checkpoint. 30 minutes keeps histories short
// (48 turns a day) and lets workers drain within reason.
const Turn = 30 * time.Minute

// turnTimeout ends a turn that forgot to: the last page of a turn may take a
// slow service some minutes.
const turnTimeout = Turn + 10*time.Minute

// RemoteRead is for activities that read from a service: they heartbeat, keep
// their checkpoint in the store, and are tried again as long as they get on.
// Rate limits spend no attempts: they are waited for inside, or end the turn.
func RemoteRead(ctx workflow.Context, summary string) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: turnTimeout,
		HeartbeatTimeout:    Heartbeat,
		// A paused or cancelled step has stopped when the workflow goes on.
		WaitForCancellation: true,
		RetryPolicy: &temporal.RetryPolicy{
			InitialInterval:    time.Second, // a restarted worker is back within seconds
			BackoffCoefficient: 2,           //
			MaximumInterval:    time.Minute, // people look at the page once a minute
			MaximumAttempts:    0,           // bounded by progress instead: ten attempts in a row without any end it (activities)
		},
		Summary: summary,
	})
}

// RemoteWrite is for activities that change things at a service. The engine
// never repeats one (Promise 5): after a failure the workflow finds out what
// happened first.
func RemoteWrite(ctx workflow.Context, summary string) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: turnTimeout,
		HeartbeatTimeout:    Heartbeat,
		// What a request under way became is recorded before the workflow
		// decides anything.
		WaitForCancellation: true,
		RetryPolicy:         &temporal.RetryPolicy{MaximumAttempts: 1},
		Summary:             summary,
	})
}

// Store is for short activities that touch the database alone. They are
// idempotent, and a run outlasts a database that is restarted or failing over:
// the work done so far must be recorded, however long that takes.
func Store(ctx workflow.Context, summary string) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: 30 * time.Second, // the slowest write here is one transaction over 2,000 items, below a second
		RetryPolicy: &temporal.RetryPolicy{
			InitialInterval:    200 * time.Millisecond, // most faults are a dropped connection
			BackoffCoefficient: 2,
			MaximumInterval:    10 * time.Second, // states are true within 10 s of the database's return
			MaximumAttempts:    0,
		},
		Summary: summary,
	})
}

// Follow is for watching a run of another parent to its end.
func Follow(ctx workflow.Context, summary string) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: 24 * time.Hour, // a followed run may be paused; the watch starts anew after a day
		HeartbeatTimeout:    Heartbeat,
		WaitForCancellation: true,
		RetryPolicy: &temporal.RetryPolicy{
			InitialInterval: time.Second, BackoffCoefficient: 2, MaximumInterval: time.Minute, MaximumAttempts: 0,
		},
		Summary: summary,
	})
}

// Cleanup is for deleting what is kept no longer. It gives up after about an
// hour of trying: the next clean-up does the same work. Attempts are counted for
// it: an hour since it was scheduled is over at once for a worker whose clock is
// an hour fast.
func Cleanup(ctx workflow.Context, summary string) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: time.Hour, // it works in small transactions and stops when asked to
		HeartbeatTimeout:    Heartbeat,
		WaitForCancellation: true,
		RetryPolicy: &temporal.RetryPolicy{
			InitialInterval: 10 * time.Second, BackoffCoefficient: 2, MaximumInterval: 5 * time.Minute, MaximumAttempts: 16,
		},
		Summary: summary,
	})
}
