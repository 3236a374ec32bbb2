package accounts

import (
	"net/http"
	"time"

	"github.com/scratch-platform/scratch/internal/vault"
	"github.com/scratch-platform/scratch/models"
)

const (
	// SignInLinkLife is how long the link in the terminal works, if unused.
	SignInLinkLife = 12 * time.Hour
	// SessionLife is how long a browser stays signed in without a visit.
	SessionLife = 30 * 24 * time.Hour
	// sessionRenewal is how much of that may pass before a visit extends it; more
	// often would write to the store with every request.
	sessionRenewal = 24 * time.Hour
	// TicketLife is how long a browser has to open its WebSocket (DESIGN §10).
	TicketLife = 30 * time.Second
)

// OneTime is a sign-in link or a ticket as it is stored: usable once, before it
// expires. The store marks it used in the same statement that finds it unused.
type OneTime struct {
	Kind           Kind
	Hash           Hash
	OrganizationID string
	UserID         string
	ExpiresAt      time.Time
	UsedAt         time.Time // zero while unused
}

// NewSignInLink makes the one-time key of a sign-in link.
func NewSignInLink(organizationID, userID string, now time.Time) (vault.Secret, OneTime) {
	return newOneTime(SignInLink, organizationID, userID, now.Add(SignInLinkLife))
}

// NewTicket makes the one-time key that opens a WebSocket.
func NewTicket(organizationID, userID string, now time.Time) (vault.Secret, OneTime) {
	return newOneTime(Ticket, organizationID, userID, now.Add(TicketLife))
}

func newOneTime(kind Kind, organizationID, userID string, expires time.Time) (vault.Secret, OneTime) {
	key := Mint(kind)
	return key.Text, OneTime{Kind: kind, Hash: key.Hash, OrganizationID: organizationID, UserID: userID, ExpiresAt: expires}
}

// Use marks it used, or says why it cannot be.
func (o *OneTime) Use(now time.Time) error {
	hint := "Ask for a new ticket and connect again."
	if o.Kind == SignInLink {
		hint = "Each link works once. On the server, `scratch sign-in` makes a new one; so does starting `scratch dev` again."
	}
	switch {
	case !o.UsedAt.IsZero():
		return models.NewProblem(models.KindUnauthenticated, "account.key_used", "the link or ticket was used before", hint)
	case !now.Before(o.ExpiresAt):
		return models.NewProblem(models.KindUnauthenticated, "account.key_expired", "the link or ticket has expired", hint)
	}
	o.UsedAt = now
	return nil
}

// BrowserSession is a signed-in browser as it is stored.
type BrowserSession struct {
	Hash           Hash
	OrganizationID string
	UserID         string
	CreatedAt      time.Time
	ExpiresAt      time.Time
}

// NewSession signs a browser in; the secret goes into its cookie.
func NewSession(organizationID, userID string, now time.Time) (vault.Secret, BrowserSession) {
	key := Mint(Session)
	return key.Text, BrowserSession{
		Hash: key.Hash, OrganizationID: organizationID, UserID: userID,
		CreatedAt: now, ExpiresAt: now.Add(SessionLife),
	}
}

// Visit checks the session and extends it. changed says that the new expiry is to
// be stored and the cookie sent again.
func (s *BrowserSession) Visit(now time.Time) (changed bool, err error) {
	if !now.Before(s.ExpiresAt) {
		return false, models.NewProblem(models.KindUnauthenticated, "account.session_expired",
			"the browser was signed out after 30 days without a visit", "Start `scratch dev` again and open the link it prints.")
	}
	if next := now.Add(SessionLife); next.Sub(s.ExpiresAt) >= sessionRenewal {
		s.ExpiresAt = next
		return true, nil
	}
	return false, nil
}

// Cookie says how a browser keeps its session.
type Cookie struct {
	// Port tells several servers of one machine apart: browsers send cookies to
	// every port of a host.
	Port string
	// Secure is set where the page is served over HTTPS.
	Secure bool
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
	for _, cookie := range r.CookiesNamed(c.Name()) {
		if h, err := Parse(Session, cookie.Value); err == nil {
			return h, true
		}
	}
	return Hash{}, false
}
