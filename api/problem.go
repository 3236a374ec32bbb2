package api

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/scratch-platform/scratch/connectors"
	"github.com/scratch-platform/scratch/internal/telemetry"
	"github.com/scratch-platform/scratch/models"
)

// ProblemDocument is the RFC 9457 document that answers every failed request.
type ProblemDocument struct { //nolint:errname // named for RFC 9457; it is the answer's body
	Type      string       `json:"type" doc:"Always about:blank; the code says which problem it is."`
	Title     string       `json:"title" doc:"The HTTP status in words."`
	Status    int          `json:"status"`
	Code      string       `json:"code" doc:"Stable: area.reason" example:"plan.stale"`
	Detail    string       `json:"detail" doc:"What went wrong."`
	Hint      string       `json:"hint,omitempty" doc:"What you can do."`
	Errors    []FieldError `json:"errors,omitempty" doc:"What is wrong, field by field."`
	RequestID string       `json:"request_id,omitempty" doc:"Name it when you ask for help."`
	RetryAt   *time.Time   `json:"retry_at,omitempty"`
}

// FieldError is one entry of a problem's errors.
type FieldError struct {
	Field  string `json:"field"`
	Code   string `json:"code,omitempty"`
	Detail string `json:"detail"`
	// Cell holds both values of a cell that was written too late.
	Cell *models.CellConflict `json:"cell,omitempty" doc:"Mine is what was sent, theirs what stands now, base what the writer had seen."`
}

// Error implements error, for huma.
func (p *ProblemDocument) Error() string { return p.Code + ": " + p.Detail }

// GetStatus implements huma.StatusError.
func (p *ProblemDocument) GetStatus() int { return p.Status }

// ContentType implements huma.ContentTypeFilter.
func (p *ProblemDocument) ContentType(string) string { return "application/problem+json" }

func statusOf(kind models.ProblemKind) int {
	switch kind {
	case models.KindInvalid:
		return http.StatusUnprocessableEntity
	case models.KindUnauthenticated:
		return http.StatusUnauthorized
	case models.KindForbidden:
		return http.StatusForbidden
	case models.KindNotFound:
		return http.StatusNotFound
	case models.KindConflict:
		return http.StatusConflict
	case models.KindTooLarge:
		return http.StatusRequestEntityTooLarge
	case models.KindRateLimited:
		return http.StatusTooManyRequests
	case models.KindUnavailable:
		return http.StatusServiceUnavailable
	case models.KindTimeout:
		return http.StatusGatewayTimeout
	default:
		return http.StatusInternalServerError
	}
}

// document turns any error into what the user sees. An error nobody meant for
// users is logged here, once, and answered with the request id alone: its text
// could hold anything.
func document(ctx context.Context, log *slog.Logger, err error) *ProblemDocument {
	requestID := telemetry.RequestID(ctx)
	p, ok := models.AsProblem(err)
	if !ok {
		if ce, is := connectors.AsError(err); is {
			p = ce.Problem()
		} else {
			p = unexpected(ctx, log, err)
		}
	}
	doc := &ProblemDocument{
		Type: "about:blank", Status: statusOf(p.Kind), Code: p.Code, Detail: p.Detail,
		Hint: p.Hint, RequestID: requestID, RetryAt: p.RetryAt,
	}
	doc.Title = http.StatusText(doc.Status)
	for _, f := range p.Fields {
		doc.Errors = append(doc.Errors, FieldError(f))
	}
	return doc
}

func unexpected(ctx context.Context, log *slog.Logger, err error) *models.Problem {
	switch {
	case errors.Is(err, context.Canceled):
		return models.NewProblem(models.KindTimeout, "request.cancelled", "The request was given up before it was answered.", "")
	case errors.Is(err, context.DeadlineExceeded):
		return models.NewProblem(models.KindTimeout, "request.timeout", "This took longer than a request may.", "Try again; if it happens again, name the request id to your operator.")
	}
	log.ErrorContext(ctx, "request failed", "error", err)
	return models.NewProblem(models.KindInternal, "internal.unexpected", "Something went wrong on our side.",
		"Name the request id to your operator: it finds the cause in the log.")
}

// asOurs rewrites huma's own validation answers as Problem documents, so that
// there is one shape of error.
func asOurs(ctx huma.Context, _ string, v any) (any, error) {
	m, ok := v.(*huma.ErrorModel)
	if !ok {
		return v, nil
	}
	doc := &ProblemDocument{
		Type: "about:blank", Title: m.Title, Status: m.Status, Detail: m.Detail,
		Code: "request.invalid", RequestID: telemetry.RequestID(ctx.Context()),
		Hint: "See /docs for what this request takes.",
	}
	switch m.Status {
	case http.StatusRequestEntityTooLarge:
		doc.Code, doc.Hint = "request.too_large", "Send less at once; the limits stand in /docs."
	case http.StatusUnsupportedMediaType:
		doc.Code, doc.Hint = "request.media_type", "Send application/json."
	case http.StatusNotAcceptable:
		doc.Code, doc.Hint = "request.not_acceptable", "Accept application/json."
	case http.StatusRequestTimeout:
		doc.Code, doc.Hint = "request.timeout", "Send the body faster, or less of it."
	case http.StatusInternalServerError:
		doc.Code, doc.Detail, doc.Hint = "internal.unexpected", "Something went wrong on our side.", "Name the request id to your operator."
		return doc, nil
	}
	for _, e := range m.Errors {
		if len(doc.Errors) == models.MaxProblemFields {
			break
		}
		doc.Errors = append(doc.Errors, FieldError{
			Field:  strings.TrimPrefix(e.Location, "body."),
			Detail: models.Bound(e.Message, models.MaxProblemText),
		})
	}
	return doc, nil
}
