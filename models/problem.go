package models

import (
	"errors"
	"time"
	"unicode/utf8"
)

// ProblemKind is the class of a problem: what a caller may do about it. The API
// maps each kind to one HTTP status, and activities map it to retry or not.
type ProblemKind string

// The kinds of problems.
const (
	KindInvalid         ProblemKind = "invalid"         // the input is wrong; the same input fails again
	KindUnauthenticated ProblemKind = "unauthenticated" // nobody we know asks
	KindForbidden       ProblemKind = "forbidden"       // known, but not allowed
	KindNotFound        ProblemKind = "not_found"       // no such thing in this organization
	KindConflict        ProblemKind = "conflict"        // the state changed or forbids it
	KindTooLarge        ProblemKind = "too_large"       // over a stated limit
	KindRateLimited     ProblemKind = "rate_limited"    // wait, then again
	KindUnavailable     ProblemKind = "unavailable"     // something we need is away; again later
	KindTimeout         ProblemKind = "timeout"         // took longer than it may
	KindInternal        ProblemKind = "internal"        // our fault
)

// Limits of a problem's texts. Error text travels through workflow histories
// and events, so it is bounded where it is made.
const (
	MaxProblemText   = 2 << 10 // bytes of detail, and of hint
	MaxProblemFields = 50
)

// Problem is the one error users see: what went wrong (Detail), a stable Code
// ("area.reason"), and what to do (Hint). It never holds a secret. It is stored
// with jobs and items and answered by the API as an RFC 9457 document.
type Problem struct {
	Kind    ProblemKind    `json:"kind"`
	Code    string         `json:"code"`
	Detail  string         `json:"detail"`
	Hint    string         `json:"hint,omitempty"`
	Fields  []FieldProblem `json:"fields,omitempty"`
	RetryAt *time.Time     `json:"retry_at,omitempty"`

	cause error
}

// FieldProblem says what is wrong with one field, cell or line of an input.
type FieldProblem struct {
	Field  string `json:"field"`
	Code   string `json:"code,omitempty"`
	Detail string `json:"detail"`
	// Cell holds both values of a cell that was written too late: Mine is what
	// was sent, Theirs what stands now, Base what the writer had seen.
	Cell *CellConflict `json:"cell,omitempty"`
}

// NewProblem makes a problem with bounded texts.
func NewProblem(kind ProblemKind, code, detail, hint string) *Problem {
	return &Problem{Kind: kind, Code: code, Detail: Bound(detail, MaxProblemText), Hint: Bound(hint, MaxProblemText)}
}

// Error gives the code, detail and hint in one line.
func (p *Problem) Error() string {
	text := p.Code + ": " + p.Detail
	if p.Hint != "" {
		text += " (" + p.Hint + ")"
	}
	return text
}

// Unwrap gives the cause for logs; it is never shown to a user.
func (p *Problem) Unwrap() error { return p.cause }

// Because returns a copy that carries the cause for the log.
func (p *Problem) Because(cause error) *Problem {
	q := *p
	q.cause = cause
	return &q
}

// WithFields returns a copy that carries the fields, at most MaxProblemFields.
func (p *Problem) WithFields(fields ...FieldProblem) *Problem {
	q := *p
	q.Fields = append(q.Fields[:len(q.Fields):len(q.Fields)], fields...)
	if len(q.Fields) > MaxProblemFields {
		q.Fields = q.Fields[:MaxProblemFields]
	}
	return &q
}

// AsProblem finds the problem in an error's chain; ok is false when the error
// is not one users were meant to see.
func AsProblem(err error) (*Problem, bool) {
	var p *Problem
	ok := errors.As(err, &p)
	return p, ok
}

// HasCode reports whether the error's chain holds a problem of that code.
func HasCode(err error, code string) bool {
	p, ok := AsProblem(err)
	return ok && p.Code == code
}

// Bound cuts text to at most limit bytes at a rune's border, marking the cut.
func Bound(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	const mark = "…"
	cut := limit - len(mark)
	for cut > 0 && !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut] + mark
}
