package schedules

import (
	"reflect"
	"slices"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/scratch-platform/scratch/workflows/contract"
)

// scheduleOf is what an update of a schedule sends.
func scheduleOf(o client.ScheduleOptions) *client.Schedule {
	return &client.Schedule{
		Action: o.Action, Spec: &o.Spec,
		Policy: &client.SchedulePolicies{Overlap: o.Overlap, CatchupWindow: o.CatchupWindow, PauseOnFailure: o.PauseOnFailure},
		State:  &client.ScheduleState{Note: o.Note, Paused: o.Paused},
	}
}

// same reports whether the engine's schedule does what is wanted. Notes are for
// people and left out.
func (r *Reconciler) same(is client.Schedule, want client.ScheduleOptions) bool {
	state, policy := is.State, is.Policy
	return state.Paused == want.Paused && !state.LimitedActions &&
		policy.Overlap == want.Overlap && policy.CatchupWindow == want.CatchupWindow && policy.PauseOnFailure == want.PauseOnFailure &&
		sameSpec(*is.Spec, want.Spec) && r.sameAction(is.Action, want.Action)
}

func sameSpec(is, want client.ScheduleSpec) bool {
	calendars := slices.EqualFunc(is.Calendars, want.Calendars, func(a, b client.ScheduleCalendarSpec) bool {
		a.Comment, b.Comment = "", ""
		a.Year, b.Year = inFull(a.Year), inFull(b.Year)
		return reflect.DeepEqual(a, b)
	})
	zone := func(name string) string {
		if name == "" {
			return "UTC"
		}
		return name
	}
	return calendars && slices.Equal(is.Intervals, want.Intervals) && len(is.Skip) == 0 && is.Jitter == 0 &&
		is.StartAt.IsZero() && is.EndAt.IsZero() && zone(is.TimeZoneName) == zone(want.TimeZoneName)
}

// inFull makes no range nil, however it was decoded.
func inFull(ranges []client.ScheduleRange) []client.ScheduleRange {
	if len(ranges) == 0 {
		return nil
	}
	return ranges
}

func (r *Reconciler) sameAction(is, want client.ScheduleAction) bool {
	a, okA := is.(*client.ScheduleWorkflowAction)
	b, okB := want.(*client.ScheduleWorkflowAction)
	return okA && okB && a.ID == b.ID && a.Workflow == b.Workflow && a.TaskQueue == b.TaskQueue &&
		a.WorkflowExecutionTimeout == b.WorkflowExecutionTimeout && a.WorkflowRunTimeout == b.WorkflowRunTimeout &&
		a.WorkflowTaskTimeout == b.WorkflowTaskTimeout && (a.RetryPolicy == nil) == (b.RetryPolicy == nil) &&
		sameAttributes(a.TypedSearchAttributes, b.TypedSearchAttributes) && r.sameInput(a.Args, b.Args)
}

// sameAttributes compares what runs are found by: an operator's edit, or a table
// of another service that joined the snapshot.
func sameAttributes(is, want temporal.SearchAttributes) bool {
	return reflect.DeepEqual(is.GetUntypedValues(), want.GetUntypedValues())
}

// sameInput compares what the engine keeps, encrypted, with what is wanted.
func (r *Reconciler) sameInput(is, want []any) bool {
	if len(is) != len(want) {
		return false
	}
	for i := range is {
		payload, ok := is[i].(*commonpb.Payload)
		var has contract.ScheduledDownloadInput
		if !ok || r.Payloads.FromPayload(payload, &has) != nil || has != want[i] {
			return false
		}
	}
	return true
}
