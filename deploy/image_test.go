package deploy

import (
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// fromBase are files of the program stage that are its base image's.
var fromBase = []string{"/etc/ssl/certs/ca-certificates.crt", "/usr/share/zoneinfo"}

// Breaks when the image is built from what changes by itself, with another Go than
// the module's, or runs with rights or programs it does not need.
func TestImage(t *testing.T) {
	made := theImage(t)
	require.Empty(t, made.Warnings)
	known := []string{"scratch"}
	for _, s := range made.Stages {
		if !slices.Contains(known, s.From) {
			require.Regexp(t, pinned, s.From)
		}
		known = append(known, s.Name)
	}
	module, err := os.ReadFile("../go.mod")
	require.NoError(t, err)
	version := regexp.MustCompile(`(?m)^go (\S+)$`).FindSubmatch(module)
	require.NotNil(t, version)
	require.True(t, slices.ContainsFunc(made.Stages, func(s imageStage) bool { return strings.HasPrefix(s.From, "golang:"+string(version[1])+"-") }),
		"it is built with another Go than the module's")

	final := made.Stages[len(made.Stages)-1]
	require.Equal(t, "scratch", final.From, "nothing but what is copied in")
	require.Empty(t, made.last("RUN"), "there is nothing to run it with")
	require.Regexp(t, `^[1-9]\d{4}:[1-9]\d{4}$`, made.last("USER")[0].Words[0], "a number: the image has no names to look up; not root's")
	health := made.last("HEALTHCHECK")[0].Words
	require.Equal(t, []string{"CMD", "/scratch", "healthcheck"}, health[:3], "there is no shell to check it with")
	for _, op := range []string{"ENTRYPOINT", "CMD"} {
		require.False(t, made.last(op)[0].Shell, "%s wants a shell", op)
	}
	require.Equal(t, []string{"/scratch"}, made.last("ENTRYPOINT")[0].Words)
	require.Equal(t, []string{"SIGTERM"}, made.last("STOPSIGNAL")[0].Words, "the signal that drains")
	var brought []string
	for _, c := range made.last("COPY") {
		require.NotEmpty(t, c.From, "%v comes past the stages", c.Sources)
		brought = append(brought, c.Dest)
		if c.Dest == "/data" || c.Dest == "/tmp" {
			require.Equal(t, made.last("USER")[0].Words[0], c.Owner, "the process cannot write to %s", c.Dest)
		}
	}
	require.Subset(t, brought, fromBase, "no service could be reached over TLS, or schedules have no time zones")
}

// Breaks when a stage needs a file that .dockerignore holds back or no COPY
// brings, or makes less than the image takes from it: the commands are the
// Dockerfile's own.
func TestTheImageIsBuiltFromItsContext(t *testing.T) {
	_, err := exec.LookPath("npm")
	require.NoError(t, err, "this test needs npm, as `make test` does: install Node.js 20.19 or newer")
	b := buildImage(t)
	require.FileExists(t, filepath.Join(b.folder("program"), "src", "web", "dist", "app", "index.html"), "the program holds no page")
	for _, c := range b.image.last("COPY") {
		for _, source := range c.Sources {
			if !slices.Contains(fromBase, source) {
				_, err := os.Stat(filepath.Join(b.folder(c.From), source))
				require.NoError(t, err, "the image takes it from stage %s", c.From)
			}
		}
	}
	said, err := exec.CommandContext(t.Context(), program(t), "--help").CombinedOutput()
	require.NoError(t, err, "%s", said)
	for _, s := range b.image.Stages {
		for at, step := range s.Steps {
			if step.Op == "RUN" && slices.Contains(strings.Fields(step.Words[0]), "ci") {
				copied := s.Steps[at-1].Sources
				require.Contains(t, copied, "web/.npmrc", "packages' own scripts run in the build, which web/.npmrc forbids")
			}
		}
	}
}

// Breaks when two builds of one tree, in different places, are not the same
// program: nobody could tell what runs from what it was built of.
func TestTheBuildIsReproducible(t *testing.T) {
	first := buildImage(t)
	second := &builder{image: first.image, source: first.source, dir: t.TempDir(), absent: first.absent}
	require.NoError(t, second.build(t.Context()))
	one, err := os.ReadFile(program(t))
	require.NoError(t, err)
	two, err := os.ReadFile(filepath.Join(second.folder("program"), "out", "scratch"))
	require.NoError(t, err)
	require.True(t, slices.Equal(one, two), "the programs differ")
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

// Breaks when secrets, data, or the results of other builds are sent to the
// builder and become part of an image.
func TestWhatTheBuilderDoesNotGet(t *testing.T) {
	folder := t.TempDir()
	ignore, err := os.ReadFile("../.dockerignore")
	require.NoError(t, err)
	for name, text := range map[string]string{
		".dockerignore": string(ignore), "go.mod": "module x", "web/dist/index.html": "", "deploy/doc.go": "package deploy",
		".env": "", ".env.production": "", ".git/config": "", ".scratch/scratch.db": "", "bin/scratch": "", "web/node_modules/x/index.js": "",
		"web/dist/app/index.html": "", "connectors/wordpress/fake/proof/node_modules/x/index.js": "", "deploy/terraform.tfstate": "",
		"api/testdata/x": "", "api/api_test.go": "", "web/.env.local": "", "docker-compose.override.yml": "", "heap.prof": "",
	} {
		path := filepath.Join(folder, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	}
	planted, err := readImage(t.Context(), filepath.Join(root(t), "deploy", "Dockerfile"), folder)
	require.NoError(t, err)
	require.ElementsMatch(t, []string{".dockerignore", "go.mod", "web/dist/index.html", "deploy/doc.go"}, planted.Files)
}
