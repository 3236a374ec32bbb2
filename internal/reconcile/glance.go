package reconcile

import (
	"context"
	"errors"
	"maps"
	"sync"
	"time"

	"github.com/scratch-platform/scratch/models"
)

const (
	// GlanceEvery is how often a job that is read again and again is held against
	// the engine by one process. With Every it bounds how late the truth shows.
	GlanceEvery = time.Second
	// glanceTimeout bounds a look that several readers wait for: no reader's own
	// context ends it for the others.
	glanceTimeout = lookTimeout + 3*time.Second
	// glancesKept bounds what is remembered of jobs read lately.
	glancesKept = 1000
)

// glances remembers when this process looked at which job.
type glances struct {
	mu    sync.Mutex
	last  map[string]time.Time
	under map[string]*glance
}

// glance is a look under way, and then what it found.
type glance struct {
	done chan struct{}
	job  models.Job
	err  error
	// again: what it shows could not be stored, so that the next reader looks too.
	again bool
}

// Glance is Look for reading: a job that is read many times a second is looked
// at once a second, and readers who come while it is looked at share that look.
// In between, the job is given as it was read, which is as the last look or the
// run itself stored it (Promise 9). Whoever acts on the answer takes Look.
func (r *Reconciler) Glance(ctx context.Context, job models.Job) (models.Job, error) {
	if job.State.Final() {
		return job, nil
	}
	return r.glances.at(ctx, job, r.Now, r.look)
}

// at gives the job as a look shows it, or as it is when the last look is recent.
func (g *glances) at(ctx context.Context, job models.Job, now func() time.Time, look func(context.Context, models.Job) (models.Job, error)) (models.Job, error) {
	under, own := g.join(job.ID, now())
	switch {
	case under == nil:
		return job, nil
	case own:
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), glanceTimeout)
		defer cancel()
		defer func() { g.leave(job.ID, under, now()) }()
		under.err = errBroken // unless the look comes to its end
		under.job, under.err = look(ctx, job)
		if under.again = errors.Is(under.err, errNotStored); under.again {
			under.err = nil
		}
		return under.job, under.err
	}
	select {
	case <-under.done:
		return under.job, under.err
	case <-ctx.Done():
		return job, ctx.Err()
	}
}

// errBroken is what other readers get of a look that panicked.
var errBroken = errors.New("the look at the engine was broken off")

// join gives the look to wait for, and whether it is the caller's to carry out;
// nil when the last one is recent.
func (g *glances) join(id string, now time.Time) (under *glance, own bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if under, is := g.under[id]; is {
		return under, false
	}
	// Promise 9: no longer, or what is shown is older than it may be.
	if last, is := g.last[id]; is && now.Sub(last) < GlanceEvery && !now.Before(last) {
		return nil, false
	}
	if g.under == nil {
		g.under, g.last = map[string]*glance{}, map[string]time.Time{}
	}
	g.under[id] = &glance{done: make(chan struct{})}
	return g.under[id], true
}

// leave ends a look. One that failed is not remembered: the next reader tries
// again (Promise 9).
func (g *glances) leave(id string, ended *glance, now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.under, id)
	if ended.err == nil && !ended.again {
		g.last[id] = now
	}
	if len(g.last) > glancesKept {
		maps.DeleteFunc(g.last, func(_ string, at time.Time) bool { return now.Sub(at) >= GlanceEvery })
	}
	close(ended.done)
}
