package traces

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"math/rand/v2"

	"go.opentelemetry.io/otel/trace"
)

// ids makes the ids of traces and spans: random ones, but for spans that must be
// the same again in another process.
type ids struct{}

type spanNameKey struct{}

// withSpanKey makes the next span started on the context have the ids that
// follow from the key.
func withSpanKey(ctx context.Context, key string) context.Context {
	return context.WithValue(ctx, spanNameKey{}, key)
}

// NewIDs begins a trace.
func (ids) NewIDs(ctx context.Context) (trace.TraceID, trace.SpanID) {
	var id trace.TraceID
	if key, ok := ctx.Value(spanNameKey{}).(string); ok {
		sum := sha256.Sum256([]byte("trace " + key))
		copy(id[:], sum[:])
	} else {
		binary.NativeEndian.PutUint64(id[:8], rand.Uint64())       //nolint:gosec // an id, not a secret
		binary.NativeEndian.PutUint64(id[8:], rand.Uint64()|1<<63) //nolint:gosec // an id, not a secret; never zero
	}
	return id, ids{}.NewSpanID(ctx, id)
}

// NewSpanID goes on in a trace.
func (ids) NewSpanID(ctx context.Context, _ trace.TraceID) trace.SpanID {
	var id trace.SpanID
	if key, ok := ctx.Value(spanNameKey{}).(string); ok {
		sum := sha256.Sum256([]byte("span " + key))
		copy(id[:], sum[:])
		return id
	}
	binary.NativeEndian.PutUint64(id[:], max(rand.Uint64(), 1)) //nolint:gosec // an id, not a secret
	return id
}
