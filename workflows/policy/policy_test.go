package policy

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"
)

// Promise 5: breaks when the engine repeats an activity that changes things at a
// service: what its first attempt sent would be sent a second time. What only
// reads, or is idempotent, is tried again.
func TestWhatWritesIsNeverRepeated(t *testing.T) {
	for name, c := range map[string]struct {
		policy func(workflow.Context, string) workflow.Context
		calls  int
	}{
		"RemoteWrite": {RemoteWrite, 1}, "RemoteRead": {RemoteRead, 3}, "Store": {Store, 3}, "Follow": {Follow, 3}, "Cleanup": {Cleanup, 3},
	} {
		t.Run(name, func(t *testing.T) {
			var suite testsuite.WorkflowTestSuite
			environment := suite.NewTestWorkflowEnvironment()
			calls := 0
			environment.RegisterActivityWithOptions(func(context.Context) error {
				if calls++; calls < 3 {
					return errors.New("the worker was lost in the middle of it")
				}
				return nil
			}, activity.RegisterOptions{Name: "act"})
			run := func(ctx workflow.Context) error {
				return workflow.ExecuteActivity(c.policy(ctx, "acts"), "act").Get(ctx, nil)
			}
			environment.RegisterWorkflow(run)
			environment.ExecuteWorkflow(run)
			require.True(t, environment.IsWorkflowCompleted())
			require.Equal(t, c.calls, calls)
			require.Equal(t, c.calls == 1, environment.GetWorkflowError() != nil)
		})
	}
}
