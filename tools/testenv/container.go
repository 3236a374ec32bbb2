package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/scratch-platform/scratch/internal/devserver"
)

// postgresImage is the oldest version that Scratch supports, so that nothing
// newer is relied on by accident.
const postgresImage = "postgres:15-alpine"

// startContainer runs PostgreSQL in a container, on a loopback port.
func startContainer(ctx context.Context) (database, error) {
	engine, err := findEngine(ctx)
	if err != nil {
		return database{}, err
	}
	port, err := devserver.FreePort(ctx, 0)
	if err != nil {
		return database{}, err
	}
	password := rand.Text()
	name := "scratch-testenv-" + strings.ToLower(rand.Text())
	say("starting %s in a container with %s", postgresImage, engine)
	cmd := exec.CommandContext(ctx, engine, "run", "--rm", "--detach", "--name", name, //nolint:gosec // the engine that was found
		"--publish", fmt.Sprintf("127.0.0.1:%d:5432", port), "--env", "POSTGRES_USER=scratch", "--env", "POSTGRES_PASSWORD",
		postgresImage, "-c", "max_connections=300")
	cmd.Env = append(os.Environ(), "POSTGRES_PASSWORD="+password)
	if out, err := cmd.CombinedOutput(); err != nil {
		return database{}, fmt.Errorf("start %s: %w\n%s", postgresImage, err, bytes.TrimSpace(out))
	}
	stop := func() error {
		// The context may have ended: that is when it matters most.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
		defer cancel()
		return quiet(ctx, engine, "rm", "--force", name)
	}
	url := fmt.Sprintf("postgres://scratch:%s@127.0.0.1:%d/postgres?sslmode=disable", password, port)
	if err := awaitServer(ctx, nil, func(ctx context.Context) error { return ping(ctx, url) }); err != nil {
		return database{}, errors.Join(fmt.Errorf("start %s: %w", postgresImage, err), stop())
	}
	return database{url: url, origin: fmt.Sprintf("a container of %s on port %d", postgresImage, port), stop: stop}, nil
}

// findEngine returns a container engine that answers, not a client alone.
func findEngine(ctx context.Context) (string, error) {
	var tried error
	for _, name := range []string{"docker", "podman"} {
		path, err := exec.LookPath(name)
		if err == nil {
			if err = quiet(ctx, path, "info"); err == nil {
				return path, nil
			}
		}
		tried = errors.Join(tried, err)
	}
	return "", fmt.Errorf("no container engine answers: %w", tried)
}
