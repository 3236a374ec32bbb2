package main

import (
	"bytes"
	_ "embed"
	"fmt"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/goccy/go-yaml"
)

// listed is mutations.yaml.
//
//go:embed mutations.yaml
var listed []byte

// quotedWithin is how far above the broken text, in lines, the promise must be
// quoted: close enough to be about that line.
const quotedWithin = 25

// Mutation is one way to break one promise.
type Mutation struct {
	// Promise is its number in docs/promises.md.
	Promise int `yaml:"promise"`
	// Breaks says in words what the broken product would do.
	Breaks string `yaml:"breaks"`
	// File is the one to break, below the repository's root.
	File string `yaml:"file"`
	// Find is text that stands exactly once in the file; Replace takes its place.
	Find    string `yaml:"find"`
	Replace string `yaml:"replace"`
	// Package is the one whose tests must turn red, Run which of them, as go
	// test's -run takes it: names of tests with | in between.
	Package string `yaml:"package"`
	Run     string `yaml:"run"`
}

// readMutations parses the list strictly.
func readMutations(text []byte) ([]Mutation, error) {
	var list []Mutation
	if err := yaml.NewDecoder(bytes.NewReader(text), yaml.Strict()).Decode(&list); err != nil {
		return nil, fmt.Errorf("read the list of mutations: %w", err)
	}
	return list, nil
}

// apply returns the broken file's text. It fails when the mutation is not what
// it claims to be: the text is not there exactly once, the promise is not quoted
// near it, or what comes out is no Go.
func (m Mutation) apply(root string) ([]byte, error) {
	if m.Promise == 0 || m.Breaks == "" || m.Find == m.Replace || m.Package == "" || m.Run == "" {
		return nil, fmt.Errorf("mutation %q of %s is not complete, it needs promise, breaks, find, another replace, package and run", m.Breaks, m.File)
	}
	text, err := os.ReadFile(filepath.Join(root, m.File))
	if err != nil {
		return nil, fmt.Errorf("mutate: %w", err)
	}
	if n := bytes.Count(text, []byte(m.Find)); n != 1 {
		return nil, fmt.Errorf("mutation of promise %d: the text to find stands %d times in %s, want once (tools/mutate/mutations.yaml must follow the code):\n%s", m.Promise, n, m.File, m.Find)
	}
	before, after, _ := bytes.Cut(text, []byte(m.Find))
	restOfLine, _, _ := bytes.Cut(after, []byte("\n"))
	if !m.quoted(string(before) + m.Find + string(restOfLine)) {
		return nil, fmt.Errorf("mutation of promise %d: %s does not quote \"Promise %d\" at the line that keeps it:\n%s", m.Promise, m.File, m.Promise, m.Find)
	}
	broken := bytes.Replace(text, []byte(m.Find), []byte(m.Replace), 1)
	if _, err := parser.ParseFile(token.NewFileSet(), m.File, broken, parser.SkipObjectResolution); err != nil {
		return nil, fmt.Errorf("mutation of promise %d: the broken %s is no Go: %w", m.Promise, m.File, err)
	}
	return broken, nil
}

// quoted looks for the promise's number in the last lines of text.
func (m Mutation) quoted(text string) bool {
	lines := strings.Split(text, "\n")
	near := lines[max(0, len(lines)-quotedWithin-strings.Count(m.Find, "\n")-1):]
	return number(m.Promise).MatchString(strings.Join(near, "\n"))
}

// number finds a quote of a promise.
func number(promise int) *regexp.Regexp {
	return regexp.MustCompile(fmt.Sprintf(`Promises? (\d+,? (and )?)*%d\b`, promise))
}
