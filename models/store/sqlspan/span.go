package sqlspan

import (
	"context"
	"errors"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/scratch-platform/scratch/models"
)

const (
	// maxStatements bounds the statement spans of one transaction.
	maxStatements = 40
	// maxText bounds the text of a statement in a span.
	maxText = 1 << 10
	scope   = "github.com/scratch-platform/scratch/models/store/sqlspan"
)

// traced reports whether the context's span is kept: the one question that is
// asked of every statement.
func traced(ctx context.Context) bool { return trace.SpanFromContext(ctx).IsRecording() }

// tracer is that of whoever made the span above.
func tracer(ctx context.Context) trace.Tracer {
	return trace.SpanFromContext(ctx).TracerProvider().Tracer(scope)
}

// transaction counts the statements of one transaction. It is used by one
// goroutine at a time, as its connection is.
type transaction struct{ statements int }

type transactionKey struct{}

// Transaction begins the span of a transaction, from the wait for a connection to
// the commit. system is "postgres" or "sqlite", attempt 1 for the first try. end
// takes what became of it.
func Transaction(ctx context.Context, system string, attempt int) (_ context.Context, end func(error)) {
	if !traced(ctx) {
		return ctx, func(error) {}
	}
	if system == "postgres" {
		system = postgres
	}
	ctx, span := tracer(ctx).Start(ctx, "transaction", trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(
		attribute.String("db.system.name", system), attribute.Int("scratch.attempt", attempt)))
	counted := &transaction{}
	return context.WithValue(ctx, transactionKey{}, counted), func(err error) {
		span.SetAttributes(attribute.Int("scratch.statements", counted.statements))
		finish(span, err)
	}
}

// statement begins the span of a statement; nil where there is none to make.
func statement(ctx context.Context, system, text string) (context.Context, trace.Span) {
	if !traced(ctx) {
		return ctx, nil
	}
	if counted, ok := ctx.Value(transactionKey{}).(*transaction); ok {
		counted.statements++
		if counted.statements > maxStatements {
			return ctx, nil
		}
	}
	return tracer(ctx).Start(ctx, named(text), trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(
		attribute.String("db.system.name", system),
		attribute.String("db.query.text", models.Bound(text, maxText)),
	))
}

// finish ends a span; nil is none. What the database said stays in the log: it
// may quote a value. A statement that its caller gave up has not failed.
func finish(span trace.Span, err error) {
	if span == nil {
		return
	}
	if err != nil && !errors.Is(err, context.Canceled) {
		span.SetStatus(codes.Error, "the database refused it")
	}
	span.End()
}

// named gives a statement's span a name of which there are few: its verb and the
// table it is about. Numbers go: records of different tables lie in tables of
// their own.
func named(text string) string {
	words := strings.Fields(text[:min(len(text), 400)])
	if len(words) == 0 {
		return "statement"
	}
	verb := strings.ToUpper(words[0])
	for i, word := range words[:len(words)-1] {
		switch strings.ToUpper(word) {
		case "FROM", "INTO", "UPDATE", "COPY", "TABLE":
			if table := bare(words[i+1]); table != "" {
				return verb + " " + table
			}
		}
	}
	return verb
}

func bare(word string) string {
	word, _, _ = strings.Cut(strings.Trim(word, `"`+"`"), "(")
	word = strings.Trim(word, `"`+"`;,)")
	word = strings.TrimRight(word, "0123456789")
	for _, c := range word {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && c != '_' && c != '.' {
			return ""
		}
	}
	return strings.TrimRight(word, "_")
}
