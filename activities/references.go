package activities

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"strconv"
	"strings"

	"github.com/scratch-platform/scratch/models"
)

// localPrefix marks a reference to a record that was made here and is created
// in the same publish: "local:<table>/<record>".
const localPrefix = "local:"

// references replaces references to records created in this publish by their
// remote ids.
type references struct {
	db    PublishStore
	known map[string]string // reference → remote id
}

// waitError says that a record referred to has no remote id yet.
type waitError struct{ reference string }

func (w *waitError) Error() string { return w.reference + " is not at the service yet" }

// resolve gives the values to send. It fails with *waitError while a record
// referred to is not created.
func (r *references) resolve(ctx context.Context, columns []models.Column, values models.Fields) (models.Fields, error) {
	sent, copied := values, false
	for _, column := range columns {
		value, present := values[column.ID]
		if !present || !strings.Contains(string(value), localPrefix) {
			continue
		}
		var replaced json.RawMessage
		var err error
		switch column.Kind {
		case models.ColumnReference:
			replaced, err = r.one(ctx, value)
		case models.ColumnReferences:
			replaced, err = r.many(ctx, value)
		default:
			continue
		}
		if err != nil {
			return nil, err
		}
		if !copied {
			sent, copied = maps.Clone(values), true // the plan's own stay as reviewed
		}
		sent[column.ID] = replaced
	}
	return sent, nil
}

func (r *references) one(ctx context.Context, value json.RawMessage) (json.RawMessage, error) {
	text, ok := models.Text(value)
	if !ok || !strings.HasPrefix(text, localPrefix) {
		return value, nil
	}
	remoteID, err := r.lookup(ctx, text)
	if err != nil {
		return nil, err
	}
	return models.AppendJSONString(nil, remoteID), nil
}

func (r *references) many(ctx context.Context, value json.RawMessage) (json.RawMessage, error) {
	var elements []json.RawMessage
	if err := json.Unmarshal(value, &elements); err != nil {
		return value, nil //nolint:nilerr // not an array: the service says what it thinks of it
	}
	for i, element := range elements {
		replaced, err := r.one(ctx, element)
		if err != nil {
			return nil, err
		}
		elements[i] = replaced
	}
	out, err := json.Marshal(elements)
	if err != nil {
		return nil, fmt.Errorf("write references: %w", err)
	}
	return out, nil
}

func (r *references) lookup(ctx context.Context, reference string) (string, error) {
	if remoteID, known := r.known[reference]; known {
		return remoteID, nil
	}
	tableID, record, ok := strings.Cut(strings.TrimPrefix(reference, localPrefix), "/")
	id, err := strconv.ParseInt(record, 10, 64)
	if !ok || err != nil {
		return "", &waitError{reference: reference}
	}
	found, err := r.db.Record(ctx, tableID, id)
	if p, is := models.AsProblem(err); is && p.Kind == models.KindNotFound {
		return "", &waitError{reference: reference} // removed here: it will never be; settled at the end
	}
	if err != nil {
		return "", fmt.Errorf("look up %s: %w", reference, err)
	}
	if found.RemoteID == "" {
		return "", &waitError{reference: reference}
	}
	r.known[reference] = found.RemoteID
	return found.RemoteID, nil
}
