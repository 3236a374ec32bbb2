package devserver

import (
	"context"
	"fmt"
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
		return freePort(ctx, 0)
	}
	var lastErr error
	for port := wished; port < wished+portsTried && port <= 65535; port++ {
		if port == not {
			continue
		}
		if _, lastErr = freePort(ctx, port); lastErr == nil {
			return port, nil
		}
	}
	return 0, fmt.Errorf("none of %d to %d is free: %w", wished, wished+portsTried-1, lastErr)
}

// freePort binds the port for a moment. Somebody may take it before the server
// does; then the server fails to start and says so.
func freePort(ctx context.Context, port int) (int, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", net.JoinHostPort(loopback, strconv.Itoa(port)))
	if err != nil {
		return 0, err
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().(*net.TCPAddr).Port, nil
}
