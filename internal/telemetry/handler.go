package telemetry

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"

	"github.com/scratch-platform/scratch/models"
)

const (
	// maxText bounds one value of a line.
	maxText = 4 << 10
	// maxScanned is how much of a text is looked at; it is cut to maxText after the
	// redaction, so that a secret at the cut is still seen whole.
	maxScanned = 4 * maxText
	// maxDepth bounds nested groups and values.
	maxDepth = 8
)

// handler redacts and bounds every line on its way to the sink.
type handler struct {
	sink      slog.Handler
	redactor  *Redactor
	sensitive bool // inside a group whose name says that it holds secrets
}

// Enabled implements slog.Handler.
func (h *handler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.sink.Enabled(ctx, level)
}

// Handle implements slog.Handler.
func (h *handler) Handle(ctx context.Context, record slog.Record) error {
	clean := slog.NewRecord(record.Time, record.Level, h.text(record.Message), record.PC)
	record.Attrs(func(a slog.Attr) bool {
		clean.AddAttrs(h.attr(a, h.sensitive, 0))
		return true
	})
	for _, a := range fromContext(ctx) {
		clean.AddAttrs(h.attr(a, false, 0))
	}
	return h.sink.Handle(ctx, clean)
}

// WithAttrs implements slog.Handler.
func (h *handler) WithAttrs(attributes []slog.Attr) slog.Handler {
	clean := make([]slog.Attr, len(attributes))
	for i, a := range attributes {
		clean[i] = h.attr(a, h.sensitive, 0)
	}
	next := *h
	next.sink = h.sink.WithAttrs(clean)
	return &next
}

// WithGroup implements slog.Handler.
func (h *handler) WithGroup(name string) slog.Handler {
	next := *h
	next.sink = h.sink.WithGroup(name)
	next.sensitive = h.sensitive || Sensitive(name)
	return &next
}

// attr redacts by name first, then by form.
func (h *handler) attr(a slog.Attr, sensitive bool, depth int) slog.Attr {
	value := a.Value.Resolve()
	sensitive = sensitive || Sensitive(a.Key)
	key := h.text(a.Key)
	switch value.Kind() {
	case slog.KindGroup:
		if depth >= maxDepth {
			return slog.String(key, "[too deep]")
		}
		members := make([]slog.Attr, 0, len(value.Group()))
		for _, member := range value.Group() {
			members = append(members, h.attr(member, sensitive, depth+1))
		}
		return slog.Attr{Key: key, Value: slog.GroupValue(members...)}
	case slog.KindBool, slog.KindInt64, slog.KindUint64, slog.KindFloat64, slog.KindDuration, slog.KindTime:
		return slog.Attr{Key: key, Value: value} // numbers (input_tokens=512) are no secrets
	default: // text, and everything that is shown as text
	}
	if sensitive { // Promise 10: what is named a secret is one
		return slog.String(key, Redacted)
	}
	if value.Kind() == slog.KindString {
		return slog.String(key, h.text(value.String()))
	}
	return slog.Attr{Key: key, Value: h.any(value.Any())}
}

// any turns a value into text or plain data. A value that cannot be shown as JSON
// is shown by its type alone: what fmt would print of it is not known.
func (h *handler) any(value any) slog.Value {
	switch v := value.(type) {
	case nil:
		return slog.AnyValue(nil)
	case error:
		return slog.StringValue(h.text(text(v)))
	case []byte:
		return slog.StringValue(fmt.Sprintf("[%d bytes]", len(v)))
	case fmt.Stringer:
		return slog.StringValue(h.text(text(v)))
	}
	raw, err := json.Marshal(value)
	if err != nil {
		return slog.StringValue(fmt.Sprintf("[%T]", value))
	}
	if len(raw) > maxText {
		return slog.StringValue(fmt.Sprintf("[%T of %d bytes]", value, len(raw)))
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	var plain any
	if err := decoder.Decode(&plain); err != nil {
		return slog.StringValue(fmt.Sprintf("[%T]", value))
	}
	return slog.AnyValue(h.plain(plain, false, 0))
}

// plain redacts inside data that came from JSON.
func (h *handler) plain(value any, sensitive bool, depth int) any {
	if depth > maxDepth {
		return "[too deep]"
	}
	switch v := value.(type) {
	case map[string]any:
		clean := make(map[string]any, len(v))
		for name, member := range v {
			clean[h.text(name)] = h.plain(member, sensitive || Sensitive(name), depth+1)
		}
		return clean
	case []any:
		for i := range v {
			v[i] = h.plain(v[i], sensitive, depth+1)
		}
		return v
	case string:
		if sensitive {
			return Redacted
		}
		return h.text(v)
	}
	return value
}

func (h *handler) text(s string) string {
	if len(s) > maxScanned {
		s = models.Bound(s, maxScanned)
	}
	return models.Bound(h.redactor.Text(s), maxText)
}

// text survives values whose own method panics, usually a nil pointer.
func text(value any) (s string) {
	defer func() {
		if recover() != nil {
			s = fmt.Sprintf("[%T]", value)
		}
	}()
	if err, ok := value.(error); ok {
		return err.Error()
	}
	return value.(fmt.Stringer).String()
}
