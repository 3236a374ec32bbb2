package api

import (
	"context"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/scratch-platform/scratch/internal/schedules"
	"github.com/scratch-platform/scratch/models"
)

// engineWait bounds what a request about schedules waits for the engine: the
// store has the truth, and role cron applies what could not be applied at once.
const engineWait = 5 * time.Second

// triggerWait is the same for a trigger, which also waits for what comes of it.
const triggerWait = 2 * engineWait

// SchedulePath names a schedule. Embedded, so exported: that is
// where huma looks.
type SchedulePath struct {
	ID string `path:"id" maxLength:"64"`
}

type listSchedulesInput struct {
	Paging
	Snapshot string `query:"snapshot" maxLength:"64" doc:"Only schedules of this snapshot."`
}

type createSchedule struct {
	Body struct {
		SnapshotID string               `json:"snapshot_id" maxLength:"64"`
		Cron       string               `json:"cron,omitempty" maxLength:"200" doc:"Five fields (minute, hour, day of month, month, day of week) or @hourly, @daily, @weekly, @monthly, @yearly." example:"30 6 * * 1-5"`
		Every      string               `json:"every,omitempty" maxLength:"40" doc:"An interval instead, counted from now: from 1m to 366d." example:"6h"`
		TimeZone   string               `json:"time_zone,omitempty" maxLength:"64" doc:"IANA name that cron is read in; UTC when absent." example:"Europe/Berlin"`
		Overlap    models.OverlapPolicy `json:"overlap,omitempty" enum:"skip,buffer_one,cancel_other,allow_all" default:"skip" doc:"While a download of the snapshot is under way: skip leaves this one out, buffer_one lets one wait for its end, cancel_other stops this schedule's earlier one (a person's is waited for), allow_all shares one that brings the same and waits for any other."`
		Mode       models.DownloadMode  `json:"mode,omitempty" enum:"full,incremental" default:"full"`
		Tables     []string             `json:"tables,omitempty" maxItems:"500" doc:"Table ids; none is all there are at the time."`
		Note       string               `json:"note,omitempty" maxLength:"500"`
		Paused     bool                 `json:"paused,omitempty" doc:"Made, and not run until it is resumed."`
	}
}

type changeSchedule struct {
	SchedulePath
	Body struct {
		Cron     *string               `json:"cron,omitempty" maxLength:"200" doc:"Takes the place of an interval."`
		Every    *string               `json:"every,omitempty" maxLength:"40" doc:"Takes the place of a cron text."`
		TimeZone *string               `json:"time_zone,omitempty" maxLength:"64"`
		Overlap  *models.OverlapPolicy `json:"overlap,omitempty" enum:"skip,buffer_one,cancel_other,allow_all"`
		Mode     *models.DownloadMode  `json:"mode,omitempty" enum:"full,incremental"`
		Tables   []string              `json:"tables,omitempty" nullable:"true" maxItems:"500" doc:"An empty list is all."`
		Note     *string               `json:"note,omitempty" maxLength:"500"`
		Version  int64                 `json:"version,omitempty" doc:"The version you saw: a schedule that changed since is left as it is."`
	}
}

type pauseSchedule struct {
	SchedulePath
	Body *struct {
		Why string `json:"why,omitempty" maxLength:"500"`
	}
}

func (s *server) scheduleRoutes() {
	serve(s, route{method: http.MethodGet, path: "/api/v1/schedules", id: "list-schedules", summary: "Your schedules, with their next runs"}, s.listSchedules)
	serve(s, route{method: http.MethodPost, path: "/api/v1/schedules", id: "create-schedule", summary: "Download a snapshot at set times", status: http.StatusCreated}, s.createSchedule)
	serve(s, route{method: http.MethodGet, path: "/api/v1/schedules/{id}", id: "get-schedule", summary: "One schedule, with its next and latest runs"}, s.getSchedule)
	serve(s, route{method: http.MethodPatch, path: "/api/v1/schedules/{id}", id: "change-schedule", summary: "Change a schedule"}, s.changeSchedule)
	serve(s, route{method: http.MethodDelete, path: "/api/v1/schedules/{id}", id: "delete-schedule", summary: "Remove a schedule; a download under way goes on", status: noContent}, s.deleteSchedule)
	serve(s, route{method: http.MethodPost, path: "/api/v1/schedules/{id}/pause", id: "pause-schedule", summary: "Pause a schedule; times that pass meanwhile are not made up for"}, s.pauseSchedule)
	serve(s, route{method: http.MethodPost, path: "/api/v1/schedules/{id}/resume", id: "resume-schedule", summary: "Let a paused schedule go on"}, s.resumeSchedule)
	serve(s, route{method: http.MethodPost, path: "/api/v1/schedules/{id}/trigger", id: "trigger-schedule", summary: "Run a schedule now, paused or not; the answer has its job, or the one it waits for", status: http.StatusAccepted}, s.triggerSchedule)
	serve(s, route{method: http.MethodPost, path: "/api/v1/schedules/{id}/backfill", id: "backfill-schedule", summary: "Refused: a download brings what the service holds now, never what it held then"}, s.backfillSchedule)
}

