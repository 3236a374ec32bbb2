package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/scratch-platform/scratch/api"
	"github.com/scratch-platform/scratch/models"
)

// downloadBody is the body of a download request.
type downloadBody struct {
	Tables []string            `json:"tables,omitempty"`
	Mode   models.DownloadMode `json:"mode,omitempty"`
}

func downloadCommand(f *clientFlags) *cobra.Command {
	var tables []string
	var incremental, detach bool
	c := &cobra.Command{
		Use:   "download <snapshot>",
		Short: "Download a snapshot's tables; edits here are kept",
		Long: `Download a snapshot's tables; edits here are kept. Ctrl-C leaves the download
running. Ends with 0 when every table completed, 1 when any did not.`,
		Example: "  scratch download Autumn --table Posts --table Tags",
		Args:    cobra.ExactArgs(1),
		RunE: f.run(func(ctx context.Context, s *session, args []string) error {
			m, err := s.snapshot(ctx, args[0])
			if err != nil {
				return err
			}
			body := downloadBody{Mode: models.DownloadFull}
			if incremental {
				body.Mode = models.DownloadIncremental
			}
			if body.Tables, err = s.tableIDs(ctx, m.ID, tables); err != nil {
				return err
			}
			accepted, err := ask[api.Accepted](ctx, s.client, http.MethodPost, snapshotPath(m.ID)+"/download", body)
			if err != nil {
				return err
			}
			return s.after(ctx, accepted.Job, detach, followedJob)
		}),
	}
	c.Flags().StringSliceVar(&tables, "table", nil, "a table to download; again for more; all when absent")
	c.Flags().BoolVar(&incremental, "incremental", false, "only what changed since the last download, where the service can tell")
	c.Flags().BoolVar(&detach, "detach", false, "start it and do not wait")
	return c
}

// tableIDs are the ids of the named tables; none is all.
func (s *session) tableIDs(ctx context.Context, snapshotID string, said []string) ([]string, error) {
	if len(said) == 0 {
		return nil, nil
	}
	tables, err := s.chosen(ctx, snapshotID, said)
	if err != nil {
		return nil, err
	}
	ids := make([]string, 0, len(tables))
	for _, t := range tables {
		ids = append(ids, t.ID)
	}
	return ids, nil
}

func jobCommand(f *clientFlags) *cobra.Command {
	return parent("job", "Downloads and publishes, running and ended",
		listJobsCommand(f),
		&cobra.Command{Use: "show <job>", Short: "Show a job and what it did to each table", Args: cobra.ExactArgs(1), RunE: f.run(showJob)},
		followCommand(f),
		tellCommand(f, "cancel", "Stop a job; what is done stays done"),
		tellCommand(f, "pause", "Pause a job at its checkpoint"),
		tellCommand(f, "resume", "Go on from the checkpoint"),
		retryJobCommand(f),
		decideCommand(f),
	)
}

func listJobsCommand(f *clientFlags) *cobra.Command {
	var states []string
	var kind, snapshot string
	var limit int
	c := &cobra.Command{
		Use: "list", Short: "List jobs, newest first", Args: cobra.NoArgs,
		RunE: f.run(func(ctx context.Context, s *session, _ []string) error {
			query := url.Values{"limit": {strconv.Itoa(limit)}}
			if len(states) > 0 {
				query["state"] = states
			}
			if kind != "" {
				query.Set("kind", kind)
			}
			if snapshot != "" {
				m, err := s.snapshot(ctx, snapshot)
				if err != nil {
					return err
				}
				query.Set("snapshot", m.ID)
			}
			page, err := get[listOf[api.Job]](ctx, s.client, jobsPath+"?"+query.Encode())
			if err != nil {
				return err
			}
			return s.show(listed(page.Items), func(w io.Writer) error { return writeJobs(w, page.Items) })
		}),
	}
	c.Flags().StringSliceVar(&states, "state", nil, "only jobs in this state; again for more")
	c.Flags().StringVar(&kind, "kind", "", "only download, publish or index")
	c.Flags().StringVar(&snapshot, "snapshot", "", "only jobs of this snapshot")
	c.Flags().IntVar(&limit, "limit", 50, "jobs to show, at most 500")
	return c
}

