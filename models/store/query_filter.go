package store

import (
	"encoding/json"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/scratch-platform/scratch/models"
)

// filter compiles a filter that models.CheckQuery has passed.
//
// A condition may come out NULL (a cell that is absent); as in SQL that counts
// as false, so every negation puts false for it first.
func (q *querySQL) filter(f *models.Filter) string {
	switch f.Op {
	case models.FilterAnd:
		return q.nodes(f.Nodes, " AND ", "1 = 1")
	case models.FilterOr:
		return q.nodes(f.Nodes, " OR ", "1 = 0")
	case models.FilterNot:
		return q.not(q.filter(&f.Nodes[0]))
	case models.FilterSearch:
		return q.search(scalarText(f.Value))
	case models.FilterState:
		state, _ := models.ParseRecordState(scalarText(f.Value))
		return "state = " + strconv.Itoa(int(state))
	case models.FilterID:
		return q.inIDs(idsOf(f.Value))
	case models.FilterEdited:
		return q.edited(f.Column)
	case models.FilterConflict:
		return q.inIDs(q.conflicts[f.Column])
	case models.FilterSuggested:
		return q.suggested(f.Column)
	default:
		c := columnOf(q.columns, f.Column)
		return q.cellTest(f, c)
	}
}

func columnOf(columns []models.Column, id string) models.Column {
	for _, c := range columns {
		if c.ID == id {
			return c
		}
	}
	return models.Column{ID: id}
}

func (q *querySQL) nodes(nodes []models.Filter, between, none string) string {
	if len(nodes) == 0 {
		return none
	}
	parts := make([]string, len(nodes))
	for i := range nodes {
		parts[i] = "(" + q.filter(&nodes[i]) + ")"
	}
	return strings.Join(parts, between)
}

func (q *querySQL) not(condition string) string {
	if q.pg {
		return "NOT coalesce((" + condition + "), false)"
	}
	return "NOT coalesce((" + condition + "), 0)"
}

func (q *querySQL) inIDs(ids []int64) string {
	if q.pg {
		return "id = ANY(" + q.arg(ids) + ")"
	}
	return "id IN (SELECT value FROM json_each(" + q.arg(listOf(sqlite{}, ids)) + "))"
}

func idsOf(value json.RawMessage) []int64 {
	var ids []int64
	models.EachElement(value, func(element json.RawMessage) bool {
		if id, ok := models.ParseRecordID(element); ok {
			ids = append(ids, id)
		}
		return true
	})
	return ids
}

func (q *querySQL) cellTest(f *models.Filter, c models.Column) string {
	switch f.Op {
	case models.FilterEqual:
		return q.equal(c, f.Value)
	case models.FilterNotEqual:
		return q.not(q.equal(c, f.Value))
	case models.FilterLess:
		return q.compare(c, "<", f.Value)
	case models.FilterLessEqual:
		return q.compare(c, "<=", f.Value)
	case models.FilterMore:
		return q.compare(c, ">", f.Value)
	case models.FilterMoreEqual:
		return q.compare(c, ">=", f.Value)
	case models.FilterContains:
		return q.contains(c, scalarText(f.Value))
	case models.FilterNotContains:
		return q.not(q.contains(c, scalarText(f.Value)))
	case models.FilterStartsWith:
		text := lower(scalarText(f.Value))
		return "substr(" + q.lowered(q.spelled(c)) + ", 1, " + strconv.Itoa(utf8.RuneCountInString(text)) + ") = " + q.keyArg(keyText, text)
	case models.FilterHas:
		return q.has(c, f.Value)
	case models.FilterIn:
		return q.anyOf(c, f.Value)
	case models.FilterEmpty:
		return q.empty(c)
	case models.FilterNotEmpty:
		return q.not(q.empty(c))
	default:
		return "1 = 0" // CheckQuery lets nothing else through
	}
}

// equal holds a cell to a value: numbers as numbers, lists by what they hold,
// texts to the letter. The key, which may have an index, narrows it down first.
func (q *querySQL) equal(c models.Column, value json.RawMessage) string {
	if keyKindOf(c) != keyText {
		return q.compare(c, "=", value)
	}
	if !plainText(c) {
		return q.has(c, value)
	}
	text := scalarText(value)
	if text == "" {
		return q.text(c.ID) + " = ''"
	}
	return q.compare(c, "=", value) + " AND " + q.text(c.ID) + " = " + q.arg(text)
}

