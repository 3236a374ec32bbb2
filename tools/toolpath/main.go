package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/scratch-platform/scratch/internal/toolbuild"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "toolpath:", err)
		stop()
		os.Exit(1) //nolint:gocritic // stop was called
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("want the name of one folder below tools/, got %d arguments", len(args))
	}
	wd, err := os.Getwd()
	if err != nil {
		return fmt.Errorf("find the tools folder: %w", err)
	}
	toolsDir, ok := toolbuild.FindToolsDir(wd, args[0])
	if !ok {
		return fmt.Errorf("no tools/%s/go.mod in %s or above it; run this inside the repository", args[0], wd)
	}
	path, err := toolbuild.Build(ctx, toolsDir, args[0], func(line string) { fmt.Fprintln(os.Stderr, line) })
	if err != nil {
		return err
	}
	fmt.Println(path)
	return nil
}
