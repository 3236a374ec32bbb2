package activities

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/testsuite"

	"github.com/scratch-platform/scratch/models"
)

// When it fails, a table whose service turns it away keeps the others from
// moving.
func TestATableThatWaitsHoldsNoPlace(t *testing.T) {
	slots := NewSlots(1)
	waiting, err := slots.take(t.Context())
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- waiting.aside(ctx, time.Hour) }()

	moving, err := slots.take(t.Context())
	require.NoError(t, err)
	moving.release()
	stop()
	require.ErrorIs(t, <-ended, context.Canceled)
	waiting.release() // it holds none any more
	require.Empty(t, slots)
}

// begun is a store with a run that came some way.
type begun struct {
	DownloadStore
	run models.DownloadRun
}

func (s begun) Run(context.Context, string) (models.DownloadRun, error) { return s.run, nil }
func (s begun) Alive(context.Context, string) error                     { return nil }

// When it fails, tables wait in a worker that is full while another, which was
// started to help, has nothing to do; or what such a table has stored is forgotten.
func TestATableThatFindsNoPlaceGoesBackToTheQueue(t *testing.T) {
	var suite testsuite.WorkflowTestSuite
	environment := suite.NewTestActivityEnvironment()
	slots := NewSlots(1)
	other, err := slots.take(t.Context())
	require.NoError(t, err)
	run := models.DownloadRun{ID: "run_1", Seen: 700, Progress: models.Progress{Done: 700}}
	d := &Downloads{Store: func(string) DownloadStore { return begun{run: run} }, Slots: slots, PlaceWait: time.Millisecond, Now: time.Now}
	environment.RegisterActivity(d)
	encoded, err := environment.ExecuteActivity(d.CopyPages, CopyInput{RunInput: RunInput{RunID: run.ID}, Turn: time.Hour})
	require.NoError(t, err)
	var result CopyResult
	require.NoError(t, encoded.Get(&result))
	require.Equal(t, CopyResult{Seen: 700, Progress: run.Progress}, result, "not complete, and at once to be gone on with")
	other.release()
	require.Empty(t, slots, "it took a place all the same")
}
