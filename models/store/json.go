package store

import (
	"bytes"
	"database/sql/driver"
	"encoding/json"
	"fmt"
)

// jsonOf is a column of JSON that holds a T: jsonb on PostgreSQL, text on
// SQLite. A T that marshals to null is stored as NULL, and NULL gives T's zero.
type jsonOf[T any] struct{ V T }

// asJSON wraps a value for a JSON column.
func asJSON[T any](v T) jsonOf[T] { return jsonOf[T]{V: v} }

// Value implements driver.Valuer.
func (j jsonOf[T]) Value() (driver.Value, error) {
	text, err := encodeJSON(j.V)
	if err != nil || text == "null" {
		return nil, err
	}
	return text, nil
}

// Scan implements sql.Scanner.
func (j *jsonOf[T]) Scan(source any) error {
	j.V = *new(T)
	switch v := source.(type) {
	case nil:
		return nil
	case []byte:
		return json.Unmarshal(v, &j.V)
	case string:
		return json.Unmarshal([]byte(v), &j.V)
	default:
		return fmt.Errorf("JSON column holds a %T", source)
	}
}

// GormDataType tells GORM (and the drift test) the family of the column.
func (jsonOf[T]) GormDataType() string { return "json" }

// encodeJSON marshals without HTML escapes: "<p>" is stored as "<p>" on both
// databases, so that stored texts compare alike.
func encodeJSON(v any) (string, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return "", err
	}
	return string(bytes.TrimSuffix(b.Bytes(), []byte("\n"))), nil
}
