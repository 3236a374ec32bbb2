package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
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
	file := flags.String("report", "docs/mutations.md", "where the report of a whole run goes")
	if err := flags.Parse(args); err != nil {
		return err
	}
	list, err := readMutations(listed)
	if err != nil {
		return err
	}
	if *promise != 0 {
		list = ofPromise(list, *promise)
	}
	if len(list) == 0 {
		return fmt.Errorf("no mutation of promise %d is listed", *promise)
	}
	root, err := os.Getwd()
	if err != nil {
		return err
	}
	results, err := runAll(ctx, root, list, func(line string) { fmt.Println(line) })
	if err != nil {
		return err
	}
	if *promise == 0 {
		if err := writeReport(*file, results, time.Now()); err != nil {
			return err
		}
	}
	noticed := count(results, red)
	fmt.Printf("%d passed, %d failed\n", noticed, len(results)-noticed)
	return verdict(results)
}

func ofPromise(list []Mutation, promise int) (out []Mutation) {
	for _, m := range list {
		if m.Promise == promise {
			out = append(out, m)
		}
	}
	return out
}

// verdict is an error when a mutation was not noticed, with what the tests said.
func verdict(results []result) error {
	var failures []error
	for _, r := range results {
		if r.outcome != red {
			failures = append(failures, fmt.Errorf("promise %d, %s (%s): %s\n%s", r.Promise, r.Breaks, r.File, r.outcome, r.words))
		}
	}
	return errors.Join(failures...)
}
