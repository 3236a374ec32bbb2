package fake

import (
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// fieldSet is the parsed _fields parameter: nil means everything. A dotted
// path asks for one member of an object.
type fieldSet map[string]map[string]bool

func parseFields(list []string) fieldSet {
	if len(list) == 0 {
		return nil
	}
	set := fieldSet{}
	for _, f := range list {
		name, sub, dotted := strings.Cut(strings.TrimSpace(f), ".")
		if !dotted {
			set[name] = nil
			continue
		}
		if subs, ok := set[name]; ok && subs == nil {
			continue
		}
		if set[name] == nil {
			set[name] = map[string]bool{}
		}
		set[name][sub] = true
	}
	return set
}

func (f fieldSet) has(name string) bool {
	if f == nil {
		return true
	}
	_, ok := f[name]
	return ok
}

func (f fieldSet) hasSub(name, sub string) bool {
	if f == nil {
		return true
	}
	subs, ok := f[name]
	return ok && (subs == nil || subs[sub])
}

// rowWriter builds one JSON object by hand: a page of rows must cost the fake
// little, or it would be what a benchmark measures.
type rowWriter struct {
	b      []byte
	fields fieldSet
	edit   bool
	first  bool
}

func (w *rowWriter) key(name string) {
	if !w.first {
		w.b = append(w.b, ',')
	}
	w.first = false
	w.b = append(w.b, '"')
	w.b = append(w.b, name...)
	w.b = append(w.b, '"', ':')
}

func (w *rowWriter) str(name, v string) {
	if w.fields.has(name) {
		w.key(name)
		w.b = appendQuoted(w.b, v)
	}
}

func (w *rowWriter) num(name string, v int64) {
	if w.fields.has(name) {
		w.key(name)
		w.b = strconv.AppendInt(w.b, v, 10)
	}
}

func (w *rowWriter) boolean(name string, v bool) {
	if w.fields.has(name) {
		w.key(name)
		w.b = strconv.AppendBool(w.b, v)
	}
}

func (w *rowWriter) ids(name string, v []int64) {
	if !w.fields.has(name) {
		return
	}
	w.key(name)
	w.b = append(w.b, '[')
	for i, n := range v {
		if i > 0 {
			w.b = append(w.b, ',')
		}
		w.b = strconv.AppendInt(w.b, n, 10)
	}
	w.b = append(w.b, ']')
}

func (w *rowWriter) raw(name string, v []byte) {
	if w.fields.has(name) {
		w.key(name)
		w.b = append(w.b, v...)
	}
}

// rich writes {"raw":…,"rendered":…}: raw is for context=edit alone. locked is
// the content of a password-protected post in a public view.
func (w *rowWriter) rich(name, raw string, rendered func() string, protected, block bool) {
	if !w.fields.has(name) {
		return
	}
	w.key(name)
	w.b = append(w.b, '{')
	sep := false
	member := func(sub string) bool {
		if !w.fields.hasSub(name, sub) {
			return false
		}
		if sep {
			w.b = append(w.b, ',')
		}
		sep = true
		w.b = append(w.b, '"')
		w.b = append(w.b, sub...)
		w.b = append(w.b, '"', ':')
		return true
	}
	if w.edit && member("raw") {
		w.b = appendQuoted(w.b, raw)
	}
	if member("rendered") {
		text := ""
		if !protected || w.edit {
			text = rendered()
		}
		w.b = appendQuoted(w.b, text)
	}
	if name != "title" && name != "guid" && member("protected") {
		w.b = strconv.AppendBool(w.b, protected)
	}
	if block && w.edit && member("block_version") {
		if strings.Contains(raw, "<!-- wp:") {
			w.b = append(w.b, '1')
		} else {
			w.b = append(w.b, '0')
		}
	}
	w.b = append(w.b, '}')
}

const hexDigits = "0123456789abcdef"

// appendQuoted writes a JSON string as PHP's json_encode does by default:
// slashes escaped, everything outside ASCII as \uXXXX (pairs for the rest).
func appendQuoted(b []byte, s string) []byte {
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= 0x20 && c != '"' && c != '\\' && c != '/' && c < utf8.RuneSelf {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRuneInString(s[i:])
			b = append(b, s[start:i]...)
			if hi, lo := utf16.EncodeRune(r); hi != utf8.RuneError {
				b = appendUnit(appendUnit(b, hi), lo)
			} else {
				b = appendUnit(b, r)
			}
			i += n
			start = i
			continue
		}
		b = append(b, s[start:i]...)
		switch c {
		case '"', '\\', '/':
			b = append(b, '\\', c)
		case '\n':
			b = append(b, '\\', 'n')
		case '\r':
			b = append(b, '\\', 'r')
		case '\t':
			b = append(b, '\\', 't')
		default:
			b = append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
		i++
		start = i
	}
	b = append(b, s[start:]...)
	return append(b, '"')
}

func appendUnit(b []byte, u rune) []byte {
	return append(b, '\\', 'u', hexDigits[u>>12&15], hexDigits[u>>8&15], hexDigits[u>>4&15], hexDigits[u&15])
}
