package api

import (
	"context"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/scratch-platform/scratch/models"
)

// plainRoutes are those that are not about a resource.
func (s *server) plainRoutes(engine *gin.Engine) {
	s.healthRoutes(engine)
	engine.GET("/docs", s.docs)
	s.metricsRoute(engine)
	engine.Any("/codec/*op", gin.WrapH(s.Codec))
}

func (s *server) healthRoutes(engine *gin.Engine) {
	engine.GET("/healthz", func(c *gin.Context) { c.JSON(http.StatusOK, gin.H{"status": "ok"}) })
	engine.GET("/readyz", s.readiness)
}

// Health serves /healthz and /readyz alone, for processes that serve nothing
// else; notices are what /readyz tells of while the process is ready.
func Health(ready func(context.Context) error, notices func() []*models.Problem, log *slog.Logger) http.Handler {
	gin.SetMode(gin.ReleaseMode)
	engine := gin.New()
	s := &server{Dependencies: Dependencies{Ready: ready, Notices: notices, Log: log}}
	engine.Use(s.identifyRequest, s.recoverPanic)
	engine.NoRoute(s.notFound)
	s.healthRoutes(engine)
	return engine
}

// Waiting serves a process that cannot begin yet: /healthz says that it lives,
// everything else answers why it waits.
func Waiting(why func(context.Context) error, log *slog.Logger) http.Handler {
	gin.SetMode(gin.ReleaseMode)
	engine := gin.New()
	s := &server{Dependencies: Dependencies{Ready: why, Log: log}}
	engine.Use(s.identifyRequest, s.recoverPanic)
	engine.NoRoute(s.readiness)
	s.healthRoutes(engine)
	return engine
}

// readiness turns 200 when a download could start.
func (s *server) readiness(c *gin.Context) {
	ctx, cancel := context.WithTimeout(c.Request.Context(), 5*time.Second)
	defer cancel()
	if err := s.Ready(ctx); err != nil {
		p, ok := models.AsProblem(err)
		if !ok {
			p = models.NewProblem(models.KindUnavailable, "server.not_ready", models.Bound(err.Error(), models.MaxProblemText), "Run 'scratch doctor'.")
		}
		s.answerError(c, p)
		return
	}
	c.JSON(http.StatusOK, s.readyAnswer())
}

// Readiness is what /readyz answers with 200: the notices are about what is
// away and not needed for a download to start.
type Readiness struct {
	Status  string   `json:"status"`
	Notices []Notice `json:"notices,omitempty"`
}

// Notice is one thing to mend at leisure.
type Notice struct {
	Code   string `json:"code"`
	Detail string `json:"detail"`
	Hint   string `json:"hint,omitempty"`
}

func (s *server) readyAnswer() Readiness {
	answer := Readiness{Status: "ready"}
	if s.Notices != nil {
		for _, p := range s.Notices() {
			answer.Notices = append(answer.Notices, Notice{Code: p.Code, Detail: p.Detail, Hint: p.Hint})
		}
	}
	return answer
}

// notFound answers API paths with a problem and leaves the rest to the page.
func (s *server) notFound(c *gin.Context) {
	if s.Page != nil && !outsidePage(c.Request.URL.Path) {
		s.Page.ServeHTTP(c.Writer, c.Request)
		c.Abort()
		return
	}
	s.answerError(c, models.NewProblem(models.KindNotFound, "request.no_such_path", "There is nothing at this path.", "See /docs for the paths there are."))
}

func (s *server) methodNotAllowed(c *gin.Context) {
	doc := document(c.Request.Context(), s.Log, models.NewProblem(models.KindInvalid, "request.method", "This path does not take "+models.Bound(c.Request.Method, 20)+".", "See /docs for what it takes."))
	doc.Status, doc.Title = http.StatusMethodNotAllowed, http.StatusText(http.StatusMethodNotAllowed)
	writeProblem(c, doc)
}

// answerError answers any error outside huma.
func (s *server) answerError(c *gin.Context, err error) {
	writeProblem(c, document(c.Request.Context(), s.Log, err))
}

func writeProblem(c *gin.Context, doc *ProblemDocument) {
	c.Abort()
	c.Header("Content-Type", "application/problem+json")
	if doc.Status == http.StatusUnauthorized {
		c.Header("WWW-Authenticate", `Bearer realm="scratch"`)
	}
	c.JSON(doc.Status, doc)
}

// attachment names a download after what a person calls it.
func attachment(name string) string {
	return mime.FormatMediaType("attachment", map[string]string{"filename": strings.Map(func(r rune) rune {
		if r < ' ' || strings.ContainsRune(`/\:*?"<>|`, r) {
			return '-'
		}
		return r
	}, name)})
}

func closeQuietly(ctx context.Context, log *slog.Logger, c io.Closer) {
	if err := c.Close(); err != nil {
		log.WarnContext(ctx, "closing failed", "error", err)
	}
}
