package models

import (
	"bytes"
	"fmt"
	"strconv"
)

// number copies a JSON number digit by digit. PostgreSQL's jsonb writes numbers
// out without exponent and without negative zero, so the canonical form does
// too: then both databases give back what was put in.
func (w *canonicalizer) number() error {
	start := w.pos
	end, exponent, ok := scanNumber(w.in, start)
	if !ok {
		return w.malformed("a malformed number")
	}
	w.pos = end
	text := w.in[start:end]
	if exponent < 0 && text[0] != '-' && len(text) <= MaxNumberDigits {
		w.out = append(w.out, text...)
		return nil
	}
	plainText, ok := writeOut(text, exponent-start)
	if ok {
		w.out = append(w.out, plainText...)
		return nil
	}
	if w.strict {
		return NewProblem(KindInvalid, "records.number_out_of_range",
			fmt.Sprintf("the number %s has more than %d digits", Bound(string(text), 60), MaxNumberDigits),
			"send it as text")
	}
	w.out = append(append(append(w.out, '"'), text...), '"')
	return nil
}

// scanNumber finds the end of the JSON number that starts at pos, and where its
// exponent begins, or -1.
func scanNumber(in []byte, pos int) (end, exponent int, ok bool) {
	digits := func() bool {
		first := pos
		for pos < len(in) && isDigit(in[pos]) {
			pos++
		}
		return pos > first
	}
	if pos < len(in) && in[pos] == '-' {
		pos++
	}
	whole := pos
	if !digits() || in[whole] == '0' && pos > whole+1 {
		return pos, -1, false
	}
	if pos < len(in) && in[pos] == '.' {
		pos++
		if !digits() {
			return pos, -1, false
		}
	}
	exponent = -1
	if pos < len(in) && (in[pos] == 'e' || in[pos] == 'E') {
		exponent = pos
		pos++
		if pos < len(in) && (in[pos] == '+' || in[pos] == '-') {
			pos++
		}
		if !digits() {
			return pos, -1, false
		}
	}
	return pos, exponent, true
}

// writeOut writes a number without its exponent (which begins at offset
// exponent, negative for none) and without negative zero.
func writeOut(text []byte, exponent int) ([]byte, bool) {
	mantissa, power := text, 0
	if exponent >= 0 {
		var err error
		if power, err = strconv.Atoi(string(text[exponent+1:])); err != nil {
			return nil, false
		}
		mantissa = text[:exponent]
	}
	negative := mantissa[0] == '-'
	if negative {
		mantissa = mantissa[1:]
	}
	whole, fraction, _ := bytes.Cut(mantissa, []byte("."))
	if power > MaxNumberDigits || power < -MaxNumberDigits || len(whole)+len(fraction) > MaxNumberDigits {
		return nil, false
	}
	digits := append(append(make([]byte, 0, len(text)+MaxNumberDigits), whole...), fraction...)
	point := len(whole) + power
	if point <= 0 {
		digits = append(bytes.Repeat([]byte("0"), 1-point), digits...)
		point = 1
	}
	for len(digits) < point {
		digits = append(digits, '0')
	}
	if len(digits) > MaxNumberDigits {
		return nil, false
	}
	head := bytes.TrimLeft(digits[:point], "0")
	if len(head) == 0 {
		head = digits[point-1 : point]
	}
	out := make([]byte, 0, len(digits)+2)
	if negative && len(bytes.Trim(digits, "0")) > 0 {
		out = append(out, '-')
	}
	out = append(out, head...)
	if point < len(digits) {
		out = append(append(out, '.'), digits[point:]...)
	}
	return out, true
}
