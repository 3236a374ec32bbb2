package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/scratch-platform/scratch/internal/config"
	"github.com/scratch-platform/scratch/internal/events"
	"github.com/scratch-platform/scratch/internal/limits"
	"github.com/scratch-platform/scratch/internal/redis"
	"github.com/scratch-platform/scratch/models"
)

// sharing is what this process has in common with others over Redis.
type sharing struct {
	server   *redis.Client
	limiter  *limits.Shared
	exchange *events.Exchange
}

// openSharing connects to nothing yet: Redis may be away, at the start as later.
// Without a configured Redis there is no sharing, nil.
func openSharing(settings config.Settings, log *slog.Logger) (*sharing, error) {
	if settings.RedisURL.IsZero() {
		return nil, nil //nolint:nilnil // none configured is an answer of its own
	}
	server, err := redis.Open(redis.Config{URL: settings.RedisURL, Log: log})
	if err != nil {
		return nil, err
	}
	return &sharing{
		server: server, limiter: limits.NewShared(server, time.Now, log), exchange: events.NewExchange(server, log),
	}, nil
}

// run adds what keeps the sharing alive to the group.
func (s *sharing) run(ctx context.Context, group *errgroup.Group) {
	if s == nil {
		return
	}
	group.Go(func() error { return s.server.Serve(ctx) })
	group.Go(func() error { return s.limiter.Serve(ctx) })
}

func (s *sharing) close() error {
	if s == nil {
		return nil
	}
	return errors.Join(s.limiter.Close(), s.server.Close())
}

// notices is what is amiss while everything works.
func (s *sharing) notices() []*models.Problem {
	if s == nil {
		return nil
	}
	since, cause := s.server.Cause()
	if cause == nil {
		return nil
	}
	return []*models.Problem{models.NewProblem(models.KindUnavailable, "redis.away",
		fmt.Sprintf("Redis has not answered for %s.", time.Since(since).Round(time.Second)),
		"Nothing is lost; requests to services and live events are slower. 'scratch doctor' and the log name the cause.")}
}

// lookAtRedis asks for Redis where one is configured, and says what is missing
// where several processes have none.
func (d *doctor) lookAtRedis(ctx context.Context) {
	const name = "redis"
	if d.settings.RedisURL.IsZero() {
		if d.settings.PostgreSQL() && d.settings.Role != config.RoleMonolith {
			d.note(name, "none is configured: every worker keeps the services' request limits by itself, and events of other processes come up to a second late",
				"With more than one worker or frontend, set SCRATCH_REDIS_URL.")
		}
		return
	}
	server, err := redis.Open(redis.Config{URL: d.settings.RedisURL, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		d.failed(name, "it cannot be opened", err, "")
		return
	}
	defer func() { _ = server.Close() }() // only asked
	facts, err := server.Look(ctx)
	switch {
	case err != nil:
		d.failed(name, "it cannot be used", err, "Check SCRATCH_REDIS_URL and that the server runs; its user needs to write, to run scripts, to publish and to subscribe. Without it Scratch goes on, more slowly.")
	case facts.Older(oldestRedis):
		d.broken(name, "Redis "+facts.Version+" is too old", "Scratch needs Redis 6.2 or newer, or Valkey.")
	case facts.Evicts:
		d.note(name, "Redis "+facts.Version+" answers, and drops keys when its memory is full: request limits would be forgotten", "Set maxmemory-policy to noeviction on that server, or use one of its own.")
	default:
		d.ok(name, "Redis %s answers", facts.Version)
	}
}

// oldestRedis is the oldest version Scratch works with.
const oldestRedis = "6.2"
