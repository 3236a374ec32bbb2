package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// errCannotInstall says that this machine has no package manager we may use.
var errCannotInstall = errors.New("only root on a Debian-like system can install packages")

// installPackages installs Debian packages, quietly.
func installPackages(ctx context.Context, packages ...string) error {
	apt, err := exec.LookPath("apt-get")
	if err != nil || os.Geteuid() != 0 {
		return errCannotInstall
	}
	say("installing %s with apt-get", strings.Join(packages, ", "))
	if err := quiet(ctx, apt, "update", "-q"); err != nil {
		say("the package lists could not be refreshed; trying with the present ones: %v", err)
	}
	return quiet(ctx, apt, append([]string{"install", "-q", "-y", "--no-install-recommends"}, packages...)...)
}

// quiet runs a command and shows its words only when it fails.
func quiet(ctx context.Context, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...) //nolint:gosec // fixed commands of this program
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C.UTF-8")
	out, err := cmd.CombinedOutput()
	if err != nil {
		const most = 8 << 10
		if len(out) > most {
			out = out[len(out)-most:]
		}
		return fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, bytes.TrimSpace(out))
	}
	return nil
}

// ensureCompiler sees to a C compiler, which the race detector needs.
func ensureCompiler(ctx context.Context) error {
	compiler := "gcc"
	if out, err := exec.CommandContext(ctx, "go", "env", "CC").Output(); err == nil && len(bytes.TrimSpace(out)) > 0 {
		compiler, _, _ = strings.Cut(strings.TrimSpace(string(out)), " ")
	}
	if _, err := exec.LookPath(compiler); err == nil {
		return nil
	}
	if err := installPackages(ctx, "gcc", "libc6-dev"); err != nil {
		return fmt.Errorf("the race detector needs a C compiler, and %s is not there: %w; install one, or set CC", compiler, err)
	}
	return nil
}
