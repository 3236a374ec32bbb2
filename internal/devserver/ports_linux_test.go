package devserver

import (
	"fmt"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// Breaks when a server is given a port that the system may give to a connection
// before the server takes it, which then does not start.
func TestFreePortsAreNotThoseOfConnections(t *testing.T) {
	text, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range")
	require.NoError(t, err)
	var lowest, highest int
	_, err = fmt.Sscan(string(text), &lowest, &highest)
	require.NoError(t, err)
	for range 20 {
		port, err := FreePort(t.Context(), 0)
		require.NoError(t, err)
		require.Less(t, port, lowest)
	}
	chosen, err := choosePorts(t.Context(), Options{})
	require.NoError(t, err)
	require.Less(t, chosen.frontend, lowest)
	require.Less(t, chosen.ui, lowest)
	require.NotEqual(t, chosen.frontend, chosen.ui)
}
