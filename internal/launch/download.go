package launch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"go.temporal.io/sdk/client"

	"github.com/scratch-platform/scratch/models"
	"github.com/scratch-platform/scratch/workflows/contract"
)

// Org is what launching needs of one organization's store.
type Org interface {
	Snapshot(ctx context.Context, id string) (models.Snapshot, error)
	ListTables(ctx context.Context, snapshotID string) ([]models.Table, error)
	Job(ctx context.Context, id string) (models.Job, error)
	CreateJob(ctx context.Context, job models.Job) (stored models.Job, created bool, err error)
}

// Request is a download that somebody asks for.
type Request struct {
	OrganizationID string
	SnapshotID     string
	Tables         []string // none is all
	Mode           models.DownloadMode
	By             string // user id
	RetryOf        string // the job it runs again
	// ScheduleID and JobID are set for a scheduled download: a job of that id
	// that exists is this request's own, from before it was interrupted.
	ScheduleID string
	JobID      string
}

// Launched is what became of a request.
type Launched struct {
	Job models.Job
	// Joined: the job is another request's, which was under way. Covered says
	// whether it brings all that was asked for.
	Joined  bool
	Covered bool
	// NotStarted is why the engine did not take the run. The job is stored and
	// is started later by the reconciler, or by the same request again.
	NotStarted error
}

// Download stores a job and starts its run, unless a download of the snapshot is
// under way: two never race for one snapshot. Errors are those of the store, and
// "table.not_found", "snapshot.empty", "download.too_many_tables".
func Download(ctx context.Context, db Org, engine client.Client, r Request) (Launched, error) {
	snapshot, err := db.Snapshot(ctx, r.SnapshotID)
	if err != nil {
		return Launched{}, err
	}
	ids, services, err := chosenTables(ctx, db, r.SnapshotID, r.Tables)
	if err != nil {
		return Launched{}, err
	}
	job, input, joined, err := storedJob(ctx, db, r, ids)
	if err != nil {
		return Launched{}, err
	}
	if joined {
		covered, err := covers(job, input)
		return Launched{Job: job, Joined: true, Covered: covered}, err
	}
	if job.State.Final() || job.RunID != "" {
		return Launched{Job: job}, nil // an interrupted request came further than it knew
	}
	_, err = contract.StartDownloadSnapshot(ctx, engine, input,
		contract.StartOptions{Title: snapshot.Name, Services: services, By: r.By, Background: r.ScheduleID != ""})
	var running *contract.AlreadyRunningError
	if errors.As(err, &running) {
		err = nil // of this job, or of one that is about to close: the reconciler sees to it
	}
	return Launched{Job: job, NotStarted: err}, nil
}

// storedJob stores the request's job, or finds the one in its way.
func storedJob(ctx context.Context, db Org, r Request, tables []string) (models.Job, contract.DownloadSnapshotInput, bool, error) {
	id := r.JobID
	if id == "" {
		id = models.NewID(models.PrefixJob)
	}
	input := contract.DownloadSnapshotInput{OrganizationID: r.OrganizationID, SnapshotID: r.SnapshotID, JobID: id, Tables: tables, Mode: r.Mode}
	if r.JobID != "" {
		own, err := db.Job(ctx, r.JobID)
		if err == nil {
			err = json.Unmarshal(own.Input, &input)
			return own, input, false, err
		}
		if !models.HasCode(err, "job.not_found") {
			return models.Job{}, input, false, err
		}
	}
	body, err := json.Marshal(input)
	if err != nil {
		return models.Job{}, input, false, fmt.Errorf("encode the input of job %s: %w", id, err)
	}
	job, created, err := db.CreateJob(ctx, models.Job{
		ID: id, OrganizationID: r.OrganizationID, SnapshotID: r.SnapshotID, Kind: models.JobDownload, State: models.JobQueued,
		WorkflowID: contract.DownloadSnapshotID(r.SnapshotID), Input: body, RetryOf: r.RetryOf, ScheduleID: r.ScheduleID, CreatedBy: r.By,
	})
	return job, input, err == nil && !created, err
}

// chosenTables gives the ids of the tables to download, all of them when none
// is named, and their services.
func chosenTables(ctx context.Context, db Org, snapshotID string, wanted []string) (ids, services []string, err error) {
	tables, err := db.ListTables(ctx, snapshotID)
	if err != nil {
		return nil, nil, err
	}
	for _, t := range tables {
		if len(wanted) == 0 || slices.Contains(wanted, t.ID) {
			ids = append(ids, t.ID)
			if !slices.Contains(services, t.Service) {
				services = append(services, t.Service)
			}
		}
	}
	for _, id := range wanted {
		if !slices.Contains(ids, id) {
			return nil, nil, models.NewProblem(models.KindNotFound, "table.not_found", "This snapshot has no table "+models.Bound(id, 64)+".", "List the snapshot's tables.")
		}
	}
	switch {
	case len(ids) == 0:
		return nil, nil, models.NewProblem(models.KindConflict, "snapshot.empty", "This snapshot has no tables to download.", "Add a table first.")
	case len(ids) > contract.MaxTables:
		return nil, nil, models.NewProblem(models.KindTooLarge, "download.too_many_tables",
			fmt.Sprintf("%d tables are more than one download takes.", len(ids)), fmt.Sprintf("Name at most %d tables.", contract.MaxTables))
	}
	return ids, services, nil
}

// covers reports whether a running download brings all that is asked for.
func covers(running models.Job, asked contract.DownloadSnapshotInput) (bool, error) {
	var has contract.DownloadSnapshotInput
	if err := json.Unmarshal(running.Input, &has); err != nil {
		return false, fmt.Errorf("read the input of job %s: %w", running.ID, err)
	}
	covered := has.Mode == asked.Mode || has.Mode == models.DownloadFull
	for _, id := range asked.Tables {
		covered = covered && slices.Contains(has.Tables, id)
	}
	return covered && running.State != models.JobCancelling, nil
}
