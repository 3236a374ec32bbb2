package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"github.com/scratch-platform/scratch/api"
	"github.com/scratch-platform/scratch/models"
)

const schedulesPath = "/api/v1/schedules"

func schedulePath(id string) string { return schedulesPath + "/" + url.PathEscape(id) }

func scheduleCommand(f *clientFlags) *cobra.Command {
	return parent("schedule", "Downloads at set times",
		listSchedulesCommand(f),
		&cobra.Command{Use: "show <schedule>", Short: "Show a schedule, its next and its latest runs", Args: cobra.ExactArgs(1), RunE: f.run(showSchedule)},
		addScheduleCommand(f),
		pauseScheduleCommand(f),
		&cobra.Command{Use: "resume <schedule>", Short: "Let a paused schedule go on", Args: cobra.ExactArgs(1), RunE: f.run(resumeSchedule)},
		triggerScheduleCommand(f),
		&cobra.Command{Use: "remove <schedule>", Short: "Remove a schedule; a download under way goes on", Args: cobra.ExactArgs(1), RunE: f.run(removeSchedule)},
	)
}

func listSchedulesCommand(f *clientFlags) *cobra.Command {
	var snapshot string
	c := &cobra.Command{
		Use: "list", Short: "List schedules with their next runs", Args: cobra.NoArgs,
		RunE: f.run(func(ctx context.Context, s *session, _ []string) error {
			query := url.Values{}
			if snapshot != "" {
				m, err := s.snapshot(ctx, snapshot)
				if err != nil {
					return err
				}
				query.Set("snapshot", m.ID)
			}
			items, err := all[api.Schedule](ctx, s.client, schedulesPath, query)
			if err != nil {
				return err
			}
			return s.show(listed(items), func(w io.Writer) error { return writeSchedules(w, items) })
		}),
	}
	c.Flags().StringVar(&snapshot, "snapshot", "", "only schedules of this snapshot")
	return c
}

func writeSchedules(w io.Writer, items []api.Schedule) error {
	if len(items) == 0 {
		_, err := fmt.Fprintln(w, "No schedules yet. Make one with 'scratch schedule add <snapshot> --cron \"30 6 * * 1-5\"'.")
		return err
	}
	t := columns{heads: []string{"ID", "SNAPSHOT", "WHEN", "STATE", "NEXT", "LAST"}, limits: []int{0, 0, 40, 16, 20, 40}}
	for _, m := range items {
		next, last := "", ""
		if len(m.NextRuns) > 0 {
			next = moment(&m.NextRuns[0])
		}
		if len(m.Runs) > 0 {
			last = moment(&m.Runs[0].At) + " " + wordOf(m.Runs[0])
		}
		t.add(m.ID, m.SnapshotID, timesOf(m), standingOf(m), next, last)
	}
	return t.write(w)
}

// timesOf says when a schedule runs, in its own words.
func timesOf(m api.Schedule) string {
	if m.Every != "" {
		return "every " + m.Every
	}
	return plain(m.Cron) + " " + m.TimeZone
}

func standingOf(m api.Schedule) string {
	switch {
	case m.EngineAway:
		return "engine away"
	case m.Pending:
		return "pending"
	case m.Paused:
		return "paused"
	default:
		return "active"
	}
}

// wordOf says what came of a run: its job's state, once there is one.
func wordOf(r api.ScheduleRun) string {
	if r.Outcome == models.ScheduleEnded || r.Outcome == models.ScheduleStarted && r.State != "" {
		return string(r.State)
	}
	return string(r.Outcome)
}

func showSchedule(ctx context.Context, s *session, args []string) error {
	m, err := get[api.Schedule](ctx, s.client, schedulePath(args[0]))
	if err != nil {
		return err
	}
	return s.show(m, func(w io.Writer) error { return writeSchedule(w, m) })
}

func writeSchedule(w io.Writer, m api.Schedule) error {
	fmt.Fprintf(w, "%s of %s: %s; %s\n", m.ID, m.SnapshotID, timesOf(m), standingOf(m))
	fmt.Fprintf(w, "%s download of %s; while another is under way: %s\n", m.Mode, tablesOf(m), m.Overlap)
	if m.Note != "" {
		fmt.Fprintln(w, plain(m.Note))
	}
	if m.Paused && m.PausedWhy != "" {
		fmt.Fprintln(w, "paused: "+plain(m.PausedWhy))
	}
	if m.LeftOut+m.Missed > 0 {
		fmt.Fprintf(w, "%d left out because the run before had not ended, %d missed\n", m.LeftOut, m.Missed)
	}
	for i := range m.NextRuns {
		fmt.Fprintln(w, "next  "+moment(&m.NextRuns[i]))
	}
	if len(m.Runs) == 0 {
		return nil
	}
	fmt.Fprintln(w)
	t := columns{heads: []string{"AT", "CAME OF IT", "JOB", "PROBLEM"}, limits: []int{20, 24, 0, 60}}
	for _, r := range m.Runs {
		problem := ""
		if r.Problem != nil {
			problem = plain(r.Problem.Detail)
		}
		t.add(moment(&r.At), wordOf(r), r.JobID, problem)
	}
	return t.write(w)
}

func tablesOf(m api.Schedule) string {
	if len(m.Tables) == 0 {
		return "all tables"
	}
	return counted(int64(len(m.Tables)), "table")
}

