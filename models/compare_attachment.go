package models

import "encoding/json"

// filesOf gives what tells files apart: of each, in order, its id and its alt
// text, or its address where it has no id. Whatever else a service says of a
// file (signed addresses, sizes, thumbnails) changes from one reading to the
// next. No file is the same as no value.
func filesOf(value json.RawMessage) (string, bool) {
	if blank(value) {
		return "", true
	}
	if value[0] == '{' {
		return fileOf(value), true
	}
	if value[0] != '[' {
		return "", false
	}
	files := []byte{}
	EachElement(value, func(file json.RawMessage) bool {
		files = append(append(files, fileOf(file)...), '\n')
		return true
	})
	return string(files), true
}

func fileOf(file json.RawMessage) string {
	if id := CellOf(file, "id"); !Empty(id) {
		alt := CellOf(file, "alt")
		if Empty(alt) {
			alt = nil
		}
		return "id " + string(id) + " " + string(alt)
	}
	if url := CellOf(file, "url"); !Empty(url) {
		return "url " + string(url)
	}
	return string(file)
}
