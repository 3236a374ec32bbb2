package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os/user"
	"strings"

	"github.com/spf13/cobra"

	"github.com/scratch-platform/scratch/api"
	"github.com/scratch-platform/scratch/models"
)

func recordCommand(f *clientFlags) *cobra.Command {
	set := setCommand(f)
	return parent("record", "Records of a table; nothing leaves for the service before a publish",
		&cobra.Command{Use: "show <snapshot> <table> <record>", Short: "Show one record, with its edits and conflicts", Args: cobra.ExactArgs(3), RunE: f.run(showRecord)},
		set,
		&cobra.Command{
			Use: "add <snapshot> <table> column=value...", Short: "Make a new record here", Args: cobra.MinimumNArgs(3), Long: "Make a new record here.\n\n" + valueHelp,
			RunE: f.run(func(ctx context.Context, s *session, args []string) error { return addRecord(ctx, s, args) }),
		},
		recordOperationCommand(f, "delete", models.OpDelete, "Mark a record deleted here; the next publish deletes it at the service"),
		recordOperationCommand(f, "restore", models.OpRestore, "Take a delete mark back"),
		revertCommand(f),
		&cobra.Command{Use: "history <snapshot> <table> <record>", Short: "Who changed what, from what, when", Args: cobra.ExactArgs(3), RunE: f.run(showHistory)},
		resolveConflictCommand(f),
	)
}

const valueHelp = `A value is written as
  column=text      the text; a number, a date, or true and false where the column wants one
  column=          an empty text
  column:=json     any JSON; null clears the cell
  column=@file     what the file holds
A column is called by its id or its name.`

func setCommand(f *clientFlags) *cobra.Command {
	return &cobra.Command{
		Use:   "set <snapshot> <table> <record> column=value...",
		Short: "Change cells of a record here",
		Long: `Change cells of a record here. A cell that somebody changed in the meantime is
not written; both values are shown.

` + valueHelp,
		Example: `  scratch table set Autumn Posts 42 title="New"
  scratch record set Autumn Posts 42 content=@post.html excerpt:=null`,
		Args: cobra.MinimumNArgs(4),
		RunE: f.run(setCells),
	}
}

// tab names the command line to undo: what one person does from one machine is
// one line of undo steps, over all runs of the command.
func tab() string {
	name := "cli"
	if u, err := user.Current(); err == nil {
		name += "-" + u.Username
	}
	return models.Bound(name, 64)
}

// writeBody is the body of a write request.
type writeBody struct {
	Operations []api.Operation `json:"operations"`
}

// write sends one operation and shows what became of it. The server refuses a
// cell that changed meanwhile, with both values.
func (s *session) write(ctx context.Context, t api.Table, operation api.Operation, show func(w io.Writer, done api.OperationState) error) error {
	result, err := ask[api.WriteResult](ctx, s.as(tab()), http.MethodPatch, tablePath(t)+"/records", writeBody{[]api.Operation{operation}})
	if err != nil {
		return err
	}
	if len(result.Results) != 1 {
		return withExit(exitEnvironment, fmt.Errorf("the server answered %d results to one operation", len(result.Results)))
	}
	done := result.Results[0]
	return s.show(result, func(w io.Writer) error { return show(w, done) })
}

func setCells(ctx context.Context, s *session, args []string) error {
	t, r, err := s.record(ctx, args)
	if err != nil {
		return err
	}
	fields, err := readValues(t, args[3:], s.in)
	if err != nil {
		return err
	}
	seen := models.Fields{}
	for column := range fields {
		if seen[column] = models.CellOf(r.Fields, column); seen[column] == nil {
			seen[column] = json.RawMessage("null")
		}
	}
	return s.write(ctx, t, api.Operation{Op: models.OpUpdate, ID: r.ID, Fields: fields, Seen: seen}, func(w io.Writer, done api.OperationState) error {
		fmt.Fprintf(w, "%s, record %s:\n", plain(t.Name), done.ID)
		return writeChanges(w, t, seen, fields)
	})
}

func addRecord(ctx context.Context, s *session, args []string) error {
	t, err := s.table(ctx, args[0], args[1])
	if err != nil {
		return err
	}
	fields, err := readValues(t, args[2:], s.in)
	if err != nil {
		return err
	}
	return s.write(ctx, t, api.Operation{Op: models.OpCreate, Fields: fields}, func(w io.Writer, done api.OperationState) error {
		_, err := fmt.Fprintf(w, "Made record %s in %s; a publish sends it.\n", done.ID, plain(t.Name))
		return err
	})
}

