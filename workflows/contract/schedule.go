package contract

import (
	"fmt"
	"strings"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/scratch-platform/scratch/models"
)

// Schedules of the engine: one for each schedule of a user, and one for
// clean-up. Role cron makes them and keeps them right.
const (
	CleanupScheduleID = "cleanup"
	// CleanupEvery is how often what is kept no longer is deleted: tickets and
	// events go within the hour in which their time is over.
	CleanupEvery = time.Hour
	schedulePart = "schedule:"
)

// ScheduleID is the id of a user's schedule at the engine.
func ScheduleID(id string) string { return schedulePart + id }

// The kinds of runs that do no job of their own, in AttributeJobKind.
const (
	KindSchedule = "schedule"
	KindCleanup  = "cleanup"
)

const (
	// catchUp is how late a scheduled time that was missed, because the engine
	// was down, is still made up for: a nightly download after a bad night.
	catchUp = 24 * time.Hour
	// catchUpAll is the same where every missed time makes a run of its own.
	catchUpAll = 10 * time.Minute
	// ScheduledTimeout ends a scheduled run that watches a download nobody came
	// back to: a day after the download itself is ended.
	ScheduledTimeout = ExecutionTimeout + 24*time.Hour
	// cleanupTimeout ends a clean-up that hangs before it costs many turns.
	cleanupTimeout = 6 * time.Hour
)

// scheduledDownloadPart begins the ids of scheduled runs; the engine appends the
// scheduled time.
const scheduledDownloadPart = "scheduled-download:"

// ScheduledDownloadID is the id of a schedule's run at a time.
func ScheduledDownloadID(scheduleID string, at time.Time) string {
	return scheduledDownloadPart + scheduleID + "-" + at.UTC().Format(time.RFC3339)
}

// ScheduledTime reads the scheduled time from a run's id; ok is false for an id
// that the engine did not make.
func ScheduledTime(workflowID string) (at time.Time, ok bool) {
	_, text, found := strings.Cut(strings.TrimPrefix(workflowID, scheduledDownloadPart), "-")
	if !found {
		return time.Time{}, false
	}
	at, err := time.Parse(time.RFC3339, text)
	return at, err == nil
}

// ScheduledJobID is the job of a scheduled run: the same however often the run
// has to begin again, so that one scheduled time never makes two.
func ScheduledJobID(workflowID string, at time.Time) string {
	return models.IDAt(models.PrefixJob, at, workflowID)
}

// ScheduleOptions are a user's schedule as the engine is told it.
func ScheduleOptions(s models.Schedule) (client.ScheduleOptions, error) {
	spec, err := scheduleSpec(s)
	if err != nil {
		return client.ScheduleOptions{}, err
	}
	attributes := temporal.NewSearchAttributes(AttributeOrganization.ValueSet(s.OrganizationID), AttributeSnapshot.ValueSet(s.SnapshotID))
	o := client.ScheduleOptions{
		ID: ScheduleID(s.ID), Spec: spec, Overlap: overlap(s.Overlap), CatchupWindow: catchUp,
		Paused: s.Paused, Note: note(s), TypedSearchAttributes: attributes,
		Action: &client.ScheduleWorkflowAction{
			ID: scheduledDownloadPart + s.ID, Workflow: WorkflowScheduledDownload, TaskQueue: QueueMaintenance,
			Args:                     []any{ScheduledDownloadInput{OrganizationID: s.OrganizationID, SnapshotID: s.SnapshotID, ScheduleID: s.ID}},
			WorkflowExecutionTimeout: ScheduledTimeout,
			TypedSearchAttributes:    Attributes(KindSchedule, s.OrganizationID, s.SnapshotID, s.Services),
			// In the memo and not as the run's summary: the engine's client could not
			// describe a schedule whose summary it cannot decrypt, and nothing could
			// be put right any more.
			Memo:     map[string]any{"by": s.CreatedBy, "about": "Download by schedule " + s.ID},
			Priority: Priority(s.OrganizationID, true),
		},
	}
	if s.Overlap == models.OverlapAllowAll {
		o.CatchupWindow = catchUpAll
	}
	return o, nil
}

// note is what operators read beside a schedule.
func note(s models.Schedule) string {
	if s.Paused && s.PausedWhy != "" {
		return models.Bound(s.PausedWhy, 500)
	}
	return models.Bound(s.Note, 500)
}

// CleanupSchedule is the one schedule that is nobody's own. It runs once at its
// making, so that a new installation need not wait for the hour.
func CleanupSchedule() client.ScheduleOptions {
	return client.ScheduleOptions{
		ID:            CleanupScheduleID,
		Spec:          client.ScheduleSpec{Intervals: []client.ScheduleIntervalSpec{{Every: CleanupEvery}}, TimeZoneName: "UTC"},
		Overlap:       enumspb.SCHEDULE_OVERLAP_POLICY_SKIP,
		CatchupWindow: catchUp, // a machine that sleeps at every full hour is cleaned when it wakes
		Note:          "Deletes what is kept no longer.",
		Action: &client.ScheduleWorkflowAction{
			ID: WorkflowCleanupID, Workflow: WorkflowCleanup, TaskQueue: QueueMaintenance,
			WorkflowExecutionTimeout: cleanupTimeout,
			TypedSearchAttributes:    Attributes(KindCleanup, "", "", nil),
			Memo:                     map[string]any{"about": "Delete what is kept no longer"},
			Priority:                 Priority("", true),
		},
		TriggerImmediately: true,
	}
}

func overlap(p models.OverlapPolicy) enumspb.ScheduleOverlapPolicy {
	switch p {
	case models.OverlapBufferOne:
		return enumspb.SCHEDULE_OVERLAP_POLICY_BUFFER_ONE
	case models.OverlapCancelOther:
		return enumspb.SCHEDULE_OVERLAP_POLICY_CANCEL_OTHER
	case models.OverlapAllowAll:
		return enumspb.SCHEDULE_OVERLAP_POLICY_ALLOW_ALL
	case models.OverlapSkip:
	}
	return enumspb.SCHEDULE_OVERLAP_POLICY_SKIP
}

func scheduleSpec(s models.Schedule) (client.ScheduleSpec, error) {
	spec := client.ScheduleSpec{TimeZoneName: s.TimeZone}
	if s.Every > 0 {
		spec.Intervals = []client.ScheduleIntervalSpec{{Every: s.Every, Offset: s.Offset()}}
		return spec, nil
	}
	calendars, err := models.Calendars(s.Cron)
	if err != nil {
		return spec, fmt.Errorf("schedule %s: %w", s.ID, err)
	}
	for _, c := range calendars {
		spec.Calendars = append(spec.Calendars, client.ScheduleCalendarSpec{
			Second: ranges([]int{0}), Minute: ranges(c.Minutes), Hour: ranges(c.Hours),
			DayOfMonth: ranges(c.Days), Month: ranges(c.Months), DayOfWeek: ranges(c.Weekdays),
		})
	}
	return spec, nil
}

// ranges writes sorted values as few ranges, in full, as the engine gives them
// back.
func ranges(values []int) []client.ScheduleRange {
	var out []client.ScheduleRange
	for _, v := range values {
		if last := len(out) - 1; last >= 0 && out[last].End == v-1 {
			out[last].End = v
			continue
		}
		out = append(out, client.ScheduleRange{Start: v, End: v, Step: 1})
	}
	return out
}
