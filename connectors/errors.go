package connectors

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/scratch-platform/scratch/models"
)

// Kind is the class of a connector's error, given once where it is known: in
// the connector, from the service's own codes. Nobody else parses texts.
type Kind string

// The kinds of errors, and what the caller does.
const (
	KindAuth          Kind = "auth"           // credential refused: the connection needs a person
	KindPermission    Kind = "permission"     // known, but not allowed
	KindNotFound      Kind = "not_found"      // no such table or record
	KindInvalid       Kind = "invalid"        // the service refuses the value (Column says which)
	KindConflict      Kind = "conflict"       // changed meanwhile
	KindRateLimited   Kind = "rate_limited"   // again after Wait
	KindQuota         Kind = "quota"          // used up: do not retry until a person or the day helps
	KindTooLarge      Kind = "too_large"      // over the service's limit or ours
	KindUnavailable   Kind = "unavailable"    // down, overloaded, unreachable: again later
	KindTimeout       Kind = "timeout"        // no answer in time, nothing was being written
	KindAmbiguous     Kind = "ambiguous"      // a write whose answer was lost
	KindCursorExpired Kind = "cursor_expired" // begin the enumeration again
	KindUnsupported   Kind = "unsupported"    // the service or account cannot do this
	KindInternal      Kind = "internal"       // our fault
)

// MaxServiceWords bounds what is kept of a service's own text, in bytes.
const MaxServiceWords = 500

// Error is what a connector says when something went wrong.
type Error struct {
	Kind    Kind
	Service string
	Tried   string // "list posts, page 3": what was tried
	Table   string // remote id
	Record  string // remote id
	Column  string // column id
	// Fields names every column at fault where the service names several.
	Fields []models.FieldProblem
	Code   string // the service's own code, such as "rest_invalid_param"
	Words  string // the service's own words, bounded and redacted
	Reason string // in our words, what happened: "no answer within 30s"
	Hint   string // what the user can do
	Status int    // HTTP status, 0 when none
	Wait   time.Duration
	Cause  error
}

// Error puts what was tried, where, and the service's words in one line.
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s: %s", e.Service, e.Tried, e.Kind)
	if e.Record != "" {
		fmt.Fprintf(&b, ", record %s", e.Record)
	}
	if e.Column != "" {
		fmt.Fprintf(&b, ", column %s", e.Column)
	}
	if e.Code != "" {
		fmt.Fprintf(&b, ", code %s", e.Code)
	}
	if e.Reason != "" {
		fmt.Fprintf(&b, ", %s", e.Reason)
	}
	if e.Words != "" {
		fmt.Fprintf(&b, ", it said %q", e.Words)
	}
	return models.Bound(b.String(), models.MaxProblemText)
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Cause }

// Is makes errors.Is(err, ErrNotFound) and its like true for the same kind.
func (e *Error) Is(target error) bool {
	var k kindError
	return errors.As(target, &k) && Kind(k) == e.Kind
}

type kindError Kind

func (k kindError) Error() string { return "connectors: " + string(k) }

// Targets for errors.Is, one per kind a caller decides by.
var (
	ErrAuth          error = kindError(KindAuth)
	ErrNotFound      error = kindError(KindNotFound)
	ErrRateLimited   error = kindError(KindRateLimited)
	ErrAmbiguous     error = kindError(KindAmbiguous)
	ErrCursorExpired error = kindError(KindCursorExpired)
	ErrUnsupported   error = kindError(KindUnsupported)
)

// AsError finds the connector's error in a chain.
func AsError(err error) (*Error, bool) {
	var e *Error
	ok := errors.As(err, &e)
	return e, ok
}

// Retryable reports whether the same call may succeed later without a person.
// A write is never retried on this word alone (Promise 5).
func (e *Error) Retryable() bool {
	switch e.Kind {
	case KindRateLimited, KindUnavailable, KindTimeout:
		return true
	default:
		return false
	}
}

// Problem gives the error as users see it: code "connector.<kind>".
func (e *Error) Problem() *models.Problem {
	kind := models.KindUnavailable
	switch e.Kind {
	case KindInvalid, KindUnsupported:
		kind = models.KindInvalid
	case KindAuth, KindPermission:
		kind = models.KindForbidden
	case KindNotFound:
		kind = models.KindNotFound
	case KindConflict, KindAmbiguous, KindCursorExpired:
		kind = models.KindConflict
	case KindRateLimited, KindQuota:
		kind = models.KindRateLimited
	case KindTooLarge:
		kind = models.KindTooLarge
	case KindTimeout:
		kind = models.KindTimeout
	case KindUnavailable:
		kind = models.KindUnavailable
	case KindInternal:
		kind = models.KindInternal
	}
	p := models.NewProblem(kind, "connector."+string(e.Kind), e.Error(), e.Hint).Because(e)
	switch {
	case len(e.Fields) > 0:
		p = p.WithFields(e.Fields...)
	case e.Column != "":
		p = p.WithFields(models.FieldProblem{Field: e.Column, Code: e.Code, Detail: e.Words})
	}
	return p
}
