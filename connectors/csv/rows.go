package csv

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/scratch-platform/scratch/models"
)

// rows takes records off a text. It is written for speed: cells point into its
// buffer and hold until the next call. The standard library's reader was tried
// and takes three times as long; a table of a million rows is read twice.
//
// It is lenient where that loses nothing: a quote inside an unquoted cell and
// text after a closing quote stay in the cell, blank lines are passed over.
type rows struct {
	from  io.Reader
	comma byte
	eol   byte

	buf  []byte
	at   int // beginning of the next record in buf
	eof  bool
	errs error // of from

	offset int64 // of buf[at] in the text
	line   int64 // of buf[at], from 1

	cells   [][]byte
	record  int64 // line on which the current record begins
	scratch []byte
	loose   bool // the current record has text after a closing quote
	nul     bool // the current record holds U+0000
}

const bufferSize = 512 << 10

func newRows(from io.Reader, f form) *rows { return newRowsIn(from, f, bufferSize) }

// newRowsIn begins with a buffer of that size.
func newRowsIn(from io.Reader, f form, size int) *rows {
	return &rows{from: from, comma: f.comma, eol: f.eol, buf: make([]byte, 0, size), line: 1}
}

var errMore = errors.New("more text is needed")

// next reads one record into cells. io.EOF is the end.
func (r *rows) next() error {
	for {
		if !r.skipBlank() {
			if r.eof {
				return r.end()
			}
			r.fill()
			continue
		}
		end, lines, err := r.split()
		if errors.Is(err, errMore) {
			if r.eof {
				return faultAt(r.line, "quote_unclosed", "the quote that begins a cell here is never closed",
					"Close the quote, or write two quotes where one is meant.")
			}
			if len(r.buf)-r.at > models.MaxRecordBytes {
				return faultAt(r.line, "record_too_large", fmt.Sprintf("the record has more than %d MB", models.MaxRecordBytes>>20),
					"A quote that is never closed makes the rest of a file one record: look for it here.")
			}
			r.fill()
			continue
		}
		whole := r.buf[r.at:end]
		if !utf8.Valid(whole) {
			return notUTF8(r.line, whole)
		}
		r.nul = bytes.IndexByte(whole, 0) >= 0
		r.record = r.line
		r.line += lines
		r.offset += int64(end - r.at)
		r.at = end
		return nil
	}
}

func (r *rows) end() error {
	if r.errs != nil {
		return fmt.Errorf("read the file near line %d: %w", r.line, r.errs)
	}
	return io.EOF
}

// skipBlank passes over blank lines and reports whether a record follows in the
// buffer.
func (r *rows) skipBlank() bool {
	for r.at < len(r.buf) {
		switch c := r.buf[r.at]; {
		case c == r.eol:
			r.line++
		case c == '\r' && r.at+1 < len(r.buf) && r.buf[r.at+1] == '\n':
		case c == '\r' && r.at+1 == len(r.buf) && r.eof: // a lone one at the very end
		case c == '\r' && r.at+1 == len(r.buf):
			return false
		default:
			return true
		}
		r.at++
		r.offset++
	}
	return false
}

// fill reads behind what is left until the buffer is full, in one twice as large
// when a record does not fit: a record that is cut off is begun again, and so
// at most as often as the buffer doubles.
func (r *rows) fill() {
	left := len(r.buf) - r.at
	if left > cap(r.buf)/2 {
		grown := make([]byte, left, 2*cap(r.buf))
		copy(grown, r.buf[r.at:])
		r.buf = grown
	} else {
		copy(r.buf[:left], r.buf[r.at:])
		r.buf = r.buf[:left]
	}
	r.at = 0
	n, err := io.ReadFull(r.from, r.buf[left:cap(r.buf)])
	r.buf = r.buf[:left+n]
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		r.eof = true
	case err != nil:
		r.eof, r.errs = true, err
	}
}

