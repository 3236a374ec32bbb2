package postgres

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/scratch-platform/scratch/models"
)

// appendCell appends one value of the wire as canonical JSON. It fails where
// the value's form is not the one its type has.
type appendCell func(dst, wire []byte) ([]byte, error)

// Formats of the wire. What is binary here is what costs the server or us less
// than text; all else comes as the type's own text.
const (
	asText   int16 = 0
	asBinary int16 = 1
)

// cellOf gives how a column's values come and how they are written.
func (c *column) cellOf() (format int16, cell appendCell) {
	switch c.base {
	case oidBool:
		return asBinary, appendBool
	case oidInt2, oidInt4, oidInt8, oidOID:
		return asBinary, appendInteger(c.base)
	case oidFloat4, oidFloat8:
		return asBinary, appendFloat
	case oidNumeric:
		return asBinary, appendNumeric
	case oidDate:
		return asBinary, appendDate
	case oidTime:
		return asBinary, appendTime
	case oidTimestamp:
		return asBinary, appendTimestamp
	case oidTimestamptz:
		return asBinary, appendInstant
	case oidUUID:
		return asBinary, appendUUID
	case oidBytea:
		return asBinary, appendBytes
	case oidBpchar:
		return asText, appendPadded
	case oidJSON, oidJSONB:
		return asText, appendJSON
	}
	if c.element != 0 {
		return asText, appendArray(c.element)
	}
	return asText, appendString
}

// appendString writes a JSON string. Most texts need no escape: eight bytes at
// a time are looked at for one that does.
func appendString(dst, text []byte) ([]byte, error) {
	const (
		ones  = 0x0101010101010101
		highs = 0x8080808080808080
	)
	i := 0
	for ; i+8 <= len(text); i += 8 {
		w := binary.LittleEndian.Uint64(text[i:])
		quotes, slashes := w^(ones*'"'), w^(ones*'\\')
		// A high bit shows a byte beyond ASCII, one below space, a quote or a
		// backslash.
		if (w|(w-ones*0x20)|(quotes-ones)|(slashes-ones))&highs != 0 {
			return appendOdd(dst, text, i), nil
		}
	}
	for ; i < len(text); i++ {
		if c := text[i]; c < 0x20 || c >= utf8.RuneSelf || c == '"' || c == '\\' {
			return appendOdd(dst, text, i), nil
		}
	}
	dst = append(dst, '"')
	dst = append(dst, text...)
	return append(dst, '"'), nil
}

// plain marks the bytes of a string that stand as they are.
var plain = func() (t [256]bool) {
	for c := 0x20; c < utf8.RuneSelf; c++ {
		t[c] = c != '"' && c != '\\'
	}
	return t
}()

// appendOdd writes a text whose first from bytes are plain.
func appendOdd(dst, text []byte, from int) []byte {
	dst = append(dst, '"')
	dst = append(dst, text[:from]...)
	for i := from; i < len(text); {
		start := i
		for i < len(text) && plain[text[i]] {
			i++
		}
		dst = append(dst, text[start:i]...)
		if i == len(text) {
			break
		}
		if text[i] < utf8.RuneSelf {
			dst = models.AppendJSONRune(dst, rune(text[i]))
			i++
			continue
		}
		// A database without an encoding holds any bytes.
		r, size := utf8.DecodeRune(text[i:])
		dst = utf8.AppendRune(dst, r)
		i += size
	}
	return append(dst, '"')
}

// appendPadded writes a char(n) without the spaces that fill it up.
func appendPadded(dst, text []byte) ([]byte, error) {
	end := len(text)
	for end > 0 && text[end-1] == ' ' {
		end--
	}
	return appendString(dst, text[:end])
}

func appendJSON(dst, text []byte) ([]byte, error) { return models.AppendCanonical(dst, text) }

func appendBool(dst, wire []byte) ([]byte, error) {
	if len(wire) != 1 {
		return dst, errWire
	}
	return strconv.AppendBool(dst, wire[0] != 0), nil
}

// appendInteger writes a whole number as a string of its digits.
func appendInteger(base uint32) appendCell {
	return func(dst, wire []byte) ([]byte, error) {
		var n int64
		switch len(wire) {
		case 2:
			n = int64(int16(binary.BigEndian.Uint16(wire))) //nolint:gosec // the sign is in the bits
		case 4:
			n = int64(binary.BigEndian.Uint32(wire))
			if base == oidInt4 {
				n = int64(int32(n)) //nolint:gosec // the sign is in the bits
			}
		case 8:
			n = int64(binary.BigEndian.Uint64(wire)) //nolint:gosec // the sign is in the bits
		default:
			return dst, errWire
		}
		dst = append(dst, '"')
		dst = strconv.AppendInt(dst, n, 10)
		return append(dst, '"'), nil
	}
}

