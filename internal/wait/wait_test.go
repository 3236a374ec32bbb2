package wait

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Breaks when a cancel waits for the time to be over.
func TestAnEndedContextEndsTheWait(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, For(ctx, time.Hour), context.Canceled)
	require.NoError(t, For(t.Context(), time.Nanosecond))
}
