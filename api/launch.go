package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"go.temporal.io/api/serviceerror"

	"github.com/scratch-platform/scratch/internal/launch"
	"github.com/scratch-platform/scratch/models"
	"github.com/scratch-platform/scratch/models/store"
	"github.com/scratch-platform/scratch/workflows/contract"
)

// download stores the job, then starts its run. A request that a running
// download covers is given that job; one it does not cover is refused with its
// id, so that two runs never race for one snapshot.
func (s *server) download(ctx context.Context, in *downloadInput) (*body[Accepted], error) {
	mode := in.Body.Mode
	if mode == "" {
		mode = models.DownloadFull
	}
	return s.startDownload(ctx, launch.Request{SnapshotID: in.ID, Tables: in.Body.Tables, Mode: mode})
}

func (s *server) startDownload(ctx context.Context, r launch.Request) (*body[Accepted], error) {
	r.OrganizationID, r.By = actorOf(ctx).OrganizationID, actorOf(ctx).UserID
	launched, err := launch.Download(ctx, s.org(ctx), s.Engine, r)
	if err != nil {
		return nil, err
	}
	if launched.Joined && !launched.Covered {
		return nil, downloadRunning(launched.Job.ID)
	}
	return s.accepted(ctx, launched.Job.ID, launched.NotStarted)
}

// downloadRunning refuses a download while another one is under way.
func downloadRunning(jobID string) *models.Problem {
	return models.NewProblem(models.KindConflict, "job.already_running", "Another download of this snapshot is running: "+jobID+".",
		"Wait for it or cancel it, then ask again.").WithFields(models.FieldProblem{Field: "job", Code: jobID, Detail: "running"})
}

func (s *server) launchPublish(ctx context.Context, plan models.Plan, jobID string) (*body[Accepted], error) {
	snapshot, err := s.org(ctx).Snapshot(ctx, plan.SnapshotID)
	if err != nil {
		return nil, err
	}
	tables, err := s.org(ctx).ListTables(ctx, plan.SnapshotID)
	if err != nil {
		return nil, err
	}
	var services []string
	for _, t := range tables {
		if !slices.Contains(services, t.Service) {
			services = append(services, t.Service)
		}
	}
	actor := actorOf(ctx)
	_, err = contract.StartPublish(ctx, s.Engine,
		contract.PublishInput{OrganizationID: actor.OrganizationID, SnapshotID: plan.SnapshotID, JobID: jobID, PlanID: plan.ID},
		contract.StartOptions{Title: snapshot.Name, Services: services, By: actor.UserID})
	return s.accepted(ctx, jobID, err)
}

// accepted answers with the job. A start that failed because the engine is
// away leaves the job queued: the reconciler starts it when the engine is
// back, and the user sees that it waits for that.
func (s *server) accepted(ctx context.Context, jobID string, started error) (*body[Accepted], error) {
	var running *contract.AlreadyRunningError
	if started != nil && !errors.As(started, &running) {
		s.Log.WarnContext(ctx, "engine did not take the run; the reconciler will start it", "job", jobID, "error", started)
		if _, err := s.org(ctx).SetJobState(ctx, jobID, store.JobChange{To: models.JobQueued, EngineAway: true}); err != nil {
			return nil, err
		}
	}
	job, err := s.org(ctx).Job(ctx, jobID)
	if err != nil {
		return nil, err
	}
	return answer(Accepted{Job: showJob(job)}), nil
}

// retryJob runs an ended download again for the tables that did not complete.
// A publish is retried through its plan, so that what is sent is seen first.
func (s *server) retryJob(ctx context.Context, in *JobPath) (*body[Accepted], error) {
	job, err := s.job(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	if !job.State.Final() {
		return nil, models.NewProblem(models.KindConflict, "job.running", "This job has not ended.", "Wait for it or cancel it.")
	}
	if job.Kind != models.JobDownload {
		return nil, models.NewProblem(models.KindInvalid, "job.retry_through_plan", "A publish is retried through its plan.",
			"POST /api/v1/publish-plans/"+job.PlanID+"/retry-failed, look at the new plan, apply it.")
	}
	var input contract.DownloadSnapshotInput
	if err := json.Unmarshal(job.Input, &input); err != nil {
		return nil, fmt.Errorf("read the input of job %s: %w", job.ID, err)
	}
	outcomes, err := s.org(ctx).JobOutcomes(ctx, job.ID)
	if err != nil {
		return nil, err
	}
	left := slices.Clone(input.Tables)
	for _, o := range outcomes {
		if o.State == models.JobCompleted {
			left = slices.DeleteFunc(left, func(id string) bool { return id == o.TableID })
		}
	}
	if len(left) == 0 {
		left = input.Tables
	}
	left, removed, err := s.stillThere(ctx, job.SnapshotID, left)
	if err != nil {
		return nil, err
	}
	accepted, err := s.startDownload(ctx, launch.Request{SnapshotID: job.SnapshotID, Tables: left, Mode: input.Mode, RetryOf: job.ID})
	if err == nil && removed > 0 {
		accepted.Body.Warnings = append(accepted.Body.Warnings, *models.NewProblem(models.KindConflict, "job.tables_removed",
			fmt.Sprintf("%d of its tables were removed from the snapshot since; the rest is downloaded.", removed), "Add a table again to download it."))
	}
	return accepted, err
}

// stillThere keeps the tables that the snapshot still has, and counts the others.
func (s *server) stillThere(ctx context.Context, snapshotID string, ids []string) (left []string, removed int, err error) {
	tables, err := s.org(ctx).ListTables(ctx, snapshotID)
	if err != nil {
		return nil, 0, err
	}
	left = slices.DeleteFunc(slices.Clone(ids), func(id string) bool {
		return !slices.ContainsFunc(tables, func(t models.Table) bool { return t.ID == id })
	})
	if len(left) == 0 {
		return nil, 0, models.NewProblem(models.KindConflict, "job.nothing_to_retry", "Every table of this download that did not complete was removed from the snapshot since.",
			"Add a table again, then start a new download.")
	}
	return left, len(ids) - len(left), nil
}

// engineProblem says what a failed word to the engine means for the user.
func engineProblem(err error) error {
	var gone *serviceerror.NotFound
	if errors.As(err, &gone) {
		return models.NewProblem(models.KindConflict, "job.not_reachable", "The engine has no open run of this job.",
			"Read the job again: its state is being put right.").Because(err)
	}
	if _, ok := models.AsProblem(err); ok {
		return err
	}
	return models.NewProblem(models.KindUnavailable, "engine.away", "The workflow engine cannot be reached just now.",
		"Try again in a moment; running work is not affected.").Because(err)
}
