package worker

import (
	"context"
	"fmt"
	"log/slog"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/temporal"

	"github.com/scratch-platform/scratch/activities"
	"github.com/scratch-platform/scratch/workflows/contract"
)

// guard stands around every activity: it maps errors once, and refuses a result
// that is too large for a history before the engine would, for ever.
type guard struct {
	interceptor.WorkerInterceptorBase
	log *slog.Logger
}

// InterceptActivity puts the guard around one activity.
func (g *guard) InterceptActivity(_ context.Context, next interceptor.ActivityInboundInterceptor) interceptor.ActivityInboundInterceptor {
	return &guardedActivity{ActivityInboundInterceptorBase: interceptor.ActivityInboundInterceptorBase{Next: next}, log: g.log}
}

type guardedActivity struct {
	interceptor.ActivityInboundInterceptorBase
	log *slog.Logger
}

// ExecuteActivity runs the activity and looks at what comes out.
func (g *guardedActivity) ExecuteActivity(ctx context.Context, in *interceptor.ExecuteActivityInput) (any, error) {
	result, err := g.Next.ExecuteActivity(ctx, in)
	if err != nil {
		g.told(ctx, err)
		return nil, activities.Failure(err)
	}
	if err := withinPayload(result); err != nil {
		return nil, err
	}
	return result, nil
}

// told logs an activity's error with its causes, once: what the history gets of
// it is bounded and without them.
func (g *guardedActivity) told(ctx context.Context, err error) {
	if g.log == nil || ctx.Err() != nil {
		return
	}
	info := activity.GetInfo(ctx)
	g.log.WarnContext(ctx, "activity failed", "activity", info.ActivityType.Name, "attempt", info.Attempt, "error", err)
}

// withinPayload holds a result to the contract's bound: an over-limit result
// fails at the engine in a way that is tried again without end.
func withinPayload(result any) error {
	if result == nil {
		return nil
	}
	payload, err := converter.GetDefaultDataConverter().ToPayload(result)
	if err != nil {
		return temporal.NewNonRetryableApplicationError("the activity's result cannot be encoded", "internal.result_encoding", nil)
	}
	if size := len(payload.GetData()); size > contract.MaxPayload {
		return temporal.NewNonRetryableApplicationError(
			fmt.Sprintf("the activity's result has %d bytes; %d are taken", size, contract.MaxPayload), "internal.result_too_large", nil)
	}
	return nil
}
