package activities

import (
	"context"
	"sync"
	"time"

	"github.com/scratch-platform/scratch/connectors"
	"github.com/scratch-platform/scratch/internal/connecting"
	"github.com/scratch-platform/scratch/models"
)

// graceAfterCancel is how long a request under way may still come to an answer
// after a cancel; the job shows cancelled within 3 s of it.
const graceAfterCancel = 800 * time.Millisecond

// behindGate gives a context for writing: requests start until then and not
// after a cancel, and a started one may take its own timeout. end must be
// called.
func behindGate(ctx context.Context, until time.Time, timeout time.Duration, now func() time.Time) (gated context.Context, end func()) {
	gate := connecting.NewGate(until, now)
	inner, cut := context.WithTimeout(context.WithoutCancel(ctx), until.Sub(now())+timeout)
	watched := make(chan struct{})
	var watcher sync.WaitGroup
	watcher.Go(func() {
		select {
		case <-watched:
			return
		case <-ctx.Done():
		}
		gate.Shut()
		select {
		case <-watched:
		case <-time.After(graceAfterCancel):
			cut()
		}
	})
	return connecting.WithGate(inner, gate), func() {
		close(watched)
		watcher.Wait()
		cut()
	}
}

// write sends one step of a batch.
func write(ctx context.Context, r *remote, op models.Operation, step string, items []connectors.WriteItem) ([]connectors.WriteResult, error) {
	if step != string(op) {
		stepper, err := connectors.As[connectors.Stepper](r.connector, "send step "+step)
		if err != nil {
			return nil, err
		}
		return stepper.Step(ctx, step, r.schema, items)
	}
	switch op {
	case models.OpCreate:
		creator, err := connectors.As[connectors.Creator](r.connector, "create records")
		if err != nil {
			return nil, err
		}
		return creator.Create(ctx, r.schema, items)
	case models.OpUpdate:
		updater, err := connectors.As[connectors.Updater](r.connector, "update records")
		if err != nil {
			return nil, err
		}
		return updater.Update(ctx, r.schema, items)
	default:
		deleter, err := connectors.As[connectors.Deleter](r.connector, "delete records")
		if err != nil {
			return nil, err
		}
		return deleter.Delete(ctx, r.schema, items)
	}
}

// steps names every step an item takes, the operation itself first.
func steps(r *remote, item models.Item) []string {
	all := []string{string(item.Op)}
	stepper, can := r.connector.(connectors.Stepper)
	if !can {
		return all
	}
	return append(all, stepper.Steps(item.Op, r.schema, connectors.WriteItem{Key: item.ID, RemoteID: item.RemoteID, Values: item.Values})...)
}

// nextStep is the first step of an item that is not applied.
func nextStep(r *remote, item models.Item) string {
	all := steps(r, item)
	for _, step := range all {
		if !stepApplied(item, step) {
			return step
		}
	}
	return all[len(all)-1]
}

func stepApplied(item models.Item, step string) bool {
	for _, done := range item.Steps {
		if done.Step == step && done.State == models.ItemApplied {
			return true
		}
	}
	return false
}

// lastStep reports whether nothing is left to do for the item after this step.
func lastStep(r *remote, item models.Item, step string) bool {
	for _, other := range steps(r, item) {
		if other != step && !stepApplied(item, other) {
			return false
		}
	}
	return true
}
