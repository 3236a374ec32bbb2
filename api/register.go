package api

import (
	"context"
	"net/http"
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gin-gonic/gin"

	"github.com/scratch-platform/scratch/internal/accounts"
	"github.com/scratch-platform/scratch/models"
	"github.com/scratch-platform/scratch/models/store"
)

// Limits of requests.
const (
	// MaxBody bounds a JSON body in bytes.
	MaxBody = 8 << 20
)

// route says where a handler stands and what it is for.
type route struct {
	method  string
	path    string
	id      string // operation id, kebab-case
	summary string
	status  int // of success; 0 is 200, or 204 without a body
	maxBody int64
	public  bool // needs no sign-in
	// scope is what the asker's key needs; none named is reading for GET, and
	// editing for the rest.
	scope accounts.Scope
}

func (r route) needs() accounts.Scope {
	switch {
	case r.scope != "":
		return r.scope
	case r.method == http.MethodGet:
		return accounts.ScopeRead
	default:
		return accounts.ScopeEdit
	}
}

// serve registers a typed handler: huma validates the input and documents it,
// errors become Problem documents.
func serve[I, O any](s *server, r route, handle func(context.Context, *I) (*O, error)) {
	op := s.operation(r)
	if op.MaxBodyBytes == 0 {
		op.MaxBodyBytes = MaxBody
	}
	if !r.public {
		op.Middlewares = huma.Middlewares{s.requirePrincipal(r.needs())}
	}
	huma.Register(s.huma, op, func(ctx context.Context, in *I) (*O, error) {
		out, err := handle(ctx, in)
		if err != nil {
			return nil, document(ctx, s.Log, err)
		}
		return out, nil
	})
}

// stream registers a handler of bytes that come and go as they are, for which
// huma has no types, and documents it as describe says.
func (s *server) stream(engine *gin.Engine, r route, describe func(*huma.Operation), handle func(*gin.Context, models.Actor)) {
	op := s.operation(r)
	describe(&op)
	s.huma.OpenAPI().AddOperation(&op)
	engine.Handle(r.method, strings.NewReplacer("{", ":", "}", "").Replace(r.path), s.signedIn(r.needs(), handle))
}

// operation is what every route's documentation begins with.
func (s *server) operation(r route) huma.Operation {
	op := huma.Operation{
		Method: r.method, Path: r.path, OperationID: r.id, Summary: r.summary,
		DefaultStatus: r.status, MaxBodyBytes: r.maxBody,
		Tags: []string{tagOf(r.path)},
		Responses: map[string]*huma.Response{
			"default": {
				Description: "What went wrong, with a code and a hint.",
				Content:     map[string]*huma.MediaType{"application/problem+json": {Schema: s.problemSchema}},
			},
		},
	}
	if r.method != http.MethodGet {
		op.Parameters = []*huma.Param{s.tabParameter}
	}
	if !r.public {
		op.Security = []map[string][]string{{"bearer": {}}, {"session": {}}}
	}
	return op
}

// documents gives the schema of a type's answers.
func documents[T any](s *server) *huma.Schema {
	return s.huma.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[T](), true, "")
}

// parameter documents one query parameter.
func parameter(name, doc string) *huma.Param {
	return &huma.Param{Name: name, In: "query", Description: doc, Schema: &huma.Schema{Type: huma.TypeString}}
}

// tagOf groups operations by the resource they are about.
func tagOf(path string) string {
	parts := strings.Split(strings.TrimPrefix(path, "/api/v1/"), "/")
	for i := len(parts) - 1; i >= 0; i-- {
		if p := parts[i]; p != "" && !strings.HasPrefix(p, "{") {
			switch p {
			case "tables", "records", "suggestions", "columns", "views", "items", "jobs", "uploads", "connections", "snapshots", "connectors", "publish-plans", "schedules":
				return p
			}
		}
	}
	return parts[0]
}

// body is an answer with a JSON body.
type body[T any] struct{ Body T }

// answer wraps a value as an answer.
func answer[T any](v T) *body[T] { return &body[T]{Body: v} }

// list is a page of a list.
type list[T any] struct {
	Items      []T    `json:"items" nullable:"false"`
	NextCursor string `json:"next_cursor,omitempty" doc:"Hand it back as cursor for the next page; absent on the last."`
}

func listOf[M, T any](items []M, next string, show func(M) T) *body[list[T]] {
	shown := make([]T, 0, len(items))
	for _, m := range items {
		shown = append(shown, show(m))
	}
	return answer(list[T]{Items: shown, NextCursor: next})
}

// Paging is what every list takes. Embedded, so exported: that is
// where huma looks.
type Paging struct {
	Cursor string `query:"cursor" doc:"next_cursor of the page before." maxLength:"2000"`
	Limit  int    `query:"limit" minimum:"1" maximum:"500" default:"100"`
}

func (p Paging) page() store.Page { return store.Page{Cursor: p.Cursor, Limit: p.Limit} }

// nothing is an answer without a body.
type nothing struct{}

const noContent = http.StatusNoContent
