package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/scratch-platform/scratch/internal/accounts"
	"github.com/scratch-platform/scratch/internal/config"
	"github.com/scratch-platform/scratch/models"
)

// drainTime is how long a stopping server lets requests finish.
const drainTime = 20 * time.Second

func serveCommand() *cobra.Command {
	var role string
	c := &cobra.Command{
		Use:   "serve",
		Short: "Run one role, configured by the environment",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return withExit(exitEnvironment, runServe(c.Context(), role))
		},
	}
	c.Flags().StringVar(&role, "role", "", "monolith, frontend or worker (also SCRATCH_ROLE or SERVICE_TYPE)")
	return c
}

func workerCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "worker",
		Short: "Run a worker: short for serve --role=worker",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return withExit(exitEnvironment, runServe(c.Context(), string(config.RoleWorker)))
		},
	}
}

func runServe(ctx context.Context, role string) (err error) {
	environ := os.Environ()
	if role != "" {
		environ = append(environ, "SCRATCH_ROLE="+role, "SERVICE_TYPE=")
	}
	settings, err := config.Load(environ)
	if err != nil {
		return err
	}
	guard, err := settings.Netguard()
	if err != nil {
		return err
	}
	s, err := assemble(ctx, settings, guard)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	if err := s.prepareStore(ctx); err != nil {
		return err
	}
	group, running := errgroup.WithContext(ctx)
	s.sharing.run(running, group)
	if err := s.observed.serve(running, settings, group, s.log); err != nil {
		return err
	}
	if settings.Role == config.RoleWorker {
		group.Go(func() error { return s.work(running) })
		group.Go(func() error { return s.relay.Run(running) })
		s.log.InfoContext(ctx, "worker started", "temporal", settings.TemporalAddress)
		return ignoreEnd(group.Wait())
	}
	var lc net.ListenConfig
	listener, err := lc.Listen(ctx, "tcp", settings.Listen)
	if err != nil {
		return fmt.Errorf("listen on %s: %w", settings.Listen, err)
	}
	uiOrigin := settings.TemporalUIURL
	s.run(running, group, listener, s.handler(!settings.PostgreSQL(), uiOrigin)) //nolint:contextcheck // requests bring their own
	s.log.InfoContext(ctx, "serving", "role", settings.Role, "address", listener.Addr().String())
	return ignoreEnd(group.Wait())
}

// prepareStore migrates a store of one machine by itself; a shared one is
// migrated by 'scratch migrate', once, before the new version starts.
func (s *system) prepareStore(ctx context.Context) error {
	if !s.settings.PostgreSQL() {
		return s.store.Migrate(ctx)
	}
	pending, err := s.store.Pending(ctx)
	if err != nil {
		return err
	}
	if pending > 0 {
		return models.NewProblem(models.KindUnavailable, "store.migrations_pending",
			fmt.Sprintf("The database lacks %d migrations of this version.", pending), "Run 'scratch migrate', then start again.")
	}
	return nil
}

// run adds what the role runs to the group.
func (s *system) run(ctx context.Context, group *errgroup.Group, listener net.Listener, handler http.Handler) {
	group.Go(func() error { return s.relay.Run(ctx) })
	group.Go(func() error { return s.hub.Run(ctx) })
	group.Go(func() error { return s.reconciler.Run(ctx) })
	if s.settings.Role != config.RoleFrontend {
		group.Go(func() error { return s.work(ctx) })
		group.Go(func() error { return s.cleanUp(ctx) })
	}
	group.Go(func() error { return serveHTTP(ctx, listener, handler) })
}

// cleanEvery is how often what is kept no longer is deleted.
const cleanEvery = time.Hour

// cleanUp deletes what is kept no longer, now and every hour. A failure waits
// for the next time: nothing depends on it.
func (s *system) cleanUp(ctx context.Context) error {
	ticker := time.NewTicker(cleanEvery)
	defer ticker.Stop()
	for {
		if err := s.store.System().CleanUp(ctx); err != nil && ctx.Err() == nil {
			s.log.WarnContext(ctx, "cleaning up failed; the next time goes on", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

func serveHTTP(ctx context.Context, listener net.Listener, handler http.Handler) error {
	server := &http.Server{
		Handler: handler, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute,
		// Streams end when the process does, not when their clients please.
		BaseContext: func(net.Listener) context.Context { return ctx },
	}
	stopped := make(chan error, 1)
	go func() {
		<-ctx.Done()
		stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTime)
		defer cancel()
		stopped <- server.Shutdown(stop)
	}()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve HTTP: %w", err)
	}
	return <-stopped
}

// checkOperator lets API tokens with the scope to operate through to the payload
// codec, which decodes payloads of every organization (Promise 11).
func (s *system) checkOperator(ctx context.Context, text string) error {
	hash, err := accounts.Parse(accounts.APIToken, text)
	if err != nil {
		return err
	}
	token, _, err := s.store.System().TokenByHash(ctx, hash[:])
	if err != nil {
		return err
	}
	return accounts.StoredScopes(token.Scopes).Check(accounts.ScopeOperate)
}
