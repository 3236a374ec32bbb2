package worker

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"

	"github.com/scratch-platform/scratch/internal/vault"
	"github.com/scratch-platform/scratch/worker/codec"
)

// ClientOptions gives the options every Temporal client of Scratch has: payloads
// and failures are encrypted with the vault's keys (Promise 10). base holds the
// connection (address, namespace, TLS or API key), and what measures and traces
// it.
func ClientOptions(base client.Options, keys *vault.Vault, logger *slog.Logger) client.Options {
	if base.Identity == "" {
		base.Identity = identityOf(keys)
	}
	base.DataConverter = codec.DataConverter(keys)
	base.FailureConverter = codec.FailureConverter(keys)
	if logger != nil {
		base.Logger = log.NewStructuredLogger(logger)
	}
	return base
}

// keyMark stands before a key's id in an identity.
const keyMark = "scratch-key="

// identityOf names this process to the engine as the SDK would, and the key it
// encrypts with: two deployments that share a namespace and a queue by mistake,
// each with keys of its own, take each other's work and cannot read it. Ids of
// keys are no secret; every payload names one (codec.MetadataKeyID).
func identityOf(keys *vault.Vault) string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return fmt.Sprintf("%d@%s %s%s", os.Getpid(), host, keyMark, keys.PrimaryKeyID())
}

// KeyOf reads from an identity which key its process encrypts with; ok is false
// for what is none of ours.
func KeyOf(identity string) (id vault.KeyID, ok bool) {
	_, text, found := strings.Cut(identity, keyMark)
	if !found {
		return 0, false
	}
	id, err := vault.ParseKeyID(text)
	return id, err == nil
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
