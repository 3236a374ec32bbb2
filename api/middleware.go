package api

import (
	"errors"
	"net"
	"net/http"
	"net/url"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gin-gonic/gin"
	"golang.org/x/time/rate"

	"github.com/scratch-platform/scratch/internal/telemetry"
	"github.com/scratch-platform/scratch/models"
)

// identifyRequest gives every request an id that stands in its log lines and
// in its problem document.
func (s *server) identifyRequest(c *gin.Context) {
	id := c.GetHeader("X-Request-Id")
	if !telemetry.ValidRequestID(id) {
		id = telemetry.NewRequestID()
	}
	c.Header("X-Request-Id", id)
	c.Header("X-Content-Type-Options", "nosniff")
	c.Request = c.Request.WithContext(telemetry.WithRequestID(c.Request.Context(), id))
	c.Next()
}

// recoverPanic answers a panic with a problem and logs it with its stack; the
// panic that aborts a connection on purpose passes.
func (s *server) recoverPanic(c *gin.Context) {
	defer func() {
		caught := recover()
		if caught == nil {
			return
		}
		if err, ok := caught.(error); ok && errors.Is(err, http.ErrAbortHandler) {
			panic(caught)
		}
		s.Log.ErrorContext(c.Request.Context(), "request panicked", "panic", caught, "stack", string(debug.Stack()))
		if !c.Writer.Written() {
			s.answerError(c, models.NewProblem(models.KindInternal, "internal.unexpected", "Something went wrong on our side.",
				"Name the request id to your operator: it finds the cause in the log."))
		}
		c.Abort()
	}()
	c.Next()
}

// checkOrigin refuses what another site's page sends in a user's name, and, in
// local mode, requests that reached loopback under a foreign name (DNS
// rebinding).
func (s *server) checkOrigin(c *gin.Context) {
	if strings.HasPrefix(c.Request.URL.Path, "/codec/") {
		return // Temporal's Web UI calls from its own origin; the codec checks for itself
	}
	if s.Settings.Local && !localHost(c.Request.Host) {
		s.answerError(c, models.NewProblem(models.KindForbidden, "request.host",
			"This server answers to localhost only.", "Open it as http://localhost with the port it printed."))
		return
	}
	origin := c.GetHeader("Origin")
	if origin == "" || s.ownOrigin(c.Request, origin) {
		return
	}
	s.answerError(c, models.NewProblem(models.KindForbidden, "request.origin",
		"This request came from a page of another site.", "Use the page this server itself serves, or send no Origin header."))
}

func (s *server) ownOrigin(r *http.Request, origin string) bool {
	if slices.Contains(s.Settings.Origins, origin) {
		return true
	}
	u, err := url.Parse(origin)
	if err != nil || u.Host == "" {
		return false
	}
	if public, err := url.Parse(s.Settings.PublicURL); err == nil && public.Host != "" && public.Scheme+"://"+public.Host == origin {
		return true
	}
	return s.Settings.Local && u.Host == r.Host && localHost(u.Host)
}

func localHost(hostport string) bool {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		host = hostport
	}
	host = strings.Trim(host, "[]")
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// rates bounds requests per principal, so that one client cannot starve the
// rest.
type rates struct {
	settings Settings
	now      func() time.Time

	mu    sync.Mutex
	users map[string]*userRate // guarded by mu
}

type userRate struct {
	limiter *rate.Limiter
	used    time.Time
}

// maxRates bounds the principals remembered; the idle ones are forgotten.
const maxRates = 10_000

func newRates(settings Settings, now func() time.Time) *rates {
	return &rates{settings: settings, now: now, users: map[string]*userRate{}}
}

// wait tells how long the principal must wait; zero lets it through.
func (r *rates) wait(key string) time.Duration {
	if r.settings.RatePerUser <= 0 {
		return 0
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now()
	u, ok := r.users[key]
	if !ok {
		if len(r.users) >= maxRates {
			r.forgetIdle(now)
		}
		u = &userRate{limiter: rate.NewLimiter(rate.Limit(r.settings.RatePerUser), max(r.settings.RateBurst, 1))}
		r.users[key] = u
	}
	u.used = now
	reservation := u.limiter.ReserveN(now, 1)
	if delay := reservation.DelayFrom(now); delay > 0 {
		reservation.CancelAt(now)
		return delay
	}
	return 0
}

// forgetIdle needs mu held.
func (r *rates) forgetIdle(now time.Time) {
	for key, u := range r.users {
		if now.Sub(u.used) > time.Minute {
			delete(r.users, key)
		}
	}
}
