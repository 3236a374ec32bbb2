package reconcile

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/scratch-platform/scratch/models"
	"github.com/scratch-platform/scratch/models/store"
	"github.com/scratch-platform/scratch/workflows/contract"
)

// start begins the run of a job whose starter died between storing the job and
// telling the engine, or could not reach it.
func (r *Reconciler) start(ctx context.Context, job models.Job) error {
	var err error
	switch job.Kind {
	case models.JobDownload:
		var input contract.DownloadSnapshotInput
		if input, err = inputOf[contract.DownloadSnapshotInput](job); err == nil {
			_, err = contract.StartDownloadSnapshot(ctx, r.Engine, input, r.options(ctx, job))
		}
	case models.JobPublish:
		_, err = contract.StartPublish(ctx, r.Engine, publishInput(job), r.options(ctx, job))
	}
	var running *contract.AlreadyRunningError
	if errors.As(err, &running) {
		return nil // its starter was quicker, or an older run is about to end
	}
	if p, ok := models.AsProblem(err); ok && p.Code == codeBadInput {
		_, err = r.Org(job.OrganizationID).SetJobState(ctx, job.ID, store.JobChange{To: models.JobFailed, From: live, Problem: p})
	}
	if err != nil {
		return fmt.Errorf("start job %s: %w", job.ID, err)
	}
	return nil
}

const codeBadInput = "job.bad_input"

func inputOf[T any](job models.Job) (T, error) {
	var input T
	if err := json.Unmarshal(job.Input, &input); err != nil {
		return input, models.NewProblem(models.KindInternal, codeBadInput, "The job's stored input cannot be read.", "Start it again.").Because(err)
	}
	return input, nil
}

func publishInput(job models.Job) contract.PublishInput {
	return contract.PublishInput{OrganizationID: job.OrganizationID, SnapshotID: job.SnapshotID, JobID: job.ID, PlanID: job.PlanID}
}

// resolve has found out what an ended publish left in flight, under its own
// workflow id: a second starter meets the first one's run. Where one came to its
// end and left something, the next is a while away.
func (r *Reconciler) resolve(ctx context.Context, job models.Job) error {
	if !r.resolving.due(job.PlanID, r.Now()) {
		return nil
	}
	input := publishInput(job)
	input.ResolveOnly = true
	options := r.options(ctx, job)
	options.Background = true
	_, err := contract.StartPublish(ctx, r.Engine, input, options)
	var running *contract.AlreadyRunningError
	switch {
	case err == nil:
		r.resolving.began(job.PlanID, r.Now())
	case !errors.As(err, &running):
		return fmt.Errorf("find out what plan %s left in flight: %w", job.PlanID, err)
	}
	return nil
}

// options are what operators see of a run. A snapshot that cannot be read now
// costs the run its title, no more.
func (r *Reconciler) options(ctx context.Context, job models.Job) contract.StartOptions {
	options := contract.StartOptions{Title: job.SnapshotID, By: job.CreatedBy}
	db := r.Org(job.OrganizationID)
	if snapshot, err := db.Snapshot(ctx, job.SnapshotID); err == nil {
		options.Title = snapshot.Name
	}
	tables, err := db.ListTables(ctx, job.SnapshotID)
	if err != nil {
		return options
	}
	for _, t := range tables {
		if !slices.Contains(options.Services, t.Service) {
			options.Services = append(options.Services, t.Service)
		}
	}
	return options
}
