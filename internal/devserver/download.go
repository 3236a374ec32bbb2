package devserver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/testsuite"
)

const (
	// downloadSign is how long the first sign of a download may take. Where the
	// network does not permit it, waiting longer only delays the build.
	downloadSign = 5 * time.Second
	// downloadTime bounds the whole: about 100 MB over a slow line.
	downloadTime = 10 * time.Minute
)

// downloadCLI lets the SDK download its CLI into dir. The SDK has no download
// alone: it starts a server in memory, which is ended at once.
func downloadCLI(ctx context.Context, dir string) (string, error) {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return "", fmt.Errorf("make a folder for the download: %w", err)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, downloadTime, errors.New("the download took too long"))
	defer cancel()
	ctx, giveUp := context.WithCancelCause(ctx)
	defer giveUp(nil)
	watch := time.AfterFunc(downloadSign, func() {
		// The SDK creates its file as soon as the first byte may come.
		if files, err := os.ReadDir(dir); err == nil && len(files) == 0 {
			giveUp(fmt.Errorf("nothing came within %s", downloadSign))
		}
	})
	defer watch.Stop()
	server, err := testsuite.StartDevServer(ctx, testsuite.DevServerOptions{
		CachedDownload: testsuite.CachedDownload{DestDir: dir},
		ClientOptions:  &client.Options{Logger: silent{}},
		LogLevel:       "never",
		Stdout:         io.Discard,
		Stderr:         io.Discard,
	})
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		return "", fmt.Errorf("download the Temporal CLI: %w", err)
	}
	if err := server.Stop(); err != nil {
		return "", fmt.Errorf("end the server that proved the download: %w", err)
	}
	found, err := filepath.Glob(filepath.Join(dir, "temporal-cli-go-sdk-*"))
	if err != nil || len(found) == 0 {
		return "", fmt.Errorf("the download left no CLI in %s", dir)
	}
	return found[len(found)-1], nil
}

// silent is a logger for clients whose failures we report ourselves.
type silent struct{}

func (silent) Debug(string, ...any) {}
func (silent) Info(string, ...any)  {}
func (silent) Warn(string, ...any)  {}
func (silent) Error(string, ...any) {}
