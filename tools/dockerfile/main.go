// Command dockerfile says what an image would be built from and how, with the
// parsers of the container engine itself:
//
//	go run -C tools/dockerfile . DOCKERFILE CONTEXT
//
// It prints one JSON object: the files of the context that its .dockerignore
// leaves to the builder, and each stage's instructions in order. It is a module
// of its own: the engine's parsers belong in no program of ours.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"
)

type image struct {
	Files    []string `json:"files"` // below the context
	Stages   []stage  `json:"stages"`
	Warnings []string `json:"warnings"` // of the parser
}

type stage struct {
	Name  string `json:"name"` // empty: it has none
	From  string `json:"from"`
	Steps []step `json:"steps"`
}

// step is one instruction. Op is its name, in capitals.
type step struct {
	Op      string   `json:"op"`
	Words   []string `json:"words,omitempty"`   // of the command, or the instruction's one word
	Shell   bool     `json:"shell,omitempty"`   // Words are for a shell
	From    string   `json:"from,omitempty"`    // COPY: another stage
	Owner   string   `json:"owner,omitempty"`   // COPY
	Sources []string `json:"sources,omitempty"` // COPY
	Dest    string   `json:"dest,omitempty"`    // COPY
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "dockerfile:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 2 {
		return errors.New("want a Dockerfile and its context")
	}
	made, err := read(args[0])
	if err != nil {
		return err
	}
	if made.Files, err = context(args[1]); err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(made)
}

func read(path string) (*image, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	parsed, err := parser.Parse(file)
	if err != nil {
		return nil, fmt.Errorf("parse %s: %w", path, err)
	}
	stages, _, err := instructions.Parse(parsed.AST, nil)
	if err != nil {
		return nil, fmt.Errorf("parse %s: %w", path, err)
	}
	made := &image{}
	for _, w := range parsed.Warnings {
		made.Warnings = append(made.Warnings, w.Short)
	}
	for _, s := range stages {
		one := stage{Name: s.Name, From: s.BaseName}
		for _, command := range s.Commands {
			one.Steps = append(one.Steps, stepOf(command))
		}
		made.Stages = append(made.Stages, one)
	}
	return made, nil
}

func stepOf(command instructions.Command) step {
	switch c := command.(type) {
	case *instructions.CopyCommand:
		return step{Op: "COPY", From: c.From, Owner: c.Chown, Sources: c.SourcePaths, Dest: c.DestPath}
	case *instructions.RunCommand:
		return step{Op: "RUN", Words: c.CmdLine, Shell: c.PrependShell}
	case *instructions.EntrypointCommand:
		return step{Op: "ENTRYPOINT", Words: c.CmdLine, Shell: c.PrependShell}
	case *instructions.CmdCommand:
		return step{Op: "CMD", Words: c.CmdLine, Shell: c.PrependShell}
	case *instructions.EnvCommand:
		one := step{Op: "ENV"}
		for _, pair := range c.Env {
			one.Words = append(one.Words, pair.Key+"="+pair.Value)
		}
		return one
	case *instructions.WorkdirCommand:
		return step{Op: "WORKDIR", Words: []string{c.Path}}
	case *instructions.UserCommand:
		return step{Op: "USER", Words: []string{c.User}}
	case *instructions.HealthCheckCommand:
		return step{Op: "HEALTHCHECK", Words: c.Health.Test}
	case *instructions.VolumeCommand:
		return step{Op: "VOLUME", Words: c.Volumes}
	case *instructions.StopSignalCommand:
		return step{Op: "STOPSIGNAL", Words: []string{c.Signal}}
	default:
		return step{Op: command.Name()}
	}
}

// context lists what the builder gets: every file below the folder that
// .dockerignore does not leave out. A folder that is left out is looked through
// all the same: a later line may take something in again.
func context(root string) ([]string, error) {
	file, err := os.Open(filepath.Join(root, ".dockerignore"))
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	patterns, err := ignorefile.ReadAll(file)
	if err != nil {
		return nil, err
	}
	matcher, err := patternmatcher.New(patterns)
	if err != nil {
		return nil, err
	}
	var files []string
	err = filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		below, err := filepath.Rel(root, path)
		if err != nil || below == "." {
			return err
		}
		ignored, err := matcher.MatchesOrParentMatches(below)
		switch {
		case err != nil:
			return err
		case ignored && entry.IsDir() && !matcher.Exclusions():
			return filepath.SkipDir
		case !ignored && !entry.IsDir():
			files = append(files, below)
		}
		return nil
	})
	return files, err
}
