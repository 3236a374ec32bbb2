package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	_ "time/tzdata" // schedules name time zones, and a bare container has none

	"github.com/spf13/cobra"

	"github.com/scratch-platform/scratch/models"
)

// Exit codes, stable: scripts rely on them.
const (
	exitCompleted   = 0
	exitFailed      = 1 // the work failed, or failed in part
	exitBadInput    = 2
	exitEnvironment = 3 // something Scratch needs is not there
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// The first signal asks to stop; from then on a second one ends the process
	// at once, as it does anywhere.
	context.AfterFunc(ctx, stop)
	err := root().ExecuteContext(ctx)
	stop()
	if err != nil {
		report(err)
	}
	os.Exit(exitCode(err))
}

func root() *cobra.Command {
	c := &cobra.Command{
		Use:           "scratch",
		Short:         "Download content from services, edit it, review every change, publish it back",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	c.AddCommand(devCommand(), serveCommand(), workerCommand(), migrateCommand(), deployCommand(), healthcheckCommand(), doctorCommand(), connectorsCommand(), vaultCommand(), tokenCommand(), signInCommand())
	c.AddCommand(clientCommands()...)
	return c
}

// exitError carries an exit code with an error.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string { return e.err.Error() }
func (e *exitError) Unwrap() error { return e.err }

func withExit(code int, err error) error {
	if err == nil {
		return nil
	}
	return &exitError{code: code, err: err}
}

func exitCode(err error) int {
	var e *exitError
	switch {
	case err == nil:
		return exitCompleted
	case errors.As(err, &e):
		return e.code
	default:
		return exitBadInput // what cobra refuses: unknown commands and flags
	}
}

// report tells what went wrong and what to do, once, here at the top.
func report(err error) { reportTo(os.Stderr, err) }

// reportTo writes an error for people. A problem may hold a service's own
// words, so nothing of it reaches the terminal unescaped.
func reportTo(w io.Writer, err error) {
	p, ok := models.AsProblem(err)
	if !ok {
		fmt.Fprintln(w, "scratch:", plain(err.Error()))
		return
	}
	fmt.Fprintf(w, "scratch: %s (%s)\n", plain(p.Detail), plain(p.Code))
	for _, f := range p.Fields {
		fmt.Fprintf(w, "  %s: %s\n", plain(f.Field), plain(f.Detail))
		if f.Cell != nil {
			fmt.Fprintf(w, "    yours %s, now %s\n", shownValue(f.Cell.Mine, valueWidth), shownValue(f.Cell.Theirs, valueWidth))
		}
	}
	if p.Hint != "" {
		fmt.Fprintln(w, "  "+plain(p.Hint))
	}
}
