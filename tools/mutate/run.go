package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// testTimeout bounds one mutation's tests: a broken product may hang, and that
// is red as well.
const testTimeout = 5 * time.Minute

// outcome is how the tests answered a mutation.
type outcome string

const (
	red      outcome = "red"            // as it should be
	survived outcome = "SURVIVED"       // nothing noticed
	unbuilt  outcome = "does not build" // the mutation proves nothing
)

// result is one mutation's.
type result struct {
	Mutation
	outcome outcome
	failed  []string // the tests that turned red
	took    time.Duration
	words   string // the tests' own, for what is not red
}

// runAll expects every test that is used to be green first, then runs each
// mutation.
func runAll(ctx context.Context, root string, list []Mutation, say func(string)) ([]result, error) {
	checked := map[string]bool{}
	for _, m := range list {
		key := strings.Join(m.Packages, " ") + " " + m.Run
		if checked[key] {
			continue
		}
		checked[key] = true
		say("unbroken: " + key)
		out, err := test(ctx, root, m, "")
		if err != nil {
			return nil, fmt.Errorf("the tests of %s are not green before anything is broken: %w\n%s", key, err, tail(out))
		}
		if strings.Contains(out, "no tests to run") {
			return nil, fmt.Errorf("no test matches %s", key)
		}
	}
	var results []result
	for _, m := range list {
		r, err := runOne(ctx, root, m)
		if err != nil {
			return nil, err
		}
		say(fmt.Sprintf("promise %d, %s: %s %s", m.Promise, m.Breaks, r.outcome, strings.Join(r.failed, ", ")))
		results = append(results, r)
	}
	return results, nil
}

func runOne(ctx context.Context, root string, m Mutation) (result, error) {
	broken, err := m.apply(root)
	if err != nil {
		return result{}, err
	}
	dir, err := os.MkdirTemp("", "mutate-")
	if err != nil {
		return result{}, fmt.Errorf("mutate: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	file := filepath.Join(dir, filepath.Base(m.File))
	overlay := filepath.Join(dir, "overlay.json")
	text, err := json.Marshal(map[string]map[string]string{"Replace": {filepath.Join(root, m.File): file}})
	if err != nil {
		return result{}, fmt.Errorf("mutate: %w", err)
	}
	if err := errors.Join(os.WriteFile(file, broken, 0o600), os.WriteFile(overlay, text, 0o600)); err != nil {
		return result{}, fmt.Errorf("mutate: %w", err)
	}
	start := time.Now()
	out, err := test(ctx, root, m, overlay)
	r := result{Mutation: m, took: time.Since(start)}
	r.outcome, r.failed = judge(out, err)
	if r.outcome != red {
		r.words = tail(out)
	}
	return r, ctx.Err()
}

// test runs the mutation's tests, with the overlay also for whatever go command
// the tests themselves run.
func test(ctx context.Context, root string, m Mutation, overlay string) (string, error) {
	args := []string{"test", "-count=1", "-timeout", testTimeout.String()}
	if m.Run != "" {
		args = append(args, "-run", m.Run)
	}
	cmd := exec.CommandContext(ctx, "go", append(args, m.Packages...)...) //nolint:gosec // from the project's own list
	cmd.Dir = root
	cmd.Env = os.Environ()
	if overlay != "" {
		cmd.Env = append(cmd.Env, "GOFLAGS="+strings.TrimSpace(os.Getenv("GOFLAGS")+" -overlay="+overlay))
	}
	out, err := cmd.CombinedOutput()
	return string(out), err
}

var (
	failedTest = regexp.MustCompile(`(?m)^\s*--- FAIL: (\S+)`)
	notBuilt   = regexp.MustCompile(`\[(build|setup) failed\]`)
)

// judge reads what the tests said. A panic and a time-out are red: somebody
// would have noticed.
func judge(out string, err error) (outcome, []string) {
	switch {
	case notBuilt.MatchString(out):
		return unbuilt, nil
	case err == nil:
		return survived, nil
	}
	var failed []string
	for _, match := range failedTest.FindAllStringSubmatch(out, -1) {
		top, _, _ := strings.Cut(match[1], "/")
		if !slices.Contains(failed, top) {
			failed = append(failed, top)
		}
	}
	if len(failed) == 0 {
		failed = []string{"(the test process)"}
	}
	return red, failed
}

func tail(text string) string {
	const most = 4 << 10
	if len(text) > most {
		text = text[len(text)-most:]
	}
	return text
}
