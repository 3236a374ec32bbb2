package csv

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"

	"github.com/zeebo/xxh3"

	"github.com/scratch-platform/scratch/connectors"
	"github.com/scratch-platform/scratch/models"
)

// cursor is a place in a file: behind a page's last row.
type cursor struct {
	Offset int64  `json:"offset"` // in the text as UTF-8, from behind the mark
	Line   int64  `json:"line"`
	Row    int64  `json:"row"` // rows before it
	File   string `json:"file"`
}

// ReadAll gives the file's rows. A cursor into another file, or into the same
// file read otherwise, has expired.
func (c *Connector) ReadAll(ctx context.Context, req connectors.ReadRequest) (connectors.Pages, error) {
	chosen, err := readSettings(req.Schema.Settings)
	if err != nil {
		return nil, err
	}
	file, err := c.open(ctx)
	if err != nil {
		return nil, err
	}
	p := &pages{file: file, upload: c.upload}
	if err := p.begin(req, chosen); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return p, nil
}

// pages is one reading of a file.
type pages struct {
	file   connectors.File
	upload string
	print  string // tells the file and the way it is read
	rows   *rows
	inHand bool // the next record is read already
	row    int64
	sheet  *sheet
	plan   plan
	places []int // of the identity
	record int   // bytes of the largest record so far
}

func (p *pages) begin(req connectors.ReadRequest, chosen settings) error {
	f, err := sniff(p.file, chosen)
	if err != nil {
		return err
	}
	if p.print, err = fingerprint(p.file, p.upload, f); err != nil {
		return err
	}
	p.sheet = &sheet{form: f}
	p.rows = newRows(f.text(p.file, p.file.Size()), f)
	if err := p.sheet.head(p.rows); err != nil {
		return err
	}
	p.inHand = !f.header
	if p.places, err = p.sheet.identity(chosen.Identity); err != nil {
		return err
	}
	p.plan = newPlan(p.sheet.cols, req.Schema.Columns)
	if req.Cursor == nil {
		return nil
	}
	p.sheet.warnings = warnings{} // the header's were told with the first page
	return p.goOn(req.Cursor, f)
}

// fingerprint tells one file, and one way of reading it, from another.
func fingerprint(file connectors.File, upload string, f form) (string, error) {
	head := make([]byte, sample)
	n, err := file.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("read the beginning of the file: %w", err)
	}
	sum := xxh3.Hash128(fmt.Appendf(head[:n], "|%s|%d|%+v", upload, file.Size(), f))
	return fmt.Sprintf("%016x%016x", sum.Hi, sum.Lo), nil
}

// goOn takes the reading to a cursor.
func (p *pages) goOn(raw []byte, f form) error {
	var at cursor
	if err := json.Unmarshal(raw, &at); err != nil || at.Offset < 0 || at.Line < 1 || at.Row < 0 {
		e := fault(connectors.KindInvalid, "cursor_invalid", "the place to go on from is not one of this connector's", "Download the table again from its beginning.")
		return e
	}
	if at.File != p.print {
		return fault(connectors.KindCursorExpired, "file_changed", "the file, or the way it is read, is another than when the download began", "The download begins again.")
	}
	text := f.text(p.file, p.file.Size())
	if f.encoding == utf8Name {
		text = io.NewSectionReader(p.file, int64(f.bom)+at.Offset, max(0, p.file.Size()-int64(f.bom)-at.Offset))
	} else if _, err := io.CopyN(io.Discard, text, at.Offset); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("go to line %d of the file: %w", at.Line, err)
	}
	p.rows = newRows(text, f)
	p.rows.offset, p.rows.line, p.row, p.inHand = at.Offset, at.Line, at.Row, false
	return nil
}

// Close closes the file.
func (p *pages) Close() error {
	if err := p.file.Close(); err != nil {
		return fmt.Errorf("close upload %s: %w", p.upload, err)
	}
	return nil
}

// Next gives the next rows, in one piece of memory.
func (p *pages) Next(ctx context.Context) (connectors.Page, error) {
	if ctx.Err() != nil {
		return connectors.Page{}, stopped(ctx)
	}
	var (
		fields = make([]byte, 0, min(pageBytes, p.record*pageRows)+1<<10)
		ids    = make([]byte, 0, 16*pageRows)
		ends   [pageRows][2]int // of each record's fields and id
		n      int
	)
	for n < pageRows && len(fields) < pageBytes {
		if !p.inHand {
			if err := p.rows.next(); isEnd(err) {
				break
			} else if err != nil {
				return connectors.Page{}, err
			}
		}
		p.inHand = false
		p.row++
		p.sheet.warnings.row(p.rows, p.sheet.width)
		before := len(fields)
		fields = p.plan.append(fields, p.rows.cells)
		p.record = max(p.record, len(fields)-before)
		ids = p.id(ids)
		ends[n] = [2]int{len(fields), len(ids)}
		n++
	}
	if n == 0 {
		return connectors.Page{}, io.EOF
	}
	place, err := json.Marshal(cursor{Offset: p.rows.offset, Line: p.rows.line, Row: p.row, File: p.print})
	if err != nil {
		return connectors.Page{}, fmt.Errorf("write the cursor: %w", err)
	}
	page := connectors.Page{
		Records: make([]connectors.Record, n), Cursor: place, Total: -1,
		Bytes: cap(fields) + len(ids), Warnings: p.sheet.warnings.list(),
	}
	text := string(ids)
	var from [2]int
	for i, end := range ends[:n] {
		page.Records[i] = connectors.Record{RemoteID: text[from[1]:end[1]], Fields: fields[from[0]:end[0]:end[0]]}
		from = end
	}
	return page, nil
}

