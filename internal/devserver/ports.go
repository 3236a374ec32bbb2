package devserver

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
)

// portsTried is how far beyond the wished port we look.
const portsTried = 100

// choosePorts finds free ports at or after the wished ones, and says when they
// differ.
func choosePorts(ctx context.Context, o Options) (ports, error) {
	var chosen ports
	var err error
	if chosen.frontend, err = choosePort(ctx, o.Port, 0); err != nil {
		return ports{}, fmt.Errorf("find a port for Temporal's dev server: %w", err)
	}
	if o.Port != 0 && chosen.frontend != o.Port {
		o.Report(fmt.Sprintf("port %d is taken; Temporal listens on %d", o.Port, chosen.frontend))
	}
	if o.UIPort < 0 {
		return chosen, nil
	}
	if chosen.ui, err = choosePort(ctx, o.UIPort, chosen.frontend); err != nil {
		return ports{}, fmt.Errorf("find a port for Temporal's Web UI: %w", err)
	}
	if o.UIPort != 0 && chosen.ui != o.UIPort {
		o.Report(fmt.Sprintf("port %d is taken; Temporal's Web UI listens on %d", o.UIPort, chosen.ui))
	}
	return chosen, nil
}

func choosePort(ctx context.Context, wished, not int) (int, error) {
	if wished == 0 {
		return FreePort(ctx, not)
	}
	var lastErr error
	for port := wished; port < wished+portsTried && port <= 65535; port++ {
		if port == not {
			continue
		}
		if lastErr = tryPort(ctx, port); lastErr == nil {
			return port, nil
		}
	}
	return 0, fmt.Errorf("none of %d to %d is free: %w", wished, wished+portsTried-1, lastErr)
}

// Ports for servers that may have any. They lie below those that systems give to
// connections (Linux: from 32768, macOS: from 49152), one of which could take the
// port before the server that it is meant for.
const (
	lowestPort = 20_000
	anyPorts   = 12_000
)

// FreePort is a loopback port nobody listens on just now, other than the one
// named (0: any will do).
func FreePort(ctx context.Context, not int) (int, error) {
	var lastErr error
	for range portsTried {
		port := lowestPort + rand.IntN(anyPorts) //nolint:gosec // where to look first needs no secrecy
		if port == not {
			continue
		}
		if lastErr = tryPort(ctx, port); lastErr == nil {
			return port, nil
		}
	}
	return 0, fmt.Errorf("none of %d ports from %d on is free: %w", portsTried, lowestPort, lastErr)
}

// tryPort binds the port for a moment. Somebody may take it before the server
// does; then the server fails to start and says so.
func tryPort(ctx context.Context, port int) error {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", net.JoinHostPort(loopback, strconv.Itoa(port)))
	if err != nil {
		return err
	}
	return listener.Close()
}
