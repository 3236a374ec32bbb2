package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/scratch-platform/scratch/api"
	"github.com/scratch-platform/scratch/models"
)

func tableCommand(f *clientFlags) *cobra.Command {
	return parent("table", "Tables of a snapshot",
		&cobra.Command{Use: "list <snapshot>", Short: "List a snapshot's tables", Args: cobra.ExactArgs(1), RunE: f.run(listTables)},
		addTableCommand(f),
		&cobra.Command{Use: "show <snapshot> <table>", Short: "Show a table with its columns", Args: cobra.ExactArgs(2), RunE: f.run(showTable)},
		&cobra.Command{Use: "rename <snapshot> <table> <name>", Short: "Rename a table here", Args: cobra.ExactArgs(3), RunE: f.run(renameTable)},
		removeTableCommand(f),
		recordsCommand(f),
		setCommand(f),
		exportCommand(f),
		importCommand(f),
	)
}

func listTables(ctx context.Context, s *session, args []string) error {
	m, err := s.snapshot(ctx, args[0])
	if err != nil {
		return err
	}
	tables, err := s.tables(ctx, m.ID)
	if err != nil {
		return err
	}
	return s.show(listed(tables), func(w io.Writer) error { return writeTables(w, tables) })
}

func writeTables(w io.Writer, tables []api.Table) error {
	if len(tables) == 0 {
		_, err := fmt.Fprintln(w, "No tables yet. Add one with 'scratch table add <snapshot> <connection> <remote table>'.")
		return err
	}
	t := columns{heads: []string{"ID", "NAME", "SERVICE", "STATE", "RECORDS", "EDITED", "DOWNLOADED"}, limits: []int{0, 40, 16}}
	for _, one := range tables {
		t.add(one.ID, one.Name, one.Service, string(one.State), grouped(one.RecordCount), grouped(one.EditedCount), moment(one.DownloadedAt))
	}
	return t.write(w)
}

// newTable is the body of a request that adds a table.
type newTable struct {
	ConnectionID string          `json:"connection_id"`
	RemoteID     string          `json:"remote_id"`
	Name         string          `json:"name,omitempty"`
	Settings     json.RawMessage `json:"settings,omitempty"`
}

func addTableCommand(f *clientFlags) *cobra.Command {
	var name, settings string
	c := &cobra.Command{
		Use:     "add <snapshot> <connection> <remote table>",
		Short:   "Add a remote table; download it next",
		Example: "  scratch table add Autumn Blog posts",
		Args:    cobra.ExactArgs(3),
		RunE: f.run(func(ctx context.Context, s *session, args []string) error {
			return addTable(ctx, s, args, name, settings)
		}),
	}
	c.Flags().StringVar(&name, "name", "", "what to call it here; the service's name when absent")
	c.Flags().StringVar(&settings, "settings", "", "the table's settings as JSON, or @file ('scratch connectors' shows which there are)")
	return c
}

func addTable(ctx context.Context, s *session, args []string, name, settings string) error {
	m, err := s.snapshot(ctx, args[0])
	if err != nil {
		return err
	}
	c, err := s.connection(ctx, args[1])
	if err != nil {
		return err
	}
	body := newTable{ConnectionID: c.ID, Name: name}
	if body.RemoteID, err = s.remoteTable(ctx, c, args[2]); err != nil {
		return err
	}
	if settings != "" {
		if body.Settings, err = jsonArgument("settings", settings, s.in); err != nil {
			return err
		}
	}
	t, err := ask[api.Table](ctx, s.client, http.MethodPost, snapshotPath(m.ID)+"/tables", body)
	if err != nil {
		return err
	}
	return s.done(t, "Added %s (%s) with %s. Download it with 'scratch download %s --table %s'.",
		plain(t.Name), t.ID, counted(int64(len(t.Columns)), "column"), m.ID, t.ID)
}

// remoteTable takes the service's own id or the table's name there. What the
// service does not list may still be there, so the server has the last word.
func (s *session) remoteTable(ctx context.Context, c api.Connection, said string) (string, error) {
	tables, err := all[api.RemoteTable](ctx, s.client, connectionPath(c.ID)+"/tables", nil)
	if err != nil {
		return "", err
	}
	t, err := pick("table", said, tables, func(r api.RemoteTable) named { return named{r.RemoteID, []string{r.Name}} })
	if missing(err) {
		return said, nil
	}
	return t.RemoteID, err
}

func jsonArgument(name, given string, in io.Reader) (json.RawMessage, error) {
	content, found, err := readArgument(given, in)
	if err != nil {
		return nil, err
	}
	if !found {
		content = []byte(given)
	}
	if !json.Valid(content) {
		return nil, badInput("client.invalid_json", "The "+name+" are not JSON.", "Write a JSON object, or @file with one.")
	}
	return content, nil
}

func showTable(ctx context.Context, s *session, args []string) error {
	t, err := s.table(ctx, args[0], args[1])
	if err != nil {
		return err
	}
	return s.show(t, func(w io.Writer) error {
		fmt.Fprintf(w, "%s (%s) of %s, %s: %s, %s edited\n", plain(t.Name), t.ID, plain(t.Service), t.State, counted(t.RecordCount, "record"), grouped(t.EditedCount))
		if t.ReadOnly {
			fmt.Fprintf(w, "Read only: %s\n", plain(t.ReadOnlyWhy))
		}
		fmt.Fprintln(w)
		list := columns{heads: []string{"COLUMN", "NAME", "KIND", "NOTE"}, limits: []int{40, 40, 16, 60}}
		for _, c := range t.Columns {
			list.add(c.ID, c.Name, string(c.Kind), columnNote(c))
		}
		return list.write(w)
	})
}

