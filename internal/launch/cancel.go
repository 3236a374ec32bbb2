package launch

import (
	"context"
	"errors"
	"fmt"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"

	"github.com/scratch-platform/scratch/models"
	"github.com/scratch-platform/scratch/models/store"
)

// Jobs is what cancelling needs of one organization's store.
type Jobs interface {
	SetJobState(ctx context.Context, id string, change store.JobChange) (changed bool, err error)
}

// Cancel asks the engine to cancel a live job's run. A job that is already being
// cancelled, or whose run was never started, is left as it is: cancelling twice
// is no error and starts nothing.
func Cancel(ctx context.Context, db Jobs, engine client.Client, job models.Job) error {
	if _, err := db.SetJobState(ctx, job.ID, store.JobChange{To: models.JobCancelling}); err != nil {
		return err
	}
	err := engine.CancelWorkflow(ctx, job.WorkflowID, "")
	var gone *serviceerror.NotFound
	switch {
	case errors.As(err, &gone):
		return nil // no run yet, or none any more: the reconciler brings the job to its end
	case err != nil:
		return fmt.Errorf("cancel job %s: %w", job.ID, err)
	}
	return nil
}
