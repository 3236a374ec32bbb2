package models

import "encoding/json"

// Query is a filter and a sort over a table's shown values. It is data, never
// SQL text: the store compiles it to bound SQL with one meaning on both
// databases.
type Query struct {
	Filter *Filter `json:"filter,omitempty"`
	Sort   []Sort  `json:"sort,omitempty"`
}

// FilterOp is what a filter node does.
type FilterOp string

// The filter operators. And, Or and Not combine Nodes; the rest test one
// column or one fact about the record.
const (
	FilterAnd         FilterOp = "and"
	FilterOr          FilterOp = "or"
	FilterNot         FilterOp = "not"
	FilterEqual       FilterOp = "eq"
	FilterNotEqual    FilterOp = "ne"
	FilterLess        FilterOp = "lt"
	FilterLessEqual   FilterOp = "lte"
	FilterMore        FilterOp = "gt"
	FilterMoreEqual   FilterOp = "gte"
	FilterContains    FilterOp = "contains"     // text holds the value, ASCII case ignored
	FilterNotContains FilterOp = "not_contains" //
	FilterStartsWith  FilterOp = "starts_with"  //
	FilterIn          FilterOp = "in"           // value is an array
	FilterHas         FilterOp = "has"          // a multi-valued cell holds the value
	FilterEmpty       FilterOp = "empty"        // absent, null, "", [] or {}
	FilterNotEmpty    FilterOp = "not_empty"    //
	FilterSearch      FilterOp = "search"       // any column's text holds the value
	FilterState       FilterOp = "state"        // record state is the value ("new", "deleted", …)
	FilterEdited      FilterOp = "edited"       // the record, or Column when given, has edits
	FilterConflict    FilterOp = "conflict"     // a cell is in conflict
	FilterSuggested   FilterOp = "suggested"    // has an open suggestion
	FilterID          FilterOp = "id"           // value is an array of record ids
)

// Filter is a tree of tests. Limits: depth MaxFilterDepth, MaxFilterNodes nodes,
// values of at most MaxFilterValue bytes.
type Filter struct {
	Op     FilterOp        `json:"op"`
	Column string          `json:"column,omitempty"`
	Value  json.RawMessage `json:"value,omitempty"`
	Nodes  []Filter        `json:"nodes,omitempty"`
}

// Limits of a query from outside.
const (
	MaxFilterDepth = 8
	MaxFilterNodes = 100
	MaxFilterValue = 64 << 10
	MaxSorts       = 4
)

// Sort orders by a column's shown value; nulls and empties come last either
// way; ties are broken by record id, so that every order is total.
type Sort struct {
	Column     string `json:"column"`
	Descending bool   `json:"descending,omitempty"`
}
