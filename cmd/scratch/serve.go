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

	"github.com/scratch-platform/scratch/api"
	"github.com/scratch-platform/scratch/internal/accounts"
	"github.com/scratch-platform/scratch/internal/config"
	"github.com/scratch-platform/scratch/internal/netguard"
	"github.com/scratch-platform/scratch/models"
)

func serveCommand() *cobra.Command {
	var role string
	c := &cobra.Command{
		Use:   "serve",
		Short: "Run one role, configured by the environment",
		Long: `Run one role, configured by the environment (.env.example explains it).

  frontend   the API, the page, live events; holds jobs against Temporal
  worker     works: downloads, publishes, scheduled downloads, clean-up
  cron       keeps schedules right at Temporal, clean-up's among them; works nothing
             itself. One is enough; a second one stands by
  monolith   all of it in one process

Any number of frontends and workers run side by side on one PostgreSQL. Worker
and cron answer /healthz and /readyz on SCRATCH_HEALTH_LISTEN, when it is set.

On SIGTERM or Ctrl-C requests end and running work comes to a checkpoint, for
SCRATCH_DRAIN at most; a second signal ends the process at once.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return withExit(exitEnvironment, runServe(c.Context(), role))
		},
	}
	c.Flags().StringVar(&role, "role", "", "monolith, frontend, worker or cron (also SCRATCH_ROLE or SERVICE_TYPE)")
	return c
}

func workerCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "worker",
		Short: "Run a worker: short for serve --role=worker",
		Long: `Run a worker: short for serve --role=worker. It answers /healthz and /readyz on
SCRATCH_HEALTH_LISTEN, when it is set.`,
		Args: cobra.NoArgs,
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
	s, err := newSystem(ctx, settings)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	context.AfterFunc(ctx, func() {
		s.log.InfoContext(ctx, "stopping; a second signal ends it at once", "within", settings.Drain)
	})
	until, end := context.WithCancel(ctx)
	defer end()
	group, running := errgroup.WithContext(until)
	err = s.begin(running, group, guard)
	if err != nil {
		end() // what has begun ends too
	}
	return errors.Join(ignoreEnd(err), ignoreEnd(group.Wait()))
}

// begin starts all there is to start, as soon as the store is there.
func (s *system) begin(running context.Context, group *errgroup.Group, guard netguard.Policy) error {
	e := newEntrance(s.settings)
	if err := s.awaitStore(running, group, e); err != nil {
		return err
	}
	if err := s.makeParts(guard); err != nil {
		return err
	}
	if err := s.serveRole(running, group, e); err != nil {
		return err
	}
	s.sharing.run(running, group)
	return s.observed.serve(running, s.settings, group, s.log)
}

// serveRole starts what the role runs, and says where it answers.
func (s *system) serveRole(running context.Context, group *errgroup.Group, e *entrance) error {
	var handler http.Handler
	if s.settings.Role.Serves(config.RoleFrontend) {
		handler = s.handler(!s.settings.PostgreSQL()) //nolint:contextcheck // requests bring their own
	} else {
		handler = api.Health(s.readyAlone, s.sharing.notices, s.log)
	}
	if err := e.lead(running, group, handler); err != nil {
		return err
	}
	s.run(running, group)
	s.log.InfoContext(running, "serving", "role", s.settings.Role, "address", e.address, "temporal", s.settings.TemporalAddress)
	return nil
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
func (s *system) run(ctx context.Context, group *errgroup.Group) {
	role := s.settings.Role
	start := func(runs bool, what func(context.Context) error) {
		if runs {
			group.Go(func() error { return what(ctx) })
		}
	}
	frontend, works := role.Serves(config.RoleFrontend), role.Serves(config.RoleWorker)
	start(frontend || works, s.relay.Run)
	start(true, s.watchEngine)
	start(frontend, s.hub.Run)
	start(frontend, s.reconciler.Run)
	start(works, s.work)
	start(role.Serves(config.RoleCron), s.schedules.Run)
}

// serveHTTP serves until the context ends, then takes no more connections and
// lets requests end, for the drain time at most. Event streams end with the hub.
func serveHTTP(ctx context.Context, listener net.Listener, handler http.Handler, drain time.Duration) error {
	requests, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	server := &http.Server{
		Handler: handler, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute,
		BaseContext: func(net.Listener) context.Context { return requests },
	}
	stopped := make(chan error, 1)
	go func() {
		<-ctx.Done()
		stop, cancel := context.WithTimeout(requests, drain)
		defer cancel()
		err := server.Shutdown(stop)
		if errors.Is(err, context.DeadlineExceeded) {
			cut() // whoever has not ended by now is told so, and cut off
			err = server.Close()
		}
		stopped <- err
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

// checkOperatorSession lets browsers through to the payload codec that an
// operator's link signed in a while ago (Promise 11).
func (s *system) checkOperatorSession(r *http.Request) error {
	hash, ok := accounts.CookieFor(r, s.settings.BaseURL()).Read(r)
	if !ok {
		return models.NewProblem(models.KindUnauthenticated, "auth.required", "no session came with the request", "Sign in on the server's own page.")
	}
	session, _, err := s.store.System().SessionByHash(r.Context(), hash[:])
	if err != nil {
		return err
	}
	if session.OperatesUntil == nil || !session.OperatesUntil.After(s.store.Now()) {
		return models.NewProblem(models.KindForbidden, "auth.not_operator", "this session may not operate, or no longer", "Make a new link with `scratch sign-in --operator`.")
	}
	return nil
}
