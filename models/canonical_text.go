package models

import (
	"bytes"
	"unicode/utf8"
)

// plain marks the bytes a string may hold as they are: ASCII without control
// characters, quote and backslash.
var plain = func() (t [256]bool) {
	for c := 0x20; c < 0x80; c++ {
		t[c] = c != '"' && c != '\\'
	}
	return t
}()

func (w *canonicalizer) str() error {
	w.pos++
	w.out = append(w.out, '"')
	for {
		start := w.pos
		for w.pos < len(w.in) && plain[w.in[w.pos]] {
			w.pos++
		}
		w.out = append(w.out, w.in[start:w.pos]...)
		if w.pos >= len(w.in) {
			return w.malformed("a string does not end")
		}
		switch c := w.in[w.pos]; {
		case c == '"':
			w.pos++
			w.out = append(w.out, '"')
			return nil
		case c == '\\':
			if err := w.escape(); err != nil {
				return err
			}
		case c < 0x20:
			return w.malformed("a control character stands bare in a string")
		default:
			if err := w.runes(); err != nil {
				return err
			}
		}
	}
}

// runes copies a run of bytes beyond ASCII, checking that they are UTF-8.
func (w *canonicalizer) runes() error {
	for w.pos < len(w.in) && w.in[w.pos] >= utf8.RuneSelf {
		r, size := utf8.DecodeRune(w.in[w.pos:])
		if r == utf8.RuneError && size == 1 {
			if err := w.replace("bytes that are not UTF-8"); err != nil {
				return err
			}
			w.pos++
			continue
		}
		w.out = append(w.out, w.in[w.pos:w.pos+size]...)
		w.pos += size
	}
	return nil
}

// replace puts U+FFFD for what cannot be kept, or refuses it to a user.
func (w *canonicalizer) replace(what string) error {
	if w.strict {
		return NewProblem(KindInvalid, "records.invalid_character",
			"the text holds "+what+", which cannot be stored",
			"remove the character and send the value again")
	}
	w.out = utf8.AppendRune(w.out, utf8.RuneError)
	return nil
}

func (w *canonicalizer) escape() error {
	if w.pos+1 >= len(w.in) {
		return w.malformed("a string does not end")
	}
	c := w.in[w.pos+1]
	switch c {
	case '"', '\\':
		w.out = append(w.out, '\\', c)
	case '/':
		w.out = append(w.out, '/')
	case 'b', 'f', 'n', 'r', 't':
		w.out = append(w.out, '\\', c)
	case 'u':
		return w.unicodeEscape()
	default:
		return w.malformed("an unknown escape")
	}
	w.pos += 2
	return nil
}

func (w *canonicalizer) unicodeEscape() error {
	r, ok := hex4(w.in, w.pos+2)
	if !ok {
		return w.malformed(`\u wants four hexadecimal digits`)
	}
	w.pos += 6
	switch {
	case r == 0:
		return w.replace("the character U+0000")
	case r >= 0xDC00 && r < 0xE000:
		return w.replace("half of a surrogate pair")
	case r >= 0xD800 && r < 0xDC00:
		low, ok := rune(0), false
		if bytes.HasPrefix(w.in[min(w.pos, len(w.in)):], []byte(`\u`)) {
			low, ok = hex4(w.in, w.pos+2)
		}
		if !ok || low < 0xDC00 || low >= 0xE000 {
			return w.replace("half of a surrogate pair")
		}
		w.pos += 6
		w.out = utf8.AppendRune(w.out, (r-0xD800)<<10+(low-0xDC00)+0x10000)
	default:
		w.out = AppendJSONRune(w.out, r)
	}
	return nil
}

// AppendJSONRune appends a character as it stands inside a canonical string.
// The escapes are the ones PostgreSQL writes.
func AppendJSONRune(dst []byte, r rune) []byte {
	switch r {
	case '"', '\\':
		return append(dst, '\\', byte(r))
	case '\b':
		return append(dst, `\b`...)
	case '\f':
		return append(dst, `\f`...)
	case '\n':
		return append(dst, `\n`...)
	case '\r':
		return append(dst, `\r`...)
	case '\t':
		return append(dst, `\t`...)
	}
	if r < 0x20 {
		const digits = "0123456789abcdef"
		return append(dst, '\\', 'u', '0', '0', digits[r>>4], digits[r&15])
	}
	return utf8.AppendRune(dst, r)
}

func hex4(in []byte, at int) (rune, bool) {
	if at+4 > len(in) {
		return 0, false
	}
	var r rune
	for _, c := range in[at : at+4] {
		switch {
		case isDigit(c):
			r = r<<4 | rune(c-'0')
		case c >= 'a' && c <= 'f':
			r = r<<4 | rune(c-'a'+10)
		case c >= 'A' && c <= 'F':
			r = r<<4 | rune(c-'A'+10)
		default:
			return 0, false
		}
	}
	return r, true
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }
