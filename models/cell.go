package models

import (
	"bytes"
	"encoding/json"
	"slices"
)

// EachCell calls visit for each member of a canonical JSON object, in order,
// without building a map. Key and value point into the object. It stops when
// visit answers false, and gives nothing for what is not an object.
func EachCell(object json.RawMessage, visit func(column string, value json.RawMessage) bool) {
	if len(object) < 2 || object[0] != '{' {
		return
	}
	for pos := 1; pos < len(object) && object[pos] == '"'; pos++ {
		keyEnd := skipString(object, pos)
		valueEnd := skipValue(object, keyEnd+1)
		if valueEnd < 0 {
			return
		}
		if !visit(unquote(object[pos:keyEnd]), object[keyEnd+1:valueEnd]) {
			return
		}
		pos = valueEnd // a comma, or the closing brace, which ends the loop
	}
}

// CellOf finds one column's value in a canonical JSON object; nil when it is
// absent, which is not the same as null.
func CellOf(object json.RawMessage, column string) (value json.RawMessage) {
	EachCell(object, func(name string, v json.RawMessage) bool {
		if name == column {
			value = v
			return false
		}
		return true
	})
	return value
}

// CellsOf gives a canonical JSON object's members as Fields.
func CellsOf(object json.RawMessage) Fields {
	fields := Fields{}
	EachCell(object, func(column string, value json.RawMessage) bool {
		fields[column] = value
		return true
	})
	return fields
}

// Object writes fields, whose values are canonical, as a canonical JSON object.
func (f Fields) Object() json.RawMessage {
	return f.AppendObject(nil)
}

// AppendObject appends the canonical JSON object of the fields to dst.
func (f Fields) AppendObject(dst []byte) json.RawMessage {
	keys := make([][]byte, 0, len(f))
	values := make(map[string]json.RawMessage, len(f))
	for column, value := range f {
		key := AppendJSONString(nil, column)
		key = key[:len(key)-1]
		keys = append(keys, key)
		values[string(key)] = value
	}
	slices.SortFunc(keys, bytes.Compare)
	dst = append(dst, '{')
	for i, key := range keys {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(append(dst, key...), '"', ':')
		dst = append(dst, values[string(key)]...)
	}
	return append(dst, '}')
}

// AppendJSONString appends text as a canonical JSON string. What cannot be
// stored is replaced as Canonical replaces it.
func AppendJSONString(dst []byte, text string) []byte {
	dst = append(dst, '"')
	for _, r := range text { // invalid UTF-8 ranges as U+FFFD
		if r == 0 {
			r = '\uFFFD'
		}
		dst = AppendJSONRune(dst, r)
	}
	return append(dst, '"')
}

// Text gives a canonical JSON string's text; ok is false for anything else.
func Text(value json.RawMessage) (text string, ok bool) {
	if len(value) < 2 || value[0] != '"' {
		return "", false
	}
	return unquote(value), true
}

// Empty reports whether a cell holds nothing a person would see: absent, null,
// "", [] or {}.
func Empty(value json.RawMessage) bool {
	switch string(value) {
	case "", "null", `""`, "[]", "{}":
		return true
	default:
		return false
	}
}

// skipString gives the offset after the string that starts at pos.
func skipString(in []byte, pos int) int {
	for pos++; pos < len(in); pos++ {
		switch in[pos] {
		case '\\':
			pos++
		case '"':
			return pos + 1
		}
	}
	return len(in)
}

// skipValue gives the offset after the canonical value that starts at pos, or
// -1 when the input ends before it does.
func skipValue(in []byte, pos int) int {
	depth := 0
	for pos < len(in) {
		switch in[pos] {
		case '"':
			pos = skipString(in, pos)
		case '{', '[':
			depth++
			pos++
			continue
		case '}', ']':
			depth--
			pos++
		case ',', ':':
			pos++
			continue
		default:
			for pos < len(in) && in[pos] != ',' && in[pos] != '}' && in[pos] != ']' {
				pos++
			}
		}
		if depth == 0 {
			return pos
		}
	}
	return -1
}

// unquote reads a canonical JSON string.
func unquote(quoted []byte) string {
	body := quoted[1 : len(quoted)-1]
	if bytes.IndexByte(body, '\\') < 0 {
		return string(body)
	}
	var text string
	if err := json.Unmarshal(quoted, &text); err != nil {
		return string(body) // not canonical; what stands there is the best name for it
	}
	return text
}
