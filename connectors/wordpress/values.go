package wordpress

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/scratch-platform/scratch/connectors"
	"github.com/scratch-platform/scratch/models"
)

// parameters turns an item's cells into WordPress's parameters. Only what is
// named is sent: every update is partial.
func parameters(schema connectors.Schema, values models.Fields) (map[string]any, *connectors.Error) {
	out := make(map[string]any, len(values))
	meta := map[string]json.RawMessage{}
	for _, id := range slices.Sorted(maps.Keys(values)) {
		column, ok := columnByID(schema, id)
		if !ok || column.ReadOnly {
			return nil, cellError(schema, id, connectors.KindInvalid, "not_writable", "the site has no such field to write")
		}
		value, err := parameter(schema, column, values[id])
		if err != nil {
			return nil, err
		}
		if isMeta(id) {
			meta[strings.TrimPrefix(id, metaPrefix)] = value
		} else {
			out[id] = value
		}
	}
	if len(meta) > 0 {
		out["meta"] = meta
	}
	return out, nil
}

func isNull(v json.RawMessage) bool { return len(v) == 0 || string(v) == "null" }

// parameter writes one value in the form the REST API takes. null is a word
// the API refuses for texts and lists, so what clears a cell depends on its
// kind: "" for texts, [] for terms, 0 for single references.
func parameter(schema connectors.Schema, column models.Column, value json.RawMessage) (json.RawMessage, *connectors.Error) {
	if isNull(value) {
		return cleared(schema, column)
	}
	switch column.Kind {
	case models.ColumnReference:
		return bareID(schema, column, value)
	case models.ColumnReferences:
		ids := []json.RawMessage{}
		var failed *connectors.Error
		models.EachElement(value, func(element json.RawMessage) bool {
			var id json.RawMessage
			id, failed = bareID(schema, column, element)
			ids = append(ids, id)
			return failed == nil
		})
		if failed != nil {
			return nil, failed
		}
		return mustJSON(ids), nil
	case models.ColumnInteger, models.ColumnNumber:
		text, ok := models.Text(value)
		if !ok || !json.Valid([]byte(text)) {
			return nil, cellError(schema, column.ID, connectors.KindInvalid, "not_a_number", "the value is no number")
		}
		return json.RawMessage(text), nil
	case models.ColumnDateTime:
		return naiveUTC(schema, column, value)
	default:
		return value, nil
	}
}

func cleared(schema connectors.Schema, column models.Column) (json.RawMessage, *connectors.Error) {
	switch {
	case isMeta(column.ID), column.ID == "date_gmt":
		return json.RawMessage("null"), nil // deletes the key; lets a draft's date float
	case column.ID == "author", column.Kind == models.ColumnSelect:
		return nil, cellError(schema, column.ID, connectors.KindInvalid, "required", "WordPress keeps a value here; it cannot be empty")
	}
	switch column.Kind {
	case models.ColumnReference, models.ColumnInteger, models.ColumnNumber:
		return json.RawMessage("0"), nil
	case models.ColumnReferences:
		return json.RawMessage("[]"), nil
	case models.ColumnBoolean:
		return json.RawMessage("false"), nil
	default:
		return json.RawMessage(`""`), nil
	}
}

func bareID(schema connectors.Schema, column models.Column, value json.RawMessage) (json.RawMessage, *connectors.Error) {
	text, _ := models.Text(value)
	if n, err := strconv.ParseInt(text, 10, 64); err != nil || n <= 0 {
		return nil, cellError(schema, column.ID, connectors.KindInvalid, "not_an_id", "the value is no id of "+column.References)
	}
	return json.RawMessage(text), nil
}

// naiveUTC writes an instant as date_gmt wants it: UTC, without a zone.
func naiveUTC(schema connectors.Schema, column models.Column, value json.RawMessage) (json.RawMessage, *connectors.Error) {
	text, _ := models.Text(value)
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05"} {
		if at, err := time.Parse(layout, text); err == nil {
			return mustJSON(at.UTC().Format("2006-01-02T15:04:05")), nil
		}
	}
	return nil, cellError(schema, column.ID, connectors.KindInvalid, "not_a_date", "the value is no date with a time")
}

func cellError(schema connectors.Schema, column string, kind connectors.Kind, code, reason string) *connectors.Error {
	return &connectors.Error{Kind: kind, Service: Service, Tried: "prepare the values", Table: schema.RemoteID, Column: column, Code: code, Reason: reason}
}
