package api

import (
	"regexp"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/scratch-platform/scratch/internal/accounts"
	"github.com/scratch-platform/scratch/internal/telemetry/traces"
	"github.com/scratch-platform/scratch/models"
)

// Routes that are counted by a word: what a client typed is never a label.
const (
	routePage = "page"      // a file of the web app
	routeNone = "unmatched" // nothing is there
)

// Routes that last as long as their client pleases.
var streams = []string{"/api/v1/ws", "/api/v1/jobs/{id}/events"}

// Routes that are asked over and over by machines, or read no more than a file.
var untraced = append([]string{"/healthz", "/readyz", "/metrics", routePage, routeNone}, streams...)

// observe counts each request by its route's template and gives it a span. It
// stands outside of what answers panics, so that it sees every answer.
func (s *server) observe(c *gin.Context) {
	route := s.template(c)
	begun := s.Now()
	var span *traces.Request
	if !slices.Contains(untraced, route) {
		traced, begun := s.Traces.Request(c.Request, route)
		c.Request, span = c.Request.WithContext(traced), begun
	}
	defer func() { // also when the connection is aborted by a panic
		span.End(c.Writer.Status())
		if s.Measures == nil {
			return
		}
		took := s.Now().Sub(begun)
		if slices.Contains(streams, route) {
			took = -1
		}
		s.Measures.Answered(route, c.Request.Method, c.Writer.Status(), took)
	}()
	c.Next()
}

func (s *server) template(c *gin.Context) string {
	if route, ok := s.templates[c.FullPath()]; ok {
		return route
	}
	if s.Page != nil && !outsidePage(c.Request.URL.Path) {
		return routePage
	}
	return routeNone
}

// outsidePage reports whether a path that no route has is still not the page's.
func outsidePage(path string) bool {
	return strings.HasPrefix(path, "/api/") || strings.HasPrefix(path, "/codec/") || strings.HasPrefix(path, "/webhooks/")
}

var routeParameter = regexp.MustCompile(`[:*]([A-Za-z0-9_]+)`)

// templatesOf writes the routes as the document and everybody else does: {id} for
// gin's :id.
func templatesOf(engine *gin.Engine) map[string]string {
	templates := map[string]string{}
	for _, route := range engine.Routes() {
		templates[route.Path] = routeParameter.ReplaceAllString(route.Path, "{$1}")
	}
	return templates
}

// metricsRoute serves the measures to whoever may operate this server. Prometheus
// needs no token at SCRATCH_METRICS_LISTEN.
func (s *server) metricsRoute(engine *gin.Engine) {
	if s.Metrics == nil {
		return
	}
	engine.GET("/metrics", s.signedIn(accounts.ScopeOperate, func(c *gin.Context, _ models.Actor) {
		s.Metrics.ServeHTTP(c.Writer, c.Request)
	}))
}