// scheduleBody is the body of a request that makes a schedule.
type scheduleBody struct {
	SnapshotID string               `json:"snapshot_id"`
	Cron       string               `json:"cron,omitempty"`
	Every      string               `json:"every,omitempty"`
	TimeZone   string               `json:"time_zone,omitempty"`
	Overlap    models.OverlapPolicy `json:"overlap,omitempty"`
	Mode       models.DownloadMode  `json:"mode,omitempty"`
	Tables     []string             `json:"tables,omitempty"`
	Note       string               `json:"note,omitempty"`
	Paused     bool                 `json:"paused,omitempty"`
}

func addScheduleCommand(f *clientFlags) *cobra.Command {
	var asked scheduleBody
	var tables []string
	var overlap string
	var incremental bool
	c := &cobra.Command{
		Use:   "add <snapshot> --cron <text>|--every <interval>",
		Short: "Download a snapshot at set times",
		Long: `Download a snapshot at set times: by a cron text, read in a time zone, or at an
interval from now on. --overlap says what happens while a download of the snapshot
is under way:

  skip          leave this one out; the next time comes
  buffer_one    let one wait, and run when the other has ended
  cancel_other  stop this schedule's earlier one and run anew; what a person
                started is waited for
  allow_all     share one that brings the same tables, wait for any other`,
		Example: `  scratch schedule add Autumn --cron "30 6 * * 1-5" --zone Europe/Berlin
  scratch schedule add Autumn --every 6h --table Posts --incremental`,
		Args: cobra.ExactArgs(1),
		RunE: f.run(func(ctx context.Context, s *session, args []string) error {
			m, err := s.snapshot(ctx, args[0])
			if err != nil {
				return err
			}
			asked.SnapshotID, asked.Overlap = m.ID, models.OverlapPolicy(overlap)
			if incremental {
				asked.Mode = models.DownloadIncremental
			}
			if asked.Tables, err = s.tableIDs(ctx, m.ID, tables); err != nil {
				return err
			}
			made, err := ask[api.Schedule](ctx, s.client, http.MethodPost, schedulesPath, asked)
			if err != nil {
				return err
			}
			return s.done(made, "Made schedule %s: %s%s.", made.ID, timesOf(made), nextOf(made))
		}),
	}
	c.Flags().StringVar(&asked.Cron, "cron", "", `minute, hour, day of month, month, day of week: "30 6 * * 1-5"; or @hourly, @daily, …`)
	c.Flags().StringVar(&asked.Every, "every", "", "an interval instead: 15m, 6h, 1d12h")
	c.Flags().StringVar(&asked.TimeZone, "zone", "", "time zone of the cron text, as Europe/Berlin (default UTC)")
	c.Flags().StringVar(&overlap, "overlap", "", "skip, buffer_one, cancel_other or allow_all (default skip)")
	c.Flags().StringSliceVar(&tables, "table", nil, "a table to download; again for more; all when absent")
	c.Flags().BoolVar(&incremental, "incremental", false, "only what changed since the last download, where the service can tell")
	c.Flags().StringVar(&asked.Note, "note", "", "a word on it, for people")
	c.Flags().BoolVar(&asked.Paused, "paused", false, "make it, and do not run it until it is resumed")
	return c
}

// nextOf says when a schedule runs next.
func nextOf(m api.Schedule) string {
	switch {
	case m.Paused:
		return "; paused"
	case len(m.NextRuns) == 0:
		return "; Temporal has not been told yet, role cron tells it"
	default:
		return "; next " + moment(&m.NextRuns[0])
	}
}

func pauseScheduleCommand(f *clientFlags) *cobra.Command {
	var why string
	c := &cobra.Command{
		Use: "pause <schedule>", Short: "Pause a schedule; times that pass meanwhile are not made up for", Args: cobra.ExactArgs(1),
		RunE: f.run(func(ctx context.Context, s *session, args []string) error {
			m, err := ask[api.Schedule](ctx, s.client, http.MethodPost, schedulePath(args[0])+"/pause", map[string]string{"why": why})
			if err != nil {
				return err
			}
			return s.done(m, "Paused schedule %s.", m.ID)
		}),
	}
	c.Flags().StringVar(&why, "why", "", "a reason, for colleagues")
	return c
}

func resumeSchedule(ctx context.Context, s *session, args []string) error {
	m, err := ask[api.Schedule](ctx, s.client, http.MethodPost, schedulePath(args[0])+"/resume", nil)
	if err != nil {
		return err
	}
	return s.done(m, "Schedule %s goes on%s.", m.ID, nextOf(m))
}

func triggerScheduleCommand(f *clientFlags) *cobra.Command {
	var detach bool
	c := &cobra.Command{
		Use: "trigger <schedule>", Short: "Run a schedule now, paused or not, and follow its download; Ctrl-C leaves it running", Args: cobra.ExactArgs(1),
		RunE: f.run(func(ctx context.Context, s *session, args []string) error {
			came, err := ask[api.Triggered](ctx, s.client, http.MethodPost, schedulePath(args[0])+"/trigger", nil)
			if err != nil {
				return err
			}
			if came.Job != nil && !came.Waits {
				return s.after(ctx, *came.Job, detach, followedJob)
			}
			why := ""
			for _, w := range came.Warnings {
				why += " " + plain(w.Detail)
			}
			return s.done(came, "Triggered schedule %s.%s See what comes of it with 'scratch schedule show %s'.", args[0], why, args[0])
		}),
	}
	c.Flags().BoolVar(&detach, "detach", false, "start it and do not wait")
	return c
}

func removeSchedule(ctx context.Context, s *session, args []string) error {
	id := strings.TrimSpace(args[0])
	if err := s.call(ctx, http.MethodDelete, schedulePath(id), nil, nil); err != nil {
		return err
	}
	return s.done(removed{id}, "Removed schedule %s. A download under way goes on.", id)
}
