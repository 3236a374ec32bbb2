package reconcile

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"

	"github.com/scratch-platform/scratch/models"
	"github.com/scratch-platform/scratch/models/store"
	"github.com/scratch-platform/scratch/workflows/contract"
)

const (
	// Open runs are read newest first: one that an operator just reset is among
	// the first, and is dealt with at once. 1,000 of them cost one pass five
	// short requests.
	straysPage  = 200
	straysPages = 5
	// unheardAfter is how long a run must have been closed before its parent is
	// told once more: the engine's own word is there within moments.
	unheardAfter = 2 * time.Second
)

// strays holds open runs against jobs that have ended (Promise 9): a closed run
// that was reset revives its job; a table's run without a live download, and any
// run that cannot have its job back, is cancelled: nothing works unseen.
func (r *Reconciler) strays(ctx context.Context) error {
	runs, err := r.openRuns(ctx)
	if err != nil || len(runs) == 0 {
		return err
	}
	var tables, others []*workflowpb.WorkflowExecutionInfo
	for _, run := range runs {
		if run.GetType().GetName() == contract.WorkflowDownload {
			tables = append(tables, run)
		} else {
			others = append(others, run)
		}
	}
	return errors.Join(r.revive(ctx, others), r.cancelOrphans(ctx, tables))
}

// openRuns lists the product's open runs, newest first, up to a bound.
func (r *Reconciler) openRuns(ctx context.Context) ([]*workflowpb.WorkflowExecutionInfo, error) {
	var runs []*workflowpb.WorkflowExecutionInfo
	request := &workflowservice.ListWorkflowExecutionsRequest{
		PageSize: straysPage,
		Query: fmt.Sprintf("%s IN ('%s', '%s') AND ExecutionStatus = 'Running'",
			contract.AttributeJobKind.GetName(), models.JobDownload, models.JobPublish),
	}
	for range straysPages {
		asking, cancel := context.WithTimeout(ctx, lookTimeout)
		page, err := r.Engine.ListWorkflow(asking, request)
		cancel()
		if err != nil {
			return nil, fmt.Errorf("list the open runs: %w", err)
		}
		runs = append(runs, page.GetExecutions()...)
		if request.NextPageToken = page.GetNextPageToken(); len(request.NextPageToken) == 0 {
			break
		}
	}
	return runs, nil
}

