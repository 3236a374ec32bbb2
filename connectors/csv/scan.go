package csv

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/scratch-platform/scratch/connectors"
	"github.com/scratch-platform/scratch/models"
)

// maxColumns bounds a table's columns; maxName a header's bytes.
const (
	maxColumns = 2000
	maxName    = 200
)

// column is one column of a file.
type column struct {
	id, name string
	guess    guess
}

// sheet is what the first pass finds.
type sheet struct {
	form     form
	cols     []column
	width    int // cells of the header, or of the first row
	rows     int64
	sampled  bool  // only the file's beginning was read
	bytes    int64 // of the file that were read
	warnings warnings
	first    [][]string // the first rows, for a preview
}

// text opens the whole file as UTF-8.
func (f form) text(file io.ReaderAt, size int64) io.Reader {
	return f.decode(io.NewSectionReader(file, int64(f.bom), size-int64(f.bom)))
}

// glanceBytes is how much of a file is read while a person waits: a fraction of a
// second's work.
const glanceBytes = 16 << 20

// extent says how much of a file to scan and what to keep of it.
type extent struct {
	bytes int64 // stop behind about so much text; 0 is the whole file
	first int   // rows to keep, for a preview
}

// scan reads a file for its columns, their kinds and its faults. Whether the
// identity columns tell all rows apart shows in the whole file only.
func scan(ctx context.Context, file connectors.File, chosen settings, of extent) (*sheet, error) {
	f, err := sniff(file, chosen)
	if err != nil {
		return nil, err
	}
	s := &sheet{form: f}
	text := &counted{from: io.NewSectionReader(file, int64(f.bom), file.Size()-int64(f.bom))}
	r := newRows(f.decode(text), f)
	if err := s.head(r); err != nil {
		return nil, err
	}
	identity, err := s.identity(chosen.Identity)
	if err != nil {
		return nil, err
	}
	seen := newKeys(identity)
	for inHand := !f.header; ; inHand = false { // without a header, the first row is read already
		if !inHand {
			if s.sampled = of.bytes > 0 && s.rows > 0 && r.offset >= of.bytes && file.Size() > of.bytes; s.sampled {
				break
			}
			if err := r.next(); isEnd(err) {
				break
			} else if err != nil {
				return nil, err
			}
		}
		if s.rows++; s.rows%1024 == 0 && ctx.Err() != nil {
			return nil, stopped(ctx)
		}
		if err := s.see(r, of.first); err != nil {
			return nil, err
		}
		seen.see(r)
	}
	s.bytes = text.n
	if s.sampled {
		return s, nil
	}
	return s, seen.finish(ctx, file, s.form)
}

// about is how many rows the file has: counted, or told from those of its
// beginning.
func (s *sheet) about(size int64) int64 {
	if !s.sampled || s.bytes == 0 {
		return s.rows
	}
	return int64(float64(s.rows) * float64(size) / float64(s.bytes))
}

// counted counts what is read through it.
type counted struct {
	from io.Reader
	n    int64
}

// Read implements io.Reader.
func (c *counted) Read(into []byte) (int, error) {
	n, err := c.from.Read(into)
	c.n += int64(n)
	return n, err //nolint:wrapcheck // a reader's word is passed on as it is
}

func stopped(ctx context.Context) error {
	e := fault(connectors.KindUnavailable, "", "it was cancelled", "")
	e.Cause = context.Cause(ctx)
	return e
}

// head reads the first record: the header, or the first row, which stays in r.
func (s *sheet) head(r *rows) error {
	if err := r.next(); err != nil {
		if isEnd(err) {
			return fault(connectors.KindInvalid, "file_empty", "the file holds no rows", "Check that the export has worked, and upload the file again.")
		}
		return err
	}
	s.width = len(r.cells)
	if s.width > maxColumns {
		return faultAt(r.record, "columns_too_many", fmt.Sprintf("the row has %d cells; a table has at most %d columns", s.width, maxColumns),
			"Check the delimiter.")
	}
	taken := map[string]bool{}
	for i, cell := range r.cells {
		name := ""
		if s.form.header {
			name = headerName(cell)
		}
		if name != "" && taken[name] {
			s.warnings.duplicate(r.record, name)
		}
		s.add(i, name, taken)
	}
	return nil
}

