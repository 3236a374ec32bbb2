package models

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Further limits of a query from outside.
const (
	MaxQueryBytes  = 256 << 10
	MaxFilterIn    = 1000    // values of one "in" or "id"
	MaxSearchBytes = 1 << 10 // of one text looked for
	filterHint     = `a filter is {"op":…,"column":…,"value":…}, combined by {"op":"and","nodes":[…]}`
)

// ParseQuery reads a filter (a JSON tree) and a sort (a JSON array, or columns
// separated by commas, "-" before one meaning descending) from outside and
// checks them against the table's columns. Either may be empty. Every fault is
// reported with the path of its field: "filter.nodes[1].value".
func ParseQuery(filter, sort string, columns []Column) (Query, error) {
	var q Query
	p := queryParser{columns: columns}
	if strings.TrimSpace(filter) != "" {
		var f Filter
		if p.decode("filter", filter, &f) {
			q.Filter = &f
		}
	}
	if strings.TrimSpace(sort) != "" {
		q.Sort = p.sorts(strings.TrimSpace(sort))
	}
	if len(p.faults) > 0 {
		return Query{}, p.problem()
	}
	return q, CheckQuery(&q, columns)
}

// CheckQuery holds a query, from a saved view or from ParseQuery, to the limits
// and the table's columns. It writes values in canonical form in place.
func CheckQuery(q *Query, columns []Column) error {
	p := queryParser{columns: columns}
	if q.Filter != nil {
		p.filter("filter", q.Filter, 1)
	}
	if len(q.Sort) > MaxSorts {
		p.fault("sort", "too_many", fmt.Sprintf("at most %d columns can be sorted by", MaxSorts))
	}
	for i, s := range q.Sort {
		p.column(fmt.Sprintf("sort[%d].column", i), s.Column)
		for _, before := range q.Sort[:i] {
			if before.Column == s.Column {
				p.fault(fmt.Sprintf("sort[%d].column", i), "repeated", "the column is sorted by twice")
			}
		}
	}
	if len(p.faults) > 0 {
		return p.problem()
	}
	return nil
}

type queryParser struct {
	columns []Column
	nodes   int
	faults  []FieldProblem
}

func (p *queryParser) fault(field, code, detail string) {
	if len(p.faults) < MaxProblemFields {
		p.faults = append(p.faults, FieldProblem{Field: field, Code: code, Detail: Bound(detail, 500)})
	}
}

func (p *queryParser) problem() error {
	return NewProblem(KindInvalid, "records.invalid_query",
		"the filter or sort cannot be used: "+p.faults[0].Field+": "+p.faults[0].Detail, filterHint).
		WithFields(p.faults...)
}

// decode reads one JSON text without unknown fields and without being led into
// deep recursion.
func (p *queryParser) decode(field, text string, into any) bool {
	if len(text) > MaxQueryBytes {
		p.fault(field, "too_large", fmt.Sprintf("longer than %d KB", MaxQueryBytes>>10))
		return false
	}
	canonical, err := CanonicalInput([]byte(text))
	if err != nil {
		detail := err.Error()
		if problem, ok := AsProblem(err); ok {
			detail = problem.Detail
		}
		p.fault(field, "invalid_json", detail)
		return false
	}
	decoder := json.NewDecoder(bytes.NewReader(canonical))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil && err != io.EOF {
		p.fault(field, "invalid", strings.TrimPrefix(err.Error(), "json: "))
		return false
	}
	return true
}

func (p *queryParser) sorts(text string) []Sort {
	var sorts []Sort
	if text[0] == '[' {
		p.decode("sort", text, &sorts)
		return sorts
	}
	for _, part := range strings.Split(text, ",") {
		column, descending := strings.CutPrefix(strings.TrimSpace(part), "-")
		sorts = append(sorts, Sort{Column: column, Descending: descending})
	}
	return sorts
}

