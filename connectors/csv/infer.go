package csv

import (
	"bytes"
	"time"

	"github.com/scratch-platform/scratch/models"
)

// kinds is a set of the kinds that every value of a column could be.
type kinds uint8

const (
	isInteger kinds = 1 << iota
	isNumber
	isBoolean
	isDate
	isDateTime

	allKinds = isInteger | isNumber | isBoolean | isDate | isDateTime
)

// longText is the length in bytes from which text is long.
const longText = 255

// guess is what the values of one column have shown so far.
type guess struct {
	kinds kinds
	seen  bool
	long  bool
}

// see takes a cell into account. An empty one says nothing.
func (g *guess) see(cell []byte) {
	if !g.long && (len(cell) > longText || bytes.IndexByte(cell, '\n') >= 0) {
		g.long = true
		g.kinds = 0
	}
	if g.kinds == 0 {
		g.seen = g.seen || len(cell) > 0
		return
	}
	cell = bytes.TrimSpace(cell)
	if len(cell) == 0 {
		return
	}
	g.seen = true
	g.kinds = classify(cell, g.kinds)
}

// kind decides. Whole numbers are numbers too; a column without a value is text.
func (g *guess) kind() (models.ColumnKind, models.Comparison) {
	switch {
	case !g.seen:
		return models.ColumnText, models.CompareExact
	case g.kinds&isInteger != 0:
		return models.ColumnInteger, models.CompareNumber
	case g.kinds&isNumber != 0:
		return models.ColumnNumber, models.CompareNumber
	case g.kinds&isBoolean != 0:
		return models.ColumnBoolean, models.CompareExact
	case g.kinds&isDate != 0:
		return models.ColumnDate, models.CompareExact
	case g.kinds&isDateTime != 0:
		return models.ColumnDateTime, models.CompareInstant
	case g.long:
		return models.ColumnLongText, models.CompareExact
	default:
		return models.ColumnText, models.CompareExact
	}
}

// classify narrows the kinds a value without outer white space could be.
func classify(cell []byte, among kinds) kinds {
	switch c := cell[0]; {
	case c == 't' || c == 'T' || c == 'f' || c == 'F':
		if _, ok := boolean(cell); ok {
			return among & isBoolean
		}
		return 0
	case c == '-' || c == '.' || c >= '0' && c <= '9':
	default:
		return 0
	}
	var left kinds
	if among&(isInteger|isNumber) != 0 {
		if digits, point := decimal(cell); digits {
			left |= isNumber
			if !point {
				left |= isInteger
			}
		}
	}
	if among&isDate != 0 && len(cell) == 10 && isDay(cell) {
		left |= isDate
	}
	if among&isDateTime != 0 && len(cell) >= 16 {
		if _, ok := moment(cell); ok {
			left |= isDateTime
		}
	}
	return among & left
}

// boolean reads true and false, in any case.
func boolean(cell []byte) (value, ok bool) {
	switch {
	case len(cell) == 4 && bytes.EqualFold(cell, []byte("true")):
		return true, true
	case len(cell) == 5 && bytes.EqualFold(cell, []byte("false")):
		return false, true
	default:
		return false, false
	}
}

// maxDigits is what a number column takes; more is text.
const maxDigits = 100

// decimal reports whether the cell is a plain decimal. One with a leading zero
// ("007", a post code) or an exponent is text: as a number it would not come
// back as it was.
func decimal(cell []byte) (ok, point bool) {
	if len(cell) > maxDigits {
		return false, false
	}
	if cell[0] == '-' {
		cell = cell[1:]
	}
	if len(cell) == 0 || cell[0] == '.' || cell[0] == '0' && len(cell) > 1 && cell[1] != '.' {
		return false, false
	}
	for i, c := range cell {
		switch {
		case c >= '0' && c <= '9':
		case c == '.' && !point && i+1 < len(cell):
			point = true
		default:
			return false, false
		}
	}
	return true, point
}

func isDay(cell []byte) bool {
	if cell[4] != '-' || cell[7] != '-' {
		return false
	}
	_, err := time.Parse(time.DateOnly, string(cell))
	return err == nil
}

// moment reads a date with a time, and gives it as a datetime column holds it:
// in UTC where the file names a zone, as it stands where it does not.
func moment(cell []byte) (string, bool) {
	if cell[4] != '-' || cell[7] != '-' || cell[10] != 'T' && cell[10] != ' ' {
		return "", false
	}
	text := string(cell)
	if cell[10] == ' ' {
		text = text[:10] + "T" + text[11:]
	}
	for _, layout := range [...]string{"2006-01-02T15:04:05.999999999", "2006-01-02T15:04"} {
		if _, err := time.Parse(layout, text); err == nil {
			return text, true
		}
	}
	for _, layout := range [...]string{time.RFC3339Nano, "2006-01-02T15:04Z07:00", "2006-01-02T15:04:05Z0700"} {
		if at, err := time.Parse(layout, text); err == nil {
			return at.UTC().Format(time.RFC3339Nano), true
		}
	}
	return "", false
}
