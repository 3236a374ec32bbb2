package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"github.com/scratch-platform/scratch/models"
)

// healthTime bounds one health check: a process that takes longer is not well.
const healthTime = 4 * time.Second

func healthcheckCommand() *cobra.Command {
	var ready bool
	c := &cobra.Command{
		Use:   "healthcheck <host:port>",
		Short: "Ask a running process for its health: for containers, where no other program is",
		Long: `Ask a running process for its health, at the address it listens on. Ends with 0
when the process lives (/healthz) or, with --ready, when it could work now
(/readyz); else with 1, and says why.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return withExit(exitFailed, askHealth(c.Context(), "http://"+args[0], ready))
		},
	}
	c.Flags().BoolVar(&ready, "ready", false, "ask whether it could work now, not only whether it lives")
	return c
}

func askHealth(ctx context.Context, address string, ready bool) error {
	ctx, cancel := context.WithTimeout(ctx, healthTime)
	defer cancel()
	if ready {
		detail, err := askReady(ctx, address)
		if err == nil && detail != "" {
			err = errors.New(detail)
		}
		return unwell(address, err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address+"/healthz", nil)
	if err != nil {
		return unwell(address, err)
	}
	answer, err := (&http.Client{}).Do(request)
	if err != nil {
		return unwell(address, err)
	}
	defer func() { _ = answer.Body.Close() }() // the status is all
	if answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("/healthz answers %s", answer.Status)
	}
	return unwell(address, err)
}

func unwell(address string, err error) error {
	if err == nil {
		return nil
	}
	return models.NewProblem(models.KindUnavailable, "health.unwell", address+": "+err.Error(), "Its log says more.")
}
