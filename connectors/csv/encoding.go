package csv

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"

	"github.com/scratch-platform/scratch/connectors"
)

// The encodings, as settings name them.
const (
	utf8Name    = "utf-8"
	utf16LE     = "utf-16le"
	utf16BE     = "utf-16be"
	windows1252 = "windows-1252"
	latin1      = "iso-8859-1"
)

// sample is how much of a file is looked at to tell what it is.
const sample = 64 << 10

// form is how a file is written.
type form struct {
	encoding string
	bom      int // bytes to skip
	comma    byte
	eol      byte // '\n', or '\r' in files of old Macs
	header   bool
}

// sniff tells a file's form from its beginning and the settings, and refuses
// what is no text.
func sniff(file io.ReaderAt, chosen settings) (form, error) {
	head := make([]byte, sample)
	n, err := file.ReadAt(head, 0)
	if err != nil && err != io.EOF { //nolint:errorlint // ReaderAt gives io.EOF itself
		return form{}, fmt.Errorf("read the beginning of the file: %w", err)
	}
	head = head[:n]
	whole := n < sample
	f := form{encoding: utf8Name, eol: '\n'}
	switch {
	case bytes.HasPrefix(head, []byte("\xef\xbb\xbf")):
		f.bom = 3
	case bytes.HasPrefix(head, []byte("\xff\xfe")):
		f.encoding, f.bom = utf16LE, 2
	case bytes.HasPrefix(head, []byte("\xfe\xff")):
		f.encoding, f.bom = utf16BE, 2
	}
	if chosen.Encoding != "" && (f.bom == 0 || !strings.HasPrefix(f.encoding, "utf-16")) {
		f.encoding = chosen.Encoding
		if f.encoding != utf8Name {
			f.bom = 0
		}
	}
	if kind, ok := binaryKind(head); ok {
		return form{}, notText("it is "+kind, "Open it in its own program and save it as CSV.")
	}
	if err := f.refuse(head[f.bom:]); err != nil {
		return form{}, err
	}
	text, err := io.ReadAll(f.decode(bytes.NewReader(head[f.bom:])))
	if err != nil {
		return form{}, fmt.Errorf("decode the beginning of the file: %w", err)
	}
	if len(bytes.TrimSpace(text)) == 0 && whole {
		return form{}, fault(connectors.KindInvalid, "file_empty", "the file is empty", "Check that the export has worked, and upload the file again.")
	}
	if !bytes.ContainsRune(text, '\n') && bytes.ContainsRune(text, '\r') {
		f.eol = '\r'
	}
	f.dialect(text, whole, chosen)
	return f, nil
}

// refuse tells what is no text, or text in an encoding that has to be named.
func (f form) refuse(head []byte) error {
	if strings.HasPrefix(f.encoding, "utf-16") {
		return nil
	}
	zeros := [2]int{}
	controls := 0
	for i, b := range head {
		switch {
		case b == 0:
			zeros[i&1]++
		case b < ' ' && b != '\t' && b != '\n' && b != '\r' && b != '\f' && b != 0x1b && b != 0x1a:
			controls++
		}
	}
	half := len(head) / 2
	switch {
	case half > 3 && zeros[1] > half/3 && zeros[0] < half/20:
		return wrongEncoding("it looks like UTF-16 (little-endian) without a mark at its beginning", utf16LE)
	case half > 3 && zeros[0] > half/3 && zeros[1] < half/20:
		return wrongEncoding("it looks like UTF-16 (big-endian) without a mark at its beginning", utf16BE)
	case zeros[0]+zeros[1]+controls > max(8, len(head)/100):
		return notText("it holds bytes that no text has", "Check that this is the file you meant; save it as CSV from its program.")
	}
	return nil
}

func notText(reason, hint string) error {
	return fault(connectors.KindInvalid, "not_text", "this is no CSV file: "+reason, hint)
}

func wrongEncoding(reason, name string) *connectors.Error {
	return fault(connectors.KindInvalid, "encoding", reason, fmt.Sprintf("Save the file as UTF-8, or set the table's encoding to %q.", name))
}

// decode gives the file's text as UTF-8. For UTF-8 it is the file itself: what
// is not valid is reported by line where the rows are read.
func (f form) decode(from io.Reader) io.Reader {
	var e encoding.Encoding
	switch f.encoding {
	case utf16LE:
		e = unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM)
	case utf16BE:
		e = unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM)
	case windows1252:
		e = charmap.Windows1252
	case latin1:
		e = charmap.ISO8859_1
	default:
		return from
	}
	return transform.NewReader(from, e.NewDecoder())
}

// notUTF8 says what a record in another encoding looks like.
func notUTF8(line int64, record []byte) error {
	at := 0
	for at < len(record) {
		r, size := utf8.DecodeRune(record[at:])
		if r == utf8.RuneError && size == 1 {
			break
		}
		at += size
	}
	from, to := max(0, at-12), min(len(record), at+12)
	guess, err := charmap.Windows1252.NewDecoder().Bytes(record[from:to])
	if err != nil {
		guess = nil
	}
	e := faultAt(line, "encoding", fmt.Sprintf("byte 0x%02X is not UTF-8; as Windows-1252 it reads %q", record[at], guess),
		"Save the file as UTF-8, or, if that reads right, set the table's encoding to \"windows-1252\".")
	return e
}

// binaryKind knows the files that people most often take for CSV.
func binaryKind(head []byte) (string, bool) {
	for magic, kind := range map[string]string{
		"PK\x03\x04": "a spreadsheet or an archive (.xlsx, .ods, .zip)", "\xd0\xcf\x11\xe0": "an old Excel file (.xls)",
		"%PDF-": "a PDF", "\x89PNG": "a picture", "\xff\xd8\xff": "a picture", "GIF8": "a picture",
		"\x1f\x8b": "a compressed file (.gz)", "SQLite format 3": "a database", "PAR1": "a Parquet file",
	} {
		if bytes.HasPrefix(head, []byte(magic)) {
			return kind, true
		}
	}
	return "", false
}
