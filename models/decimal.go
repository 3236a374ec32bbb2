package models

import "strings"

// Decimal is a decimal number of any length, taken apart so that two ways of
// writing one number are equal.
type Decimal struct {
	Negative bool
	Whole    string // without leading zeros; "" for zero
	Fraction string // without trailing zeros
}

// ParseDecimal reads a decimal as people and services write it: an optional
// sign, digits, an optional fraction, an optional exponent.
func ParseDecimal(text string) (Decimal, bool) {
	text = strings.TrimPrefix(text, "+")
	unsigned := strings.TrimPrefix(text, "-")
	if unsigned == "" || unsigned[0] == '-' {
		return Decimal{}, false
	}
	if trimmed := strings.TrimLeft(unsigned, "0"); trimmed == "" || !isDigit(trimmed[0]) && (trimmed != unsigned || trimmed[0] == '.') {
		unsigned = "0" + trimmed
	} else {
		unsigned = trimmed
	}
	end, exponent, ok := scanNumber([]byte(unsigned), 0)
	if !ok || end != len(unsigned) {
		return Decimal{}, false
	}
	if exponent >= 0 {
		written, ok := writeOut([]byte(unsigned), exponent)
		if !ok {
			return Decimal{}, false
		}
		unsigned = string(written)
	}
	whole, fraction, _ := strings.Cut(unsigned, ".")
	if len(whole)+len(fraction) > MaxNumberDigits {
		return Decimal{}, false
	}
	d := Decimal{Whole: strings.TrimLeft(whole, "0"), Fraction: strings.TrimRight(fraction, "0")}
	d.Negative = strings.HasPrefix(text, "-") && d.Whole+d.Fraction != ""
	return d, true
}

// String writes the number in its one form: "0", "-1.5".
func (d Decimal) String() string {
	text := d.Whole
	if text == "" {
		text = "0"
	}
	if d.Fraction != "" {
		text += "." + d.Fraction
	}
	if d.Negative {
		return "-" + text
	}
	return text
}

// Integer reports whether the number is whole.
func (d Decimal) Integer() bool { return d.Fraction == "" }

// Key gives text that sorts by bytes as the numbers sort: a database without
// exact decimals orders and compares by it. Negative numbers come first, their
// digits complemented; the count of whole digits leads.
func (d Decimal) Key() string {
	length := len(d.Whole)
	if !d.Negative {
		return "1" + string([]byte{byte('0' + length/100), byte('0' + length/10%10), byte('0' + length%10)}) + //nolint:gosec // three digits
			d.Whole + "." + d.Fraction
	}
	length = 999 - length
	key := []byte{'0', byte('0' + length/100), byte('0' + length/10%10), byte('0' + length%10)} //nolint:gosec // three digits
	for i := range len(d.Whole) {
		key = append(key, '9'-(d.Whole[i]-'0'))
	}
	key = append(key, '.')
	for i := range len(d.Fraction) {
		key = append(key, '9'-(d.Fraction[i]-'0'))
	}
	return string(append(key, '~')) // a longer fraction is further from zero: it must sort before its own prefix
}
