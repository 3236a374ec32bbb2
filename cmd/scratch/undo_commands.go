package main

import (
	"context"
	"fmt"
	"io"
	"net/http"

	"github.com/spf13/cobra"

	"github.com/scratch-platform/scratch/api"
)

func undoCommand(f *clientFlags) *cobra.Command {
	return stepCommand(f, "undo", "Undo your last change from this command line")
}

func redoCommand(f *clientFlags) *cobra.Command {
	return stepCommand(f, "redo", "Redo what you undid")
}

func stepCommand(f *clientFlags, word, short string) *cobra.Command {
	return &cobra.Command{
		Use: word + " <snapshot>", Short: short, Args: cobra.ExactArgs(1),
		RunE: f.run(func(ctx context.Context, s *session, args []string) error {
			m, err := s.snapshot(ctx, args[0])
			if err != nil {
				return err
			}
			done, err := ask[api.UndoResult](ctx, s.as(tab()), http.MethodPost, snapshotPath(m.ID)+"/"+word, nil)
			if err != nil {
				return err
			}
			return s.show(done, func(w io.Writer) error { return writeStep(w, word, done) })
		}),
	}
}

func writeStep(w io.Writer, word string, done api.UndoResult) error {
	if done.OperationID == "" {
		_, err := fmt.Fprintf(w, "Nothing to %s.\n", word)
		return err
	}
	fmt.Fprintf(w, "Done: %s changed.\n", counted(done.Changed, "cell"))
	for _, c := range done.Skipped {
		fmt.Fprintf(w, "  left alone, somebody changed it since: record %s, %s\n", plain(c.RecordID), plain(c.Column))
	}
	return nil
}
