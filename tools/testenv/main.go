package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"

	"github.com/scratch-platform/scratch/internal/devserver"
)

// commandGrace is how long an interrupted command may take to end.
const commandGrace = 30 * time.Second

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code, err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		say("%v", err)
	}
	os.Exit(code)
}

// say writes one line for the person who waits.
func say(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "testenv: "+format+"\n", args...)
}

// run returns the command's exit code; 3 when the environment could not be set
// up, as the product's own commands do.
func run(ctx context.Context, command []string) (code int, err error) {
	const environmentFailed = 3
	if len(command) > 0 && command[0] == "--" {
		command = command[1:]
	}
	if len(command) == 0 {
		return 2, errors.New("no command to run; for example: testenv go test ./...")
	}
	if err := ensureCompiler(ctx); err != nil {
		return environmentFailed, err
	}
	cli, err := devserver.Finder{
		Path:   os.Getenv("SCRATCH_TEST_TEMPORAL"),
		Report: func(line string) { say("%s", line) },
	}.Find(ctx)
	if err != nil {
		return environmentFailed, err
	}
	say("Temporal: %s", cli)
	database, err := providePostgres(ctx)
	if err != nil {
		return environmentFailed, err
	}
	say("PostgreSQL: %s", database.origin)
	redis, err := provideRedis(ctx)
	if err != nil {
		return environmentFailed, errors.Join(err, database.stop())
	}
	say("Redis: %s", redis.origin)
	code, err = runCommand(ctx, command, []string{
		"SCRATCH_TEST_TEMPORAL=" + cli,
		"SCRATCH_TEST_POSTGRES_URL=" + database.url,
		"SCRATCH_TEST_POSTGRES_BIN=" + database.programs,
		"SCRATCH_TEST_REDIS_URL=" + redis.url,
		"SCRATCH_TEST_REDIS_SERVER=" + redis.program,
	})
	return code, errors.Join(err, redis.stop(), database.stop())
}

func runCommand(ctx context.Context, command, settings []string) (int, error) {
	cmd := exec.CommandContext(ctx, command[0], command[1:]...) //nolint:gosec // running the given command is the purpose
	cmd.Env = append(os.Environ(), settings...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	// The terminal's Ctrl-C reaches the command as well; a SIGTERM does not.
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = commandGrace
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0, nil
	case errors.As(err, &exit) && exit.ExitCode() > 0:
		return exit.ExitCode(), nil
	default:
		return 1, fmt.Errorf("run %s: %w", command[0], err)
	}
}
