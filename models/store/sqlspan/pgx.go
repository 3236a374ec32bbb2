package sqlspan

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
)

const postgres = "postgresql"

// PGX makes spans of what runs on connections of pgx; it is for
// pgx.ConnConfig.Tracer.
type PGX struct{}

var (
	_ pgx.QueryTracer    = PGX{}
	_ pgx.BatchTracer    = PGX{}
	_ pgx.CopyFromTracer = PGX{}
)

type statementKey struct{}

// begin keeps the statement's span beside the one above it: pgx hands the
// context to more than this statement.
func begin(ctx context.Context, text string) context.Context {
	_, span := statement(ctx, postgres, text)
	if span == nil {
		return ctx
	}
	return context.WithValue(ctx, statementKey{}, span)
}

func end(ctx context.Context, err error) {
	if span, ok := ctx.Value(statementKey{}).(trace.Span); ok {
		finish(span, err)
	}
}

// TraceQueryStart implements pgx.QueryTracer.
func (PGX) TraceQueryStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	return begin(ctx, data.SQL)
}

// TraceQueryEnd implements pgx.QueryTracer.
func (PGX) TraceQueryEnd(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryEndData) {
	end(ctx, data.Err)
}

// TraceBatchStart implements pgx.BatchTracer: statements that travel together are
// one span.
func (PGX) TraceBatchStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceBatchStartData) context.Context {
	if !traced(ctx) {
		return ctx
	}
	text := "BATCH"
	if len(data.Batch.QueuedQueries) > 0 {
		text = "BATCH of " + data.Batch.QueuedQueries[0].SQL
	}
	_, span := statement(ctx, postgres, text)
	if span == nil {
		return ctx
	}
	span.SetName(fmt.Sprintf("batch %s", named(strings.TrimPrefix(text, "BATCH of "))))
	span.SetAttributes(attribute.Int("db.operation.batch.size", data.Batch.Len()))
	return context.WithValue(ctx, statementKey{}, span)
}

// TraceBatchQuery implements pgx.BatchTracer.
func (PGX) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {}

// TraceBatchEnd implements pgx.BatchTracer.
func (PGX) TraceBatchEnd(ctx context.Context, _ *pgx.Conn, data pgx.TraceBatchEndData) {
	end(ctx, data.Err)
}

// Copy begins the span of a COPY that runs below pgx, on the connection itself.
func Copy(ctx context.Context, text string) (end func(error)) {
	_, span := statement(ctx, postgres, text)
	return func(err error) { finish(span, err) }
}

// TraceCopyFromStart implements pgx.CopyFromTracer.
func (PGX) TraceCopyFromStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceCopyFromStartData) context.Context {
	if !traced(ctx) {
		return ctx
	}
	return begin(ctx, "COPY "+data.TableName.Sanitize()+" FROM STDIN")
}

// TraceCopyFromEnd implements pgx.CopyFromTracer.
func (PGX) TraceCopyFromEnd(ctx context.Context, _ *pgx.Conn, data pgx.TraceCopyFromEndData) {
	end(ctx, data.Err)
}
