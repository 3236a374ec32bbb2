package contract

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
)

// occupied is an engine where an open run is in the way: the first calls hear of
// it, and then one is cut short by the starter's own deadline.
type occupied struct {
	client.Client
	heard int
	cut   error
}

func (o *occupied) ExecuteWorkflow(ctx context.Context, _ client.StartWorkflowOptions, _ any, _ ...any) (client.WorkflowRun, error) {
	if o.heard > 0 {
		o.heard--
		return nil, serviceerror.NewWorkflowExecutionAlreadyStarted("already started", "request", "run_1")
	}
	<-ctx.Done()
	return nil, o.cut
}

// Promise 9: breaks when a start that an open run stands in the way of is told
// as an engine that is away, because its deadline fell into the middle of a
// call.
func TestAStartThatIsInTheWayIsNotAnEngineAway(t *testing.T) {
	cut := errors.New("stream terminated by RST_STREAM with error code: CANCEL")
	synctest.Test(t, func(t *testing.T) {
		_, err := StartDownloadSnapshot(t.Context(), &occupied{heard: 3, cut: cut}, DownloadSnapshotInput{SnapshotID: "snp_1"}, StartOptions{})
		var running *AlreadyRunningError
		require.ErrorAs(t, err, &running)
		require.Equal(t, &AlreadyRunningError{WorkflowID: "download-snapshot:snp_1", RunID: "run_1"}, running)
	})
	synctest.Test(t, func(t *testing.T) {
		_, err := StartDownloadSnapshot(t.Context(), &occupied{cut: cut}, DownloadSnapshotInput{SnapshotID: "snp_1"}, StartOptions{})
		require.ErrorIs(t, err, cut, "an engine that said nothing is away")
	})
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		stop()
		_, err := StartDownloadSnapshot(ctx, &occupied{heard: 1, cut: cut}, DownloadSnapshotInput{SnapshotID: "snp_1"}, StartOptions{})
		require.Error(t, err)
	})
}
