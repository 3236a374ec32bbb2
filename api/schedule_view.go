package api

import (
	"context"
	"slices"
	"time"

	"github.com/scratch-platform/scratch/internal/schedules"
	"github.com/scratch-platform/scratch/models"
)

// Schedule downloads a snapshot at set times.
type Schedule struct {
	ID         string               `json:"id"`
	SnapshotID string               `json:"snapshot_id"`
	Cron       string               `json:"cron,omitempty"`
	Every      string               `json:"every,omitempty"`
	TimeZone   string               `json:"time_zone"`
	Overlap    models.OverlapPolicy `json:"overlap" enum:"skip,buffer_one,cancel_other,allow_all"`
	Mode       models.DownloadMode  `json:"mode" enum:"full,incremental"`
	Tables     []string             `json:"tables" nullable:"false" doc:"Table ids; none is all."`
	Note       string               `json:"note,omitempty"`
	Paused     bool                 `json:"paused" doc:"By a person here, or by an operator with the engine's own tools."`
	PausedWhy  string               `json:"paused_why,omitempty"`
	Pending    bool                 `json:"pending,omitempty" doc:"The engine does not know of the last change yet."`
	EngineAway bool                 `json:"engine_away,omitempty" doc:"The workflow engine could not be asked just now: next_runs are not known."`
	NextRuns   []time.Time          `json:"next_runs" nullable:"false" doc:"At most ten; none while paused."`
	Runs       []ScheduleRun        `json:"runs" nullable:"false" doc:"The latest, newest first."`
	LeftOut    int                  `json:"left_out,omitempty" doc:"Times left out so far because the run before had not ended."`
	Missed     int                  `json:"missed,omitempty" doc:"Times missed so far because the engine was away too long."`
	CreatedBy  string               `json:"created_by"`
	CreatedAt  time.Time            `json:"created_at"`
	UpdatedAt  time.Time            `json:"updated_at"`
	Version    int64                `json:"version"`
}

// ScheduleRun is what came of one of a schedule's times.
type ScheduleRun struct {
	At      time.Time              `json:"at" doc:"The scheduled time, or when it was triggered."`
	Outcome models.ScheduleOutcome `json:"outcome" enum:"queued,started,waiting,ended,shared,skipped,failed"`
	JobID   string                 `json:"job_id,omitempty" doc:"Its own job, or the one in its way."`
	State   models.JobState        `json:"state,omitempty" doc:"Of that job."`
	Problem *models.Problem        `json:"problem,omitempty"`
}

// Triggered answers a schedule's trigger.
type Triggered struct {
	Job      *Job             `json:"job,omitempty" doc:"The download that it started, or one under way that brings the same; absent while no worker has taken it up."`
	Waits    bool             `json:"waits,omitempty" doc:"The job is another one, which this run waits for."`
	Warnings []models.Problem `json:"warnings,omitempty" doc:"Why it has not begun."`
}

// showSchedule shows what the store knows of a schedule with what the engine
// does of it; notSeen is why the engine could not be asked.
func (s *server) showSchedule(ctx context.Context, m models.Schedule, seen schedules.Sight, notSeen error) (Schedule, error) {
	runs, err := s.runsOf(ctx, m, seen, notSeen == nil)
	if err != nil {
		return Schedule{}, err
	}
	return Schedule{
		ID: m.ID, SnapshotID: m.SnapshotID, Cron: m.Cron, Every: models.ShowEvery(m.Every), TimeZone: m.TimeZone, Overlap: m.Overlap,
		Mode: m.Mode, Tables: append([]string{}, m.Tables...), Note: m.Note, Paused: m.Paused, PausedWhy: m.PausedWhy,
		Pending: m.AppliedVersion != m.Version || notSeen == nil && !seen.Known, EngineAway: notSeen != nil,
		NextRuns: append([]time.Time{}, seen.Next...), Runs: runs, LeftOut: seen.LeftOut, Missed: seen.Missed,
		CreatedBy: m.CreatedBy, CreatedAt: m.CreatedAt, UpdatedAt: m.UpdatedAt, Version: m.Version,
	}, nil
}

// runsOf are a schedule's latest runs: those that were recorded, put right by
// what their jobs and the engine say, and those that the engine began and no
// worker has taken up.
func (s *server) runsOf(ctx context.Context, m models.Schedule, seen schedules.Sight, asked bool) ([]ScheduleRun, error) {
	var ids []string
	for _, r := range m.Runs {
		if r.JobID != "" && r.State == "" {
			ids = append(ids, r.JobID)
		}
	}
	jobs, err := s.org(ctx).JobsByID(ctx, ids)
	if err != nil {
		return nil, err
	}
	runs := make([]ScheduleRun, 0, len(m.Runs))
	for _, r := range m.Runs {
		run := ScheduleRun(r)
		if job, ok := jobs[r.JobID]; ok {
			run.State = job.State
		}
		under := slices.ContainsFunc(seen.Running, r.At.Equal)
		switch {
		case run.Outcome == models.ScheduleStarted && run.State.Final():
			run.Outcome = models.ScheduleEnded
		case run.Outcome == models.ScheduleWaiting && asked && !under:
			run.Outcome, run.Problem = models.ScheduleFailed, endedOutside()
		}
		runs = append(runs, run)
	}
	for _, at := range seen.Began {
		if slices.ContainsFunc(runs, func(r ScheduleRun) bool { return r.At.Equal(at) }) {
			continue
		}
		run := ScheduleRun{At: at, Outcome: models.ScheduleQueued}
		if !slices.ContainsFunc(seen.Running, at.Equal) {
			run.Outcome, run.Problem = models.ScheduleFailed, endedOutside()
		}
		runs = append(runs, run)
	}
	slices.SortStableFunc(runs, func(a, b ScheduleRun) int { return b.At.Compare(a.At) })
	return runs, nil
}

func endedOutside() *models.Problem {
	return models.NewProblem(models.KindConflict, "schedule.ended_outside", "The run was ended with the engine's tools before it began.",
		"Trigger the schedule, or wait for its next time.")
}