func (q *querySQL) compare(c models.Column, operator string, value json.RawMessage) string {
	return q.key(c) + " " + operator + " " + q.keyArg(keyKindOf(c), keyOf(c, value))
}

func (q *querySQL) contains(c models.Column, text string) string {
	if q.pg {
		return "strpos(" + q.lowered(q.spelled(c)) + ", " + q.arg(lower(text)) + ") > 0"
	}
	return "instr(" + q.lowered(q.spelled(c)) + ", " + q.arg(lower(text)) + ") > 0"
}

// has holds a list, or a single value, to one it must hold.
func (q *querySQL) has(c models.Column, value json.RawMessage) string {
	if q.pg {
		return q.shown(c.ID) + " @> " + q.arg(string(value)) + "::jsonb"
	}
	test := "type = 'text' AND value = "
	switch value[0] {
	case '"':
	case 't', 'f':
		test = "type = "
	default:
		test = "type IN ('integer', 'real') AND CAST(value AS TEXT) = "
	}
	return "EXISTS (SELECT 1 FROM json_each(" + q.shown(c.ID) + ") WHERE " + test + q.arg(scalarText(value)) + ")"
}

func (q *querySQL) anyOf(c models.Column, values json.RawMessage) string {
	var tests []string
	var texts []string
	models.EachElement(values, func(value json.RawMessage) bool {
		if plainText(c) {
			texts = append(texts, scalarText(value))
		} else {
			tests = append(tests, "("+q.equal(c, value)+")")
		}
		return true
	})
	if len(texts) == 0 {
		return strings.Join(tests, " OR ")
	}
	if q.pg {
		return q.text(c.ID) + " = ANY(" + q.arg(texts) + ")"
	}
	return q.text(c.ID) + " IN (SELECT value FROM json_each(" + q.arg(listOf(sqlite{}, texts)) + "))"
}

func (q *querySQL) empty(c models.Column) string {
	value := q.shown(c.ID)
	if q.pg {
		return "coalesce(" + value + ` IN ('null'::jsonb, '""'::jsonb, '[]'::jsonb, '{}'::jsonb), true)`
	}
	return "coalesce(" + value + ` IN ('null', '""', '[]', '{}'), 1)`
}

// search looks in every column a person sees.
func (q *querySQL) search(text string) string {
	var tests []string
	for _, c := range q.columns {
		if !c.Removed {
			tests = append(tests, q.contains(c, text))
		}
	}
	if len(tests) == 0 {
		return "1 = 0"
	}
	return strings.Join(tests, " OR ")
}

// edited is models.Edited in SQL, led by the condition of the partial index.
func (q *querySQL) edited(column string) string {
	if column != "" {
		return q.cell("edits", column) + " IS NOT NULL"
	}
	var remote string
	if columns := publishable(q.columns); q.pg {
		remote = "jsonb_exists_any(edits, " + q.arg(columns) + "::text[])"
	} else {
		remote = "EXISTS (SELECT 1 FROM json_each(edits) WHERE key IN (SELECT value FROM json_each(" + q.arg(listOf(sqlite{}, columns)) + ")))"
	}
	return "(edits IS NOT NULL OR state <> 0) AND (state IN (1, 2) OR state = 0 AND " + remote + ")"
}

// publishable are the ids of the columns whose edits a plan holds: those that
// the service has.
func publishable(columns []models.Column) []string {
	ids := make([]string, 0, len(columns))
	for _, c := range columns {
		if c.AtService() {
			ids = append(ids, c.ID)
		}
	}
	return ids
}

func (q *querySQL) suggested(column string) string {
	condition := "id IN (SELECT record_id FROM suggestions WHERE organization_id = " + q.arg(q.org) + " AND table_id = " + q.arg(q.tableID) +
		" AND state = 'open'"
	if column != "" {
		condition += " AND column_id = " + q.arg(column)
	}
	return condition + ")"
}

// filtersConflicts names the columns whose conflicts a filter asks for.
func filtersConflicts(f *models.Filter) []string {
	if f == nil {
		return nil
	}
	if f.Op == models.FilterConflict {
		return []string{f.Column}
	}
	var columns []string
	for i := range f.Nodes {
		columns = append(columns, filtersConflicts(&f.Nodes[i])...)
	}
	return columns
}
