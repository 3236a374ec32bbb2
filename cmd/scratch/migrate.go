package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/scratch-platform/scratch/models"
	"github.com/scratch-platform/scratch/models/store"
)

func migrateCommand() *cobra.Command {
	f := &localFlags{}
	up := func(c *cobra.Command, _ []string) error { return migrateUp(f, c) }
	c := &cobra.Command{
		Use:   "migrate",
		Short: "Bring the database's schema up to this version",
		Long: `Bring the database's schema up to this version: once, before the new version's
processes start. 'scratch dev' does it by itself.`,
		Args: cobra.NoArgs,
		RunE: up,
	}
	c.AddCommand(
		&cobra.Command{Use: "up", Short: "Run what is pending (as 'scratch migrate' does)", Args: cobra.NoArgs, RunE: up},
		&cobra.Command{Use: "status", Short: "Say what is pending; change nothing", Args: cobra.NoArgs, RunE: func(c *cobra.Command, _ []string) error { return migrateStatus(f, c) }},
	)
	f.bind(c)
	return c
}

func migrateUp(f *localFlags, c *cobra.Command) error {
	settings, err := f.settings()
	if err != nil {
		return err
	}
	return withStore(c.Context(), settings, func(s *store.Store) error {
		before, err := s.SchemaVersion(c.Context())
		if err != nil {
			return withExit(exitEnvironment, err)
		}
		if before.Ahead {
			// The way back to an older build: it works on the newer schema.
			return f.session(c).done(before, "The schema is at version %d, which a newer program made; this one knows %d and has nothing to run.", before.Current, before.Latest)
		}
		if err := s.Migrate(c.Context()); err != nil {
			return withExit(exitFailed, err)
		}
		after, err := s.SchemaVersion(c.Context())
		if err != nil {
			return withExit(exitEnvironment, err)
		}
		return f.session(c).done(after, "The schema is at version %d; %s run.", after.Current, counted(int64(len(before.Pending)), "migration"))
	})
}

// migrateStatus ends with 1 while something is pending, so that a script can
// wait for it.
func migrateStatus(f *localFlags, c *cobra.Command) error {
	settings, err := f.settings()
	if err != nil {
		return err
	}
	return withStore(c.Context(), settings, func(s *store.Store) error {
		v, err := s.SchemaVersion(c.Context())
		if err != nil {
			return withExit(exitEnvironment, err)
		}
		if err := f.session(c).show(v, func(w io.Writer) error {
			_, err := fmt.Fprintf(w, "The schema is at version %d of %d.\n", v.Current, v.Latest)
			return err
		}); err != nil {
			return err
		}
		switch {
		case v.Ahead:
			return schemaAhead(v)
		case len(v.Pending) > 0:
			return withExit(exitFailed, models.NewProblem(models.KindUnavailable, "store.migrations_pending",
				counted(int64(len(v.Pending)), "migration")+" pending: "+strings.Join(v.Pending, ", ")+".", "Run 'scratch migrate'."))
		default:
			return nil
		}
	})
}

func schemaAhead(v store.SchemaVersion) error {
	return withExit(exitEnvironment, models.NewProblem(models.KindConflict, "store.schema_ahead",
		fmt.Sprintf("The database is at version %d; this program knows %d.", v.Current, v.Latest), "Use the newer version of Scratch that migrated it."))
}