func (p *queryParser) column(field, id string) (Column, bool) {
	for _, c := range p.columns {
		if c.ID == id {
			return c, true
		}
	}
	if id == "" {
		p.fault(field, "required", "no column is named")
	} else {
		p.fault(field, "unknown_column", "the table has no column "+strconv.Quote(Bound(id, 100)))
	}
	return Column{}, false
}

func (p *queryParser) filter(path string, f *Filter, depth int) {
	p.nodes++
	if p.nodes == MaxFilterNodes+1 {
		p.fault(path, "too_many", fmt.Sprintf("a filter has at most %d parts", MaxFilterNodes))
	}
	if p.nodes > MaxFilterNodes {
		return
	}
	if depth > MaxFilterDepth {
		p.fault(path, "too_deep", fmt.Sprintf("a filter is at most %d levels deep", MaxFilterDepth))
		return
	}
	switch f.Op {
	case FilterAnd, FilterOr, FilterNot:
		p.combination(path, f, depth)
	case FilterEqual, FilterNotEqual, FilterLess, FilterLessEqual, FilterMore, FilterMoreEqual,
		FilterContains, FilterNotContains, FilterStartsWith, FilterIn, FilterHas, FilterEmpty, FilterNotEmpty:
		if c, ok := p.column(path+".column", f.Column); ok {
			p.cellTest(path, f, c)
		}
	case FilterSearch, FilterState, FilterEdited, FilterConflict, FilterSuggested, FilterID:
		p.recordTest(path, f)
	default:
		p.fault(path+".op", "unknown", "no such operator: "+strconv.Quote(Bound(string(f.Op), 60)))
	}
	if len(f.Nodes) > 0 && f.Op != FilterAnd && f.Op != FilterOr && f.Op != FilterNot {
		p.fault(path+".nodes", "unexpected", "only and, or and not have nodes")
	}
}

func (p *queryParser) combination(path string, f *Filter, depth int) {
	if f.Column != "" || len(f.Value) > 0 {
		p.fault(path, "unexpected", string(f.Op)+" takes nodes, no column and no value")
	}
	if f.Op == FilterNot && len(f.Nodes) != 1 {
		p.fault(path+".nodes", "count", "not takes exactly one node")
	}
	if f.Op == FilterOr && len(f.Nodes) == 0 {
		p.fault(path+".nodes", "required", "or takes at least one node")
	}
	for i := range f.Nodes {
		p.filter(fmt.Sprintf("%s.nodes[%d]", path, i), &f.Nodes[i], depth+1)
	}
}

// cellTest checks a test of one column's shown value.
func (p *queryParser) cellTest(path string, f *Filter, c Column) {
	if f.Op == FilterEmpty || f.Op == FilterNotEmpty {
		p.noValue(path, f)
		return
	}
	if !p.value(path, f) {
		return
	}
	switch f.Op {
	case FilterContains, FilterNotContains, FilterStartsWith:
		p.text(path, f)
	case FilterHas:
		p.scalar(path+".value", c, f.Value)
	case FilterIn:
		p.list(path+".value", f.Value, func(field string, v json.RawMessage) { p.scalar(field, c, v) })
	default:
		p.scalar(path+".value", c, f.Value)
	}
}

// recordTest checks a test of the record as a whole.
func (p *queryParser) recordTest(path string, f *Filter) {
	if f.Column != "" {
		if f.Op == FilterEdited || f.Op == FilterConflict || f.Op == FilterSuggested {
			p.column(path+".column", f.Column)
		} else {
			p.fault(path+".column", "unexpected", string(f.Op)+" looks at the whole record")
		}
	}
	switch f.Op {
	case FilterEdited, FilterConflict, FilterSuggested:
		p.noValue(path, f)
		return
	default:
	}
	if !p.value(path, f) {
		return
	}
	switch f.Op {
	case FilterSearch:
		p.text(path, f)
	case FilterState:
		text, _ := Text(f.Value)
		if _, ok := ParseRecordState(text); !ok {
			p.fault(path+".value", "unknown", "a state is live, new, deleted or remote_deleted")
		}
	case FilterID:
		p.list(path+".value", f.Value, func(field string, v json.RawMessage) {
			if _, ok := ParseRecordID(v); !ok {
				p.fault(field, "invalid", "a record id is a whole number, as a string")
			}
		})
	default: // no other looks at the whole record
	}
}

