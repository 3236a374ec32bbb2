package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
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
	untested outcome = "NOT TESTED"     // its pattern fits no test
)

// result is one mutation's.
type result struct {
	Mutation
	outcome outcome
	failed  []string // the tests that turned red
	took    time.Duration
	words   string // the tests' own, where no test turned red by name
}

// by names the tests that noticed.
func (r result) by() string {
	if r.outcome == red && len(r.failed) == 0 {
		return "(the test process ended)"
	}
	return strings.Join(r.failed, ", ")
}

// runAll expects every test that is used to be green, then runs each mutation,
// some at once: while one's tests wait for a server, another compiles. In the end
// the tests must be green still: had their database gone away meanwhile, all would
// have been red.
func runAll(ctx context.Context, root string, list []Mutation, atOnce int, say func(string)) ([]result, error) {
	for _, m := range list { // at once, not after half an hour
		if _, err := m.apply(root); err != nil {
			return nil, err
		}
	}
	if err := expectGreen(ctx, root, list, atOnce, say); err != nil {
		return nil, fmt.Errorf("before anything is broken: %w", err)
	}
	results, err := breakEach(ctx, root, list, atOnce, say)
	if err != nil {
		return nil, err
	}
	if err := expectGreen(ctx, root, list, atOnce, say, "-count=1"); err != nil {
		return nil, fmt.Errorf("after all was broken, so what was red proves nothing: %w", err)
	}
	return results, nil
}

func breakEach(ctx context.Context, root string, list []Mutation, atOnce int, say func(string)) ([]result, error) {
	results := make([]result, len(list))
	runs, ctx := errgroup.WithContext(ctx)
	runs.SetLimit(atOnce)
	for i, m := range list {
		runs.Go(func() error {
			r, err := runOne(ctx, root, m)
			if err != nil {
				return err
			}
			results[i] = r
			say(fmt.Sprintf("%d/%d promise %d, %s: %s %s (%s)", i+1, len(list), m.Promise, m.Breaks, r.outcome, r.by(), r.took.Round(time.Second)))
			if r.words != "" {
				say(r.words)
			}
			return nil
		})
	}
	return results, runs.Wait()
}

// testsUsed puts the mutations' tests together by package, as go test's -run takes
// them, so that each package is run once.
func testsUsed(list []Mutation) map[string]string {
	used := map[string]string{}
	for _, m := range list {
		switch run, known := used[m.Package]; {
		case !known:
			used[m.Package] = m.Run
		case !slices.Contains(strings.Split(run, "|"), m.Run):
			used[m.Package] = run + "|" + m.Run
		}
	}
	return used
}

// expectGreen runs the tests that mutations use on the code as it is, under the
// load that they run under. Go may answer from its cache, unless flags forbid it:
// the same tests of the same code were green then.
func expectGreen(ctx context.Context, root string, list []Mutation, atOnce int, say func(string), flags ...string) error {
	runs, ctx := errgroup.WithContext(ctx)
	runs.SetLimit(atOnce)
	used := testsUsed(list)
	for _, pkg := range slices.Sorted(maps.Keys(used)) {
		runs.Go(func() error {
			start := time.Now()
			out, err := test(ctx, root, pkg, used[pkg], os.Environ(), flags...)
			if err != nil {
				return fmt.Errorf("the tests of %s are not green: %w\n%s", pkg, err, tail(out))
			}
			say(fmt.Sprintf("unbroken: %s is green (%s)", pkg, time.Since(start).Round(time.Second)))
			return nil
		})
	}
	return runs.Wait()
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
	// Whatever go command the tests themselves run gets the overlay too.
	env := append(os.Environ(), "GOFLAGS="+strings.TrimSpace(os.Getenv("GOFLAGS")+" -overlay="+overlay))
	start := time.Now()
	out, err := test(ctx, root, m.Package, m.Run, env, "-count=1", "-failfast", "-vet=off")
	r := result{Mutation: m, took: time.Since(start)}
	r.outcome, r.failed = judge(out, err)
	if len(r.failed) == 0 {
		r.words = tail(out)
	}
	return r, ctx.Err()
}

// test runs tests of a package.
func test(ctx context.Context, root, pkg, run string, env []string, flags ...string) (string, error) {
	args := append([]string{"test", "-timeout", testTimeout.String(), "-run", run}, flags...)
	cmd := exec.CommandContext(ctx, "go", append(args, pkg)...) //nolint:gosec // from the project's own list
	cmd.Dir, cmd.Env = root, env
	out, err := cmd.CombinedOutput()
	return string(out), err
}

var (
	failedTest = regexp.MustCompile(`(?m)^\s*--- FAIL: (\S+)`)
	notBuilt   = regexp.MustCompile(`\[(build|setup) failed\]`)
)

// judge reads what the tests said. A panic and a time-out are red, though no test
// is by name: somebody would have noticed.
func judge(out string, err error) (outcome, []string) {
	switch {
	case notBuilt.MatchString(out):
		return unbuilt, nil
	case err == nil && strings.Contains(out, "no tests to run"):
		return untested, nil
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
	return red, failed
}

func tail(text string) string {
	const most = 4 << 10
	if len(text) > most {
		text = text[len(text)-most:]
	}
	return text
}
