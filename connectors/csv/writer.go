package csv

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/scratch-platform/scratch/models"
)

// Writer writes a table as CSV: UTF-8, commas, lines ended by CRLF, a header of
// the columns' names. It holds one record at a time.
//
// Cells that a spreadsheet would take for a formula get an apostrophe before
// them (DESIGN §12); numbers do not.
type Writer struct {
	to      *bufio.Writer
	columns []models.Column
	index   map[string]int
	cells   []json.RawMessage
}

// NewWriter writes the header and gives the writer for the rest.
func NewWriter(to io.Writer, columns []models.Column) (*Writer, error) {
	w := &Writer{
		to: bufio.NewWriterSize(to, 64<<10), columns: columns,
		index: make(map[string]int, len(columns)), cells: make([]json.RawMessage, len(columns)),
	}
	for i, c := range columns {
		w.index[c.ID] = i
		if i > 0 {
			w.to.WriteByte(',')
		}
		w.cell(c.Name, false)
	}
	_, err := w.to.WriteString("\r\n")
	return w, failed(err)
}

// Write writes one record: a canonical JSON object of the values shown, by
// column id. What is absent or null is an empty cell; arrays and objects are
// written as JSON.
func (w *Writer) Write(fields json.RawMessage) error {
	clear(w.cells)
	models.EachCell(fields, func(column string, value json.RawMessage) bool {
		if i, ok := w.index[column]; ok {
			w.cells[i] = value
		}
		return true
	})
	for i, value := range w.cells {
		if len(w.cells) == 1 && models.Empty(value) {
			w.to.WriteString(`""`) // a blank line would be no record
			break
		}
		if i > 0 {
			w.to.WriteByte(',')
		}
		text, isText := models.Text(value)
		if !isText {
			if text = string(value); text == "null" {
				text = ""
			}
		}
		w.cell(text, !isText || numeric(w.columns[i].Kind))
	}
	_, err := w.to.WriteString("\r\n")
	return failed(err)
}

// Flush writes out what is still held.
func (w *Writer) Flush() error { return failed(w.to.Flush()) }

func failed(err error) error {
	if err != nil {
		return fmt.Errorf("write csv: %w", err)
	}
	return nil
}

func numeric(kind models.ColumnKind) bool {
	return kind == models.ColumnInteger || kind == models.ColumnNumber
}

// cell writes one cell; the buffered writer keeps its first error for the end of
// the line.
func (w *Writer) cell(text string, number bool) {
	guard := formula(text)
	if _, ok := models.ParseDecimal(text); guard && number && ok {
		guard = false // "-5" in a column of numbers
	}
	quote := strings.ContainsAny(text, ",\"\r\n\t;|") || text != strings.TrimSpace(text)
	if quote {
		w.to.WriteByte('"')
	}
	if guard {
		w.to.WriteByte('\'')
	}
	if !quote {
		w.to.WriteString(text)
		return
	}
	for {
		before, rest, found := strings.Cut(text, `"`)
		w.to.WriteString(before)
		if !found {
			break
		}
		w.to.WriteString(`""`)
		text = rest
	}
	w.to.WriteByte('"')
}

// formula reports whether a spreadsheet would run the cell. White space before
// the sign does not keep it from doing so.
func formula(text string) bool {
	if text == "" {
		return false
	}
	if text[0] == '\t' || text[0] == '\r' || text[0] == '\n' {
		return true
	}
	trimmed := strings.TrimLeft(text, " \u00a0\u3000")
	return trimmed != "" && (strings.ContainsRune("=+-@", rune(trimmed[0])) ||
		strings.HasPrefix(trimmed, "＝") || strings.HasPrefix(trimmed, "＋") || strings.HasPrefix(trimmed, "－") || strings.HasPrefix(trimmed, "＠"))
}