// split cuts the record at r.at into cells. It gives the offset after its line
// end and how many lines it takes.
func (r *rows) split() (end int, lines int64, err error) {
	r.cells, r.scratch, r.loose = r.cells[:0], r.scratch[:0], false
	pos := r.at
	stop := -1 // of the line that pos is on
	for {
		if pos < len(r.buf) && r.buf[pos] == '"' {
			cell, after, err := r.quoted(pos + 1)
			if err != nil {
				return 0, 0, err
			}
			r.cells = append(r.cells, cell)
			lines += int64(bytes.Count(cell, []byte{r.eol}))
			pos = after
		} else {
			if stop < pos {
				if stop, err = r.lineEnd(pos); err != nil {
					return 0, 0, err
				}
			}
			if comma := bytes.IndexByte(r.buf[pos:stop], r.comma); comma >= 0 {
				r.cells = append(r.cells, r.buf[pos:pos+comma])
				pos += comma
			} else {
				r.cells = append(r.cells, trimReturn(r.buf[pos:stop]))
				pos = stop
			}
		}
		switch {
		case pos >= len(r.buf): // the last line has no end
			return len(r.buf), lines, nil
		case r.buf[pos] == r.comma:
			pos++
		case r.buf[pos] == '\r' && r.eol == '\n': // before a line feed
			pos++
			return pos + 1, lines + 1, nil
		default:
			return pos + 1, lines + 1, nil
		}
	}
}

// lineEnd finds the end of the line at pos; the end of the text is one too.
func (r *rows) lineEnd(pos int) (int, error) {
	if n := bytes.IndexByte(r.buf[pos:], r.eol); n >= 0 {
		return pos + n, nil
	}
	if r.eof {
		return len(r.buf), nil
	}
	return 0, errMore
}

func trimReturn(cell []byte) []byte {
	if n := len(cell); n > 0 && cell[n-1] == '\r' {
		return cell[:n-1]
	}
	return cell
}

// quoted reads a cell whose opening quote is just before pos. after is the place
// of the delimiter or line end that follows it.
func (r *rows) quoted(pos int) (cell []byte, after int, err error) {
	began, kept := pos, len(r.scratch)
	for {
		n := bytes.IndexByte(r.buf[pos:], '"')
		if n < 0 {
			return nil, 0, errMore
		}
		quote := pos + n
		if quote+1 == len(r.buf) && !r.eof {
			return nil, 0, errMore
		}
		if quote+1 < len(r.buf) && r.buf[quote+1] == '"' { // "" is one quote
			r.scratch = append(r.scratch, r.buf[began:quote+1]...)
			pos = quote + 2
			began = pos
			continue
		}
		tail, err := r.afterQuote(quote + 1)
		if err != nil {
			return nil, 0, err
		}
		if len(r.scratch) == kept && tail == quote+1 {
			return r.buf[began:quote], tail, nil
		}
		r.loose = r.loose || tail > quote+1
		r.scratch = append(append(r.scratch, r.buf[began:quote]...), r.buf[quote+1:tail]...)
		return r.scratch[kept:len(r.scratch):len(r.scratch)], tail, nil
	}
}

// afterQuote finds the delimiter or line end behind a closing quote.
func (r *rows) afterQuote(pos int) (int, error) {
	if pos < len(r.buf) {
		switch c := r.buf[pos]; {
		case c == r.comma, c == r.eol:
			return pos, nil
		case c == '\r' && pos+1 < len(r.buf) && r.buf[pos+1] == '\n':
			return pos, nil
		}
	}
	if pos == len(r.buf) && r.eof {
		return pos, nil
	}
	stop, err := r.lineEnd(pos)
	if err != nil {
		return 0, err
	}
	if comma := bytes.IndexByte(r.buf[pos:stop], r.comma); comma >= 0 {
		return pos + comma, nil
	}
	if stop > pos && r.buf[stop-1] == '\r' && stop < len(r.buf) {
		return stop - 1, nil
	}
	return stop, nil
}
