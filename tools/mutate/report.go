package main

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"
)

// report is docs/mutations.md.
func report(results []result, commit string, start time.Time, took time.Duration) string {
	var b strings.Builder
	b.WriteString("# Mutations\n\nWritten by `make mutate`, which breaks each line that keeps a [promise](promises.md), one at a time, and expects a red test. It stops at the first.\n\n")
	fmt.Fprintf(&b, "Last run: %s, commit %s, %s: %d broken, %d noticed.\n\n",
		start.UTC().Format("2006-01-02 15:04 UTC"), commit, took.Round(time.Minute), len(results), count(results, red))
	b.WriteString("| promise | what the broken product would do | file | outcome | red test |\n|---|---|---|---|---|\n")
	byPromise := slices.SortedStableFunc(slices.Values(results), func(a, b result) int { return a.Promise - b.Promise })
	for _, r := range byPromise {
		fmt.Fprintf(&b, "| %d | %s | `%s` | %s | %s |\n", r.Promise, r.Breaks, r.File, r.outcome, r.by())
	}
	return b.String()
}

func count(results []result, want outcome) (n int) {
	for _, r := range results {
		if r.outcome == want {
			n++
		}
	}
	return n
}

// writeReport names the commit, and says when the tree was not as committed.
func writeReport(file string, results []result, start time.Time) error {
	commit := "unknown"
	if out, err := exec.Command("git", "describe", "--always", "--dirty", "--exclude=*").Output(); err == nil { //nolint:noctx // answers at once
		commit = strings.TrimSpace(string(out))
	}
	if err := os.WriteFile(file, []byte(report(results, commit, start, time.Since(start))), 0o644); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}
