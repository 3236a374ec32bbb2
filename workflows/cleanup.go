package workflows

import (
	"errors"

	"go.temporal.io/sdk/workflow"

	"github.com/scratch-platform/scratch/activities"
	"github.com/scratch-platform/scratch/workflows/contract"
	"github.com/scratch-platform/scratch/workflows/policy"
)

// Cleanup deletes what is kept no longer, in the database and among the uploaded
// files; the one does not wait for the other. Nothing depends on it: what fails
// is done at the next time.
//
// The engine starts it every hour, by the schedule contract.CleanupScheduleID.
func Cleanup(ctx workflow.Context) (contract.CleanupResult, error) {
	var rows activities.CleanRowsResult
	var files activities.SweepUploadsResult
	inDatabase := workflow.ExecuteActivity(policy.Cleanup(ctx, "Delete rows that are kept no longer"), cleanup.CleanRows)
	onDisk := workflow.ExecuteActivity(policy.Cleanup(ctx, "Delete files that nothing needs"), cleanup.SweepUploads)
	err := errors.Join(inDatabase.Get(ctx, &rows), onDisk.Get(ctx, &files))
	result := contract.CleanupResult{Rows: rows.Rows, Files: files.Files}
	state, problem := ended(ctx, err)
	return result, conclude(ctx, state, problem)
}
