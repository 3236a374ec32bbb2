package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"github.com/scratch-platform/scratch/api"
)

func snapshotCommand(f *clientFlags) *cobra.Command {
	return parent("snapshot", "Workspaces of tables",
		&cobra.Command{Use: "list", Short: "List your snapshots", Args: cobra.NoArgs, RunE: f.run(listSnapshots)},
		&cobra.Command{Use: "create <name>", Short: "Make an empty snapshot", Args: cobra.ExactArgs(1), RunE: f.run(createSnapshot)},
		&cobra.Command{Use: "show <snapshot>", Short: "Show a snapshot and its tables", Args: cobra.ExactArgs(1), RunE: f.run(showSnapshot)},
		&cobra.Command{Use: "rename <snapshot> <name>", Short: "Rename a snapshot", Args: cobra.ExactArgs(2), RunE: f.run(renameSnapshot)},
		deleteSnapshotCommand(f),
	)
}

func listSnapshots(ctx context.Context, s *session, _ []string) error {
	items, err := all[api.Snapshot](ctx, s.client, snapshotsPath, nil)
	if err != nil {
		return err
	}
	return s.show(listed(items), func(w io.Writer) error {
		if len(items) == 0 {
			_, err := fmt.Fprintln(w, "No snapshots yet. Make one with 'scratch snapshot create <name>'.")
			return err
		}
		t := columns{heads: []string{"ID", "NAME", "CHANGED"}}
		for _, m := range items {
			t.add(m.ID, m.Name, moment(&m.UpdatedAt))
		}
		return t.write(w)
	})
}

func createSnapshot(ctx context.Context, s *session, args []string) error {
	m, err := ask[api.Snapshot](ctx, s.client, http.MethodPost, snapshotsPath, map[string]string{"name": args[0]})
	if err != nil {
		return err
	}
	return s.done(m, "Made %s (%s). Add tables with 'scratch table add'.", plain(m.Name), m.ID)
}

// snapshotView is a snapshot with its tables, as `snapshot show --json` prints it.
type snapshotView struct {
	api.Snapshot
	Tables []api.Table `json:"tables"`
}

func showSnapshot(ctx context.Context, s *session, args []string) error {
	m, err := s.snapshot(ctx, args[0])
	if err != nil {
		return err
	}
	tables, err := s.tables(ctx, m.ID)
	if err != nil {
		return err
	}
	return s.show(snapshotView{m, listed(tables).Items}, func(w io.Writer) error {
		fmt.Fprintf(w, "%s (%s), made %s\n\n", plain(m.Name), m.ID, moment(&m.CreatedAt))
		return writeTables(w, tables)
	})
}

func renameSnapshot(ctx context.Context, s *session, args []string) error {
	m, err := s.snapshot(ctx, args[0])
	if err != nil {
		return err
	}
	return rename(ctx, s, snapshotPath(m.ID), args[1], func(m api.Snapshot) (name, id string) { return m.Name, m.ID })
}

func deleteSnapshotCommand(f *clientFlags) *cobra.Command {
	var yes bool
	c := &cobra.Command{
		Use:   "delete <snapshot>",
		Short: "Delete a snapshot and everything in it; nothing changes at the services",
		Args:  cobra.ExactArgs(1),
		RunE: f.run(func(ctx context.Context, s *session, args []string) error {
			return deleteSnapshot(ctx, s, args[0], yes)
		}),
	}
	c.Flags().BoolVar(&yes, "yes", false, "do not ask")
	return c
}

func deleteSnapshot(ctx context.Context, s *session, said string, yes bool) error {
	m, err := s.snapshot(ctx, said)
	if err != nil {
		return err
	}
	tables, err := s.tables(ctx, m.ID)
	if err != nil {
		return err
	}
	var edited int64
	for _, t := range tables {
		edited += t.EditedCount
	}
	question := fmt.Sprintf("Delete %s with %s and %s not yet published?", plain(m.Name), counted(int64(len(tables)), "table"), counted(edited, "edited record"))
	if err := s.confirm(question, yes, "Nothing was deleted."); err != nil {
		return err
	}
	if err := s.call(ctx, http.MethodDelete, snapshotPath(m.ID), nil, nil); err != nil {
		return err
	}
	return s.done(removed{m.ID}, "Deleted %s (%s).", plain(m.Name), m.ID)
}

// moment is a time as people here read it; empty when there is none.
func moment(t *time.Time) string {
	if t == nil || t.IsZero() {
		return ""
	}
	return t.Local().Format("2006-01-02 15:04:05")
}
