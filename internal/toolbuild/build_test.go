package toolbuild_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/internal/toolbuild"
)

// writeTool makes a tools folder with one tool in it that prints a word.
func writeTool(t *testing.T, source string) (toolsDir string) {
	t.Helper()
	toolsDir = filepath.Join(t.TempDir(), "tools")
	dir := filepath.Join(toolsDir, "hello")
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "cmd", "hello"), 0o750))
	write := func(name, text string) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	write("go.mod", "module example.com/hello\n\ngo 1.26\n\ntool example.com/hello/cmd/hello\n")
	write("cmd/hello/main.go", source)
	t.Setenv("SCRATCH_CACHE", t.TempDir())
	return toolsDir
}

const helloSource = "package main\n\nimport \"fmt\"\n\nfunc main() { fmt.Print(\"hello\") }\n"

// Breaks when two test packages that start together each spend minutes on the
// same build, or run a half-written binary.
func TestBuildHappensOnceForManyCallers(t *testing.T) {
	toolsDir := writeTool(t, helloSource)
	var mu sync.Mutex
	var said []string
	report := func(line string) {
		mu.Lock()
		defer mu.Unlock()
		said = append(said, line)
	}
	paths := make([]string, 4)
	errs := make([]error, len(paths))
	var wg sync.WaitGroup
	for i := range paths {
		wg.Go(func() { paths[i], errs[i] = toolbuild.Build(t.Context(), toolsDir, "hello", report) })
	}
	wg.Wait()
	for i := range paths {
		require.NoError(t, errs[i])
		require.Equal(t, paths[0], paths[i])
	}
	out, err := exec.CommandContext(t.Context(), paths[0]).Output()
	require.NoError(t, err)
	require.Equal(t, "hello", string(out))
	require.Equal(t, 1, strings.Count(strings.Join(said, "\n"), "building hello local from"))

	said = nil
	_, err = toolbuild.Build(t.Context(), toolsDir, "hello", report)
	require.NoError(t, err)
	require.Empty(t, said, "a cached tool is used without a word")
}

// Breaks when a tool that does not compile is reported without the compiler's
// words, or leaves a binary behind.
func TestFailedBuildSaysWhyAndLeavesNothing(t *testing.T) {
	toolsDir := writeTool(t, "package main\n\nfunc main() { undefinedThing() }\n")
	_, err := toolbuild.Build(t.Context(), toolsDir, "hello", func(string) {})
	require.ErrorContains(t, err, "build hello local")
	require.ErrorContains(t, err, "undefinedThing")
	binaries, err := filepath.Glob(filepath.Join(os.Getenv("SCRATCH_CACHE"), "tools", "*", "hello"))
	require.NoError(t, err)
	require.Empty(t, binaries)
}

// Breaks when a tool's version stops being read from its go.mod.
func TestReadPinOfEveryTool(t *testing.T) {
	wd, err := os.Getwd()
	require.NoError(t, err)
	toolsDir, ok := toolbuild.FindToolsDir(wd, "temporal")
	require.True(t, ok)
	for name, pkg := range map[string]string{
		"temporal":      "github.com/temporalio/cli/cmd/temporal",
		"golangci-lint": "github.com/golangci/golangci-lint/v2/cmd/golangci-lint",
		"workflowcheck": "go.temporal.io/sdk/contrib/tools/workflowcheck",
	} {
		pin, err := toolbuild.ReadPin(toolsDir, name)
		require.NoError(t, err)
		require.Equal(t, pkg, pin.Package)
		require.Regexp(t, `^\d+\.\d+\.\d+$`, pin.Version)
	}
	_, err = toolbuild.ReadPin(toolsDir, "nosuchtool")
	require.ErrorContains(t, err, "nosuchtool")
}
