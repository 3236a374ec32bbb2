package api

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/scratch-platform/scratch/internal/accounts"
	"github.com/scratch-platform/scratch/internal/vault"
	"github.com/scratch-platform/scratch/models"
	"github.com/scratch-platform/scratch/models/store"
)

// Me is who is signed in.
type Me struct {
	UserID         string `json:"user_id"`
	Name           string `json:"name"`
	OrganizationID string `json:"organization_id"`
	Local          bool   `json:"local" doc:"True on a one-machine server."`
	TemporalUI     string `json:"temporal_ui,omitempty" doc:"The namespace's page in Temporal's Web UI, for administrators; below it, workflows/{workflow_id}/{run_id} is a job's run."`
}

// Token is an API token without its secret.
type Token struct {
	ID         string     `json:"id"`
	Name       string     `json:"name"`
	Scopes     []string   `json:"scopes" nullable:"false" doc:"What it may be used for."`
	LastUsedAt *time.Time `json:"last_used_at,omitempty"`
	ExpiresAt  *time.Time `json:"expires_at,omitempty"`
	CreatedAt  time.Time  `json:"created_at"`
}

// NewToken is a token as shown this once.
type NewToken struct {
	Token
	Secret string `json:"secret" doc:"Shown once; only its hash is kept."`
}

// Ticket opens one WebSocket.
type Ticket struct {
	Ticket    string    `json:"ticket" doc:"Good once, for 30 seconds: GET /api/v1/ws?ticket=…"`
	ExpiresAt time.Time `json:"expires_at"`
}

// AuditEvent is who did what.
type AuditEvent struct {
	ID      string          `json:"id"`
	UserID  string          `json:"user_id"`
	Action  string          `json:"action"`
	Subject string          `json:"subject"`
	Detail  json.RawMessage `json:"detail,omitempty"`
	At      time.Time       `json:"at"`
}

// TokenPath names an API token. Embedded, so exported: that is
// where huma looks.
type TokenPath struct {
	ID string `path:"id" maxLength:"64"`
}

type createToken struct {
	Body struct {
		Name      string     `json:"name" minLength:"1" maxLength:"200"`
		ExpiresAt *time.Time `json:"expires_at,omitempty"`
		Scopes    []string   `json:"scopes,omitempty" maxItems:"6" doc:"Any of read, edit, publish, connect, admin, operate, as far as you have them; none is all you have but operate, which decodes every organization's workflow payloads."`
	}
}

func (s *server) accountRoutes(engine *gin.Engine) {
	serve(s, route{method: http.MethodGet, path: "/api/v1/me", id: "me", summary: "Who is signed in"}, s.me)
	serve(s, route{method: http.MethodGet, path: "/api/v1/tokens", id: "list-tokens", scope: accounts.ScopeAdmin, summary: "Your organization's API tokens"}, s.listTokens)
	serve(s, route{method: http.MethodPost, path: "/api/v1/tokens", id: "create-token", scope: accounts.ScopeAdmin, summary: "Make an API token; it is shown once", status: http.StatusCreated}, s.createToken)
	serve(s, route{method: http.MethodDelete, path: "/api/v1/tokens/{id}", id: "delete-token", scope: accounts.ScopeAdmin, summary: "Revoke an API token", status: noContent}, s.deleteToken)
	serve(s, route{method: http.MethodGet, path: "/api/v1/audit", id: "list-audit", scope: accounts.ScopeAdmin, summary: "Who did what, newest first"}, s.listAudit)
	serve(s, route{method: http.MethodPost, path: "/api/v1/ws-tickets", id: "create-ticket", scope: accounts.ScopeRead, summary: "A one-time ticket for the WebSocket", status: http.StatusCreated}, s.createTicket)
	engine.GET("/api/v1/ws", s.openSocket)
	engine.GET("/sign-in", s.signIn)
	engine.POST("/sign-out", s.signOut)
}

func (s *server) me(ctx context.Context, _ *struct{}) (*body[Me], error) {
	actor := actorOf(ctx)
	me := Me{UserID: actor.UserID, Name: actor.Name, OrganizationID: actor.OrganizationID, Local: s.Settings.Local}
	if scopesOf(ctx).Allows(accounts.ScopeAdmin) {
		me.TemporalUI = s.Settings.TemporalUI
	}
	return answer(me), nil
}

func showToken(t models.APIToken) Token {
	scopes := []string{}
	for _, scope := range accounts.StoredScopes(t.Scopes) {
		scopes = append(scopes, string(scope))
	}
	return Token{ID: t.ID, Name: t.Name, Scopes: scopes, LastUsedAt: t.LastUsedAt, ExpiresAt: t.ExpiresAt, CreatedAt: t.CreatedAt}
}

func (s *server) listTokens(ctx context.Context, in *Paging) (*body[list[Token]], error) {
	tokens, next, err := s.org(ctx).ListTokens(ctx, in.page())
	if err != nil {
		return nil, err
	}
	return listOf(tokens, next, showToken), nil
}

func (s *server) createToken(ctx context.Context, in *createToken) (*body[NewToken], error) {
	now := s.Now().UTC()
	if in.Body.ExpiresAt != nil && !in.Body.ExpiresAt.After(now) {
		return nil, models.NewProblem(models.KindInvalid, "token.expired", "The token would have expired already.", "Choose a time to come, or none.").
			WithFields(models.FieldProblem{Field: "expires_at", Detail: "is in the past"})
	}
	scopes, err := newScopes(ctx, in.Body.Scopes)
	if err != nil {
		return nil, err
	}
	key := accounts.Mint(accounts.APIToken)
	actor := actorOf(ctx)
	token := models.APIToken{
		ID: models.NewID(models.PrefixAPIToken), OrganizationID: actor.OrganizationID, UserID: actor.UserID,
		Name: in.Body.Name, Hash: key.Hash[:], Scopes: scopes.String(), ExpiresAt: in.Body.ExpiresAt, CreatedAt: now,
	}
	if err := s.org(ctx).CreateToken(ctx, token); err != nil {
		return nil, err
	}
	return answer(NewToken{Token: showToken(token), Secret: key.Text.Reveal()}), nil
}

