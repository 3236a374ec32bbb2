package store

import (
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"strings"

	"github.com/cespare/xxhash/v2"

	"github.com/scratch-platform/scratch/models"
)

// The order of a query is read in two parts: first the records whose first sort
// key is there, in its direction, then those where it is empty, by id. Each
// part is one range of one index, which serves both directions; and empties
// come last either way.

// sortKey is one column of an order.
type sortKey struct {
	column     models.Column
	expression string
	kind       keyKind
	descending bool
}

// place is where a record stands in an order: its keys, as text and nil when
// empty, and its id.
type place struct {
	Keys []*string `json:"k,omitempty"`
	ID   int64     `json:"i"`
}

// order compiles a query's sort.
func (q *querySQL) order(sorts []models.Sort) []sortKey {
	keys := make([]sortKey, 0, len(sorts))
	for _, s := range sorts {
		c := columnOf(q.columns, s.Column)
		keys = append(keys, sortKey{column: c, expression: q.key(c), kind: keyKindOf(c), descending: s.Descending})
	}
	return keys
}

// parts gives the conditions of the parts an order is read in: one when there
// is no sort.
func parts(keys []sortKey) []string {
	if len(keys) == 0 {
		return []string{"1 = 1"}
	}
	return []string{keys[0].expression + " IS NOT NULL", keys[0].expression + " IS NULL"}
}

// partOf tells which part a place is in.
func partOf(p place) int {
	if len(p.Keys) > 0 && p.Keys[0] == nil {
		return 1
	}
	return 0
}

// orderBy is the ORDER BY of a part. In the second part the first key is empty
// throughout; it is named all the same, because an index is on key and id.
func orderBy(keys []sortKey, part int) string {
	var terms []string
	direction := ""
	for i, k := range keys {
		down := ""
		if k.descending && (i > 0 || part == 0) {
			down = " DESC"
		}
		if i == 0 {
			direction = down
		} else {
			terms = append(terms, "("+k.expression+" IS NULL)")
		}
		terms = append(terms, k.expression+down)
	}
	return strings.Join(append(terms, "id"+direction), ", ")
}

// after is the condition of standing behind a place within its part; with
// orAt, at the place or behind it.
func (q *querySQL) after(keys []sortKey, part int, p place, orAt bool) string {
	down := part == 0 && len(keys) > 0 && keys[0].descending
	more := ">"
	if down {
		more = "<"
	}
	idMore := more
	if orAt {
		idMore += "="
	}
	if len(keys) == 0 || part == 1 && len(keys) == 1 {
		return "id " + idMore + " " + q.arg(p.ID)
	}
	if len(keys) == 1 {
		return "(" + keys[0].expression + ", id) " + idMore + " (" + q.keyArg(keys[0].kind, *p.Keys[0]) + ", " + q.arg(p.ID) + ")"
	}
	rest := "id " + idMore + " " + q.arg(p.ID)
	for i := len(keys) - 1; i >= part; i-- {
		rest = q.behind(keys[i], p.Keys[i], rest)
	}
	if part == 0 { // lets an index on the first key begin in the right place
		rest = keys[0].expression + " " + more + "= " + q.keyArg(keys[0].kind, *p.Keys[0]) + " AND (" + rest + ")"
	}
	return rest
}

// behind is the condition of standing behind in one key, or level in it and
// behind in the rest.
func (q *querySQL) behind(k sortKey, value *string, rest string) string {
	if value == nil {
		return k.expression + " IS NULL AND (" + rest + ")"
	}
	more := " > "
	if k.descending {
		more = " < "
	}
	return "(" + k.expression + " IS NULL OR " + k.expression + more + q.keyArg(k.kind, *value) +
		" OR " + k.expression + " = " + q.keyArg(k.kind, *value) + " AND (" + rest + "))"
}

// placeColumns are the expressions that scanPlace reads, after the record's.
func placeColumns(q *querySQL, keys []sortKey) string {
	var b strings.Builder
	for _, k := range keys {
		expression := k.expression
		switch {
		case q.pg:
			expression = "(" + expression + ")::text"
		case k.kind == keyNumber: // the key itself is of use inside the database only
			expression = "CASE WHEN " + k.expression + " IS NULL THEN NULL ELSE " + q.text(k.column.ID) + " END"
		default:
			expression = "CAST(" + expression + " AS TEXT)"
		}
		b.WriteString(", " + expression)
	}
	return b.String()
}

// placeTargets gives what to scan placeColumns into.
func placeTargets(n int) ([]sql.NullString, []any) {
	values := make([]sql.NullString, n)
	targets := make([]any, n)
	for i := range values {
		targets[i] = &values[i]
	}
	return values, targets
}

func placeOf(values []sql.NullString, id int64) place {
	p := place{ID: id}
	for _, v := range values {
		if v.Valid {
			p.Keys = append(p.Keys, &v.String)
		} else {
			p.Keys = append(p.Keys, nil)
		}
	}
	return p
}

// cursor is a place with the query it belongs to.
type cursor struct {
	Query uint64 `json:"q"`
	place
}

func errBadCursor() error {
	return models.NewProblem(models.KindInvalid, "list.bad_cursor", "the cursor is not one this list gave, or belongs to another filter or sort",
		"start again without a cursor")
}

// fingerprint tells queries apart, for cursors and caches.
func fingerprint(tableID string, query models.Query) uint64 {
	text, _ := json.Marshal(query) //nolint:errchkjson // a checked query marshals
	return xxhash.Sum64String(tableID + "\x00" + string(text))
}

func (c cursor) String() string {
	text, _ := json.Marshal(c) //nolint:errchkjson // texts and numbers
	return base64.RawURLEncoding.EncodeToString(text)
}

// parseCursor reads a cursor of this query with that many sort keys.
func parseCursor(text string, query uint64, keys []sortKey) (place, error) {
	raw, err := base64.RawURLEncoding.DecodeString(text)
	var c cursor
	if err != nil || json.Unmarshal(raw, &c) != nil || c.Query != query || len(c.Keys) != len(keys) {
		return place{}, errBadCursor()
	}
	for i, k := range keys {
		value := c.Keys[i]
		if value == nil {
			continue
		}
		if _, ok := models.ParseDecimal(strings.TrimSpace(*value)); k.kind != keyText && !ok {
			return place{}, errBadCursor()
		}
	}
	return c.place, nil
}
