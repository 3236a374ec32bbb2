package models

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/zeebo/xxh3"
)

// Limits of a JSON value that enters, whatever its source. Both databases take
// what is within them; either would refuse, or silently change, what is not.
const (
	MaxJSONDepth    = 200
	MaxNumberDigits = 400 // of a number written out, without its exponent
)

// Canonical gives JSON from a service its one stored form: keys sorted by their
// bytes, the last of two equal keys kept, no white space, strings with the
// fewest escapes, numbers digit by digit but without exponent or negative zero.
//
// What the two databases would treat differently is replaced here, so that
// every later step sees one value: U+0000, lone surrogates and invalid UTF-8
// become U+FFFD, and a number beyond MaxNumberDigits becomes a string of its
// digits. Malformed JSON fails with "records.invalid_json".
func Canonical(raw []byte) (json.RawMessage, error) {
	return AppendCanonical(make([]byte, 0, len(raw)), raw)
}

// AppendCanonical appends the canonical form of service JSON to dst, for
// callers that fill one buffer with a page.
func AppendCanonical(dst, raw []byte) ([]byte, error) {
	w := canonicalizer{in: raw, out: dst}
	if len(raw) > 0 && raw[0] == '{' { // a lone string, the usual cell, has no members to keep
		var stack [48]member // most records need no more, and no second allocation
		w.members = stack[:0]
	}
	return w.run()
}

// CanonicalInput gives JSON from a user its canonical form. It refuses what
// Canonical replaces: "records.invalid_character" and
// "records.number_out_of_range", so that nobody's text is changed silently.
func CanonicalInput(raw []byte) (json.RawMessage, error) {
	w := canonicalizer{in: raw, out: make([]byte, 0, len(raw)), strict: true}
	return w.run()
}

// Hash is the 128-bit digest of a canonical value, by which a download
// recognises an unchanged record.
type Hash [16]byte

// HashOf digests canonical JSON.
func HashOf(canonical []byte) Hash { return xxh3.Hash128(canonical).Bytes() }

// canonicalizer writes the canonical form in one pass over the input. Objects
// whose members come in order, the common case once a service's answers were
// canonical before, are never copied twice.
type canonicalizer struct {
	in      []byte
	pos     int
	out     []byte
	strict  bool
	members []member // stack of the open objects' members
	spare   []byte   // reordering space
}

// member is one "key":value of an object as offsets into the output.
type member struct{ start, keyEnd, end int }

func (w *canonicalizer) run() (json.RawMessage, error) {
	if err := w.value(0); err != nil {
		return nil, err
	}
	w.space()
	if w.pos != len(w.in) {
		return nil, w.malformed("text after the value")
	}
	return w.out, nil
}

func (w *canonicalizer) malformed(what string) error {
	return NewProblem(KindInvalid, "records.invalid_json",
		fmt.Sprintf("not valid JSON at byte %d: %s", w.pos, what),
		"send well-formed JSON in UTF-8")
}

func (w *canonicalizer) space() {
	for w.pos < len(w.in) {
		switch w.in[w.pos] {
		case ' ', '\t', '\n', '\r':
			w.pos++
		default:
			return
		}
	}
}

func (w *canonicalizer) value(depth int) error {
	if depth > MaxJSONDepth {
		return NewProblem(KindInvalid, "records.too_deep",
			fmt.Sprintf("JSON nested deeper than %d levels", MaxJSONDepth), "flatten the value")
	}
	w.space()
	if w.pos >= len(w.in) {
		return w.malformed("it ends too early")
	}
	switch c := w.in[w.pos]; {
	case c == '"':
		return w.str()
	case c == '{':
		return w.object(depth)
	case c == '[':
		return w.array(depth)
	case c == '-' || isDigit(c):
		return w.number()
	case c == 't':
		return w.word("true")
	case c == 'f':
		return w.word("false")
	case c == 'n':
		return w.word("null")
	default:
		return w.malformed("a value was expected")
	}
}

func (w *canonicalizer) word(word string) error {
	if !bytes.HasPrefix(w.in[w.pos:], []byte(word)) {
		return w.malformed("a value was expected")
	}
	w.pos += len(word)
	w.out = append(w.out, word...)
	return nil
}

func (w *canonicalizer) array(depth int) error {
	w.pos++
	w.out = append(w.out, '[')
	w.space()
	if w.peek() == ']' {
		w.pos++
		w.out = append(w.out, ']')
		return nil
	}
	for {
		if err := w.value(depth + 1); err != nil {
			return err
		}
		w.space()
		switch w.peek() {
		case ',':
			w.pos++
			w.out = append(w.out, ',')
		case ']':
			w.pos++
			w.out = append(w.out, ']')
			return nil
		default:
			return w.malformed("a comma or ] was expected")
		}
	}
}

func (w *canonicalizer) object(depth int) error {
	w.pos++
	w.out = append(w.out, '{')
	body, first := len(w.out), len(w.members)
	sorted := true
	w.space()
	if w.peek() == '}' {
		w.pos++
		w.out = append(w.out, '}')
		return nil
	}
	for {
		m, err := w.member(depth)
		if err != nil {
			return err
		}
		if n := len(w.members); n > first {
			before := w.members[n-1]
			sorted = sorted && bytes.Compare(w.out[before.start:before.keyEnd], w.out[m.start:m.keyEnd]) < 0
		}
		w.members = append(w.members, m)
		w.space()
		switch w.peek() {
		case ',':
			w.pos++
			w.out = append(w.out, ',')
		case '}':
			w.pos++
			if !sorted {
				w.reorder(body, w.members[first:])
			}
			w.members = w.members[:first]
			w.out = append(w.out, '}')
			return nil
		default:
			return w.malformed("a comma or } was expected")
		}
	}
}

func (w *canonicalizer) member(depth int) (member, error) {
	w.space()
	if w.peek() != '"' {
		return member{}, w.malformed("a key was expected")
	}
	m := member{start: len(w.out)}
	if err := w.str(); err != nil {
		return m, err
	}
	m.keyEnd = len(w.out) - 1 // without the closing quote, so that "a" sorts before "a b"
	w.space()
	if w.peek() != ':' {
		return m, w.malformed("a colon was expected")
	}
	w.pos++
	w.out = append(w.out, ':')
	err := w.value(depth + 1)
	m.end = len(w.out)
	return m, err
}

// reorder rewrites the object's members in order of their keys; of equal keys
// the last one stays, as both databases and every parser in use have it.
func (w *canonicalizer) reorder(body int, members []member) {
	key := func(m member) []byte { return w.out[m.start:m.keyEnd] }
	slices.SortStableFunc(members, func(a, b member) int { return bytes.Compare(key(a), key(b)) })
	w.spare = w.spare[:0]
	for i, m := range members {
		if i+1 < len(members) && bytes.Equal(key(m), key(members[i+1])) {
			continue
		}
		if len(w.spare) > 0 {
			w.spare = append(w.spare, ',')
		}
		w.spare = append(w.spare, w.out[m.start:m.end]...)
	}
	w.out = append(w.out[:body], w.spare...)
}

func (w *canonicalizer) peek() byte {
	if w.pos < len(w.in) {
		return w.in[w.pos]
	}
	return 0
}
