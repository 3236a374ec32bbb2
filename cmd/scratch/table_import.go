package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/scratch-platform/scratch/api"
	"github.com/scratch-platform/scratch/connectors/csv"
	"github.com/scratch-platform/scratch/models"
)

type importFlags struct {
	identity   []string
	into       string
	name       string
	settings   string
	noDownload bool
	detach     bool
}

func importCommand(f *clientFlags) *cobra.Command {
	var flags importFlags
	c := &cobra.Command{
		Use:   "import <snapshot> <file.csv>",
		Short: "Bring a CSV file in as a table: upload, connect, add, download",
		Long: `Bring a CSV file in as a table: upload, connect, add, download.

--identity names the columns that together tell the rows apart. A newer file is
then imported with --into: rows that are known are updated, and edits here are
kept. Without --identity every row of a newer file is a new one.`,
		Example: `  scratch table import Autumn posts.csv --identity id
  scratch table import Autumn posts-new.csv --into posts`,
		Args: cobra.ExactArgs(2),
		RunE: f.run(func(ctx context.Context, s *session, args []string) error {
			return importFile(ctx, s, args[0], args[1], flags)
		}),
	}
	c.Flags().StringSliceVar(&flags.identity, "identity", nil, "columns that identify a row")
	c.Flags().StringVar(&flags.into, "into", "", "an imported table that this file is a newer version of")
	c.Flags().StringVar(&flags.name, "name", "", "what to call the table; the file's name when absent")
	c.Flags().StringVar(&flags.settings, "settings", "", "more settings as JSON, or @file ('scratch connectors' shows which there are)")
	c.Flags().BoolVar(&flags.noDownload, "no-download", false, "add the table without reading its rows")
	c.Flags().BoolVar(&flags.detach, "detach", false, "do not wait for the download")
	return c
}

// imported is what `table import --json` prints.
type imported struct {
	Upload     api.Upload         `json:"upload"`
	Connection api.Connection     `json:"connection"`
	Table      api.Table          `json:"table"`
	Job        *api.Job           `json:"job,omitempty"`
	Outcomes   []api.TableOutcome `json:"outcomes,omitempty"`
}

func importFile(ctx context.Context, s *session, snapshot, path string, flags importFlags) error {
	settings, err := flags.tableSettings(s)
	if err != nil {
		return err
	}
	m, err := s.snapshot(ctx, snapshot)
	if err != nil {
		return err
	}
	var done imported
	if flags.into != "" {
		if done.Table, err = s.importedTable(ctx, m.ID, flags.into); err != nil {
			return err
		}
	}
	if done.Upload, err = s.upload(ctx, path); err != nil {
		return err
	}
	if flags.into != "" {
		err = s.replaceImported(ctx, &done)
	} else {
		name := flags.name
		if name == "" {
			name = strings.TrimSuffix(filepath.Base(path), filepath.Ext(path))
		}
		err = s.addImported(ctx, m.ID, name, settings, &done)
	}
	if err != nil {
		return err
	}
	if flags.noDownload {
		return s.done(done, "Added %s (%s).", plain(done.Table.Name), done.Table.ID)
	}
	s.say("Reading the rows of %s (%s).", plain(done.Table.Name), done.Table.ID)
	accepted, err := ask[api.Accepted](ctx, s.client, http.MethodPost, snapshotPath(m.ID)+"/download", downloadBody{Tables: []string{done.Table.ID}})
	if err != nil {
		return err
	}
	return s.after(ctx, accepted.Job, flags.detach, func(job api.Job, outcomes []api.TableOutcome) any {
		done.Job, done.Outcomes = &job, outcomes
		return done
	})
}

func (f *importFlags) tableSettings(s *session) (map[string]any, error) {
	settings := map[string]any{}
	if f.into != "" && (f.settings != "" || len(f.identity) > 0 || f.name != "") {
		return nil, badInput("import.into", "--into keeps the table's name, settings and identity.", "Leave --name, --settings and --identity out.")
	}
	if f.settings != "" {
		text, err := jsonArgument("settings", f.settings, s.in)
		if err != nil {
			return nil, err
		}
		if err := json.Unmarshal(text, &settings); err != nil {
			return nil, badInput("client.invalid_json", "The settings are not a JSON object.", "Write an object such as {\"delimiter\":\";\"}.")
		}
	}
	if len(f.identity) > 0 {
		settings["identity"] = f.identity
	}
	return settings, nil
}

// importedTable finds the table that a newer file goes into.
func (s *session) importedTable(ctx context.Context, snapshotID, said string) (api.Table, error) {
	t, err := s.table(ctx, snapshotID, said)
	if err == nil && t.Service != csv.Service {
		return t, badInput("import.not_a_file", plain(t.Name)+" is no imported file.", "Name a table that 'scratch table import' made.")
	}
	return t, err
}

// uploadCredential is what connects a file.
func uploadCredential(id string) (json.RawMessage, error) {
	return json.Marshal(map[string]string{"upload_id": id})
}

// replaceImported puts the new file in the place of the one before.
func (s *session) replaceImported(ctx context.Context, done *imported) error {
	credential, err := uploadCredential(done.Upload.ID)
	if err != nil {
		return err
	}
	done.Connection, err = ask[api.Connection](ctx, s.client, http.MethodPatch, connectionPath(done.Table.ConnectionID), map[string]any{"credential": credential})
	if err == nil && done.Connection.Problem != nil {
		return withExit(exitBadInput, done.Connection.Problem)
	}
	return err
}

// addImported connects the upload and adds its one table. A file the server
// refuses leaves nothing behind.
func (s *session) addImported(ctx context.Context, snapshotID, name string, settings map[string]any, done *imported) error {
	credential, err := uploadCredential(done.Upload.ID)
	if err != nil {
		return err
	}
	done.Connection, err = ask[api.Connection](ctx, s.client, http.MethodPost, connectionsPath, newConnection{csv.Service, name, credential})
	if err != nil {
		return err
	}
	err = s.addOnlyTable(ctx, snapshotID, name, settings, done)
	if err == nil {
		return nil
	}
	// Both were made for this import alone.
	ctx = context.WithoutCancel(ctx)
	return errors.Join(err,
		s.call(ctx, http.MethodDelete, connectionPath(done.Connection.ID), nil, nil),
		s.call(ctx, http.MethodDelete, uploadsPath+"/"+url.PathEscape(done.Upload.ID), nil, nil))
}

func (s *session) addOnlyTable(ctx context.Context, snapshotID, name string, settings map[string]any, done *imported) error {
	if p := done.Connection.Problem; p != nil {
		return withExit(exitBadInput, p)
	}
	tables, err := all[api.RemoteTable](ctx, s.client, connectionPath(done.Connection.ID)+"/tables", nil)
	if err != nil {
		return err
	}
	if len(tables) != 1 {
		return withExit(exitFailed, models.NewProblem(models.KindInternal, "import.no_table", fmt.Sprintf("The file gave %d tables.", len(tables)), "Look at it with 'scratch upload preview "+done.Upload.ID+"'."))
	}
	text, err := json.Marshal(settings)
	if err != nil {
		return err
	}
	done.Table, err = ask[api.Table](ctx, s.client, http.MethodPost, snapshotPath(snapshotID)+"/tables",
		newTable{ConnectionID: done.Connection.ID, RemoteID: tables[0].RemoteID, Name: name, Settings: text})
	return err
}
