package testkit

import (
	"context"
	"net"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/internal/devserver"
)

// FreeAddress is a loopback address nobody listens on just now, and that no
// connection is given.
func FreeAddress(t testing.TB) string {
	t.Helper()
	port, err := devserver.FreePort(context.WithoutCancel(t.Context()), 0)
	require.NoError(t, err)
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
}
