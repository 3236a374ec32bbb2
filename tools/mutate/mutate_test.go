package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Breaks when a line that keeps a promise moved or changed and its mutation no
// longer breaks it, or when it lost its quote of the promise.
func TestEveryMutationFitsTheCode(t *testing.T) {
	list, err := readMutations(listed)
	require.NoError(t, err)
	require.NotEmpty(t, list)
	for _, m := range list {
		_, err := m.apply(filepath.Join("..", ".."))
		assert.NoError(t, err)
	}
}

// Breaks when a mutation that breaks nothing is accepted.
func TestApplyRefusesWhatIsNoMutation(t *testing.T) {
	root := t.TempDir()
	source := "package p\n\n// Promise 4: one of them.\nvar kept = 1\n\nvar twice, again = 2, 2\n"
	require.NoError(t, os.WriteFile(filepath.Join(root, "p.go"), []byte(source), 0o600))
	good := Mutation{Promise: 4, Breaks: "it", File: "p.go", Find: "kept = 1", Replace: "kept = 0", Package: "./p", Run: "TestKept"}
	broken, err := good.apply(root)
	require.NoError(t, err)
	require.Contains(t, string(broken), "kept = 0")

	for name, change := range map[string]struct {
		edit func(*Mutation)
		want string
	}{
		"another promise":         {func(m *Mutation) { m.Promise = 5 }, `does not quote "Promise 5"`},
		"part of a number":        {func(m *Mutation) { m.Promise = 40 }, `does not quote "Promise 40"`},
		"text that is gone":       {func(m *Mutation) { m.Find = "gone" }, "stands 0 times"},
		"text that is not unique": {func(m *Mutation) { m.Find, m.Replace = "2", "3" }, "stands 2 times"},
		"no change":               {func(m *Mutation) { m.Replace = m.Find }, "not complete"},
		"no tests":                {func(m *Mutation) { m.Run = "" }, "not complete"},
		"no Go":                   {func(m *Mutation) { m.Replace = "kept = = 0" }, "is no Go"},
		"a file that is gone":     {func(m *Mutation) { m.File = "q.go" }, "q.go"},
	} {
		t.Run(name, func(t *testing.T) {
			m := good
			change.edit(&m)
			_, err := m.apply(root)
			require.ErrorContains(t, err, change.want)
		})
	}
}

// writeModule makes a module whose test may or may not notice a broken line.
func writeModule(t *testing.T, check string) (root string, m Mutation) {
	t.Helper()
	root = t.TempDir()
	for name, text := range map[string]string{
		"go.mod":    "module example.com/p\n\ngo 1.26\n",
		"p.go":      "package p\n\n// Promise 4: one of them.\nfunc Kept() int { return 1 }\n",
		"p_test.go": "package p\n\nimport \"testing\"\n\nfunc TestKept(t *testing.T) {\n\tif " + check + " {\n\t\tt.Fatal(Kept())\n\t}\n}\n",
	} {
		require.NoError(t, os.WriteFile(filepath.Join(root, name), []byte(text), 0o600))
	}
	return root, Mutation{Promise: 4, Breaks: "it", File: "p.go", Find: "return 1", Replace: "return 0", Package: ".", Run: "TestKept"}
}

// Breaks when a survived mutation is taken for a noticed one, or the other way
// round.
func TestRunTellsRedFromSurvived(t *testing.T) {
	quiet := func(string) {}
	for check, want := range map[string]outcome{"Kept() != 1": red, "Kept() > 1": survived} {
		root, m := writeModule(t, check)
		results, err := runAll(t.Context(), root, []Mutation{m}, 2, quiet)
		require.NoError(t, err)
		require.Equal(t, want, results[0].outcome)
		require.Equal(t, want == red, verdict(results) == nil)
		if want == red {
			require.Equal(t, []string{"TestKept"}, results[0].failed)
			require.Contains(t, report(results, "abc", time.Unix(0, 0), time.Hour), "| 4 | it | `p.go` | red | TestKept |")
		}
		text, err := os.ReadFile(filepath.Join(root, "p.go"))
		require.NoError(t, err)
		require.Contains(t, string(text), "return 1", "the tree itself is never changed")
	}
	root, m := writeModule(t, "Kept() != 1")
	m.Replace = "return undefined"
	results, err := runAll(t.Context(), root, []Mutation{m}, 2, quiet)
	require.NoError(t, err)
	require.Equal(t, unbuilt, results[0].outcome)
	require.Error(t, verdict(results))
}

// Breaks when a mutation is called noticed though its test was red before, or is
// red without it by now: a server that it needs went away.
func TestTestsMustBeGreenBeforeAndAfter(t *testing.T) {
	root, m := writeModule(t, "Kept() == 1")
	_, err := runAll(t.Context(), root, []Mutation{m}, 1, func(string) {})
	require.ErrorContains(t, err, "before anything is broken")

	server := filepath.Join(t.TempDir(), "server")
	require.NoError(t, os.WriteFile(server, nil, 0o600))
	root, m = writeModule(t, "Kept() != 1 || !there("+strconv.Quote(server)+")")
	helper := "package p\n\nimport \"os\"\n\nfunc there(file string) bool {\n\t_, err := os.Stat(file)\n\treturn err == nil\n}\n"
	require.NoError(t, os.WriteFile(filepath.Join(root, "there.go"), []byte(helper), 0o600))
	_, err = runAll(t.Context(), root, []Mutation{m}, 1, func(said string) {
		if strings.Contains(said, "1/1") {
			require.NoError(t, os.Remove(server))
		}
	})
	require.ErrorContains(t, err, "proves nothing")
}

// Breaks when a mutation whose tests were renamed passes for a noticed one.
func TestAPatternThatFitsNoTestIsNotRed(t *testing.T) {
	root, m := writeModule(t, "Kept() != 1")
	lost := m
	lost.Run = "^TestNothing$"
	results, err := runAll(t.Context(), root, []Mutation{m, lost}, 2, func(string) {})
	require.NoError(t, err)
	require.Equal(t, []outcome{red, untested}, []outcome{results[0].outcome, results[1].outcome})
	require.ErrorContains(t, verdict(results), string(untested))
}

// Breaks when tests that a mutation uses are not among those that must be green
// before anything is broken.
func TestWhatIsUsedIsGreenFirst(t *testing.T) {
	list := []Mutation{
		{Package: "./a", Run: "TestOne"},
		{Package: "./b", Run: "TestTwo/case"},
		{Package: "./a", Run: "TestOneMore"},
		{Package: "./a", Run: "TestOne"},
	}
	require.Equal(t, map[string]string{"./a": "TestOne|TestOneMore", "./b": "TestTwo/case"}, testsUsed(list))
}

// Breaks when an interrupted run is reported as if it had finished.
func TestInterruptedRunIsAnError(t *testing.T) {
	root, m := writeModule(t, "Kept() != 1")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("interrupted"))
	_, err := runAll(ctx, root, []Mutation{m}, 1, func(string) {})
	require.Error(t, err)
}