// sortArgument takes columns by name too and gives the API their ids.
func sortArgument(t api.Table, given string) (string, error) {
	var sorts []string
	for _, said := range strings.Split(given, ",") {
		name, descending := strings.CutPrefix(strings.TrimSpace(said), "-")
		c, err := columnOf(t, name)
		if err != nil {
			return "", err
		}
		if descending {
			c.ID = "-" + c.ID
		}
		sorts = append(sorts, c.ID)
	}
	return strings.Join(sorts, ","), nil
}

func columnNote(c models.Column) string {
	var notes []string
	note := func(is bool, text string) {
		if is {
			notes = append(notes, text)
		}
	}
	note(c.ReadOnly, "read only")
	note(c.Required, "required")
	note(c.Local, "Scratch's own, never published")
	note(c.Removed, "gone at the service")
	return strings.Join(notes, ", ")
}

func renameTable(ctx context.Context, s *session, args []string) error {
	t, err := s.table(ctx, args[0], args[1])
	if err != nil {
		return err
	}
	return rename(ctx, s, tablePath(t), args[2], func(t api.Table) (name, id string) { return t.Name, t.ID })
}

// rename gives what stands at a path another name and shows what the API made
// of it.
func rename[T any](ctx context.Context, s *session, path, name string, of func(T) (name, id string)) error {
	renamed, err := ask[T](ctx, s.client, http.MethodPatch, path, map[string]string{"name": name})
	if err != nil {
		return err
	}
	shown, id := of(renamed)
	return s.done(renamed, "Renamed to %s (%s).", plain(shown), id)
}

func removeTableCommand(f *clientFlags) *cobra.Command {
	var yes bool
	c := &cobra.Command{
		Use:   "remove <snapshot> <table>",
		Short: "Remove a table from the snapshot; nothing changes at the service",
		Args:  cobra.ExactArgs(2),
		RunE: f.run(func(ctx context.Context, s *session, args []string) error {
			t, err := s.table(ctx, args[0], args[1])
			if err != nil {
				return err
			}
			question := fmt.Sprintf("Remove %s with %s not yet published?", plain(t.Name), counted(t.EditedCount, "edited record"))
			if err := s.confirm(question, yes || t.EditedCount == 0, "Nothing was removed."); err != nil {
				return err
			}
			if err := s.call(ctx, http.MethodDelete, tablePath(t), nil, nil); err != nil {
				return err
			}
			return s.done(removed{t.ID}, "Removed %s (%s).", plain(t.Name), t.ID)
		}),
	}
	c.Flags().BoolVar(&yes, "yes", false, "do not ask, even when edits would be lost")
	return c
}

type recordsFlags struct {
	filter, sort, view, columns string
	limit                       int
	at                          int64
	cursor                      string
}

func recordsCommand(f *clientFlags) *cobra.Command {
	var flags recordsFlags
	c := &cobra.Command{
		Use:   "records <snapshot> <table>",
		Short: "Show records, filtered and sorted",
		Example: `  scratch table records Autumn Posts --filter '{"op":"contains","column":"title","value":"2023"}' --sort -date
  scratch table records Autumn Posts --at 9000 --json`,
		Args: cobra.ExactArgs(2),
		RunE: f.run(func(ctx context.Context, s *session, args []string) error {
			return listRecords(ctx, s, args, flags)
		}),
	}
	c.Flags().StringVar(&flags.filter, "filter", "", "a filter as JSON, or @file")
	c.Flags().StringVar(&flags.sort, "sort", "", "columns to sort by, '-' before one for descending: -date,title")
	c.Flags().StringVar(&flags.view, "view", "", "id of a saved view")
	c.Flags().StringVar(&flags.columns, "columns", "", "columns to show, separated by commas; the first few when absent")
	c.Flags().IntVar(&flags.limit, "limit", 50, "records to show, at most 500")
	c.Flags().Int64Var(&flags.at, "at", -1, "ordinal of the first record, counted from 0")
	c.Flags().StringVar(&flags.cursor, "cursor", "", "next_cursor of the page before")
	return c
}

func listRecords(ctx context.Context, s *session, args []string, flags recordsFlags) error {
	t, err := s.table(ctx, args[0], args[1])
	if err != nil {
		return err
	}
	query := url.Values{"limit": {strconv.Itoa(flags.limit)}}
	if flags.filter != "" {
		filter, err := jsonArgument("filter", flags.filter, s.in)
		if err != nil {
			return err
		}
		query.Set("filter", string(filter))
	}
	if flags.sort != "" {
		sort, err := sortArgument(t, flags.sort)
		if err != nil {
			return err
		}
		query.Set("sort", sort)
	}
	for name, value := range map[string]string{"view": flags.view, "cursor": flags.cursor} {
		if value != "" {
			query.Set(name, value)
		}
	}
	if flags.at >= 0 {
		query.Set("at", strconv.FormatInt(flags.at, 10))
	}
	page, err := get[api.RecordsPage](ctx, s.client, tablePath(t)+"/records?"+query.Encode())
	if err != nil {
		return err
	}
	return s.show(page, func(w io.Writer) error { return writeRecords(w, t, page, flags.columns) })
}
