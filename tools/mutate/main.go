package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "mutate:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("mutate", flag.ContinueOnError)
	promise := flags.Int("promise", 0, "run the mutations of this promise only, and write no report")
	only := flags.String("only", "", "run the mutations that have this in their file or words only, and write no report")
	atOnce := flags.Int("at-once", 2, "how many to run side by side")
	file := flags.String("report", "docs/mutations.md", "where the report of a whole run goes")
	if err := flags.Parse(args); err != nil {
		return err
	}
	list, err := readMutations(listed)
	if err != nil {
		return err
	}
	whole := len(list)
	list = chosen(list, *promise, *only)
	if len(list) == 0 {
		return errors.New("no such mutation is listed")
	}
	root, err := os.Getwd()
	if err != nil {
		return err
	}
	start := time.Now()
	results, err := runAll(ctx, root, list, *atOnce, func(line string) { fmt.Println(line) })
	if err != nil {
		return err
	}
	if len(list) == whole {
		if err := writeReport(*file, results, start); err != nil {
			return err
		}
	}
	noticed := count(results, red)
	fmt.Printf("%d passed, %d failed, in %s\n", noticed, len(results)-noticed, time.Since(start).Round(time.Second))
	return verdict(results)
}

// chosen narrows the list; 0 and "" narrow nothing.
func chosen(list []Mutation, promise int, only string) (out []Mutation) {
	for _, m := range list {
		if (promise == 0 || m.Promise == promise) && (strings.Contains(m.File, only) || strings.Contains(m.Breaks, only)) {
			out = append(out, m)
		}
	}
	return out
}

// verdict is an error when a mutation was not noticed.
func verdict(results []result) error {
	var failures []error
	for _, r := range results {
		if r.outcome != red {
			failures = append(failures, fmt.Errorf("promise %d, %s (%s): %s", r.Promise, r.Breaks, r.File, r.outcome))
		}
	}
	return errors.Join(failures...)
}
