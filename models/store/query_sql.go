package store

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/scratch-platform/scratch/models"
)

// sortPrefix is how many characters of a text take part in sorting: it bounds
// the width of a sort index.
const sortPrefix = 200

// querySQL compiles queries over one table's shown values into bound SQL with
// one meaning on both databases. Values are always arguments. Ids of columns,
// which were found among the table's own before, stand in the text as quoted
// literals: an index on an expression is only used when the expression in the
// query is the same, constants included.
type querySQL struct {
	pg   bool
	args []any
	// conflicts are the ids of records with a conflict, by column ("" for any):
	// what is a conflict is decided by the columns' comparisons, in Go.
	conflicts map[string][]int64
	columns   []models.Column
	tableID   string
	org       string
}

// arg adds an argument and gives its placeholder; both drivers take numbers.
func (q *querySQL) arg(v any) string {
	q.args = append(q.args, v)
	return "$" + strconv.Itoa(len(q.args))
}

// quoted writes a text as an SQL literal.
func quoted(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }

// cell gives the expression of a cell's JSON in one of the stored objects: NULL
// when it is absent, JSON null when it is null.
func (q *querySQL) cell(object, column string) string {
	if !q.pg && (strings.ContainsAny(column, "\"\\") || strings.HasPrefix(column, "$") || strings.HasPrefix(column, "[")) {
		// SQLite would read such a key as a path.
		return "(SELECT CASE type WHEN 'text' THEN json_quote(value) WHEN 'true' THEN 'true' WHEN 'false' THEN 'false' WHEN 'null' THEN 'null' ELSE CAST(value AS TEXT) END FROM json_each(" +
			object + ") WHERE key = " + quoted(column) + ")"
	}
	return "(" + object + " -> " + quoted(column) + ")"
}

// shown is a cell's JSON as a person sees it: the edit, else the base.
func (q *querySQL) shown(column string) string {
	return "coalesce(" + q.cell("edits", column) + ", " + q.cell("base", column) + ")"
}

// text is a cell as text: a string's characters, else the JSON; NULL when
// absent or null.
func (q *querySQL) text(column string) string {
	return q.textOf(q.shown(column))
}

func (q *querySQL) textOf(value string) string {
	if q.pg {
		return "(" + value + " #>> '{}')"
	}
	return "CASE substr(" + value + ", 1, 1) WHEN '\"' THEN " + value + " ->> '$' ELSE nullif(" + value + ", 'null') END"
}

// spelled is text in which JSON is written without white space: jsonb's own
// spelling has some.
func (q *querySQL) spelled(c models.Column) string {
	text := q.text(c.ID)
	if plainText(c) {
		return text
	}
	return "replace(replace(" + text + ", ', ', ','), ': ', ':')"
}

// plainText reports whether a column's values are strings.
func plainText(c models.Column) bool {
	switch c.Kind {
	case models.ColumnText, models.ColumnLongText, models.ColumnHTML, models.ColumnMarkdown, models.ColumnSelect, models.ColumnReference,
		models.ColumnURL, models.ColumnEmail, models.ColumnDate, models.ColumnDateTime, models.ColumnTime:
		return true
	default:
		return false
	}
}

// lowered writes ASCII letters small and leaves all others, on both databases.
func (q *querySQL) lowered(text string) string {
	if q.pg {
		return "lower((" + text + `) COLLATE "C")`
	}
	return "lower(" + text + ")"
}

// lower is lowered for an argument.
func lower(text string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, text)
}

// keyKind is the type of a column's sort key.
type keyKind int

const (
	keyText keyKind = iota
	keyNumber
	keyBoolean
)

func keyKindOf(c models.Column) keyKind {
	switch c.Kind {
	case models.ColumnNumber, models.ColumnInteger:
		return keyNumber
	case models.ColumnBoolean:
		return keyBoolean
	default:
		return keyText
	}
}

// decimalPattern is what PostgreSQL reads as a number; the same that
// models.ParseDecimal reads.
const decimalPattern = `^\s*[+-]?(\d+(\.\d+)?|\.\d+)([eE][+-]?[0-3]?\d{1,2})?\s*$`

// key is the expression a column is sorted and compared by; NULL when the cell
// is empty, or is no number in a column of numbers.
func (q *querySQL) key(c models.Column) string {
	switch keyKindOf(c) {
	case keyNumber:
		return q.decimal(q.text(c.ID))
	case keyBoolean:
		if q.pg {
			return "CASE " + q.shown(c.ID) + " WHEN 'true'::jsonb THEN 1 WHEN 'false'::jsonb THEN 0 END"
		}
		return "CASE " + q.shown(c.ID) + " WHEN 'true' THEN 1 WHEN 'false' THEN 0 END"
	case keyText:
	}
	text := q.spelled(c)
	if c.Kind == models.ColumnMultiSelect || c.Kind == models.ColumnReferences {
		text = q.first(c.ID) // lists are in order of their first element
	}
	return "nullif(" + q.lowered("substr("+text+", 1, "+strconv.Itoa(sortPrefix)+")") + ", '')"
}

// first is the text of a list's first element, or of a value that is no list.
func (q *querySQL) first(column string) string {
	value := q.shown(column)
	if q.pg {
		return "CASE jsonb_typeof(" + value + ") WHEN 'array' THEN " + value + " ->> 0 ELSE " + q.text(column) + " END"
	}
	return "CASE substr(" + value + ", 1, 1) WHEN '[' THEN " + value + " ->> 0 ELSE " + q.text(column) + " END"
}

func (q *querySQL) decimal(text string) string {
	if q.pg {
		return fmt.Sprintf("CASE WHEN length(%[1]s) <= %[2]d AND %[1]s ~ '%[3]s' THEN (%[1]s)::numeric END", text, models.MaxNumberDigits, decimalPattern)
	}
	return decimalKeyFunction + "(" + text + ")"
}

// keyArg gives the placeholder of a key as it came from Go: text, decimal text
// or "0" and "1".
func (q *querySQL) keyArg(kind keyKind, value string) string {
	switch {
	case kind == keyText && q.pg:
		return q.arg(value) + `::text COLLATE "C"`
	case kind == keyText:
		return q.arg(value)
	case kind == keyNumber && q.pg:
		return q.arg(value) + "::text::numeric"
	case kind == keyNumber:
		d, _ := models.ParseDecimal(strings.TrimSpace(value))
		return q.arg(d.Key())
	case q.pg:
		return q.arg(value) + "::text::integer"
	default:
		return "CAST(" + q.arg(value) + " AS INTEGER)"
	}
}

// keyOf gives a filter's value as the key of a column.
func keyOf(c models.Column, value json.RawMessage) string {
	switch keyKindOf(c) {
	case keyNumber:
		d, _ := models.DecimalOf(value)
		return d.String()
	case keyBoolean:
		if string(value) == "true" {
			return "1"
		}
		return "0"
	case keyText:
	}
	return lower(firstRunes(scalarText(value), sortPrefix))
}

// scalarText is a filter's value as text.
func scalarText(value json.RawMessage) string {
	if text, ok := models.Text(value); ok {
		return text
	}
	return string(value)
}

func firstRunes(text string, n int) string {
	for at := range text {
		if n == 0 {
			return text[:at]
		}
		n--
	}
	return text
}
