package connectors

import (
	"encoding/base64"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/scratch-platform/scratch/models"
)

// minSecret is the length from which a text can be a secret; shorter ones would
// blot out ordinary words.
const minSecret = 6

// redacted stands where a secret was.
const redacted = "[redacted]"

// redactor takes a connection's secrets out of what a service said (Promise 10):
// services quote the request that they refuse.
type redactor struct {
	mu    sync.RWMutex
	known map[string]bool
	forms []string // every spelling, longest first
}

func newRedactor(secrets ...string) *redactor {
	r := &redactor{known: map[string]bool{}}
	r.learn(secrets)
	return r
}

// learn adds secrets; those already known cost a look.
func (r *redactor) learn(secrets []string) {
	fresh := false
	r.mu.RLock()
	for _, s := range secrets {
		fresh = fresh || !r.known[s]
	}
	r.mu.RUnlock()
	if !fresh {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range secrets {
		if r.known[s] {
			continue
		}
		r.known[s] = true
		for _, form := range spellings(s) {
			if len(form) >= minSecret && !slices.Contains(r.forms, form) {
				r.forms = append(r.forms, form)
			}
		}
	}
	slices.SortFunc(r.forms, func(a, b string) int { return len(b) - len(a) })
}

// spellings are the ways in which a secret comes back: as it is, without its
// spaces, escaped for JSON, an address or a form, in base 64; and what a base 64
// text says.
func spellings(secret string) []string {
	forms := []string{secret, strings.ReplaceAll(secret, " ", "")}
	if plain, err := base64.StdEncoding.DecodeString(secret); err == nil && len(plain) >= minSecret {
		forms = append(forms, string(plain))
		if user, password, ok := strings.Cut(string(plain), ":"); ok {
			bare := strings.ReplaceAll(password, " ", "")
			// A service that takes the password without its spaces may quote it so.
			forms = append(forms, password, bare, user+":"+bare)
		}
	}
	for _, form := range forms[:len(forms):len(forms)] {
		forms = append(forms, url.QueryEscape(form), url.PathEscape(form),
			base64.StdEncoding.EncodeToString([]byte(form)), base64.RawURLEncoding.EncodeToString([]byte(form)))
		if quoted, err := json.Marshal(form); err == nil {
			forms = append(forms, string(quoted[1:len(quoted)-1]))
		}
	}
	return forms
}

func (r *redactor) text(s string) string {
	if s == "" {
		return s
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	for _, form := range r.forms {
		s = strings.ReplaceAll(s, form, redacted)
	}
	return s
}

// clean takes the secrets out of every text of an error (Promise 10), and bounds
// them.
func (r *redactor) clean(e *Error) *Error {
	e.Words = models.Bound(r.text(e.Words), MaxServiceWords)
	e.Reason = models.Bound(r.text(e.Reason), MaxServiceWords)
	e.Hint = models.Bound(r.text(e.Hint), MaxServiceWords)
	e.Code = models.Bound(r.text(e.Code), 100)
	e.Column = r.text(e.Column)
	for i := range e.Fields {
		e.Fields[i].Detail = models.Bound(r.text(e.Fields[i].Detail), MaxServiceWords)
		e.Fields[i].Code = models.Bound(r.text(e.Fields[i].Code), 100)
	}
	// Promise 10: causes are logged.
	if e.Cause != nil && r.text(e.Cause.Error()) != e.Cause.Error() {
		e.Cause = nil // its text cannot be changed, and it is not worth a secret
	}
	return e
}

// Redact takes the connection's secrets out of a text of the service's that a
// connector reads by itself, such as the error of one item of a batch.
func (c *HTTPClient) Redact(text string) string { return c.secret.text(text) }

// Redactor takes a connection's secrets out of the errors of a service that does
// not speak HTTP (Promise 10), and bounds their texts.
type Redactor struct{ secret *redactor }

// NewRedactor knows the given secrets in every spelling in which they come back.
func NewRedactor(secrets ...string) *Redactor { return &Redactor{secret: newRedactor(secrets...)} }

// Clean changes the error's texts in place and gives it back.
func (r *Redactor) Clean(e *Error) *Error { return r.secret.clean(e) }
