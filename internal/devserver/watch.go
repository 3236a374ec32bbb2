package devserver

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
)

const (
	healthPoll = 50 * time.Millisecond
	// adoptWithin is how long a server that was left behind may take to prove
	// that it is healthy before it is ended.
	adoptWithin = 3 * time.Second
	launchTries = 3
)

// adoptOrLaunch goes on with the server that a killed run left behind when it is
// healthy and runs with the same settings; else ends it and starts one.
// starting bounds the start, watching lives as long as the server is watched.
func (s *Server) adoptOrLaunch(starting, watching context.Context) error {
	o := s.options
	if left, ok := readRecord(o.file("temporal.json")); o.DataDir != "" && ok && isRunning(left.PID, s.mark()) {
		p, err := adopt(watching, left.PID, s.mark())
		if err != nil {
			return err
		}
		s.ports = ports{frontend: left.Frontend, ui: left.UI}
		if left.CLI == o.CLI && slices.Equal(left.Settings, o.settings()) && s.isHealthy(starting) {
			s.process, s.adopted = p, true
			o.Report(fmt.Sprintf("going on with the Temporal server that an earlier run left (process %d, %s)", left.PID, s.Address()))
			return WriteAddress(o.DataDir, s.Address(), o.Namespace)
		}
		if err := p.terminate(starting); err != nil {
			return err
		}
		o.Report(fmt.Sprintf("ended the Temporal server that an earlier run left (process %d)", left.PID))
	}
	return s.launchAnew(starting)
}

// launchAnew chooses ports and launches. Between the choice and the server's
// own bind somebody else may take one of its six ports; then others are chosen.
func (s *Server) launchAnew(ctx context.Context) error {
	var err error
	for range launchTries {
		if s.ports, err = choosePorts(ctx, s.options); err != nil {
			return err
		}
		if err = s.launch(ctx); err == nil || !errors.Is(err, errEnded) {
			return err
		}
	}
	return err
}

func (s *Server) isHealthy(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, adoptWithin)
	defer cancel()
	return awaitHealth(ctx, s.Address(), s.options.Namespace) == nil
}

// watch restarts the server when it ends by itself, until Stop.
func (s *Server) watch(ctx context.Context) {
	defer close(s.done)
	ticker := time.NewTicker(boundEvery)
	defer ticker.Stop()
	for {
		s.mu.Lock()
		current := s.process
		s.mu.Unlock()
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			s.log.bound()
		case <-current.exited:
			if ctx.Err() != nil {
				return
			}
			s.options.Report(fmt.Sprintf("Temporal's dev server is gone (%s); starting it again", current.reason()))
			if !s.restart(ctx) {
				return
			}
		}
	}
}

// restart starts the server again on the same ports, where clients expect it,
// until it is there or ctx ends.
func (s *Server) restart(ctx context.Context) bool {
	for wait := restartFirst; ; wait = min(2*wait, restartLast) {
		err := s.launch(ctx)
		if err == nil {
			s.mu.Lock()
			s.restarts++
			s.mu.Unlock()
			s.options.Report("Temporal's dev server is back on " + s.Address())
			return true
		}
		if ctx.Err() != nil {
			return false
		}
		s.options.Report(fmt.Sprintf("%v; trying again in %s", err, wait))
		select {
		case <-ctx.Done():
			return false
		case <-time.After(wait):
		}
	}
}

// awaitHealth asks the server until it answers and knows the namespace. Each
// try dials anew: gRPC would wait a second between connections.
func awaitHealth(ctx context.Context, address, namespace string) error {
	ticker := time.NewTicker(healthPoll)
	defer ticker.Stop()
	for {
		err := checkHealth(ctx, address, namespace)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", ctx.Err(), err)
		case <-ticker.C:
		}
	}
}

func checkHealth(ctx context.Context, address, namespace string) error {
	c, err := client.DialContext(ctx, client.Options{HostPort: address, Namespace: namespace, Logger: silent{}})
	if err != nil {
		return err
	}
	defer c.Close()
	_, err = c.WorkflowService().DescribeNamespace(ctx, &workflowservice.DescribeNamespaceRequest{Namespace: namespace})
	return err
}