// revive gives runs that were reset after their end their jobs back.
func (r *Reconciler) revive(ctx context.Context, runs []*workflowpb.WorkflowExecutionInfo) error {
	of := make(map[string]*workflowpb.WorkflowExecutionInfo, len(runs))
	var ids []string
	for _, run := range runs {
		if id := r.jobOf(run); id != "" {
			of[id] = run
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	jobs, err := r.System.JobsByID(ctx, ids) // read after the runs: what ended meanwhile is no stray
	if err != nil {
		return fmt.Errorf("read the jobs of the open runs: %w", err)
	}
	var failed []error
	for _, job := range jobs {
		run := of[job.ID].GetExecution()
		if !job.State.Final() || job.RunID == run.GetRunId() || job.WorkflowID != run.GetWorkflowId() {
			continue // Look sees to it; or its run is about to close
		}
		if err := r.reviveJob(ctx, job, run.GetRunId()); err != nil {
			failed = append(failed, err)
		}
	}
	return errors.Join(failed...)
}

// reviveJob lets an ended job live again under the run that a reset made, or
// ends that run where another job has taken its place, or where the job was
// cancelled before it ever ran.
func (r *Reconciler) reviveJob(ctx context.Context, job models.Job, runID string) error {
	described, err := r.describe(ctx, job.WorkflowID, runID)
	if err != nil || described == nil {
		return err
	}
	seen := r.sightOf(described)
	if !seen.isOpen() {
		return nil // the list is a moment behind
	}
	if job.RunID == "" {
		return r.cancel(ctx, job.WorkflowID, runID)
	}
	change := store.JobChange{To: models.JobRunning, From: []models.JobState{job.State}, RunID: runID}
	if seen.cancelling {
		change.To = models.JobCancelling
	}
	_, err = r.Org(job.OrganizationID).SetJobState(ctx, job.ID, change)
	if models.HasCode(err, "job.already_running") {
		return errors.Join(r.cancel(ctx, job.WorkflowID, runID), r.tellOfEnded(ctx, job, seen))
	}
	if err != nil {
		return fmt.Errorf("let job %s live again: %w", job.ID, err)
	}
	r.Log.InfoContext(ctx, "a run was reset after its end; its job goes on", "job", job.ID, "run", runID)
	return nil
}

// cancelOrphans cancels tables' downloads that no live download of their
// snapshot covers: they were reset after it had ended.
func (r *Reconciler) cancelOrphans(ctx context.Context, runs []*workflowpb.WorkflowExecutionInfo) error {
	if len(runs) == 0 {
		return nil
	}
	parents := make([]string, 0, len(runs))
	for _, run := range runs {
		parents = append(parents, contract.DownloadSnapshotID(keywordOf(run.GetSearchAttributes(), contract.AttributeSnapshot)))
	}
	slices.Sort(parents)
	jobs, err := r.System.LiveJobsOf(ctx, slices.Compact(parents))
	if err != nil {
		return fmt.Errorf("read the jobs of the open runs: %w", err)
	}
	covered := map[string]bool{}
	for _, job := range jobs {
		input, err := inputOf[contract.DownloadSnapshotInput](job)
		if err != nil {
			return err
		}
		for _, tableID := range input.Tables {
			covered[tableID] = true
		}
	}
	var failed []error
	for _, run := range runs {
		tableID, ok := contract.TableOfDownload(run.GetExecution().GetWorkflowId())
		if !ok || covered[tableID] {
			continue
		}
		if err := r.cancelOrphan(ctx, run); err != nil {
			failed = append(failed, err)
		}
	}
	return errors.Join(failed...)
}

// cancelOrphan leaves alone what another installation in the same namespace
// does: its snapshot has no job here.
func (r *Reconciler) cancelOrphan(ctx context.Context, run *workflowpb.WorkflowExecutionInfo) error {
	organization := keywordOf(run.GetSearchAttributes(), contract.AttributeOrganization)
	snapshot := keywordOf(run.GetSearchAttributes(), contract.AttributeSnapshot)
	ours, _, err := r.Org(organization).ListJobs(ctx, store.JobFilter{SnapshotID: snapshot}, store.Page{Limit: 1})
	if err != nil {
		return fmt.Errorf("look for the job of %s: %w", run.GetExecution().GetWorkflowId(), err)
	}
	if len(ours) == 0 {
		return nil
	}
	return r.cancel(ctx, run.GetExecution().GetWorkflowId(), run.GetExecution().GetRunId())
}

// cancel asks one run to end; one that has is no trouble.
func (r *Reconciler) cancel(ctx context.Context, workflowID, runID string) error {
	err := r.Engine.CancelWorkflow(ctx, workflowID, runID)
	var gone *serviceerror.NotFound
	if err != nil && !errors.As(err, &gone) {
		return fmt.Errorf("cancel the run of %s that no job has: %w", workflowID, err)
	}
	return nil
}

// tellOfEnded tells a download that was reset about tables whose runs closed
// before that: the engine told the run before it, and tells nobody again.
func (r *Reconciler) tellOfEnded(ctx context.Context, job models.Job, seen sight) error {
	if !seen.isOpen() || len(seen.children) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	for _, id := range seen.children {
		tableID, ok := contract.TableOfDownload(id)
		if !ok {
			continue
		}
		child, err := r.describe(ctx, id, "")
		if err != nil {
			return err
		}
		info := child.GetWorkflowExecutionInfo()
		if child != nil && (info.GetStatus() == enums.WORKFLOW_EXECUTION_STATUS_RUNNING || r.Now().Sub(info.GetCloseTime().AsTime()) < unheardAfter) {
			continue
		}
		if err := contract.TableEnded.Send(ctx, r.Engine, job.WorkflowID, contract.EndedTable{TableID: tableID}); err != nil {
			return fmt.Errorf("tell job %s that table %s has ended: %w", job.ID, tableID, err)
		}
	}
	return nil
}