func (s *server) listSchedules(ctx context.Context, in *listSchedulesInput) (*body[list[Schedule]], error) {
	if in.Snapshot != "" {
		if _, err := s.org(ctx).Snapshot(ctx, in.Snapshot); err != nil {
			return nil, err
		}
	}
	items, next, err := s.org(ctx).ListSchedules(ctx, in.Snapshot, in.page())
	if err != nil {
		return nil, err
	}
	shown := make([]Schedule, len(items))
	asking, cancel := context.WithTimeout(ctx, engineWait)
	defer cancel()
	var group errgroup.Group
	group.SetLimit(8)
	for i := range items {
		group.Go(func() error {
			var err error
			shown[i], err = s.look(ctx, asking, items[i])
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return answer(list[Schedule]{Items: shown, NextCursor: next}), nil
}

func (s *server) createSchedule(ctx context.Context, in *createSchedule) (*body[Schedule], error) {
	asked := models.Schedule{
		SnapshotID: in.Body.SnapshotID, Cron: in.Body.Cron, TimeZone: in.Body.TimeZone, Overlap: in.Body.Overlap, Mode: in.Body.Mode,
		Tables: in.Body.Tables, Note: in.Body.Note, Paused: in.Body.Paused, CreatedBy: actorOf(ctx).UserID,
	}
	if err := setEvery(&asked, in.Body.Every); err != nil {
		return nil, err
	}
	if err := models.CheckSchedule(&asked); err != nil {
		return nil, err
	}
	made, err := s.org(ctx).CreateSchedule(ctx, asked)
	if err != nil {
		return nil, err
	}
	return s.applied(ctx, made)
}

// setEvery reads an interval that a person wrote, if any.
func setEvery(to *models.Schedule, text string) (err error) {
	if text != "" {
		to.Every, err = models.ParseEvery(text)
	}
	return err
}

func (s *server) getSchedule(ctx context.Context, in *SchedulePath) (*body[Schedule], error) {
	schedule, err := s.org(ctx).Schedule(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	asking, cancel := context.WithTimeout(ctx, engineWait)
	defer cancel()
	return answerOr(s.look(ctx, asking, schedule))
}

// look shows a schedule as the engine has it. One that the engine has otherwise
// is put right, or an operator's pause taken over, before it is shown.
func (s *server) look(ctx, asking context.Context, schedule models.Schedule) (Schedule, error) {
	seen, err := s.Schedules.See(asking, schedule)
	if err == nil && (!seen.Known || seen.Paused != schedule.Paused || schedule.AppliedVersion != schedule.Version) {
		var applied schedules.Applied
		if applied, err = s.Schedules.Apply(asking, schedule); err == nil {
			schedule, seen = applied.Schedule, applied.Sight
		}
	}
	return s.showSchedule(ctx, schedule, seen, err)
}

func (s *server) changeSchedule(ctx context.Context, in *changeSchedule) (*body[Schedule], error) {
	schedule, err := s.org(ctx).Schedule(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	if in.Body.Version != 0 {
		schedule.Version = in.Body.Version
	}
	if in.Body.Cron != nil {
		schedule.Cron, schedule.Every = *in.Body.Cron, 0
	}
	if in.Body.Every != nil {
		if in.Body.Cron == nil {
			schedule.Cron = ""
		}
		if err := setEvery(&schedule, *in.Body.Every); err != nil {
			return nil, err
		}
	}
	set(&schedule.TimeZone, in.Body.TimeZone)
	set(&schedule.Overlap, in.Body.Overlap)
	set(&schedule.Mode, in.Body.Mode)
	set(&schedule.Note, in.Body.Note)
	if in.Body.Tables != nil {
		schedule.Tables = in.Body.Tables
	}
	if err := models.CheckSchedule(&schedule); err != nil {
		return nil, err
	}
	if schedule, err = s.org(ctx).UpdateSchedule(ctx, schedule); err != nil {
		return nil, err
	}
	return s.applied(ctx, schedule)
}

// set takes over a value that was sent.
func set[T any](to, sent *T) {
	if sent != nil {
		*to = *sent
	}
}

func (s *server) deleteSchedule(ctx context.Context, in *SchedulePath) (*nothing, error) {
	schedule, err := s.org(ctx).Schedule(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	if err := s.org(ctx).DeleteSchedule(ctx, in.ID); err != nil {
		return nil, err
	}
	if _, err := s.applyNow(ctx, schedule); err != nil {
		s.Log.WarnContext(ctx, "the engine still has a removed schedule; role cron takes it away", "schedule", in.ID, "error", err)
	}
	return nil, nil //nolint:nilnil // no content
}

func (s *server) pauseSchedule(ctx context.Context, in *pauseSchedule) (*body[Schedule], error) {
	why := ""
	if in.Body != nil {
		why = in.Body.Why
	}
	schedule, err := s.org(ctx).PauseSchedule(ctx, in.ID, true, why)
	if err != nil {
		return nil, err
	}
	return s.applied(ctx, schedule)
}

func (s *server) resumeSchedule(ctx context.Context, in *SchedulePath) (*body[Schedule], error) {
	schedule, err := s.org(ctx).PauseSchedule(ctx, in.ID, false, "")
	if err != nil {
		return nil, err
	}
	return s.applied(ctx, schedule)
}

func (s *server) triggerSchedule(ctx context.Context, in *SchedulePath) (*body[Triggered], error) {
	schedule, err := s.org(ctx).Schedule(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	asking, cancel := context.WithTimeout(ctx, triggerWait)
	defer cancel()
	run, err := s.Schedules.Trigger(asking, schedule)
	if err != nil {
		return nil, engineProblem(err)
	}
	audit := models.AuditEvent{UserID: actorOf(ctx).UserID, Action: "schedule.triggered", Subject: schedule.ID}
	if err := s.org(ctx).AppendAudit(ctx, audit); err != nil {
		return nil, err
	}
	return answerOr(s.triggered(ctx, run))
}

// triggered shows what came of a trigger as a download's start is answered: with
// the job, or with what stands in its way.
func (s *server) triggered(ctx context.Context, run *models.ScheduleRun) (Triggered, error) {
	if run == nil {
		return Triggered{Warnings: []models.Problem{*models.NewProblem(models.KindUnavailable, "schedule.queued", "No worker has taken it up yet.",
			"It begins when one does: GET the schedule. Is a worker running?")}}, nil
	}
	var job *Job
	if run.JobID != "" {
		stored, err := s.org(ctx).Job(ctx, run.JobID)
		if err != nil {
			return Triggered{}, err
		}
		shown := showJob(stored)
		job = &shown
	}
	switch {
	case run.Outcome == models.ScheduleSkipped:
		return Triggered{}, downloadRunning(run.JobID)
	case run.Outcome == models.ScheduleFailed && run.Problem != nil:
		return Triggered{}, run.Problem
	case run.Outcome == models.ScheduleWaiting:
		return Triggered{Job: job, Waits: true, Warnings: []models.Problem{*models.NewProblem(models.KindConflict, "schedule.waiting",
			"Another download of this snapshot is running"+named(run.JobID)+"; this one begins when it has ended.", "Wait, or cancel that job.")}}, nil
	default:
		return Triggered{Job: job}, nil
	}
}

func named(jobID string) string {
	if jobID == "" {
		return ""
	}
	return ": " + jobID
}

// backfillSchedule refuses what an engine's schedule could do and a download
// cannot: there is no yesterday's table to bring.
func (s *server) backfillSchedule(ctx context.Context, in *SchedulePath) (*body[Schedule], error) {
	if _, err := s.org(ctx).Schedule(ctx, in.ID); err != nil {
		return nil, err
	}
	return nil, models.NewProblem(models.KindConflict, "schedule.backfill_refused",
		"Times that have passed are not made up for: a download brings what the service holds now, not what it held then.",
		"Run the schedule once: POST /api/v1/schedules/"+in.ID+"/trigger.")
}

// applied has the engine told of a change, and shows the schedule after. While
// the engine is away the schedule shows as pending, and role cron applies it.
func (s *server) applied(ctx context.Context, schedule models.Schedule) (*body[Schedule], error) {
	applied, err := s.applyNow(ctx, schedule)
	if err != nil {
		s.Log.WarnContext(ctx, "the engine was not told of a schedule; role cron tells it", "schedule", schedule.ID, "error", err)
		return answerOr(s.showSchedule(ctx, schedule, schedules.Sight{}, err))
	}
	return answerOr(s.showSchedule(ctx, applied.Schedule, applied.Sight, nil))
}

func (s *server) applyNow(ctx context.Context, schedule models.Schedule) (schedules.Applied, error) {
	asking, cancel := context.WithTimeout(ctx, engineWait)
	defer cancel()
	return s.Schedules.Apply(asking, schedule)
}

func answerOr[T any](v T, err error) (*body[T], error) {
	if err != nil {
		return nil, err
	}
	return answer(v), nil
}
