package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/scratch-platform/scratch/api"
	"github.com/scratch-platform/scratch/connectors/csv"
)

func exportCommand(f *clientFlags) *cobra.Command {
	var output, filter, sort string
	c := &cobra.Command{
		Use:     "export <snapshot> <table>",
		Short:   "Write a table as CSV",
		Example: "  scratch table export Autumn Posts -o posts.csv",
		Args:    cobra.ExactArgs(2),
		RunE: f.run(func(ctx context.Context, s *session, args []string) error {
			t, err := s.table(ctx, args[0], args[1])
			if err != nil {
				return err
			}
			query := url.Values{}
			if filter != "" {
				text, err := jsonArgument("filter", filter, s.in)
				if err != nil {
					return err
				}
				query.Set("filter", string(text))
			}
			if sort != "" {
				if sort, err = sortArgument(t, sort); err != nil {
					return err
				}
				query.Set("sort", sort)
			}
			return s.export(ctx, t, query, output)
		}),
	}
	c.Flags().StringVarP(&output, "output", "o", "-", "file to write; - is standard output")
	c.Flags().StringVar(&filter, "filter", "", "a filter as JSON, or @file")
	c.Flags().StringVar(&sort, "sort", "", "columns to sort by, '-' before one for descending")
	return c
}

// export writes the file whole or not at all: a stream that breaks leaves what
// was there before.
func (s *session) export(ctx context.Context, t api.Table, query url.Values, output string) error {
	answer, err := s.unhurried().open(ctx, http.MethodGet, tablePath(t)+"/export.csv?"+query.Encode(), "", nil)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if output == "-" {
		_, err := io.Copy(s.out, answer.Body)
		return broken(err)
	}
	temp, err := os.CreateTemp(filepath.Dir(output), ".scratch-export-*")
	if err != nil {
		return withExit(exitEnvironment, fmt.Errorf("make the file: %w", err))
	}
	defer func() { _ = os.Remove(temp.Name()) }() // gone already when all went well
	size, err := io.Copy(temp, answer.Body)
	if err = errors.Join(broken(err), temp.Close()); err != nil {
		return err
	}
	if err := os.Rename(temp.Name(), output); err != nil {
		return withExit(exitEnvironment, fmt.Errorf("put the file in its place: %w", err))
	}
	return s.done(map[string]any{"file": output, "bytes": size}, "Wrote %s (%s bytes).", plain(output), grouped(size))
}

func broken(err error) error {
	if err == nil {
		return nil
	}
	return withExit(exitEnvironment, fmt.Errorf("the export broke off; nothing of it can be used: %w", err))
}

func uploadCommand(f *clientFlags) *cobra.Command {
	c := parent("upload", "Files sent to the server",
		&cobra.Command{Use: "add <file>", Short: "Send a CSV or markdown file", Args: cobra.ExactArgs(1), RunE: f.run(func(ctx context.Context, s *session, args []string) error {
			u, err := s.upload(ctx, args[0])
			if err != nil {
				return err
			}
			return s.done(u, "Uploaded %s (%s), %s bytes.", plain(u.Name), u.ID, grouped(u.Size))
		})},
		&cobra.Command{Use: "list", Short: "List your uploads", Args: cobra.NoArgs, RunE: f.run(listUploads)},
		&cobra.Command{Use: "preview <upload>", Short: "The first rows, the columns found, and what is odd", Args: cobra.ExactArgs(1), RunE: f.run(previewUpload)},
		&cobra.Command{Use: "remove <upload>", Short: "Delete an upload that no connection uses", Args: cobra.ExactArgs(1), RunE: f.run(func(ctx context.Context, s *session, args []string) error {
			if err := s.call(ctx, http.MethodDelete, uploadsPath+"/"+url.PathEscape(args[0]), nil, nil); err != nil {
				return err
			}
			return s.done(removed{args[0]}, "Removed %s.", plain(args[0]))
		})},
	)
	return c
}

// upload streams a file; it is never held in memory. The pipe's writer ends
// when the request does, whichever way.
func (s *session) upload(ctx context.Context, path string) (api.Upload, error) {
	file, err := os.Open(path)
	if err != nil {
		return api.Upload{}, badInput("upload.unreadable", fmt.Sprintf("Cannot read %s: %v.", plain(path), errors.Unwrap(err)), "Check the path and its permissions.")
	}
	defer func() { _ = file.Close() }() // only read
	info, err := file.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return api.Upload{}, badInput("upload.not_a_file", plain(path)+" is not a file.", "Name a file.")
	}
	meter := s.meter("upload "+filepath.Base(path), info.Size())
	defer meter.stop()
	body, pipe := io.Pipe()
	form := multipart.NewWriter(pipe)
	go func() {
		part, err := form.CreateFormFile("file", filepath.Base(path))
		if err == nil {
			_, err = io.Copy(part, meter.reader(file))
		}
		if err == nil {
			err = form.Close()
		}
		pipe.CloseWithError(err)
	}()
	var u api.Upload
	err = s.unhurried().send(ctx, http.MethodPost, uploadsPath, form.FormDataContentType(), body, &u)
	return u, errors.Join(err, body.Close())
}

func listUploads(ctx context.Context, s *session, _ []string) error {
	items, err := all[api.Upload](ctx, s.client, uploadsPath, nil)
	if err != nil {
		return err
	}
	return s.show(listed(items), func(w io.Writer) error {
		t := columns{heads: []string{"ID", "NAME", "BYTES", "SENT"}}
		for _, u := range items {
			t.add(u.ID, u.Name, grouped(u.Size), moment(&u.CreatedAt))
		}
		return t.write(w)
	})
}

func previewUpload(ctx context.Context, s *session, args []string) error {
	sheet, err := get[csv.Sheet](ctx, s.client, uploadsPath+"/"+url.PathEscape(args[0])+"/preview")
	if err != nil {
		return err
	}
	return s.show(sheet, func(w io.Writer) error { return writeSheet(w, sheet) })
}

func writeSheet(w io.Writer, sheet csv.Sheet) error {
	about := ""
	if sheet.Sampled {
		about = "about "
	}
	fmt.Fprintf(w, "%s, delimiter %q, %s%s\n\n", plain(sheet.Encoding), sheet.Delimiter, about, counted(sheet.RowCount, "row"))
	list := columns{}
	for _, c := range sheet.Columns {
		list.heads = append(list.heads, fit(c.Name, maxColumn)+" ("+string(c.Kind)+")")
	}
	for _, row := range sheet.Rows {
		list.add(row[:min(len(row), len(list.heads))]...)
	}
	if err := list.write(w); err != nil {
		return err
	}
	for i := range sheet.Warnings {
		writeProblem(w, "note", &sheet.Warnings[i])
	}
	return nil
}
