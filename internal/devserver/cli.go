package devserver

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"golang.org/x/mod/semver"

	"github.com/scratch-platform/scratch/internal/toolbuild"
)

// The oldest Temporal CLI and server that have what Scratch uses: activity
// pause and reset, priority and fairness keys.
const (
	oldestCLI    = "1.5.1"
	oldestServer = "1.29.1"
)

// versionTimeout bounds one `temporal --version`.
const versionTimeout = 10 * time.Second

// ErrNoCLI says that no usable Temporal CLI was found, downloaded or built.
var ErrNoCLI = errors.New("no Temporal CLI")

// Finder finds the Temporal CLI. The zero value, with Report set, looks in the
// process's own environment.
type Finder struct {
	// Path names a CLI to use and nothing else; SCRATCH_TEMPORAL_CLI when empty.
	Path string
	// Report is told what is being done, one line at a time.
	Report func(string)

	// For tests: what lies on PATH, where downloads are kept, and the slow ways.
	lookPath func(string) (string, error)
	cacheDir func() (string, error)
	download func(ctx context.Context, dir string) (string, error)
	build    func(ctx context.Context, report func(string)) (string, error)
}

// Find returns the path of a Temporal CLI that is new enough: the one that was
// named; else the one on PATH; else one that an earlier run downloaded or
// built; else the SDK's own download, where the network permits it; else the
// pinned module under tools/temporal, built once.
// Errors are ErrNoCLI with what was tried and what to do.
func (f Finder) Find(ctx context.Context) (string, error) {
	f = f.withDefaults()
	if f.Path != "" {
		if err := checkVersion(ctx, f.Path); err != nil {
			return "", fmt.Errorf("%w: the one that was named cannot be used: %w", ErrNoCLI, err)
		}
		return f.Path, nil
	}
	if path, err := f.lookPath("temporal"); err == nil {
		old := checkVersion(ctx, path)
		if old == nil {
			return path, nil
		}
		f.Report(fmt.Sprintf("not using %s: %v", path, old))
	}
	dir, err := f.cacheDir()
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrNoCLI, err)
	}
	if path, ok := f.cached(ctx, dir); ok {
		return path, nil
	}
	return f.fetch(ctx, dir)
}

// cached looks for the results of earlier runs.
func (f Finder) cached(ctx context.Context, dir string) (string, bool) {
	var found []string
	for _, pattern := range []string{"temporal-*/temporal", "temporal-download/temporal-cli-*"} {
		matches, err := filepath.Glob(filepath.Join(dir, "tools", pattern))
		if err == nil {
			found = append(found, matches...)
		}
	}
	for _, path := range found {
		if checkVersion(ctx, path) == nil {
			return path, true
		}
	}
	return "", false
}

// fetch tries the slow ways, the quicker one first.
func (f Finder) fetch(ctx context.Context, dir string) (string, error) {
	f.Report("no Temporal CLI " + oldestCLI + " or newer here; trying the SDK's own download")
	path, downloadErr := f.download(ctx, filepath.Join(dir, "tools", "temporal-download"))
	if downloadErr == nil {
		if downloadErr = checkVersion(ctx, path); downloadErr == nil {
			f.Report("downloaded the Temporal CLI to " + path)
			return path, nil
		}
	}
	if err := ctx.Err(); err != nil {
		return "", fmt.Errorf("%w: %w", ErrNoCLI, err)
	}
	f.Report("the download is not to be had; building the Temporal CLI from source, once: 2 to 6 minutes on two cores")
	path, buildErr := f.build(ctx, f.Report)
	if buildErr == nil {
		buildErr = checkVersion(ctx, path)
	}
	if buildErr != nil {
		return "", fmt.Errorf("%w: none on PATH, download: %w, build: %w; install Temporal CLI %s or newer, or name one in SCRATCH_TEMPORAL_CLI",
			ErrNoCLI, downloadErr, buildErr, oldestCLI)
	}
	return path, nil
}

func (f Finder) withDefaults() Finder {
	if f.Path == "" {
		f.Path = os.Getenv("SCRATCH_TEMPORAL_CLI")
	}
	if f.Report == nil {
		f.Report = func(string) {}
	}
	if f.lookPath == nil {
		f.lookPath = exec.LookPath
	}
	if f.cacheDir == nil {
		f.cacheDir = toolbuild.CacheDir
	}
	if f.download == nil {
		f.download = downloadCLI
	}
	if f.build == nil {
		f.build = buildCLI
	}
	return f
}

// buildCLI builds the pinned module of the checkout we run in.
func buildCLI(ctx context.Context, report func(string)) (string, error) {
	wd, err := os.Getwd()
	if err != nil {
		return "", err
	}
	tools, ok := toolbuild.FindToolsDir(wd, "temporal")
	if !ok {
		return "", fmt.Errorf("look for tools/temporal in %s and above it: %w", wd, fs.ErrNotExist)
	}
	return toolbuild.Build(ctx, tools, "temporal", report)
}

var versionLine = regexp.MustCompile(`(?i)version\s+v?(\S+)\s+\(Server\s+v?([0-9][^,\s)]*)`)

// checkVersion runs the CLI and reports whether it is new enough. A CLI built
// from source without a stamp calls itself 0.0.0-DEV; then its server's version
// decides.
func checkVersion(ctx context.Context, path string) error {
	ctx, cancel := context.WithTimeout(ctx, versionTimeout)
	defer cancel()
	out, err := exec.CommandContext(ctx, path, "--version").Output()
	if err != nil {
		return fmt.Errorf("run %s --version: %w", path, err)
	}
	match := versionLine.FindStringSubmatch(string(out))
	if match == nil {
		return fmt.Errorf("%s --version answered %.200q, not a Temporal CLI's version", path, strings.TrimSpace(string(out)))
	}
	if newEnough(match[1], oldestCLI) || newEnough(match[2], oldestServer) {
		return nil
	}
	return fmt.Errorf("%s is version %s (server %s), older than %s", path, match[1], match[2], oldestCLI)
}

func newEnough(version, oldest string) bool {
	return semver.Compare("v"+version, "v"+oldest) >= 0
}