func writeJobs(w io.Writer, jobs []api.Job) error {
	list := columns{heads: []string{"ID", "KIND", "STATE", "PROGRESS", "RESULT", "MADE"}, limits: []int{0, 10, 24, 30, 60}}
	for _, j := range jobs {
		list.add(j.ID, string(j.Kind), string(j.State), amountOf(j.Progress), resultOf(j.Progress), moment(&j.CreatedAt))
	}
	return list.write(w)
}

func showJob(ctx context.Context, s *session, args []string) error {
	job, err := get[api.Job](ctx, s.client, jobPath(args[0]))
	if err != nil {
		return err
	}
	outcomes, err := all[api.TableOutcome](ctx, s.client, jobPath(job.ID)+"/outcomes", nil)
	if err != nil {
		return err
	}
	names, err := s.tableNames(ctx, job.SnapshotID)
	if err != nil {
		return err
	}
	return s.show(followedJob(job, listed(outcomes).Items), func(w io.Writer) error {
		fmt.Fprintf(w, "made %s, started %s, ended %s; workflow %s\n", moment(&job.CreatedAt), moment(job.StartedAt), moment(job.EndedAt), plain(job.WorkflowID))
		if !job.Final {
			fmt.Fprintln(w, jobLine(job))
		}
		if job.Problem != nil {
			writeProblem(w, "problem", job.Problem)
		}
		return writeOutcomes(w, job, outcomes, names)
	})
}

func followCommand(f *clientFlags) *cobra.Command {
	return &cobra.Command{
		Use: "follow <job>", Short: "Show a job as it goes; Ctrl-C leaves it running", Args: cobra.ExactArgs(1),
		RunE: f.run(func(ctx context.Context, s *session, args []string) error {
			job, err := get[api.Job](ctx, s.client, jobPath(args[0]))
			if err != nil {
				return err
			}
			return s.after(ctx, job, false, followedJob)
		}),
	}
}

// tellCommand sends a word to a live job.
func tellCommand(f *clientFlags, word, short string) *cobra.Command {
	return &cobra.Command{
		Use: word + " <job>", Short: short, Args: cobra.ExactArgs(1),
		RunE: f.run(func(ctx context.Context, s *session, args []string) error {
			job, err := ask[api.Job](ctx, s.client, http.MethodPost, jobPath(args[0])+"/"+word, nil)
			if err != nil {
				return err
			}
			return s.done(job, "Job %s: %s asked; it is %s.", job.ID, word, job.State)
		}),
	}
}

func retryJobCommand(f *clientFlags) *cobra.Command {
	var detach bool
	c := &cobra.Command{
		Use: "retry <job>", Short: "Run an ended download again, for the tables that did not complete", Args: cobra.ExactArgs(1),
		RunE: f.run(func(ctx context.Context, s *session, args []string) error {
			accepted, err := ask[api.Accepted](ctx, s.client, http.MethodPost, jobPath(args[0])+"/retry", nil)
			if err != nil {
				return err
			}
			for _, w := range accepted.Warnings {
				s.say("%s", plain(w.Detail))
			}
			return s.after(ctx, accepted.Job, detach, followedJob)
		}),
	}
	c.Flags().BoolVar(&detach, "detach", false, "start it and do not wait")
	return c
}

func decideCommand(f *clientFlags) *cobra.Command {
	var table string
	var remove, keep bool
	c := &cobra.Command{
		Use:   "decide <job> --table <table> --remove|--keep",
		Short: "Answer a download that asks before it removes many records",
		Args:  cobra.ExactArgs(1),
		RunE: f.run(func(ctx context.Context, s *session, args []string) error {
			if remove == keep {
				return badInput("job.no_decision", "It is not said what shall become of the records.", "Give --remove or --keep.")
			}
			job, err := get[api.Job](ctx, s.client, jobPath(args[0]))
			if err != nil {
				return err
			}
			t, err := s.table(ctx, job.SnapshotID, table)
			if err != nil {
				return err
			}
			job, err = ask[api.Job](ctx, s.client, http.MethodPost, jobPath(job.ID)+"/decide", map[string]any{"table_id": t.ID, "remove": remove})
			if err != nil {
				return err
			}
			return s.done(job, "Told job %s; it is %s.", job.ID, job.State)
		}),
	}
	c.Flags().StringVar(&table, "table", "", "the table it asks about")
	c.Flags().BoolVar(&remove, "remove", false, "remove the records that the service no longer has")
	c.Flags().BoolVar(&keep, "keep", false, "keep them")
	return c
}
