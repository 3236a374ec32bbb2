package main

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

// report is docs/mutations.md.
func report(results []result, commit string, now time.Time) string {
	var b strings.Builder
	b.WriteString("# Mutations\n\nWritten by `make mutate`, which breaks each line that keeps a promise (docs/promises.md) and expects a red test.\n\n")
	fmt.Fprintf(&b, "Last run: %s, commit %s: %d broken, %d noticed.\n\n", now.UTC().Format("2006-01-02 15:04 UTC"), commit, len(results), count(results, red))
	b.WriteString("| promise | what the broken product would do | file | outcome | red tests |\n|---|---|---|---|---|\n")
	for _, r := range results {
		fmt.Fprintf(&b, "| %d | %s | `%s` | %s | %s |\n", r.Promise, r.Breaks, r.File, r.outcome, strings.Join(r.failed, ", "))
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

// writeReport also keeps what the tests said where nothing was noticed.
func writeReport(file string, results []result, now time.Time) error {
	commit := "unknown"
	if out, err := exec.Command("git", "rev-parse", "--short", "HEAD").Output(); err == nil { //nolint:noctx // answers at once
		commit = strings.TrimSpace(string(out))
	}
	if err := os.WriteFile(file, []byte(report(results, commit, now)), 0o644); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}
