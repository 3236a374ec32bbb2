package worker

import (
	"context"
	"log/slog"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/workflow"

	"github.com/scratch-platform/scratch/internal/telemetry"
)

// lines has every line that is logged under a workflow or an activity say whose
// work it is: organization and job beside the run, so that a job's lines are found
// over all processes by the id that the user sees.
type lines struct {
	interceptor.WorkerInterceptorBase
}

// whose names work; empty fields are left out.
type whose struct{ organization, job string }

// whoseIs reads from the input of a workflow, or of an activity, whose work it is.
func whoseIs(args []any) (w whose) {
	for _, arg := range args {
		if named, ok := arg.(interface {
			Whose() (organization, job string)
		}); ok {
			w.organization, w.job = named.Whose()
		}
	}
	return w
}

// attributes are the names as log lines carry them.
func (w whose) attributes() (named []slog.Attr) {
	if w.organization != "" {
		named = append(named, slog.String("organization", w.organization))
	}
	if w.job != "" {
		named = append(named, slog.String("job", w.job))
	}
	return named
}

func (w whose) logger(to log.Logger) log.Logger {
	var pairs []any
	for _, named := range w.attributes() {
		pairs = append(pairs, named.Key, named.Value.String())
	}
	if len(pairs) == 0 {
		return to
	}
	return log.With(to, pairs...)
}

func (w whose) context(ctx context.Context) context.Context {
	run := activity.GetInfo(ctx).WorkflowExecution
	return telemetry.With(ctx, append([]slog.Attr{slog.String("workflow", run.ID), slog.String("run", run.RunID)}, w.attributes()...)...)
}

// InterceptActivity implements interceptor.WorkerInterceptor.
func (*lines) InterceptActivity(_ context.Context, next interceptor.ActivityInboundInterceptor) interceptor.ActivityInboundInterceptor {
	return &namedActivity{ActivityInboundInterceptorBase: interceptor.ActivityInboundInterceptorBase{Next: next}}
}

type namedActivity struct {
	interceptor.ActivityInboundInterceptorBase
	whose whose
}

// Init puts the names into the activity's own logger.
func (a *namedActivity) Init(outbound interceptor.ActivityOutboundInterceptor) error {
	return a.Next.Init(&namedActivityLogger{interceptor.ActivityOutboundInterceptorBase{Next: outbound}, a})
}

// ExecuteActivity puts the names into the context of all other lines.
func (a *namedActivity) ExecuteActivity(ctx context.Context, in *interceptor.ExecuteActivityInput) (any, error) {
	a.whose = whoseIs(in.Args)
	return a.Next.ExecuteActivity(a.whose.context(ctx), in)
}

type namedActivityLogger struct {
	interceptor.ActivityOutboundInterceptorBase
	of *namedActivity
}

// GetLogger implements interceptor.ActivityOutboundInterceptor.
func (l *namedActivityLogger) GetLogger(ctx context.Context) log.Logger {
	return l.of.whose.logger(l.Next.GetLogger(ctx))
}

// InterceptWorkflow implements interceptor.WorkerInterceptor.
func (*lines) InterceptWorkflow(_ workflow.Context, next interceptor.WorkflowInboundInterceptor) interceptor.WorkflowInboundInterceptor {
	return &namedWorkflow{WorkflowInboundInterceptorBase: interceptor.WorkflowInboundInterceptorBase{Next: next}}
}

type namedWorkflow struct {
	interceptor.WorkflowInboundInterceptorBase
	whose whose
}

// Init puts the names into the workflow's logger.
func (w *namedWorkflow) Init(outbound interceptor.WorkflowOutboundInterceptor) error {
	return w.Next.Init(&namedWorkflowLogger{interceptor.WorkflowOutboundInterceptorBase{Next: outbound}, w})
}

// ExecuteWorkflow reads the names from the run's input.
func (w *namedWorkflow) ExecuteWorkflow(ctx workflow.Context, in *interceptor.ExecuteWorkflowInput) (any, error) {
	w.whose = whoseIs(in.Args)
	return w.Next.ExecuteWorkflow(ctx, in)
}

type namedWorkflowLogger struct {
	interceptor.WorkflowOutboundInterceptorBase
	of *namedWorkflow
}

// GetLogger implements interceptor.WorkflowOutboundInterceptor.
func (l *namedWorkflowLogger) GetLogger(ctx workflow.Context) log.Logger {
	return l.of.whose.logger(l.Next.GetLogger(ctx))
}
