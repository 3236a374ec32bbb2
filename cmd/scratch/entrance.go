package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/scratch-platform/scratch/api"
	"github.com/scratch-platform/scratch/internal/config"
	"github.com/scratch-platform/scratch/models"
)

// entrance is where a process of one role answers: while its database is away,
// that it waits for it; from then on what its role serves.
type entrance struct {
	address string // "" answers nothing
	drain   time.Duration
	inside  atomic.Pointer[http.Handler]
}

func newEntrance(settings config.Settings) *entrance {
	e := &entrance{address: settings.HealthListen, drain: settings.Drain}
	if settings.Role.Serves(config.RoleFrontend) {
		e.address = settings.Listen
	}
	return e
}

// lead has requests answered by the handler from now on. The first call listens
// and has the group serve.
func (e *entrance) lead(running context.Context, group *errgroup.Group, handler http.Handler) error {
	if e.inside.Swap(&handler) != nil || e.address == "" {
		return nil
	}
	var lc net.ListenConfig
	listener, err := lc.Listen(running, "tcp", e.address)
	if err != nil {
		return fmt.Errorf("listen on %s: %w", e.address, err)
	}
	e.address = listener.Addr().String()
	group.Go(func() error { return serveHTTP(running, listener, e, e.drain) })
	return nil
}

func (e *entrance) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	(*e.inside.Load()).ServeHTTP(w, r)
}

// lookAgain is the wait between two looks at a database that is away.
const lookAgain = time.Second

// awaitStore opens the store as soon as it answers. Until then the process lives,
// takes no work, and says why: a supervisor that ended and started it again and
// again would bring the database back no sooner.
func (s *system) awaitStore(running context.Context, group *errgroup.Group, e *entrance) error {
	said := false
	for {
		err := s.enterStore(running)
		p, ok := models.AsProblem(err)
		if !ok || p.Code != "store.unavailable" || running.Err() != nil {
			if err == nil && said {
				s.log.InfoContext(running, "the database is there")
			}
			return err
		}
		if !said {
			said = true
			away := func(context.Context) error { return storeAway(p) }
			if err := e.lead(running, group, api.Waiting(away, s.log)); err != nil {
				return err
			}
			s.log.WarnContext(running, "the database is away; waiting for it", "error", p.Unwrap())
		}
		select {
		case <-running.Done():
			return running.Err()
		case <-time.After(lookAgain):
		}
	}
}

// enterStore opens the store and sees that its schema fits.
func (s *system) enterStore(ctx context.Context) (err error) {
	if s.store, err = s.openStore(ctx); err != nil {
		return err
	}
	if err = s.prepareStore(ctx); err != nil {
		_ = s.store.Close() // the reason says more
		s.store = nil
	}
	return err
}