func (p *pages) id(dst []byte) []byte {
	if len(p.places) == 0 {
		return rowID(dst, p.upload, p.row)
	}
	return appendKey(dst, p.rows.cells, p.places)
}

// plan says how a row becomes a canonical JSON object: its columns in the order
// of their keys.
type plan struct {
	cells []planned
	width int
}

type planned struct {
	at   int    // place in the row
	key  []byte // "key":
	kind models.ColumnKind
}

// newPlan takes the columns of the header, and those the schema has for cells
// beyond it.
func newPlan(header []column, schema []models.Column) plan {
	byID := make(map[string]models.ColumnKind, len(schema))
	for _, c := range schema {
		byID[c.ID] = c.Kind
	}
	var p plan
	for i, c := range header {
		p.add(i, c.id, byID[c.id])
	}
	for i := len(header); ; i++ {
		id := "column_" + strconv.Itoa(i+1)
		kind, ok := byID[id]
		if !ok {
			break
		}
		p.add(i, id, kind)
	}
	p.sort()
	return p
}

func (p *plan) add(at int, id string, kind models.ColumnKind) {
	p.cells = append(p.cells, planned{at: at, key: append(models.AppendJSONString(nil, id), ':'), kind: kind})
	p.width = max(p.width, at+1)
}

func (p *plan) sort() {
	slices.SortFunc(p.cells, func(a, b planned) int {
		return bytes.Compare(a.key[:len(a.key)-2], b.key[:len(b.key)-2])
	})
}

// append writes a row. Cells that the plan does not know, which a file cannot
// have unless it was exchanged, still get a column of their own.
func (p *plan) append(dst []byte, cells [][]byte) []byte {
	if len(cells) > p.width {
		for i := p.width; i < len(cells); i++ {
			p.add(i, "column_"+strconv.Itoa(i+1), models.ColumnText)
		}
		p.sort()
	}
	dst = append(dst, '{')
	first := len(dst)
	for i := range p.cells {
		c := &p.cells[i]
		if c.at >= len(cells) {
			continue
		}
		if len(dst) > first {
			dst = append(dst, ',')
		}
		dst = append(dst, c.key...)
		dst = appendValue(dst, cells[c.at], c.kind)
	}
	return append(dst, '}')
}

// appendValue writes a cell as its column's kind has it. An empty cell is empty
// text, or no value at all in a column of another kind.
func appendValue(dst, cell []byte, kind models.ColumnKind) []byte {
	switch kind {
	case models.ColumnInteger, models.ColumnNumber, models.ColumnDate:
		if cell = bytes.TrimSpace(cell); len(cell) == 0 {
			return append(dst, "null"...)
		}
	case models.ColumnBoolean:
		cell = bytes.TrimSpace(cell)
		if value, ok := boolean(cell); ok {
			return strconv.AppendBool(dst, value)
		}
		if len(cell) == 0 {
			return append(dst, "null"...)
		}
	case models.ColumnDateTime:
		if cell = bytes.TrimSpace(cell); len(cell) == 0 {
			return append(dst, "null"...)
		}
		if len(cell) >= 16 {
			if text, ok := moment(cell); ok {
				cell = []byte(text)
			}
		}
	default: // text stands as it is
	}
	return appendText(dst, cell)
}

// escaped marks the bytes that JSON writes otherwise.
var escaped = func() (t [256]bool) {
	for i := range 0x20 {
		t[i] = true
	}
	t['"'], t['\\'] = true, true
	return t
}()

// appendText writes a JSON string; the common text, which needs no escape, at
// once. The rows reader has checked that it is UTF-8.
func appendText(dst, cell []byte) []byte {
	for _, c := range cell {
		if escaped[c] {
			return models.AppendJSONString(dst, string(cell))
		}
	}
	dst = append(dst, '"')
	dst = append(dst, cell...)
	return append(dst, '"')
}

// ListIDs gives the ids of the rows alone.
func (c *Connector) ListIDs(ctx context.Context, req connectors.ReadRequest) (connectors.IDPages, error) {
	all, err := c.ReadAll(ctx, req)
	if err != nil {
		return nil, err
	}
	return idPages{all}, nil
}

type idPages struct{ connectors.Pages }

func (p idPages) Next(ctx context.Context) (ids []string, cursor []byte, err error) {
	page, err := p.Pages.Next(ctx)
	if err != nil {
		return nil, nil, err
	}
	ids = make([]string, len(page.Records))
	for i, r := range page.Records {
		ids[i] = r.RemoteID
	}
	return ids, page.Cursor, nil
}
