package telemetry

import (
	"encoding/json"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
)

// Redacted stands where a secret was.
const Redacted = "[redacted]"

const (
	// minHidden is the shortest text that Hide takes: hiding "a" would black out
	// every line.
	minHidden = 6
	// maxHidden bounds how many are kept; the oldest go first.
	maxHidden = 4096
)

// Redactor removes secrets from text. It is safe for use by many goroutines.
type Redactor struct {
	replacer atomic.Pointer[strings.Replacer]

	mu     sync.Mutex
	hidden []string
	known  map[string]bool
}

// NewRedactor returns a redactor that knows the forms secrets usually have.
func NewRedactor() *Redactor { return &Redactor{known: map[string]bool{}} }

// Hide registers secrets, so that they are removed wherever they stand, also
// inside a service's error text. Their JSON and URL spellings are hidden as well.
// Texts shorter than 6 bytes are left alone.
func (r *Redactor) Hide(secrets ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	changed := false
	for _, secret := range secrets {
		for _, form := range spellings(secret) {
			if len(form) >= minHidden && !r.known[form] {
				r.known[form] = true
				r.hidden = append(r.hidden, form)
				changed = true
			}
		}
	}
	if !changed {
		return
	}
	for len(r.hidden) > maxHidden {
		delete(r.known, r.hidden[0])
		r.hidden = r.hidden[1:]
	}
	// The replacer builds its tables on first use, so registering many is cheap.
	pairs := make([]string, 0, 2*len(r.hidden))
	for _, form := range r.hidden {
		pairs = append(pairs, form, Redacted)
	}
	r.replacer.Store(strings.NewReplacer(pairs...))
}

func spellings(secret string) []string {
	forms := []string{secret, url.QueryEscape(secret), url.PathEscape(secret)}
	if quoted, err := json.Marshal(secret); err == nil {
		forms = append(forms, strings.Trim(string(quoted), `"`))
	}
	return forms
}

// Text removes registered secrets and whatever has the form of one.
func (r *Redactor) Text(text string) string {
	if replacer := r.replacer.Load(); replacer != nil {
		text = replacer.Replace(text)
	}
	for _, form := range forms {
		if !strings.Contains(text, form.sign) {
			continue
		}
		text = form.pattern.ReplaceAllStringFunc(text, func(match string) string {
			parts := form.pattern.FindStringSubmatch(match)
			if form.only != nil && !form.only(parts[len(parts)-1]) {
				return match
			}
			return strings.NewReplacer("$1", parts[1]).Replace(form.with)
		})
	}
	return text
}

// A form is a pattern by which a secret is known inside text. The first group is
// what stays before it.
type form struct {
	sign    string // no match without it; most texts have none and cost no matching
	pattern *regexp.Regexp
	with    string
	only    func(secret string) bool // nil for always
}

var forms = []form{
	// A private key in PEM.
	{`-----BEGIN`, regexp.MustCompile(`(-----BEGIN [A-Z ]*PRIVATE KEY-----)[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)`), "$1" + Redacted, nil},
	// Headers as they are printed: everything up to the end of the line.
	{`:`, regexp.MustCompile(`(?i)\b((?:proxy-)?authorization|(?:set-)?cookie|x-[a-z-]*(?:key|token|secret)[a-z-]*)"?\s*:\s*[^\r\n]+`), "$1: " + Redacted, nil},
	// Bearer and Basic credentials; "Basic authentication" in prose is left alone.
	{` `, regexp.MustCompile(`(?i)\b(bearer|basic)\s+([a-z0-9\-._~+/]{6,}=*)`), "$1 " + Redacted, notProse},
	// A password inside a URL.
	{`://`, regexp.MustCompile(`(?i)\b([a-z][a-z0-9+.\-]*://[^\s/:@"']*):[^\s/"']+@`), "$1:" + Redacted + "@", nil},
	// name=value and "name": "value".
	{`=`, regexp.MustCompile(`(?i)([\w.\-]*(?:` + sensitiveWords + `)[\w.\-]*\\?"?\s*=\s*)(?:\\?"(?:[^"\\]|\\.)*"?|'[^']*'?|[^\s,;&"'}\])]+)`), "$1" + Redacted, nil},
	{`"`, regexp.MustCompile(`(?i)([\w.\-]*(?:` + sensitiveWords + `)[\w.\-]*\\?"\s*:\s*)(?:\\?"(?:[^"\\]|\\[^"])*\\?"?|[^\s,;&"'}\])]+)`), "$1" + Redacted, nil},
	// Keys known by how they begin: ours, and those of the services and models we speak to.
	{``, regexp.MustCompile(`\b(scr_|ses_|lnk_|tkt_|sk-|sk_|rk_|whsec_|secret_|ntn_|ghp_|AIza|ya29\.|xox[a-z]-)[A-Za-z0-9._\-]{16,}`), "$1" + Redacted, nil},
	{`pat`, regexp.MustCompile(`\b(pat)[A-Za-z0-9]{14}\.[a-f0-9]{64}`), "$1" + Redacted, nil},
	// A JSON web token.
	{`eyJ`, regexp.MustCompile(`\b(eyJ)[\w\-]{8,}\.[\w\-]+\.[\w\-]*`), "$1" + Redacted, nil},
}

func notProse(secret string) bool {
	return strings.ContainsAny(secret, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ=")
}

// sensitiveWords is part of the names under which secrets are carried.
const sensitiveWords = `password|passwd|passphrase|secret|token|authorization|api[_\-]?key|access[_\-]?key|private[_\-]?key|cookie|credential|keyset|signature`

var sensitiveName = regexp.MustCompile(`(?i)(` + sensitiveWords + `)`)

// Sensitive reports whether a name says that its value is a secret.
func Sensitive(name string) bool { return sensitiveName.MatchString(name) }
