package policy

import (
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/workflow"

	"github.com/scratch-platform/scratch/workflows/contract"
)

// TablesAtOnce bounds the tables of one snapshot that are worked on side by
// side; tables that wait or are paused do not count. Eight keep a connection's
// rate limit busy and leave other snapshots room.
const TablesAtOnce = 8

// Child is for the download of one table. It has no retry policy: its
// activities retry, and a table that failed is for a person to see.
func Child(ctx workflow.Context, tableID, summary string) workflow.Context {
	return workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{
		WorkflowID: contract.DownloadID(tableID),
		TaskQueue:  contract.QueueSync,
		// A parent that is terminated or reset leaves no orphan running unseen:
		// the child stops at its checkpoint and says so.
		ParentClosePolicy:     enumspb.PARENT_CLOSE_POLICY_REQUEST_CANCEL,
		WaitForCancellation:   true,
		WorkflowIDReusePolicy: enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		WorkflowRunTimeout:    contract.ExecutionTimeout,
		StaticSummary:         summary,
		Memo:                  map[string]any{"about": summary + " (" + tableID + ")"},
		// Operators find a table's run by the same attributes as its snapshot's.
		TypedSearchAttributes: contract.Inherited(workflow.GetTypedSearchAttributes(ctx)),
	})
}
