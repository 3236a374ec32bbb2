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
	line    []byte
}

// NewWriter writes the header and gives the writer for the rest.
func NewWriter(to io.Writer, columns []models.Column) (*Writer, error) {
	w := &Writer{
		to: bufio.NewWriterSize(to, 64<<10), columns: columns,
		index: make(map[string]int, len(columns)), cells: make([]json.RawMessage, len(columns)),
	}
	for i, c := range columns {
		w.index[c.ID] = i
		w.cell(i, c.Name, false)
	}
	return w, w.end()
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
		text, isText := models.Text(value)
		if !isText && string(value) != "null" {
			text = string(value)
		}
		w.cell(i, text, !isText || numeric(w.columns[i].Kind))
	}
	return w.end()
}

// Flush writes out what is still held.
func (w *Writer) Flush() error { return failed(w.to.Flush()) }

func failed(err error) error {
	if err != nil {
		return fmt.Errorf("write csv: %w", err)
	}
	return nil
}

// end writes the line.
func (w *Writer) end() error {
	if len(w.line) == 0 {
		w.line = append(w.line, `""`...) // a blank line would be no record
	}
	w.line = append(w.line, "\r\n"...)
	_, err := w.to.Write(w.line)
	w.line = w.line[:0]
	return failed(err)
}

func numeric(kind models.ColumnKind) bool {
	return kind == models.ColumnInteger || kind == models.ColumnNumber
}

// cell puts the i-th cell on the line.
func (w *Writer) cell(i int, text string, number bool) {
	if i > 0 {
		w.line = append(w.line, ',')
	}
	guard := formula(text)
	if guard && number {
		if _, ok := models.ParseDecimal(text); ok {
			guard = false // "-5" in a column of numbers
		}
	}
	quote := strings.ContainsAny(text, ",\"\r\n\t;|") || text != strings.TrimSpace(text)
	if quote {
		w.line = append(w.line, '"')
	}
	if guard {
		w.line = append(w.line, '\'')
	}
	if !quote {
		w.line = append(w.line, text...)
		return
	}
	w.line = append(w.line, strings.ReplaceAll(text, `"`, `""`)...)
	w.line = append(w.line, '"')
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