// appendFloat writes the shortest digits that give the same number back, and
// NaN and the infinities in PostgreSQL's words.
func appendFloat(dst, wire []byte) ([]byte, error) {
	var f float64
	bits := 64
	switch len(wire) {
	case 4:
		f, bits = float64(math.Float32frombits(binary.BigEndian.Uint32(wire))), 32
	case 8:
		f = math.Float64frombits(binary.BigEndian.Uint64(wire))
	default:
		return dst, errWire
	}
	dst = append(dst, '"')
	dst = appendFloatText(dst, f, bits)
	return append(dst, '"'), nil
}

func appendFloatText(dst []byte, f float64, bits int) []byte {
	switch abs := math.Abs(f); {
	case math.IsNaN(f):
		return append(dst, "NaN"...)
	case math.IsInf(f, 1):
		return append(dst, "Infinity"...)
	case math.IsInf(f, -1):
		return append(dst, "-Infinity"...)
	case f == 0 || abs >= 1e-5 && abs < 1e15:
		return strconv.AppendFloat(dst, f, 'f', -1, bits)
	default:
		return strconv.AppendFloat(dst, f, 'e', -1, bits)
	}
}

// appendNumeric writes every digit that is stored, the zeros at the end too:
// 1.50 stays 1.50.
//
// The wire has base 10,000: how many digits there are, the power of the first,
// the sign, how many decimals are shown, and the digits.
func appendNumeric(dst, wire []byte) ([]byte, error) {
	const head, negative, nan, positiveInfinity, negativeInfinity = 8, 0x4000, 0xC000, 0xD000, 0xF000
	if len(wire) < head {
		return dst, errWire
	}
	count := int(binary.BigEndian.Uint16(wire))
	weight := int(int16(binary.BigEndian.Uint16(wire[2:]))) //nolint:gosec // the sign is in the bits
	sign, scale := binary.BigEndian.Uint16(wire[4:]), int(binary.BigEndian.Uint16(wire[6:]))
	digits := wire[head:]
	if len(digits) != 2*count {
		return dst, errWire
	}
	dst = append(dst, '"')
	switch sign {
	case nan:
		return append(dst, `NaN"`...), nil
	case positiveInfinity:
		return append(dst, `Infinity"`...), nil
	case negativeInfinity:
		return append(dst, `-Infinity"`...), nil
	case negative:
		dst = append(dst, '-')
	}
	group := func(i int) int {
		if i < 0 || i >= count {
			return 0
		}
		return int(binary.BigEndian.Uint16(digits[2*i:]))
	}
	if weight < 0 {
		dst = append(dst, '0')
	} else {
		dst = strconv.AppendInt(dst, int64(group(0)), 10)
		for i := 1; i <= weight; i++ {
			dst = appendGroup(dst, group(i))
		}
	}
	if scale > 0 {
		dst = append(dst, '.')
		end := len(dst) + scale
		for i := weight + 1; len(dst) < end; i++ {
			dst = appendGroup(dst, group(i))
		}
		dst = dst[:end]
	}
	return append(dst, '"'), nil
}

func appendGroup(dst []byte, n int) []byte {
	return append(dst, byte('0'+n/1000%10), byte('0'+n/100%10), byte('0'+n/10%10), byte('0'+n%10))
}

func appendUUID(dst, wire []byte) ([]byte, error) {
	if len(wire) != 16 {
		return dst, errWire
	}
	dst = append(dst, '"')
	for i, from := range [...]int{0, 4, 6, 8, 10} {
		to := [...]int{4, 6, 8, 10, 16}[i]
		if i > 0 {
			dst = append(dst, '-')
		}
		dst = hex.AppendEncode(dst, wire[from:to])
	}
	return append(dst, '"'), nil
}

func appendBytes(dst, wire []byte) ([]byte, error) {
	dst = append(dst, '"')
	dst = base64.StdEncoding.AppendEncode(dst, wire)
	return append(dst, '"'), nil
}

// textOf is a cell's value as the text that stands for it in ids.
func textOf(cell []byte) string {
	if len(cell) < 2 || cell[0] != '"' {
		return string(cell)
	}
	inner := string(cell[1 : len(cell)-1])
	if strings.IndexByte(inner, '\\') < 0 {
		return inner
	}
	text, _ := models.Text(cell) // we wrote it
	return text
}
