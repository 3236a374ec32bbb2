package api

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humagin"
	"github.com/gin-gonic/gin"

	"github.com/scratch-platform/scratch/internal/accounts"
	"github.com/scratch-platform/scratch/models"
	"github.com/scratch-platform/scratch/models/store"
)

// tabHeader names the browser tab; undo and event origins go by it.
const tabHeader = "Scratch-Tab"

// maxTab bounds a tab's name in bytes; what is longer is cut.
const maxTab = 64

type actorKey struct{}

// actorOf gives who asks. Handlers behind sign-in always have one.
func actorOf(ctx context.Context) models.Actor {
	actor, _ := ctx.Value(actorKey{}).(models.Actor)
	return actor
}

type scopesKey struct{}

// scopesOf gives what the asker's key may be used for.
func scopesOf(ctx context.Context) accounts.Scopes {
	scopes, _ := ctx.Value(scopesKey{}).(accounts.Scopes)
	return scopes
}

// withActor puts who asks where handlers find it, and where the store finds it
// for history, audit and the origin of events.
func withActor(ctx context.Context, actor models.Actor) context.Context {
	return store.WithActor(context.WithValue(ctx, actorKey{}, actor), actor)
}

// org is the asker's tenant, the only door to its data (Promise 11).
func (s *server) org(ctx context.Context) *store.Org {
	return s.Store.Org(actorOf(ctx).OrganizationID)
}

// requirePrincipal is huma's middleware: it lets signed-in requests through
// whose key has the scope.
func (s *server) requirePrincipal(scope accounts.Scope) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		c := humagin.Unwrap(ctx)
		asker, problem := s.admit(c, scope)
		if problem != nil {
			s.answerError(c, problem)
			return
		}
		next(huma.WithContext(ctx, asker.in(ctx.Context())))
	}
}

// signedIn is the same for handlers outside huma: streams and downloads.
func (s *server) signedIn(scope accounts.Scope, handle func(*gin.Context, models.Actor)) gin.HandlerFunc {
	return func(c *gin.Context) {
		asker, problem := s.admit(c, scope)
		if problem != nil {
			s.answerError(c, problem)
			return
		}
		c.Request = c.Request.WithContext(asker.in(c.Request.Context()))
		handle(c, asker.actor)
	}
}

// asker is who asks, and what the key in hand may be used for.
type asker struct {
	actor  models.Actor
	scopes accounts.Scopes
}

func (a asker) in(ctx context.Context) context.Context {
	return withActor(context.WithValue(ctx, scopesKey{}, a.scopes), a.actor)
}

// admit authenticates a request and holds its key against the scope: a key does
// only what it was made for (Promises 3 and 11).
func (s *server) admit(c *gin.Context, scope accounts.Scope) (asker, *models.Problem) {
	who, problem := s.authenticate(c)
	if problem != nil {
		return who, problem
	}
	if refused, ok := models.AsProblem(who.scopes.Check(scope)); ok {
		return who, refused
	}
	return who, nil
}

func (s *server) authenticate(c *gin.Context) (asker, *models.Problem) {
	who, err := s.identify(c)
	if err != nil {
		if p, ok := models.AsProblem(err); ok && p.Kind != models.KindNotFound {
			return who, p
		} else if !ok {
			return who, unexpected(c.Request.Context(), s.Log, err)
		}
		return who, models.NewProblem(models.KindUnauthenticated, "auth.invalid",
			"This token or session is not known, or has expired.", "Sign in again, or make a new API token.")
	}
	if who.actor.OrganizationID == "" {
		return who, models.NewProblem(models.KindUnauthenticated, "auth.required",
			"This needs a sign-in.", "Send 'Authorization: Bearer <API token>', or open the link that the server printed.")
	}
	if wait := s.rates.wait(who.actor.OrganizationID + "/" + who.actor.UserID); wait > 0 {
		seconds := int(wait/time.Second) + 1
		c.Header("Retry-After", strconv.Itoa(seconds))
		return who, models.NewProblem(models.KindRateLimited, "request.rate_limited",
			"Too many requests at once.", fmt.Sprintf("Wait %d seconds, then go on more slowly.", seconds))
	}
	who.actor.Tab = models.Bound(c.GetHeader(tabHeader), maxTab)
	return who, nil
}

// identify looks for a bearer token first, then for the session cookie. A
// token that is wrong is refused even where a cookie would do.
func (s *server) identify(c *gin.Context) (asker, error) {
	ctx := c.Request.Context()
	if header := c.GetHeader("Authorization"); header != "" {
		scheme, text, _ := strings.Cut(header, " ")
		if !strings.EqualFold(scheme, "bearer") {
			return asker{}, models.NewProblem(models.KindUnauthenticated, "auth.scheme",
				"Only bearer tokens are accepted.", "Send 'Authorization: Bearer <API token>'.")
		}
		return s.actorByToken(ctx, strings.TrimSpace(text))
	}
	return s.actorBySession(c)
}

// actorBySession is who is signed in in the browser that asks; nobody is no
// error.
func (s *server) actorBySession(c *gin.Context) (asker, error) {
	hash, ok := s.cookie(c.Request).Read(c.Request)
	if !ok {
		return asker{}, nil
	}
	session, actor, err := s.Store.System().SessionByHash(c.Request.Context(), hash[:])
	if err != nil {
		return asker{}, err
	}
	s.keepSignedIn(c, session)
	return asker{actor: actor, scopes: sessionScopes()}, nil
}

// keepSignedIn lets a session live on with a visit, in the store and in the
// browser. Where that fails, nothing is lost yet: the next visit tries again.
func (s *server) keepSignedIn(c *gin.Context, session store.Session) {
	expires, changed := accounts.Extended(session.ExpiresAt, s.Now())
	if !changed {
		return
	}
	if err := s.Store.System().ExtendSession(c.Request.Context(), session.Hash, expires); err != nil {
		s.Log.WarnContext(c.Request.Context(), "a browser's session could not be extended", "error", err)
		return
	}
	if cookie, ok := s.cookie(c.Request).Renew(c.Request, expires); ok {
		http.SetCookie(c.Writer, cookie)
	}
}

// actorByToken is who an API token acts for.
func (s *server) actorByToken(ctx context.Context, text string) (asker, error) {
	hash, err := accounts.Parse(accounts.APIToken, text)
	if err != nil {
		return asker{}, err
	}
	token, actor, err := s.Store.System().TokenByHash(ctx, hash[:])
	return asker{actor: actor, scopes: accounts.StoredScopes(token.Scopes)}, err
}

// sessionScopes are what a person signed in in a browser may do: everything in
// their own organization, and nothing in all of them.
func sessionScopes() accounts.Scopes { return accounts.AllScopes().Without(accounts.ScopeOperate) }

// cookie is how browsers of this server keep their session.
func (s *server) cookie(r *http.Request) accounts.Cookie {
	return accounts.CookieFor(r, s.Settings.PublicURL)
}
