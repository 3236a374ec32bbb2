package postgres

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"math"
	"strconv"
	"strings"

	"github.com/scratch-platform/scratch/models"
)

// appendArray writes an array's text, {1,NULL,"a b"}, as a JSON array of its
// elements. Whole numbers that every program reads exactly are JSON numbers;
// other numbers are strings, so that no digit is lost. An array that does not
// begin at 1 stays the server's text, as JSON has no word for that.
func appendArray(element uint32) appendCell {
	write := elementOf(element)
	delimiter := byte(',')
	if element == oidBox {
		delimiter = ';'
	}
	return func(dst, text []byte) ([]byte, error) {
		if len(text) == 0 || text[0] != '{' {
			return appendString(dst, text)
		}
		a := array{text: text, delimiter: delimiter, write: write}
		out, err := a.level(dst)
		if err != nil || a.at != len(text) {
			return dst, errWire
		}
		return out, nil
	}
}

// oidBox is the one built-in type whose arrays are not told apart by commas.
const oidBox = 603

// array is the text of one array being read.
type array struct {
	text      []byte
	at        int
	delimiter byte
	write     appendCell
	spare     []byte
	depth     int
}

// deepest is more than the dimensions an array can have, which are six.
const deepest = 16

// level reads one pair of braces.
func (a *array) level(dst []byte) ([]byte, error) {
	if a.depth++; a.depth > deepest { // nor may it use up our stack
		return dst, errWire
	}
	defer func() { a.depth-- }()
	a.at++ // the brace
	dst = append(dst, '[')
	for first := true; ; first = false {
		if a.at >= len(a.text) {
			return dst, errWire
		}
		if a.text[a.at] == '}' {
			a.at++
			return append(dst, ']'), nil
		}
		if !first {
			if a.text[a.at] != a.delimiter {
				return dst, errWire
			}
			a.at++
			dst = append(dst, ',')
		}
		var err error
		if dst, err = a.item(dst); err != nil {
			return dst, err
		}
	}
}

func (a *array) item(dst []byte) ([]byte, error) {
	switch {
	case a.at >= len(a.text):
		return dst, errWire
	case a.text[a.at] == '{':
		return a.level(dst)
	case a.text[a.at] == '"':
		return a.quoted(dst)
	}
	start := a.at
	for a.at < len(a.text) && a.text[a.at] != a.delimiter && a.text[a.at] != '}' {
		a.at++
	}
	bare := a.text[start:a.at]
	if string(bare) == "NULL" {
		return append(dst, "null"...), nil
	}
	return a.write(dst, bare)
}

func (a *array) quoted(dst []byte) ([]byte, error) {
	a.spare = a.spare[:0]
	for a.at++; a.at < len(a.text); a.at++ {
		switch c := a.text[a.at]; c {
		case '"':
			a.at++
			return a.write(dst, a.spare)
		case '\\':
			a.at++
			if a.at == len(a.text) {
				return dst, errWire
			}
			a.spare = append(a.spare, a.text[a.at])
		default:
			a.spare = append(a.spare, c)
		}
	}
	return dst, errWire
}

// elementOf gives how an element's text becomes JSON.
func elementOf(element uint32) appendCell {
	switch families[element] {
	case familyBool:
		return func(dst, text []byte) ([]byte, error) { return strconv.AppendBool(dst, string(text) == "t"), nil }
	case familyInteger:
		return appendWhole
	case familyJSON:
		return appendJSON
	case familyBytes:
		return func(dst, text []byte) ([]byte, error) {
			plainBytes, err := hex.DecodeString(strings.TrimPrefix(string(text), `\x`))
			if err != nil {
				return dst, errWire
			}
			return appendBytes(dst, plainBytes)
		}
	case familyInstant, familyTimestamp:
		return func(dst, text []byte) ([]byte, error) {
			return appendString(dst, bytes.Replace(bytes.Replace(text, []byte(" "), []byte("T"), 1), []byte("+00"), []byte("Z"), 1))
		}
	default:
		return appendString
	}
}

// exact is the largest whole number up to which a double holds every one.
const exact = 1<<53 - 1

func appendWhole(dst, text []byte) ([]byte, error) {
	n, err := strconv.ParseInt(string(text), 10, 64)
	if err != nil || n > exact || n < -exact {
		return appendString(dst, text)
	}
	return append(dst, text...), nil
}

// arrayLiteral writes a JSON array as the server reads arrays. A string is the
// server's own text already.
func arrayLiteral(element uint32, value json.RawMessage) ([]byte, error) {
	if text, ok := models.Text(value); ok {
		return []byte(text), nil
	}
	if len(value) == 0 || value[0] != '[' {
		return nil, errNoArray
	}
	return appendLiteral(nil, element, value)
}

func appendLiteral(dst []byte, element uint32, value json.RawMessage) (out []byte, err error) {
	dst = append(dst, '{')
	first := len(dst)
	delimiter := byte(',')
	if element == oidBox {
		delimiter = ';'
	}
	models.EachElement(value, func(one json.RawMessage) bool {
		if len(dst) > first {
			dst = append(dst, delimiter)
		}
		switch {
		case string(one) == "null":
			dst = append(dst, "NULL"...)
		case one[0] == '[' && families[element] != familyJSON:
			dst, err = appendLiteral(dst, element, one)
		default:
			var text []byte
			if text, err = elementText(element, one); err == nil {
				dst = appendQuoted(dst, text)
			}
		}
		return err == nil
	})
	return append(dst, '}'), err
}

// elementText is an element as its type reads it.
func elementText(element uint32, value json.RawMessage) ([]byte, error) {
	text, isText := models.Text(value)
	switch {
	case families[element] == familyJSON:
		return value, nil
	case !isText && value[0] == '{':
		return nil, errNoArray
	case !isText:
		return value, nil // a number or a truth value
	case families[element] == familyBytes:
		return bytesText(text)
	default:
		return []byte(text), nil
	}
}

func appendQuoted(dst, text []byte) []byte {
	dst = append(dst, '"')
	for _, c := range text {
		if c == '"' || c == '\\' {
			dst = append(dst, '\\')
		}
		dst = append(dst, c)
	}
	return append(dst, '"')
}

// bytesText writes base64 as the server reads bytes.
func bytesText(text string) ([]byte, error) {
	plainBytes, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(plainBytes) > math.MaxInt32/2 {
		return nil, errNoBase64
	}
	return hex.AppendEncode([]byte(`\x`), plainBytes), nil
}
