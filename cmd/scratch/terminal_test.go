package main

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/rivo/uniseg"
	"github.com/stretchr/testify/require"
)

// Breaks when text from a service can command the terminal.
func TestPlainDisarmsControlCharacters(t *testing.T) {
	for in, want := range map[string]string{
		"Größe, 猫, 👩‍👩‍👧":   "Größe, 猫, 👩‍👩‍👧",
		"a\x1b[2Jb":         `a\x1b[2Jb`,
		"a\x1b]0;title\a":   `a\x1b]0;title\x07`,
		"a\nscratch: done":  `a\nscratch: done`,
		"a\rb\tc\x00":       `a\rb\tc\x00`,
		"\u009b31m":         `\x9b31m`,
		"evil\u202egnp.exe": `evil\u202egnp.exe`,
		"\u2066x\u2069":     `\u2066x\u2069`,
		"bad\xffutf8":       "bad\ufffdutf8",
		"line\u2028two":     `line\u2028two`,
		"\x7f\ufeff":        `\x7f\ufeff`,
	} {
		require.Equal(t, want, plain(in))
	}
}

// Breaks when a long cell pushes a table's columns apart.
func TestColumnsAreAlignedAndBounded(t *testing.T) {
	c := columns{heads: []string{"ID", "NAME", "STATE"}, limits: []int{4, 10}}
	c.add("1", strings.Repeat("猫", 4000), "ready")
	c.add("123456", "kurz", "ready")
	c.add("3", "\x1b[31mred", "ready")
	var b bytes.Buffer
	require.NoError(t, c.write(&b))
	at := -1
	for i, line := range strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n") {
		word := "ready"
		if i == 0 {
			word = "STATE"
		}
		place := uniseg.StringWidth(line[:strings.Index(line, word)])
		if at < 0 {
			at = place
		}
		require.Equal(t, at, place, line)
		require.LessOrEqual(t, uniseg.StringWidth(line), 4+2+10+2+5)
	}
}

// Breaks when a change far inside a long text cannot be seen in a plan.
func TestChangeInALongTextIsShown(t *testing.T) {
	long := strings.Repeat("all work and no play ", 500)
	before, after := narrowed(long+"2023"+long, long+"2024"+long)
	require.Contains(t, before, "2023")
	require.Contains(t, after, "2024")
	require.LessOrEqual(t, uniseg.StringWidth(before), valueWidth+2)
	before, after = narrowed("", long)
	require.Empty(t, before)
	require.NotEmpty(t, after)
}

func TestNumbersAreGrouped(t *testing.T) {
	require.Equal(t, "0", grouped(0))
	require.Equal(t, "999", grouped(999))
	require.Equal(t, "1,000", grouped(1000))
	require.Equal(t, "-12,345,678", grouped(-12345678))
	require.Equal(t, "1 record", counted(1, "record"))
}

func writeFile(path, text string) error { return os.WriteFile(path, []byte(text), 0o600) }

func readFile(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(text)
}

func namesIn(t *testing.T, folder string) []string {
	t.Helper()
	entries, err := os.ReadDir(folder)
	require.NoError(t, err)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}
