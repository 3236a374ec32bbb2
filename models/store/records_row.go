package store

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"github.com/scratch-platform/scratch/models"
)

// recordColumns are the columns scanRecord reads, in its order.
const recordColumns = "id, remote_id, base, edits, edit_bases, marker, state, row_version, updated_at"

// scanRecord reads one row of recordColumns. jsonb comes back with its own
// spacing and key order, so it is put into canonical form: both databases give
// the same bytes.
func scanRecord(rows *sql.Rows, more ...any) (models.Record, error) {
	var (
		r                     models.Record
		remote, marker        sql.NullString
		base, edits, theBases []byte
		updated               int64
	)
	targets := append([]any{&r.ID, &remote, &base, &edits, &theBases, &marker, &r.State, &r.Version, &updated}, more...)
	if err := rows.Scan(targets...); err != nil {
		return r, err
	}
	r.RemoteID, r.Marker, r.UpdatedAt = remote.String, marker.String, time.UnixMicro(updated).UTC()
	var err error
	if r.Base, err = models.Canonical(base); err != nil {
		return r, fmt.Errorf("stored record %d: %w", r.ID, err)
	}
	if r.Edits, err = storedFields(edits); err != nil {
		return r, err
	}
	r.EditBases, err = storedFields(theBases)
	return r, err
}

// storedFields reads edits or edit_bases; NULL is nil.
func storedFields(object []byte) (models.Fields, error) {
	if object == nil {
		return nil, nil
	}
	canonical, err := models.Canonical(object)
	if err != nil {
		return nil, err
	}
	return models.CellsOf(canonical), nil
}

// fieldsText is edits or edit_bases as stored: nil, never {}, when empty.
func fieldsText(f models.Fields) *string {
	if len(f) == 0 {
		return nil
	}
	text := string(f.Object())
	return &text
}

// textOrNull is a text that is NULL when empty.
func textOrNull(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

// micros is a time as the record tables keep it.
func micros(t time.Time) int64 { return t.UnixMicro() }

// in gives a condition that holds where the expression is one of a list, and
// listOf the list as its one argument.
func (tx *Tx) in(expression string) string { return inList(tx.s.dialect, expression) }

func inList(d dialect, expression string) string {
	if d.name() == "postgres" {
		return expression + " = ANY(?)"
	}
	return expression + " IN (SELECT value FROM json_each(?))"
}

func listOf[T int64 | string](d dialect, values []T) any {
	if d.name() == "postgres" {
		return values
	}
	text, _ := json.Marshal(values) //nolint:errchkjson // numbers and strings always marshal
	return string(text)
}