// newScopes are those of a token to be made: never more than its maker has.
func newScopes(ctx context.Context, names []string) (accounts.Scopes, error) {
	mine := scopesOf(ctx)
	if len(names) == 0 {
		return mine.Without(accounts.ScopeOperate), nil
	}
	scopes, err := accounts.ParseScopes(names)
	if err != nil {
		return nil, err
	}
	for _, scope := range scopes {
		if err := mine.Check(scope); err != nil {
			return nil, err
		}
	}
	return scopes, nil
}

func (s *server) deleteToken(ctx context.Context, in *TokenPath) (*nothing, error) {
	return nil, s.org(ctx).DeleteToken(ctx, in.ID)
}

func (s *server) listAudit(ctx context.Context, in *Paging) (*body[list[AuditEvent]], error) {
	events, next, err := s.org(ctx).ListAudit(ctx, in.page())
	if err != nil {
		return nil, err
	}
	return listOf(events, next, func(e models.AuditEvent) AuditEvent {
		return AuditEvent{ID: e.ID, UserID: e.UserID, Action: e.Action, Subject: e.Subject, Detail: e.Detail, At: e.At}
	}), nil
}

// createTicket makes a one-time ticket: a WebSocket carries no Authorization
// header from a browser, and a token in a URL would end up in logs.
func (s *server) createTicket(ctx context.Context, _ *struct{}) (*body[Ticket], error) {
	key := accounts.Mint(accounts.Ticket)
	if err := s.org(ctx).CreateTicket(ctx, key.Hash[:], actorOf(ctx)); err != nil {
		return nil, err
	}
	return answer(Ticket{Ticket: key.Text.Reveal(), ExpiresAt: s.Now().Add(store.TicketLife).UTC()}), nil
}

func (s *server) openSocket(c *gin.Context) {
	hash, err := accounts.Parse(accounts.Ticket, c.Query("ticket"))
	var actor models.Actor
	if err == nil {
		actor, err = s.Store.System().RedeemTicket(c.Request.Context(), hash[:])
	}
	if err != nil {
		if p, ok := models.AsProblem(err); ok && p.Kind == models.KindNotFound {
			err = models.NewProblem(models.KindUnauthenticated, "auth.ticket", "This ticket is not known, was used, or has expired.",
				"POST /api/v1/ws-tickets for a new one and open the socket within 30 seconds.")
		}
		s.answerError(c, err)
		return
	}
	s.Live.ServeWebSocket(c.Writer, c.Request, actor)
}

// signIn redeems a one-time link that somebody with the server's own environment
// had made ('scratch dev', 'scratch sign-in'), as notebooks do.
func (s *server) signIn(c *gin.Context) {
	secret, session, err := s.redeemLink(c.Request.Context(), c.Query("key"))
	if err != nil {
		// A link is good once. A browser that is signed in already loses nothing.
		if who, known := s.identify(c); known == nil && who.actor.UserID != "" {
			c.Redirect(http.StatusSeeOther, "/")
			return
		}
		if problem, ok := models.AsProblem(err); ok && problem.Kind == models.KindUnauthenticated && strings.Contains(c.GetHeader("Accept"), "text/html") {
			c.Redirect(http.StatusSeeOther, "/?link=used") // the page says so, and what to do
			return
		}
		s.answerError(c, err)
		return
	}
	http.SetCookie(c.Writer, s.cookie(c.Request).Set(secret, session.ExpiresAt))
	c.Redirect(http.StatusSeeOther, "/")
}

func (s *server) redeemLink(ctx context.Context, text string) (vault.Secret, accounts.BrowserSession, error) {
	var secret vault.Secret
	var session accounts.BrowserSession
	hash, err := accounts.Parse(accounts.SignInLink, text)
	if err != nil {
		return secret, session, err
	}
	err = s.Store.System().SignIn(ctx, hash[:], func(link store.SignInLink) store.Session {
		secret, session = accounts.NewSession(link.OrganizationID, link.UserID, s.Now())
		stored := store.Session{
			Hash: session.Hash[:], OrganizationID: session.OrganizationID, UserID: session.UserID, ExpiresAt: session.ExpiresAt,
		}
		if link.Operator {
			session.Operate(s.Now())
			stored.OperatesUntil = &session.OperatesUntil
		}
		return stored
	})
	if models.HasCode(err, "auth.unknown") {
		err = models.NewProblem(models.KindUnauthenticated, "auth.link",
			"This sign-in link was used or has expired.", "On the server, 'scratch sign-in' makes a new one; so does starting 'scratch dev' again.").Because(err)
	}
	return secret, session, err
}

func (s *server) signOut(c *gin.Context) {
	if hash, ok := s.cookie(c.Request).Read(c.Request); ok {
		if err := s.Store.System().DeleteSession(c.Request.Context(), hash[:]); err != nil {
			s.answerError(c, err)
			return
		}
	}
	http.SetCookie(c.Writer, s.cookie(c.Request).Clear())
	c.Status(http.StatusNoContent)
}