// readValues reads column=value and column:=json arguments.
func readValues(t api.Table, args []string, in io.Reader) (models.Fields, error) {
	fields := models.Fields{}
	for _, arg := range args {
		name, text, ok := strings.Cut(arg, "=")
		if !ok {
			return nil, badInput("record.no_value", fmt.Sprintf("%q says no value.", fit(arg, 60)), "Write column=value.")
		}
		name, isJSON := strings.CutSuffix(name, ":")
		c, err := columnOf(t, name)
		if err != nil {
			return nil, err
		}
		if !isJSON {
			if fields[c.ID], err = typedValue(c, text, in); err != nil {
				return nil, err
			}
			continue
		}
		if !json.Valid([]byte(text)) {
			return nil, badInput("record.invalid_json", fmt.Sprintf("The value of %s is not JSON.", plain(name)), `Quote text, as in title:='"New"', or write title=New.`)
		}
		fields[c.ID] = json.RawMessage(text)
	}
	return fields, nil
}

// typedValue gives typed text the JSON that the column's kind has.
func typedValue(c models.Column, text string, in io.Reader) (json.RawMessage, error) {
	if content, found, err := readArgument(text, in); found {
		if err != nil {
			return nil, err
		}
		text = string(content)
	}
	switch c.Kind {
	case models.ColumnBoolean, models.ColumnMultiSelect, models.ColumnReferences, models.ColumnAttachment, models.ColumnJSON:
		if text == "" {
			return json.RawMessage("null"), nil
		}
		if json.Valid([]byte(text)) {
			return json.RawMessage(text), nil
		}
		if c.Kind == models.ColumnMultiSelect || c.Kind == models.ColumnReferences {
			return listValue(c, text)
		}
		return nil, badInput("record.invalid_value", fmt.Sprintf("%s takes %s, not %q.", plain(c.ID), c.Kind, fit(text, 60)), "Write "+example(c.Kind)+".")
	case models.ColumnSelect:
		return json.Marshal(optionID(c, text))
	case models.ColumnNumber, models.ColumnInteger, models.ColumnDate, models.ColumnDateTime, models.ColumnTime:
		if text == "" {
			return json.RawMessage("null"), nil
		}
	default: // text of some kind
	}
	return json.Marshal(text)
}

// listValue reads a,b,c as a list of options.
func listValue(c models.Column, text string) (json.RawMessage, error) {
	var ids []string
	for _, one := range strings.Split(text, ",") {
		ids = append(ids, optionID(c, strings.TrimSpace(one)))
	}
	return json.Marshal(ids)
}

func optionID(c models.Column, said string) string {
	for _, o := range c.Options {
		if o.Name == said {
			return o.ID
		}
	}
	return said
}

func example(kind models.ColumnKind) string {
	if kind == models.ColumnBoolean {
		return "true or false"
	}
	return "JSON"
}

// record finds a record by snapshot, table and record id.
func (s *session) record(ctx context.Context, args []string) (api.Table, api.Record, error) {
	t, err := s.table(ctx, args[0], args[1])
	if err != nil {
		return t, api.Record{}, err
	}
	r, err := get[api.Record](ctx, s.client, recordPath(t, args[2]))
	return t, r, err
}

func recordPath(t api.Table, id string) string {
	return tablePath(t) + "/records/" + url.PathEscape(id)
}

func showRecord(ctx context.Context, s *session, args []string) error {
	t, r, err := s.record(ctx, args)
	if err != nil {
		return err
	}
	return s.show(r, func(w io.Writer) error {
		state := recordState(r)
		if state == "" {
			state = r.State
		}
		fmt.Fprintf(w, "%s, record %s (%s), %s\n\n", plain(t.Name), r.ID, plain(r.RemoteID), state)
		list := columns{heads: []string{"COLUMN", "VALUE", "AT THE SERVICE"}, limits: []int{30, 70, 70}}
		for _, c := range t.Columns {
			service := ""
			if _, edited := r.Edits[c.ID]; edited {
				service = cellText(models.CellOf(r.Base, c.ID))
				if service == "" {
					service = "(empty)"
				}
			}
			list.add(c.Name, cellText(models.CellOf(r.Fields, c.ID)), service)
		}
		if err := list.write(w); err != nil {
			return err
		}
		for _, c := range r.Conflicts {
			fmt.Fprintf(w, "\nConflict in %s: yours %s, the service's now %s, before %s\n", plain(c.Column),
				fit(cellText(c.Mine), 60), fit(cellText(c.Theirs), 60), fit(cellText(c.Base), 60))
		}
		return nil
	})
}

