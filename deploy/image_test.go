package deploy

import (
	"debug/elf"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// instructions reads the Dockerfile: one instruction a line, comments left out.
func instructions(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile("Dockerfile")
	require.NoError(t, err)
	var lines []string
	joined := strings.ReplaceAll(string(text), "\\\n", " ")
	for line := range strings.Lines(joined) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			lines = append(lines, strings.Join(strings.Fields(line), " "))
		}
	}
	return lines
}

// instruction finds the one of a kind that holds a text.
func instruction(t *testing.T, kind, text string) string {
	t.Helper()
	for _, line := range instructions(t) {
		if strings.HasPrefix(line, kind+" ") && strings.Contains(line, text) {
			return line
		}
	}
	require.Fail(t, "no such instruction", "%s … %s", kind, text)
	return ""
}

// Breaks when the image is built from what changes by itself, with another Go than
// the module's, or runs with rights or programs it does not need.
func TestImage(t *testing.T) {
	var last []string // instructions of the final stage
	stages := map[string]bool{"scratch": true}
	for _, line := range instructions(t) {
		if from, ok := strings.CutPrefix(line, "FROM "); ok {
			image, name, _ := strings.Cut(from, " AS ")
			if !stages[image] {
				require.Regexp(t, pinned, image)
			}
			stages[name] = true
			last = nil
		}
		last = append(last, line)
	}
	require.Equal(t, "FROM scratch", last[0], "nothing but what is copied in")
	module, err := os.ReadFile("../go.mod")
	require.NoError(t, err)
	version := regexp.MustCompile(`(?m)^go (\S+)$`).FindSubmatch(module)
	require.NotNil(t, version)
	instruction(t, "FROM", "golang:"+string(version[1])+"-")

	text := strings.Join(last, "\n")
	require.Regexp(t, `(?m)^USER \d{5}:\d{5}$`, text, "a number: the image has no names to look up")
	require.Regexp(t, `(?m)^HEALTHCHECK .*CMD \["/scratch", "healthcheck"`, text)
	require.Contains(t, text, "\nENTRYPOINT [\"/scratch\"]")
	require.Contains(t, text, "ca-certificates.crt", "no service could be reached over TLS")
	require.Contains(t, text, "zoneinfo", "schedules have time zones")
	require.NotContains(t, text, "RUN ", "there is nothing to run it with")
}

// Breaks when the program needs anything that an empty image lacks.
func TestProgramIsStatic(t *testing.T) {
	file, err := elf.Open(program(t))
	require.NoError(t, err)
	defer func() { require.NoError(t, file.Close()) }()
	for _, p := range file.Progs {
		require.NotEqual(t, elf.PT_INTERP, p.Type, "it is loaded by a dynamic linker")
	}
}

// Breaks when secrets, data or another build's results would become part of an
// image, or when the tree that is copied in lacks what is built.
func TestWhatTheImageIsBuiltFrom(t *testing.T) {
	text, err := os.ReadFile("../.dockerignore")
	require.NoError(t, err)
	ignored := map[string]bool{}
	for line := range strings.Lines(string(text)) {
		ignored[strings.TrimSpace(line)] = true
	}
	for _, name := range []string{".git", ".env", ".env.*", ".scratch", "bin", "web/node_modules", "web/dist/*"} {
		require.True(t, ignored[name], "%s is sent to the builder", name)
	}
	for _, name := range []string{"go.mod", "go.sum", "cmd", "api", "web", "models", "**/*.sql"} {
		require.False(t, ignored[name], "%s is needed", name)
	}
}
