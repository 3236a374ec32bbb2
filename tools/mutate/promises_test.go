package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// promised is one row of docs/promises.md.
type promised struct {
	number int
	keptIn []place
	heldBy []holding
}

// place is a file or package that keeps a promise, with the names in it that do.
type place struct {
	path  string
	names []string
}

// holding is a package with the tests in it that hold a promise.
type holding struct {
	pkg   string
	tests []string
}

var (
	row    = regexp.MustCompile(`^\| (\d+) \| .* \| (.*) \| (.*) \|$`)
	quoted = regexp.MustCompile("`([^`]+)`")
	placed = regexp.MustCompile("`([^`]+)`(?: \\(([^)]*)\\))?")
	isTest = regexp.MustCompile(`^Test\w*(/\w+)?$`)
)

func all(pattern *regexp.Regexp, text string) (found []string) {
	for _, match := range pattern.FindAllStringSubmatch(text, -1) {
		found = append(found, match[1])
	}
	return found
}

// readPromises reads the table of docs/promises.md.
func readPromises(t *testing.T) (promises []promised) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "promises.md"))
	require.NoError(t, err)
	for line := range strings.Lines(string(text)) {
		cells := row.FindStringSubmatch(strings.TrimSpace(line))
		if cells == nil {
			continue
		}
		p := promised{}
		p.number, err = strconv.Atoi(cells[1])
		require.NoError(t, err)
		for _, match := range placed.FindAllStringSubmatch(cells[2], -1) {
			p.keptIn = append(p.keptIn, place{path: match[1], names: all(quoted, match[2])})
		}
		for segment := range strings.SplitSeq(cells[3], ";") {
			names := all(quoted, segment)
			require.NotEmpty(t, names, "promise %d: %q names no package", p.number, segment)
			p.heldBy = append(p.heldBy, holding{pkg: names[0], tests: names[1:]})
		}
		promises = append(promises, p)
	}
	return promises
}

// sources gives the text of a Go file, or of all the files of a package.
func sources(t *testing.T, path string, tests bool) string {
	t.Helper()
	path = filepath.Join("..", "..", path)
	if filepath.Ext(path) == ".go" {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		return string(text)
	}
	files, err := filepath.Glob(filepath.Join(path, "*.go"))
	require.NoError(t, err)
	require.NotEmpty(t, files, "%s is no package", path)
	var text strings.Builder
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") == tests {
			one, err := os.ReadFile(file)
			require.NoError(t, err)
			text.Write(one)
		}
	}
	return text.String()
}

// Breaks when docs/promises.md says that a promise is kept in a place that is
// gone, that does not quote it, or that no mutation breaks.
func TestPromisesAreKeptWhereItIsSaid(t *testing.T) {
	list, err := readMutations(listed)
	require.NoError(t, err)
	promises := readPromises(t)
	for _, m := range list {
		require.LessOrEqual(t, m.Promise, len(promises), "%s: there is no such promise", m.Breaks)
	}
	for i, p := range promises {
		require.Equal(t, i+1, p.number)
		require.NotEmpty(t, p.keptIn)
		for _, at := range p.keptIn {
			text := sources(t, at.path, false)
			assert.Regexp(t, number(p.number), text, "%s does not quote promise %d", at.path, p.number)
			for _, name := range at.names {
				assert.Regexp(t, `\b`+regexp.QuoteMeta(name)+`\b`, text, "%s, promise %d", at.path, p.number)
			}
			broken := false
			for _, m := range list {
				broken = broken || m.Promise == p.number && (m.File == at.path || strings.HasPrefix(m.File, at.path+"/"))
			}
			assert.True(t, broken, "no mutation breaks promise %d in %s", p.number, at.path)
		}
	}
}

// Breaks when docs/promises.md says that a promise is held by a test that does not
// exist.
func TestPromisesAreHeldByTestsThatExist(t *testing.T) {
	for _, p := range readPromises(t) {
		for _, held := range p.heldBy {
			text := sources(t, held.pkg, true)
			require.NotEmpty(t, held.tests, "promise %d names no test of %s", p.number, held.pkg)
			for _, test := range held.tests {
				require.Regexp(t, isTest, test, "promise %d, %s", p.number, held.pkg)
				name, _, _ := strings.Cut(test, "/")
				assert.Contains(t, text, "\nfunc "+name+"(", "promise %d is said to be held by it, in %s", p.number, held.pkg)
			}
		}
	}
}

// Breaks when a mutation relies on a test of which docs/promises.md says nothing:
// the table would not say what holds the promise.
func TestWhatNoticesAMutationHoldsThePromise(t *testing.T) {
	list, err := readMutations(listed)
	require.NoError(t, err)
	held := map[string]bool{}
	for _, p := range readPromises(t) {
		for _, h := range p.heldBy {
			for _, test := range h.tests {
				held[fmt.Sprint(p.number, " ./", h.pkg, " ", test)] = true
			}
		}
	}
	for _, m := range list {
		for test := range strings.SplitSeq(m.Run, "|") {
			by := fmt.Sprint(m.Promise, " ", m.Package, " ", test)
			assert.True(t, held[by], "docs/promises.md does not name what notices %q: %s", m.Breaks, by)
		}
	}
}