func headerName(cell []byte) string {
	name := strings.Join(strings.Fields(strings.ReplaceAll(string(cell), "\x00", "\ufffd")), " ")
	return models.Bound(name, maxName)
}

// add appends a column with an id of its own: its name; with a number where
// another has it, or where it has none.
func (s *sheet) add(i int, name string, taken map[string]bool) {
	id, label := name, name
	if name == "" {
		id, label = "column_"+strconv.Itoa(i+1), "Column "+strconv.Itoa(i+1)
	}
	for n := 2; taken[id]; n++ {
		id = fmt.Sprintf("%s (%d)", name, n)
		label = id
	}
	taken[id] = true
	s.cols = append(s.cols, column{id: id, name: label, guess: guess{kinds: allKinds}})
}

// see takes a row into account.
func (s *sheet) see(r *rows, keep int) error {
	if len(r.cells) > len(s.cols) {
		if err := s.widen(r); err != nil {
			return err
		}
	}
	s.warnings.row(r, s.width)
	for i, cell := range r.cells {
		s.cols[i].guess.see(cell)
	}
	if len(s.first) < keep {
		shown := make([]string, len(r.cells))
		for i, cell := range r.cells {
			shown[i] = models.Bound(string(bytes.ReplaceAll(cell, []byte{0}, []byte("\ufffd"))), 1000)
		}
		s.first = append(s.first, shown)
	}
	return nil
}

// widen adds columns for cells beyond the header.
func (s *sheet) widen(r *rows) error {
	if len(r.cells) > maxColumns {
		return faultAt(r.record, "columns_too_many", fmt.Sprintf("the row has %d cells; a table has at most %d columns", len(r.cells), maxColumns),
			"Check the delimiter, and the quotes above this line.")
	}
	taken := make(map[string]bool, len(s.cols))
	for _, c := range s.cols {
		taken[c.id] = true
	}
	for i := len(s.cols); i < len(r.cells); i++ {
		s.add(i, "", taken)
	}
	return nil
}

// columns gives the table's columns.
func (s *sheet) columns() []models.Column {
	columns := make([]models.Column, len(s.cols))
	for i, c := range s.cols {
		kind, compare := c.guess.kind()
		columns[i] = models.Column{ID: c.id, Name: c.name, Kind: kind, Compare: compare, Position: i}
	}
	return columns
}

// title is the column a person calls a row by: one whose name says so, else the
// first of text.
func (s *sheet) title() string {
	first := ""
	for _, c := range s.columns() {
		switch strings.ToLower(c.Name) {
		case "title", "name", "titel", "nom", "nombre":
			return c.ID
		}
		if first == "" && c.Kind == models.ColumnText {
			first = c.ID
		}
	}
	return first
}

// identity finds the chosen columns' places.
func (s *sheet) identity(chosen []string) ([]int, error) {
	var places []int
	for _, want := range chosen {
		at := -1
		for i, c := range s.cols {
			if c.id == want {
				at = i
			}
		}
		if at < 0 {
			e := fault(connectors.KindInvalid, "identity_unknown", fmt.Sprintf("the file has no column %q to tell its rows apart by", models.Bound(want, maxName)),
				"Choose identity columns from those the file has: "+models.Bound(s.names(), 300)+".")
			e.Column = want
			return nil, e
		}
		places = append(places, at)
	}
	return places, nil
}

func (s *sheet) names() string {
	names := make([]string, 0, len(s.cols))
	for _, c := range s.cols {
		names = append(names, c.id)
	}
	return strings.Join(names, ", ")
}