func (p *queryParser) noValue(path string, f *Filter) {
	if len(f.Value) > 0 {
		p.fault(path+".value", "unexpected", string(f.Op)+" takes no value")
	}
}

// value puts the value into canonical form and bounds it.
func (p *queryParser) value(path string, f *Filter) bool {
	if len(f.Value) == 0 {
		p.fault(path+".value", "required", string(f.Op)+" takes a value")
		return false
	}
	if len(f.Value) > MaxFilterValue {
		p.fault(path+".value", "too_large", fmt.Sprintf("longer than %d KB", MaxFilterValue>>10))
		return false
	}
	canonical, err := CanonicalInput(f.Value)
	if err != nil {
		p.fault(path+".value", "invalid", err.Error())
		return false
	}
	f.Value = canonical
	return true
}

func (p *queryParser) text(path string, f *Filter) {
	text, ok := Text(f.Value)
	switch {
	case !ok:
		p.fault(path+".value", "invalid", "the text to look for is a string")
	case text == "":
		p.fault(path+".value", "required", "the text to look for is empty; empty and not_empty test for that")
	case len(text) > MaxSearchBytes:
		p.fault(path+".value", "too_large", fmt.Sprintf("longer than %d bytes", MaxSearchBytes))
	}
}

func (p *queryParser) list(field string, value json.RawMessage, each func(field string, v json.RawMessage)) {
	if value[0] != '[' {
		p.fault(field, "invalid", "an array is wanted")
		return
	}
	n := 0
	EachElement(value, func(element json.RawMessage) bool {
		if n < MaxFilterIn {
			each(fmt.Sprintf("%s[%d]", field, n), element)
		}
		n++
		return true
	})
	if n > MaxFilterIn {
		p.fault(field, "too_many", fmt.Sprintf("at most %d values", MaxFilterIn))
	}
	if n == 0 {
		p.fault(field, "required", "the array is empty")
	}
}

// scalar checks one value to compare a column with.
func (p *queryParser) scalar(field string, c Column, value json.RawMessage) {
	switch value[0] {
	case '{', '[', 'n':
		p.fault(field, "invalid", "a text, number or boolean is wanted")
		return
	}
	switch c.Kind {
	case ColumnNumber, ColumnInteger:
		if _, ok := decimalOf(value); !ok {
			p.fault(field, "invalid", "the column holds numbers")
		}
	case ColumnBoolean:
		if value[0] != 't' && value[0] != 'f' {
			p.fault(field, "invalid", "the column holds true or false")
		}
	default: // texts: any scalar can be one
	}
}

// DecimalOf reads a cell or filter value as a decimal: a JSON number, or a
// string that holds one.
func DecimalOf(value json.RawMessage) (Decimal, bool) {
	text, ok := Text(value)
	if !ok {
		text = string(value)
	}
	return ParseDecimal(strings.TrimSpace(text))
}

// ParseRecordState reads a state's word in the API.
func ParseRecordState(word string) (RecordState, bool) {
	for _, s := range []RecordState{RecordLive, RecordNew, RecordDeleted, RecordRemoteDeleted} {
		if s.String() == word {
			return s, true
		}
	}
	return 0, false
}

// ParseRecordID reads a record id from a query: a decimal string, or a number.
func ParseRecordID(value json.RawMessage) (int64, bool) {
	text, ok := Text(value)
	if !ok {
		text = string(value)
	}
	id, err := strconv.ParseInt(text, 10, 64)
	return id, err == nil && id > 0
}
