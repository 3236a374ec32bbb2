package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/mattn/go-isatty"
	"github.com/rivo/uniseg"
)

// onTerminal reports whether a person looks at the file: then there are bars,
// questions and columns cut to fit.
func onTerminal(w any) bool {
	f, ok := w.(*os.File)
	return ok && os.Getenv("TERM") != "dumb" && (isatty.IsTerminal(f.Fd()) || isatty.IsCygwinTerminal(f.Fd()))
}

// plain makes text from a service or a user safe to print: a title that holds
// escape sequences must not move the cursor, colour the screen or forge a line
// (control and direction-changing characters are written as escapes).
func plain(text string) string {
	clean := strings.IndexFunc(text, unprintable) < 0 && utf8.ValidString(text)
	if clean {
		return text
	}
	var b strings.Builder
	for _, r := range text { // invalid UTF-8 ranges as U+FFFD
		switch {
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case unprintable(r) && r < 0x100:
			fmt.Fprintf(&b, `\x%02x`, r)
		case unprintable(r):
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// unprintable are control characters, line and paragraph separators, and the
// marks that reorder what stands around them.
func unprintable(r rune) bool {
	switch {
	case unicode.IsControl(r), r == '\u2028', r == '\u2029', r == '\ufeff':
		return true
	case r == '\u061c', r == '\u200e', r == '\u200f', r >= '\u202a' && r <= '\u202e', r >= '\u2066' && r <= '\u2069':
		return true
	default:
		return false
	}
}

// fit makes text safe and cuts it to at most width columns of a terminal.
func fit(text string, width int) string {
	text = plain(bounded(text, 4*width+64))
	if uniseg.StringWidth(text) <= width {
		return text
	}
	var b strings.Builder
	used, state := 0, -1
	for text != "" {
		var cluster string
		var columns int
		cluster, text, columns, state = uniseg.FirstGraphemeClusterInString(text, state)
		if used+columns > width-1 {
			break
		}
		b.WriteString(cluster)
		used += columns
	}
	return b.String() + "…"
}

// bounded drops what fit would never look at, so that a cell of megabytes
// costs nothing.
func bounded(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	for limit > 0 && !utf8.RuneStart(text[limit]) {
		limit--
	}
	return text[:limit]
}

// columns is a table for people: a heading and rows, each column as wide as
// its widest cell and at most its limit.
type columns struct {
	heads  []string
	limits []int // 0 is maxColumn
	rows   [][]string
}

const maxColumn = 40

func (c *columns) add(cells ...string) { c.rows = append(c.rows, cells) }

func (c *columns) limit(i int) int {
	if i < len(c.limits) && c.limits[i] > 0 {
		return c.limits[i]
	}
	return maxColumn
}

// write prints the table; the last column is not padded.
func (c *columns) write(w io.Writer) error {
	widths := make([]int, len(c.heads))
	rows := make([][]string, 0, len(c.rows)+1)
	rows = append(rows, c.heads)
	for _, row := range c.rows {
		shown := make([]string, len(row))
		for i, cell := range row {
			shown[i] = fit(cell, c.limit(i))
		}
		rows = append(rows, shown)
	}
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], uniseg.StringWidth(cell))
		}
	}
	for _, row := range rows {
		var line strings.Builder
		for i, cell := range row {
			line.WriteString(cell)
			if i < len(row)-1 {
				line.WriteString(strings.Repeat(" ", widths[i]-uniseg.StringWidth(cell)+2))
			}
		}
		if _, err := fmt.Fprintln(w, strings.TrimRight(line.String(), " ")); err != nil {
			return err
		}
	}
	return nil
}

// grouped writes a number with its thousands apart: 12,000.
func grouped(n int64) string {
	if n < 0 {
		return "-" + grouped(-n)
	}
	digits := fmt.Sprint(n)
	var b strings.Builder
	for i, d := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(d)
	}
	return b.String()
}

// counted is a number with its word: "1 record", "2,000 records".
func counted(n int64, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return grouped(n) + " " + word + "s"
}
