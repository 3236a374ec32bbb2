package activities

import (
	"context"
	"sync"
	"time"

	"go.temporal.io/sdk/activity"
)

const (
	// beatEvery keeps a cancel's way to the activity under a second: the SDK
	// passes reports on at most once a second and hears of a cancel in the
	// answer.
	beatEvery = 400 * time.Millisecond
	// aliveEvery is how often the job's sign of life is stored; a job without
	// one for a minute shows as stalled.
	aliveEvery = 10 * time.Second
)

// pulse reports to the engine, and to the job, that an activity lives, until it
// is stopped. Its details are the activity's checkpoint in words.
type pulse struct {
	mu      sync.Mutex
	details any
	stop    context.CancelFunc
	done    chan struct{}
}

// beat starts a pulse. alive may be nil; its errors are not the activity's: a
// sign of life that could not be stored is missed soon enough.
func beat(ctx context.Context, alive func(context.Context) error) *pulse {
	own, stop := context.WithCancel(ctx)
	p := &pulse{stop: stop, done: make(chan struct{})}
	go p.run(own, ctx, alive)
	return p
}

// run beats until its own context ends. It reports under the activity's: a
// report may be on its way, batched by the SDK, when the pulse ends.
func (p *pulse) run(own, ctx context.Context, alive func(context.Context) error) {
	defer close(p.done)
	ticker := time.NewTicker(beatEvery)
	defer ticker.Stop()
	var last time.Time
	for {
		activity.RecordHeartbeat(ctx, p.current())
		if alive != nil && time.Since(last) >= aliveEvery {
			_ = alive(own)
			last = time.Now()
		}
		select {
		case <-own.Done():
			return
		case <-ticker.C:
		}
	}
}

// note sets what the next reports carry.
func (p *pulse) note(details any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.details = details
}

func (p *pulse) current() any {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.details
}

// end stops the pulse and waits for its goroutine.
func (p *pulse) end() {
	p.stop()
	<-p.done
}

// stopping is closed when the worker drains: an activity then returns at its
// next checkpoint and goes on elsewhere.
func stopping(ctx context.Context) <-chan struct{} { return activity.GetWorkerStopChannel(ctx) }

// untilStopping is the activity's context, which also ends when the worker
// drains.
func untilStopping(ctx context.Context) (context.Context, context.CancelFunc) {
	own, stop := context.WithCancel(ctx)
	drains := stopping(ctx)
	go func() {
		select {
		case <-drains:
			stop()
		case <-own.Done():
		}
	}()
	return own, stop
}
