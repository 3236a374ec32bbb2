package main

import (
	"context"
	"errors"
	"os"

	"github.com/spf13/cobra"

	"github.com/scratch-platform/scratch/internal/config"
	"github.com/scratch-platform/scratch/models"
	"github.com/scratch-platform/scratch/models/store"
)

// localFlags are those of commands that work on this machine's own parts, not
// through a server.
type localFlags struct {
	dataDir string
	json    bool
}

func (f *localFlags) bind(c *cobra.Command) {
	c.PersistentFlags().StringVar(&f.dataDir, "data-dir", "", "data folder (or "+folderVariable+"; .scratch)")
	c.PersistentFlags().BoolVar(&f.json, "json", false, "print JSON on standard output, and nothing else there")
}

// settings reads the environment; --data-dir goes before it.
func (f *localFlags) settings() (config.Settings, error) {
	environ := os.Environ()
	if f.dataDir != "" {
		environ = append(environ, folderVariable+"="+f.dataDir)
	}
	settings, err := config.Load(environ)
	return settings, withExit(exitEnvironment, err)
}

// session prints for a local command as the client commands print.
func (f *localFlags) session(c *cobra.Command) *session {
	return &session{json: f.json, in: c.InOrStdin(), out: c.OutOrStdout(), err: c.ErrOrStderr()}
}

// withStore opens the store for the length of one piece of work.
func withStore(ctx context.Context, settings config.Settings, do func(*store.Store) error) (err error) {
	url := settings.SQLitePath()
	if settings.PostgreSQL() {
		url = settings.DatabaseURL.Reveal()
	} else if err := os.MkdirAll(settings.DataDir, 0o700); err != nil {
		return withExit(exitEnvironment, models.NewProblem(models.KindUnavailable, "client.data_folder", "Cannot make the data folder "+settings.DataDir+".", "Check its permissions.").Because(err))
	}
	s, err := store.Open(ctx, store.Config{URL: url})
	if err != nil {
		return withExit(exitEnvironment, err)
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	return do(s)
}
