package activities

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
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
