package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/scratch-platform/scratch/api"
	"github.com/scratch-platform/scratch/models"
)

// How a job is followed.
const (
	// pollEvery is how often the job itself is read while its events are quiet:
	// the server then holds it against the engine, so that a run that was
	// terminated elsewhere shows as such.
	pollEvery = 3 * time.Second
	// patience is how long a server may be away: long enough for a restart.
	patience = 2 * time.Minute
	// exitInterrupted is what shells use for a command ended by Ctrl-C.
	exitInterrupted = 130
)

// followed is what --json prints of a job that was followed to its end.
type followed struct {
	Job      api.Job            `json:"job"`
	Outcomes []api.TableOutcome `json:"outcomes"`
}

func followedJob(job api.Job, outcomes []api.TableOutcome) any { return followed{job, outcomes} }

// after follows a job that was started, or leaves it running, and prints what
// came of it. shape says what --json prints.
func (s *session) after(ctx context.Context, job api.Job, detach bool, shape func(api.Job, []api.TableOutcome) any) error {
	if detach && !job.Final {
		return s.show(shape(job, []api.TableOutcome{}), func(w io.Writer) error {
			_, err := fmt.Fprintf(w, "Job %s is %s. Follow it with 'scratch job follow %s'.\n", job.ID, job.State, job.ID)
			return err
		})
	}
	names, err := s.tableNames(ctx, job.SnapshotID)
	if err != nil {
		return err
	}
	if job, err = s.follow(ctx, job, names); err != nil {
		return err
	}
	outcomes, err := all[api.TableOutcome](ctx, s.client, jobPath(job.ID)+"/outcomes", nil)
	if err != nil {
		return err
	}
	if err := s.show(shape(job, listed(outcomes).Items), func(w io.Writer) error { return writeOutcomes(w, job, outcomes, names) }); err != nil {
		return err
	}
	return verdict(job)
}

func (s *session) tableNames(ctx context.Context, snapshotID string) (map[string]string, error) {
	tables, err := s.tables(ctx, snapshotID)
	if err != nil && !missing(err) {
		return nil, err
	}
	names := make(map[string]string, len(tables))
	for _, t := range tables {
		names[t.ID] = t.Name
	}
	return names, nil
}

// follow shows a job until it has ended. Events make it lively; what is true is
// read from the job itself (Promise 9). Ctrl-C leaves the job running.
func (s *session) follow(ctx context.Context, job api.Job, names map[string]string) (api.Job, error) {
	display := s.newProgress(names)
	defer display.stop()
	display.job(job)
	if job.Final {
		return job, nil
	}
	f := &follower{session: s, display: display, current: job, quietSince: s.now()}
	ctx, cancel := context.WithCancel(ctx)
	events := make(chan streamEvent)
	listening := make(chan struct{})
	go func() {
		defer close(listening)
		s.listen(ctx, job.ID, events)
	}()
	err := f.until(ctx, events)
	interrupted := errors.Is(ctx.Err(), context.Canceled)
	cancel()
	<-listening
	if err != nil && interrupted {
		return f.current, detached(job.ID)
	}
	return f.current, err
}

func detached(jobID string) error {
	return &exitError{code: exitInterrupted, err: models.NewProblem(models.KindConflict, "client.detached", "Left job "+jobID+" running.",
		"Come back with 'scratch job follow "+jobID+"'; end it with 'scratch job cancel "+jobID+"'.")}
}

// follower is where the following of one job stands.
type follower struct {
	*session
	display    progress
	current    api.Job
	quietSince time.Time
	awaySince  time.Time // when the server stopped answering; zero while it does
}

func (f *follower) until(ctx context.Context, events <-chan streamEvent) error {
	ticker := time.NewTicker(pollEvery)
	defer ticker.Stop()
	for !f.current.Final {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case e := <-events:
			f.quietSince = f.now()
			if !f.take(e) {
				continue
			}
		case <-ticker.C:
			if f.now().Sub(f.quietSince) < pollEvery {
				continue
			}
		}
		if err := f.read(ctx); err != nil {
			return err
		}
	}
	return nil
}

// take shows an event and reports whether the job must be read: it ended, or
// the event log began anew.
func (f *follower) take(e streamEvent) bool {
	switch e.name {
	case models.EventJobProgressed:
		var p models.JobProgressed
		if json.Unmarshal(e.data, &p) != nil {
			return true
		}
		f.current.Progress = p.Progress
		if p.Table != nil {
			f.display.table(p.TableID, *p.Table)
		}
	case models.EventJobChanged:
		var c models.JobChanged
		if json.Unmarshal(e.data, &c) != nil || c.State.Final() {
			return true
		}
		f.current.State, f.current.WaitingWhy, f.current.EngineAway, f.current.WaitingUntil = c.State, c.WaitingWhy, c.EngineAway, nil
		if until, err := time.Parse(time.RFC3339Nano, c.WaitingUntil); err == nil {
			f.current.WaitingUntil = &until
		}
	default:
		return e.name == "reset"
	}
	f.display.job(f.current)
	return false
}

// read takes the job from the server. A server that is away is waited for: it
// may be starting again, and the job goes on without it.
func (f *follower) read(ctx context.Context) error {
	job, err := get[api.Job](ctx, f.client, jobPath(f.current.ID))
	switch {
	case err == nil:
		if !f.awaySince.IsZero() {
			f.display.note("The server answers again.")
		}
		f.awaySince, f.quietSince, f.current = time.Time{}, f.now(), job
		f.display.job(job)
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case !passing(err):
		return err
	case f.awaySince.IsZero():
		f.awaySince = f.now()
		f.display.note("The server does not answer; trying for " + patience.String() + ". The job goes on without it.")
		return nil
	case f.now().Sub(f.awaySince) < patience:
		return nil
	default:
		return err
	}
}

// passing reports whether an error may go away by itself.
func passing(err error) bool {
	var e *exitError
	if !errors.As(err, &e) || e.code != exitEnvironment {
		return false
	}
	p, ok := models.AsProblem(err)
	return !ok || p.Code == "client.unreachable" || p.Kind != models.KindUnauthenticated && !isAuth(p.Code)
}

func isAuth(code string) bool { return len(code) > 5 && code[:5] == "auth." }
