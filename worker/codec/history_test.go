package codec_test

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
	"google.golang.org/protobuf/proto"

	"github.com/scratch-platform/scratch/internal/testkit"
	"github.com/scratch-platform/scratch/internal/vault"
	"github.com/scratch-platform/scratch/worker/codec"
)

func TestMain(m *testing.M) { testkit.Main(m) }

const canary = "canary-4711"

// A real workflow carries the canary through everything Temporal stores: input,
// memo, heartbeat, signal, update, result, and a failure with causes and details.
// Neither the history nor the description may show it; the worker must.
func TestNothingReadableEntersARealHistory(t *testing.T) {
	v, err := vault.Open(vault.Source{File: filepath.Join(t.TempDir(), "keyset.json"), Create: true})
	require.NoError(t, err)
	c := testkit.TemporalClient(t, client.Options{DataConverter: codec.DataConverter(v), FailureConverter: codec.FailureConverter(v)})
	const queue = "codec-history"
	w := worker.New(c, queue, worker.Options{})
	w.RegisterWorkflow(carrier)
	w.RegisterActivity(failing)
	require.NoError(t, w.Start())
	defer w.Stop()

	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	run, err := c.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID: "codec-history", TaskQueue: queue, Memo: map[string]any{"note": canary}, StaticSummary: canary, StaticDetails: canary,
	}, carrier, canary)
	require.NoError(t, err)

	// As an operator sends it with the temporal CLI: in the clear, through a client
	// without our converter.
	plain := testkit.TemporalClient(t, client.Options{})
	require.NoError(t, plain.SignalWorkflow(ctx, run.GetID(), "", "operator", "go on"))
	require.NoError(t, c.SignalWorkflow(ctx, run.GetID(), "", "ours", canary))
	update, err := c.UpdateWorkflow(ctx, client.UpdateWorkflowOptions{
		WorkflowID: run.GetID(), UpdateName: "echo", Args: []any{canary}, WaitForStage: client.WorkflowUpdateStageCompleted,
	})
	require.NoError(t, err)
	var echoed string
	require.NoError(t, update.Get(ctx, &echoed))
	require.Equal(t, "go on "+canary, echoed, "the operator's plain signal reached the workflow")

	err = run.Get(ctx, nil)
	require.ErrorContains(t, err, canary, "our own client reads the failure")
	var failure *temporal.ApplicationError
	require.ErrorAs(t, err, &failure)
	require.Equal(t, "wrapped", failure.Type())

	raw := rawRun(ctx, t, plain, run)
	require.Contains(t, string(raw), codec.Encoding)
	require.NotContains(t, string(raw), canary)
	require.Contains(t, string(raw), "unavailable", "error types stay readable for operators")
}

// carrier waits for both signals and an update, then fails with its activity's
// error.
func carrier(ctx workflow.Context, secret string) error {
	var said, kept string
	err := workflow.SetUpdateHandler(ctx, "echo", func(ctx workflow.Context, text string) (string, error) {
		if err := workflow.Await(ctx, func() bool { return said != "" && kept != "" }); err != nil {
			return "", err
		}
		defer func() { kept = "done" }()
		return said + " " + text, nil
	})
	if err != nil {
		return err
	}
	workflow.GetSignalChannel(ctx, "operator").Receive(ctx, &said)
	workflow.GetSignalChannel(ctx, "ours").Receive(ctx, &kept)
	if err := workflow.Await(ctx, func() bool { return kept == "done" }); err != nil {
		return err
	}
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: 10 * time.Second, Summary: secret,
		RetryPolicy: &temporal.RetryPolicy{MaximumAttempts: 2, InitialInterval: time.Millisecond},
	})
	err = workflow.ExecuteActivity(ctx, failing, secret).Get(ctx, nil)
	return temporal.NewApplicationErrorWithCause(secret+" in the workflow", "wrapped", err)
}

func failing(ctx context.Context, secret string) (string, error) {
	activity.RecordHeartbeat(ctx, secret)
	return "", temporal.NewApplicationErrorWithCause(secret+" said the service", "unavailable", errors.New(secret), secret)
}

// rawRun is everything the server tells about a run, as bytes.
func rawRun(ctx context.Context, t *testing.T, c client.Client, run client.WorkflowRun) []byte {
	t.Helper()
	execution := &commonpb.WorkflowExecution{WorkflowId: run.GetID(), RunId: run.GetRunID()}
	description, err := c.WorkflowService().DescribeWorkflowExecution(ctx, &workflowservice.DescribeWorkflowExecutionRequest{
		Namespace: "default", Execution: execution,
	})
	require.NoError(t, err)
	raw, err := proto.Marshal(description)
	require.NoError(t, err)
	events := 0
	for history := c.GetWorkflowHistory(ctx, run.GetID(), run.GetRunID(), false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT); history.HasNext(); events++ {
		event, err := history.Next()
		require.NoError(t, err)
		one, err := proto.Marshal(event)
		require.NoError(t, err)
		raw = append(raw, one...)
	}
	require.Greater(t, events, 10)
	return raw
}
