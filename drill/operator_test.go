package drill

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
)

// reset is `temporal workflow reset --type FirstWorkflowTask`.
func reset(t *testing.T, engine client.Client, workflowID string) {
	t.Helper()
	history := engine.GetWorkflowHistory(t.Context(), workflowID, "", false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for history.HasNext() {
		event, err := history.Next()
		require.NoError(t, err)
		if event.GetEventType() != enums.EVENT_TYPE_WORKFLOW_TASK_COMPLETED {
			continue
		}
		_, err = engine.ResetWorkflowExecution(t.Context(), &workflowservice.ResetWorkflowExecutionRequest{
			Namespace: "default", WorkflowExecution: &commonpb.WorkflowExecution{WorkflowId: workflowID},
			Reason: "drill", WorkflowTaskFinishEventId: event.GetEventId(), RequestId: uuid.NewString(),
		})
		require.NoError(t, err)
		return
	}
	require.Fail(t, "no workflow task has completed", workflowID)
}
