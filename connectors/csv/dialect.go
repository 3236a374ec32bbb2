package csv

import (
	"bytes"
	"errors"
	"io"
)

// sampleRecords is how many records decide on delimiter and header.
const sampleRecords = 200

// dialect finds the delimiter and whether there is a header, where the settings
// do not say.
func (f *form) dialect(text []byte, whole bool, chosen settings) {
	if chosen.Delimiter != "" {
		f.comma = chosen.Delimiter[0]
	} else {
		f.comma = bestDelimiter(text, whole, f.eol)
	}
	if chosen.Header != nil {
		f.header = *chosen.Header
		return
	}
	f.header = looksLikeHeader(sampleOf(text, whole, f.comma, f.eol))
}

// sampleOf reads the first records. One that the sample cuts off is left out.
func sampleOf(text []byte, whole bool, comma, eol byte) [][][]byte {
	r := newRowsIn(bytes.NewReader(text), form{comma: comma, eol: eol}, len(text)+1)
	var records [][][]byte
	for len(records) < sampleRecords {
		if err := r.next(); err != nil {
			break // what is wrong is told when the file is read
		}
		if !whole && r.offset >= int64(len(text)) && len(records) > 0 {
			break
		}
		cells := make([][]byte, len(r.cells))
		for i, cell := range r.cells {
			cells[i] = bytes.Clone(cell)
		}
		records = append(records, cells)
	}
	return records
}

// bestDelimiter is the one that cuts most records into the same number of
// cells, at least two; among equals the one that gives more cells.
func bestDelimiter(text []byte, whole bool, eol byte) byte {
	best, bestScore := byte(','), 0.0
	for _, d := range delimiters {
		widths := map[int]int{}
		records := sampleOf(text, whole, d[0], eol)
		for _, cells := range records {
			widths[len(cells)]++
		}
		for width, times := range widths {
			if width < 2 {
				continue
			}
			share := float64(times) / float64(len(records))
			score := share*share*100 + min(float64(width), 50)/10
			if score > bestScore {
				best, bestScore = d[0], score
			}
		}
	}
	return best
}

// looksLikeHeader: a first row without a number, date or truth value in it is
// one; with some, it is one only when it has text above a column of such values.
func looksLikeHeader(records [][][]byte) bool {
	if len(records) == 0 {
		return false
	}
	first := records[0]
	typed, filled := 0, 0
	for i, cell := range first {
		cell = bytes.TrimSpace(cell)
		if len(cell) == 0 {
			continue
		}
		filled++
		if classify(cell, allKinds) == 0 {
			if above(records[1:], i) {
				return true
			}
			continue
		}
		typed++
	}
	return filled > 0 && typed == 0
}

// above reports whether column i holds typed values, and them alone.
func above(records [][][]byte, i int) bool {
	kinds, seen := allKinds, false
	for _, cells := range records {
		if i >= len(cells) || len(bytes.TrimSpace(cells[i])) == 0 {
			continue
		}
		seen = true
		kinds = classify(bytes.TrimSpace(cells[i]), kinds)
	}
	return seen && kinds != 0
}

// isEnd reports the end of a file.
func isEnd(err error) bool { return errors.Is(err, io.EOF) }
