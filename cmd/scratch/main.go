package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

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
	c.AddCommand(devCommand(), serveCommand(), workerCommand())
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
func report(err error) {
	p, ok := models.AsProblem(err)
	if !ok {
		fmt.Fprintln(os.Stderr, "scratch:", err)
		return
	}
	fmt.Fprintf(os.Stderr, "scratch: %s (%s)\n", p.Detail, p.Code)
	for _, f := range p.Fields {
		fmt.Fprintf(os.Stderr, "  %s: %s\n", f.Field, f.Detail)
	}
	if p.Hint != "" {
		fmt.Fprintln(os.Stderr, "  "+p.Hint)
	}
}
