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
	words   string // the tests' own, for what is not red
}

// runAll expects every test that is used to be green first, then runs each
// mutation, some at once: while one's tests wait for a server, another compiles.
func runAll(ctx context.Context, root string, list []Mutation, atOnce int, say func(string)) ([]result, error) {
	for _, m := range list { // at once, not after half an hour
		if _, err := m.apply(root); err != nil {
			return nil, err
		}
	}
	if err := expectGreen(ctx, root, list, atOnce, say); err != nil {
		return nil, err
	}
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
			say(fmt.Sprintf("%d/%d promise %d, %s: %s %s (%s)", i+1, len(list), m.Promise, m.Breaks, r.outcome, strings.Join(r.failed, ", "), r.took.Round(time.Second)))
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
// load they will run under. Go may answer from its cache: the same tests of the
// same code were green then.
func expectGreen(ctx context.Context, root string, list []Mutation, atOnce int, say func(string)) error {
	runs, ctx := errgroup.WithContext(ctx)
	runs.SetLimit(atOnce)
	used := testsUsed(list)
	for _, pkg := range slices.Sorted(maps.Keys(used)) {
		runs.Go(func() error {
			start := time.Now()
			out, err := test(ctx, root, pkg, used[pkg], "")
			if err != nil {
				return fmt.Errorf("the tests of %s are not green before anything is broken: %w\n%s", pkg, err, tail(out))
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
	start := time.Now()
	out, err := test(ctx, root, m.Package, m.Run, overlay)
	r := result{Mutation: m, took: time.Since(start)}
	r.outcome, r.failed = judge(out, err)
	if r.outcome != red {
		r.words = tail(out)
	}
	return r, ctx.Err()
}

// test runs tests of a package. With an overlay it ends at the first red one, and
// whatever go command the tests themselves run gets the overlay too.
func test(ctx context.Context, root, pkg, run, overlay string) (string, error) {
	args := []string{"test", "-timeout", testTimeout.String(), "-run", run}
	env := os.Environ()
	if overlay != "" {
		args = append(args, "-count=1", "-failfast", "-vet=off")
		env = append(env, "GOFLAGS="+strings.TrimSpace(os.Getenv("GOFLAGS")+" -overlay="+overlay))
	}
	cmd := exec.CommandContext(ctx, "go", append(args, pkg)...) //nolint:gosec // from the project's own list
	cmd.Dir, cmd.Env = root, env
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
