package traces

import (
	"context"
	"fmt"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/interceptor"
)

// RunEnded sends the span of a run that was terminated, by an operator or by a
// reset, or that took longer than it may: none of its own moments is its last, so
// that no worker sends it, and what it did would hang on a span that never comes.
// The span says what became of the run. Of any other run nothing is sent; an empty
// run id is the latest run. Whoever sees the end calls it once.
func (t *Traces) RunEnded(ctx context.Context, engine client.Client, workflowID, runID string) error {
	if t == nil {
		return nil
	}
	described, err := engine.DescribeWorkflowExecution(ctx, workflowID, runID)
	if err != nil {
		return fmt.Errorf("close the trace of %s: %w", workflowID, err)
	}
	run := described.GetWorkflowExecutionInfo()
	outcome, ended := endedOutside[run.GetStatus()]
	if !ended {
		return nil
	}
	runID = run.GetExecution().GetRunId()
	first, err := engine.GetWorkflowHistory(ctx, workflowID, runID, false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT).Next()
	if err != nil {
		return fmt.Errorf("close the trace of %s: %w", workflowID, err)
	}
	tracer := &temporalTracer{tracer: t.tracer}
	begun, err := tracer.StartSpan(&interceptor.TracerStartSpanOptions{
		Parent:    parentIn(first.GetWorkflowExecutionStartedEventAttributes().GetHeader(), tracer), //nolint:contextcheck // the SDK's interface has none
		Operation: runWorkflow, Name: run.GetType().GetName(), Time: run.GetStartTime().AsTime(),
		Tags: map[string]string{workflowIDTag: workflowID, runIDTag: runID},
	})
	if err != nil {
		return fmt.Errorf("close the trace of %s: %w", workflowID, err)
	}
	span := begun.(*temporalSpan).Span
	span.SetAttributes(attribute.String("scratch.outcome", outcome))
	span.SetStatus(codes.Error, outcome)
	span.End(trace.WithTimestamp(run.GetCloseTime().AsTime()))
	return nil
}

// endedOutside are the ends that a run cannot tell of itself.
var endedOutside = map[enums.WorkflowExecutionStatus]string{
	enums.WORKFLOW_EXECUTION_STATUS_TERMINATED: "terminated",
	enums.WORKFLOW_EXECUTION_STATUS_TIMED_OUT:  "timed_out",
}

// parentIn reads the span that a run was started under; nil for none.
func parentIn(header *commonpb.Header, tracer *temporalTracer) interceptor.TracerSpanRef {
	payload := header.GetFields()[headerKey]
	if payload == nil {
		return nil
	}
	var fields map[string]string
	if err := converter.GetDefaultDataConverter().FromPayload(payload, &fields); err != nil {
		return nil // a header that cannot be read costs the trace, as in a run
	}
	parent, _ := tracer.UnmarshalSpan(fields)
	return parent
}
