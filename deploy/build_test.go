package deploy

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// The image without a container engine: the engine's own parsers say what the
// builder gets and what it does (tools/dockerfile), and the stages are carried
// out in folders that hold what their COPY lines bring and nothing else.

// image is what tools/dockerfile says.
type image struct {
	Files    []string
	Warnings []string
	Stages   []imageStage
}

type imageStage struct {
	Name, From string
	Steps      []step
}

type step struct {
	Op          string
	Words       []string
	Shell       bool
	From, Owner string
	Sources     []string
	Dest        string
}

func readImage(ctx context.Context, dockerfile, folder string) (*image, error) {
	cmd := exec.CommandContext(ctx, "go", "run", "-C", filepath.Join(toolsDir, "dockerfile"), ".", dockerfile, folder)
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		return nil, &buildError{"read the Dockerfile", said.String(), err}
	}
	var read image
	return &read, json.Unmarshal(out, &read)
}

// buildError is a step that failed, with what it said.
type buildError struct {
	step, said string
	err        error
}

func (e *buildError) Error() string { return e.step + ": " + e.err.Error() + "\n" + e.said }

// theImage is the Dockerfile's, read once for all tests of this package.
func theImage(t *testing.T) *image {
	t.Helper()
	checkout.once.Do(func() {
		checkout.image, checkout.err = readImage(context.WithoutCancel(t.Context()), filepath.Join(root(t), "deploy", "Dockerfile"), root(t))
	})
	require.NoError(t, checkout.err)
	return checkout.image
}

var checkout struct {
	once  sync.Once
	image *image
	err   error
}

// last are the instructions of a kind in the final stage.
func (i *image) last(op string) (found []step) {
	for _, s := range i.Stages[len(i.Stages)-1].Steps {
		if s.Op == op {
			found = append(found, s)
		}
	}
	return found
}

// builder carries out stages, each in a folder below dir.
type builder struct {
	image  *image
	source string // the checkout
	dir    string
	// absent are stages that are not carried out; what is copied from them is
	// left out.
	absent []string
}

func (b *builder) folder(stage string) string { return filepath.Join(b.dir, stage) }

// build carries out the stages that have a name.
func (b *builder) build(ctx context.Context) error {
	for _, s := range b.image.Stages {
		if s.Name == "" || slices.Contains(b.absent, s.Name) {
			continue
		}
		at, environ := "/", []string(nil)
		for _, step := range s.Steps {
			switch step.Op {
			case "WORKDIR":
				at = path.Join(at, step.Words[0])
			case "ENV":
				environ = append(environ, step.Words...)
			case "COPY":
				if err := b.copy(s.Name, at, step); err != nil {
					return err
				}
			case "RUN":
				if err := b.run(ctx, s.Name, at, environ, step); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// run runs a command in the stage's folder. The only paths of the image that our
// commands name are below /out.
func (b *builder) run(ctx context.Context, stage, at string, environ []string, step step) error {
	folder := filepath.Join(b.folder(stage), at)
	if err := os.MkdirAll(filepath.Join(b.folder(stage), "out"), 0o700); err != nil {
		return err
	}
	line := strings.ReplaceAll(strings.Join(step.Words, " "), "/out/", b.folder(stage)+"/out/")
	cmd := exec.CommandContext(ctx, "/bin/sh", "-c", line)
	cmd.Dir = folder
	cmd.Env = append(os.Environ(), append(environ, "PWD="+folder)...)
	if said, err := cmd.CombinedOutput(); err != nil {
		return &buildError{line, string(said), err}
	}
	return nil
}

// copy brings files from the context or from another stage, by Docker's rules: of
// a folder its content, and to a folder when the destination is written as one.
func (b *builder) copy(stage, at string, step step) error {
	dest := step.Dest
	if !path.IsAbs(dest) {
		dest = path.Join(at, dest)
	}
	into := strings.HasSuffix(step.Dest, "/") || step.Dest == "." || len(step.Sources) > 1
	for _, source := range step.Sources {
		if step.From != "" {
			if slices.Contains(b.absent, step.From) {
				continue
			}
			if err := os.CopyFS(filepath.Join(b.folder(stage), dest), os.DirFS(filepath.Join(b.folder(step.From), source))); err != nil {
				return err
			}
			continue
		}
		found := false
		for _, file := range b.image.Files {
			to := path.Join(dest, path.Base(file))
			if clean := path.Clean(source); file != clean {
				below, ok := strings.CutPrefix(file, clean+"/")
				if clean == "." {
					below, ok = file, true
				}
				if !ok {
					continue
				}
				to = path.Join(dest, below)
			} else if !into {
				to = dest
			}
			found = true
			if err := copyFile(filepath.Join(b.source, file), filepath.Join(b.folder(stage), to)); err != nil {
				return err
			}
		}
		if !found {
			return &buildError{"COPY " + source, "the context holds nothing of that name", os.ErrNotExist}
		}
	}
	return nil
}

func copyFile(from, to string) error {
	text, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return err
	}
	return os.WriteFile(to, text, 0o600)
}

// made is what the stages made, once for all tests of this package.
var made struct {
	once    sync.Once
	builder *builder
	err     error
}

func TestMain(m *testing.M) {
	code := m.Run()
	if made.builder != nil {
		_ = os.RemoveAll(made.builder.dir)
	}
	os.Exit(code)
}

// buildImage carries out the Dockerfile's stages, without the page where this
// machine has no npm.
func buildImage(t *testing.T) *builder {
	t.Helper()
	read := theImage(t)
	made.once.Do(func() {
		dir, err := os.MkdirTemp("", "scratch-deploy") //nolint:usetesting // it outlives the test that happens to build
		if err != nil {
			made.err = err
			return
		}
		made.builder = &builder{image: read, source: root(t), dir: dir}
		if _, err := exec.LookPath("npm"); err != nil {
			made.builder.absent = []string{"page"}
		}
		made.err = made.builder.build(context.WithoutCancel(t.Context()))
	})
	require.NoError(t, made.err)
	return made.builder
}

// program is our program as the image has it.
func program(t *testing.T) string {
	t.Helper()
	return filepath.Join(buildImage(t).folder("program"), "out", "scratch")
}
