package accounts

import (
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/scratch-platform/scratch/internal/vault"
)

const (
	// SignInLinkLife is how long the link in the terminal works, if unused.
	SignInLinkLife = 12 * time.Hour
	// SessionLife is how long a browser stays signed in without a visit.
	SessionLife = 30 * 24 * time.Hour
	// sessionRenewal is how much of that may pass before a visit extends it; more
	// often would write to the store with every request.
	sessionRenewal = 24 * time.Hour
	// OperatorLife is how long a session that an operator's link opened may operate.
	OperatorLife = 12 * time.Hour
)

// NewSignInLink makes the key of a sign-in link, and says until when it may be used.
func NewSignInLink(now time.Time) (key Key, expires time.Time) {
	return Mint(SignInLink), now.Add(SignInLinkLife)
}

// BrowserSession is a signed-in browser as it is stored.
type BrowserSession struct {
	Hash           Hash
	OrganizationID string
	UserID         string
	CreatedAt      time.Time
	ExpiresAt      time.Time
	// OperatesUntil is how long it may read the payloads of workflows, of every
	// organization; zero for a session that never might.
	OperatesUntil time.Time
}

// NewSession signs a browser in; the secret goes into its cookie.
func NewSession(organizationID, userID string, now time.Time) (vault.Secret, BrowserSession) {
	key := Mint(Session)
	return key.Text, BrowserSession{
		Hash: key.Hash, OrganizationID: organizationID, UserID: userID,
		CreatedAt: now, ExpiresAt: now.Add(SessionLife),
	}
}

// Operate lets the session operate for a while; it does not go on with visits.
func (s *BrowserSession) Operate(now time.Time) { s.OperatesUntil = now.Add(OperatorLife) }

// Extended is when a session that ends at expires, and is used now, ends then.
// changed says that this is to be stored, and the cookie sent again.
func Extended(expires, now time.Time) (next time.Time, changed bool) {
	next = now.Add(SessionLife)
	if next.Sub(expires) < sessionRenewal {
		return expires, false
	}
	return next, true
}

// Cookie says how a browser keeps its session.
type Cookie struct {
	// Port tells several servers of one machine apart: browsers send cookies to
	// every port of a host.
	Port string
	// Secure is set where the page is served over HTTPS.
	Secure bool
}

// CookieFor is how browsers keep their session with the server that was asked,
// which users reach under publicURL.
func CookieFor(r *http.Request, publicURL string) Cookie {
	_, port, err := net.SplitHostPort(r.Host)
	if err != nil {
		port = ""
	}
	return Cookie{Port: port, Secure: strings.HasPrefix(publicURL, "https://")}
}

// Name is the cookie's name. Over HTTPS the __Host- prefix keeps other hosts of
// the domain from setting it.
func (c Cookie) Name() string {
	name := "scratch_session"
	if c.Port != "" {
		name += "_" + c.Port
	}
	if c.Secure {
		name = "__Host-" + name
	}
	return name
}

// Set is the cookie that signs a browser in: scripts cannot read it, and other
// sites' pages cannot make the browser send it.
func (c Cookie) Set(secret vault.Secret, expires time.Time) *http.Cookie {
	return &http.Cookie{ //nolint:gosec // Secure is set where the page is served over HTTPS; local mode is plain HTTP on loopback
		Name: c.Name(), Value: secret.Reveal(), Path: "/", Expires: expires.UTC(),
		HttpOnly: true, Secure: c.Secure, SameSite: http.SameSiteStrictMode,
	}
}

// Clear is the cookie that signs a browser out.
func (c Cookie) Clear() *http.Cookie {
	cookie := c.Set(vault.Secret{}, time.Unix(1, 0)) //nolint:gosec // attributes as in Set
	cookie.MaxAge = -1
	return cookie
}

// Read returns the hash of the session that a request carries. ok is false when it
// carries none, or none that could be ours.
func (c Cookie) Read(r *http.Request) (h Hash, ok bool) {
	_, h, ok = c.find(r)
	return h, ok
}

// Renew is the cookie that a request carries, with another end. ok as for Read.
func (c Cookie) Renew(r *http.Request, expires time.Time) (renewed *http.Cookie, ok bool) {
	secret, _, ok := c.find(r)
	if !ok {
		return nil, false
	}
	return c.Set(secret, expires), true
}

func (c Cookie) find(r *http.Request) (vault.Secret, Hash, bool) {
	for _, cookie := range r.CookiesNamed(c.Name()) {
		if h, err := Parse(Session, cookie.Value); err == nil {
			return vault.NewSecret(cookie.Value), h, true
		}
	}
	return vault.Secret{}, Hash{}, false
}
