package toolbuild

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

const (
	// stillBuildingEvery is how often a long build says that it goes on: the
	// Temporal CLI compiles for minutes, and silence reads as a hang.
	stillBuildingEvery = 20 * time.Second
	// maxOutput bounds what is quoted of a failed build (8 KB, as for every error).
	maxOutput = 8 << 10
)

// stamps are the linker variables through which a tool learns its own version;
// their release builds set the same ones.
var stamps = map[string]string{
	"temporal":      "github.com/temporalio/cli/temporalcli.Version",
	"golangci-lint": "main.version",
}

// Build returns the path of the pinned tool's binary, building it first when
// the cache does not hold this version. One process builds at a time; others
// wait for it. report is told what is being done, one line at a time.
func Build(ctx context.Context, toolsDir, name string, report func(string)) (string, error) {
	pin, err := ReadPin(toolsDir, name)
	if err != nil {
		return "", err
	}
	cache, err := CacheDir()
	if err != nil {
		return "", err
	}
	binary := pin.Binary(cache)
	if isExecutable(binary) {
		return binary, nil
	}
	if err := os.MkdirAll(filepath.Dir(binary), 0o750); err != nil {
		return "", fmt.Errorf("make a folder for tool %s: %w", name, err)
	}
	unlock, err := lock(ctx, binary+".lock", func() {
		report(fmt.Sprintf("waiting for another process that builds %s %s", name, pin.Version))
	})
	if err != nil {
		return "", fmt.Errorf("wait for the build of %s: %w", name, err)
	}
	defer unlock()
	if isExecutable(binary) { // built by whoever held the lock
		return binary, nil
	}
	report(fmt.Sprintf("building %s %s from %s, once; it is kept in %s", name, pin.Version, pin.Dir, binary))
	start := time.Now()
	if err := compile(ctx, pin, binary, report); err != nil {
		return "", err
	}
	report(fmt.Sprintf("built %s %s in %s", name, pin.Version, time.Since(start).Round(time.Second)))
	return binary, nil
}

// compile builds next to the final name and renames, so that a killed build
// never leaves half a binary behind.
func compile(ctx context.Context, pin Pin, binary string, report func(string)) error {
	flags := "-s -w"
	if stamp, ok := stamps[pin.Name]; ok {
		flags += " -X " + stamp + "=" + pin.Version
	}
	unfinished := binary + ".unfinished"
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", flags, "-o", unfinished, pin.Package) //nolint:gosec // from the checkout's own go.mod
	cmd.Dir = pin.Dir
	// Neither a workspace nor flags of the caller's may change what is built.
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off", "GOFLAGS=-mod=readonly -buildvcs=false")
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := runSaying(cmd, func(elapsed time.Duration) {
		report(fmt.Sprintf("still building %s (%s)", pin.Name, elapsed.Round(time.Second)))
	}); err != nil {
		return fmt.Errorf("build %s %s in %s: %w\n%s", pin.Name, pin.Version, pin.Dir, err, tail(output.Bytes(), maxOutput))
	}
	if err := os.Rename(unfinished, binary); err != nil {
		return fmt.Errorf("keep the built %s: %w", pin.Name, err)
	}
	return nil
}

func runSaying(cmd *exec.Cmd, still func(time.Duration)) error {
	if err := cmd.Start(); err != nil {
		if errors.Is(err, exec.ErrNotFound) {
			return fmt.Errorf("%w: the Go toolchain is needed to build it", err)
		}
		return err
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	start := time.Now()
	ticker := time.NewTicker(stillBuildingEvery)
	defer ticker.Stop()
	for {
		select {
		case err := <-done:
			return err
		case <-ticker.C:
			still(time.Since(start))
		}
	}
}

func isExecutable(file string) bool {
	info, err := os.Stat(file)
	return err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o100 != 0
}

func tail(b []byte, limit int) []byte {
	if len(b) > limit {
		b = b[len(b)-limit:]
	}
	return bytes.TrimSpace(b)
}