func recordOperationCommand(f *clientFlags, word string, op models.Operation, short string) *cobra.Command {
	return &cobra.Command{
		Use: word + " <snapshot> <table> <record>", Short: short, Args: cobra.ExactArgs(3),
		RunE: f.run(func(ctx context.Context, s *session, args []string) error {
			t, err := s.table(ctx, args[0], args[1])
			if err != nil {
				return err
			}
			return s.write(ctx, t, api.Operation{Op: op, ID: args[2]}, func(w io.Writer, done api.OperationState) error {
				_, err := fmt.Fprintf(w, "Done: %s of record %s in %s.\n", word, done.ID, plain(t.Name))
				return err
			})
		}),
	}
}

func revertCommand(f *clientFlags) *cobra.Command {
	return &cobra.Command{
		Use:   "revert <snapshot> <table> <record> [column...]",
		Short: "Drop a record's edits, of the named columns or all",
		Args:  cobra.MinimumNArgs(3),
		RunE: f.run(func(ctx context.Context, s *session, args []string) error {
			t, err := s.table(ctx, args[0], args[1])
			if err != nil {
				return err
			}
			operation := api.Operation{Op: models.OpRevert, ID: args[2]}
			for _, said := range args[3:] {
				c, err := columnOf(t, said)
				if err != nil {
					return err
				}
				operation.Cells = append(operation.Cells, c.ID)
			}
			return s.write(ctx, t, operation, func(w io.Writer, done api.OperationState) error {
				_, err := fmt.Fprintf(w, "Dropped the edits of record %s in %s.\n", done.ID, plain(t.Name))
				return err
			})
		}),
	}
}

func showHistory(ctx context.Context, s *session, args []string) error {
	t, err := s.table(ctx, args[0], args[1])
	if err != nil {
		return err
	}
	changes, err := all[api.Change](ctx, s.client, recordPath(t, args[2])+"/history", nil)
	if err != nil {
		return err
	}
	return s.show(listed(changes), func(w io.Writer) error {
		list := columns{heads: []string{"WHEN", "WHO", "WHAT", "COLUMN", "FROM", "TO"}, limits: []int{0, 24, 10, 24}}
		for _, c := range changes {
			at := c.At
			list.add(moment(&at), c.By, string(c.Op), c.Column, cellText(c.From), cellText(c.To))
		}
		return list.write(w)
	})
}

// conflictCell names a cell of a resolve request.
type conflictCell struct {
	RecordID string `json:"record_id"`
	Column   string `json:"column"`
}

func resolveConflictCommand(f *clientFlags) *cobra.Command {
	var choose string
	c := &cobra.Command{
		Use:   "resolve <snapshot> <table> <record> [column...] --choose mine|theirs|base",
		Short: "Settle a record's conflicts, of the named columns or all",
		Args:  cobra.MinimumNArgs(3),
		RunE: f.run(func(ctx context.Context, s *session, args []string) error {
			return resolveConflicts(ctx, s, args, choose)
		}),
	}
	c.Flags().StringVar(&choose, "choose", "", "mine keeps the edit, theirs takes the service's value, base goes back to before the edit")
	return c
}

func resolveConflicts(ctx context.Context, s *session, args []string, choose string) error {
	if choose != "mine" && choose != "theirs" && choose != "base" {
		return badInput("records.unknown_choice", "It is not said how to settle the conflict.", "Give --choose mine, theirs or base.")
	}
	t, r, err := s.record(ctx, args)
	if err != nil {
		return err
	}
	var cells []conflictCell
	for _, said := range args[3:] {
		c, err := columnOf(t, said)
		if err != nil {
			return err
		}
		cells = append(cells, conflictCell{r.ID, c.ID})
	}
	if len(args) == 3 {
		for _, c := range r.Conflicts {
			cells = append(cells, conflictCell{r.ID, c.Column})
		}
	}
	if len(cells) == 0 {
		return badInput("records.no_conflict", "This record has no conflict.", "Show it with 'scratch record show'.")
	}
	result, err := ask[api.BulkResult](ctx, s.as(tab()), http.MethodPost, tablePath(t)+"/records/resolve", map[string]any{"cells": cells, "choose": choose})
	if err != nil {
		return err
	}
	return s.done(result, "Settled %s with %s.", counted(result.Changed, "cell"), choose)
}
