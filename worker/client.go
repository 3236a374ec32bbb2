package worker

import (
	"context"
	"fmt"
	"log/slog"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"

	"github.com/scratch-platform/scratch/internal/vault"
	"github.com/scratch-platform/scratch/worker/codec"
)

// ClientOptions gives the options every Temporal client of Scratch has: payloads
// and failures are encrypted with the vault's keys (Promise 10). base holds the
// connection (address, namespace, TLS or API key).
func ClientOptions(base client.Options, keys *vault.Vault, logger *slog.Logger) client.Options {
	base.DataConverter = codec.DataConverter(keys)
	base.FailureConverter = codec.FailureConverter(keys)
	if logger != nil {
		base.Logger = log.NewStructuredLogger(logger)
	}
	return base
}

// Dial connects lazily: it succeeds while the engine is away, and calls fail
// until it is back.
func Dial(base client.Options, keys *vault.Vault, logger *slog.Logger) (client.Client, error) {
	c, err := client.NewLazyClient(ClientOptions(base, keys, logger))
	if err != nil {
		return nil, fmt.Errorf("connect to Temporal at %s: %w", base.HostPort, err)
	}
	return c, nil
}

// Ready reports whether the engine answers.
func Ready(ctx context.Context, c client.Client) error {
	if _, err := c.CheckHealth(ctx, &client.CheckHealthRequest{}); err != nil {
		return fmt.Errorf("ask Temporal for its health: %w", err)
	}
	return nil
}
