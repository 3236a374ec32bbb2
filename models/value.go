package models

import (
	"encoding/json"
	"fmt"
	"net/mail"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"
)

// MaxCellBytes bounds one cell a user writes.
const MaxCellBytes = 8 << 20

// CheckValue holds a user's value for a cell to its column and gives it in
// canonical form. What services are lenient about (an option's length, a
// required cell) is left to the plan, where it is shown before anything is
// sent; what could never be right is refused here, with the cell's column in
// the problem's fields.
func CheckValue(c Column, raw json.RawMessage) (json.RawMessage, error) {
	if len(raw) > MaxCellBytes {
		return nil, cellProblem(c, KindTooLarge, "records.value_too_large",
			fmt.Sprintf("the value has %d bytes", len(raw)), fmt.Sprintf("a cell holds at most %d MB", MaxCellBytes>>20))
	}
	value, err := CanonicalInput(raw)
	if err != nil {
		if p, ok := AsProblem(err); ok {
			return nil, cellProblem(c, p.Kind, p.Code, p.Detail, p.Hint)
		}
		return nil, err
	}
	if c.Removed {
		return nil, cellProblem(c, KindConflict, "records.column_removed",
			"the service no longer has this column", "choose another column, or download the table again")
	}
	if c.ReadOnly && !c.Local {
		return nil, cellProblem(c, KindForbidden, "records.column_read_only",
			"the service does not let this column be changed", "edit another column")
	}
	if string(value) == "null" {
		return value, nil // clears the cell
	}
	return checkKind(c, value)
}

// CheckFields holds all values of a write to their columns; every fault is
// reported, not only the first.
func CheckFields(columns []Column, fields Fields) (Fields, error) {
	byID := make(map[string]Column, len(columns))
	for _, c := range columns {
		byID[c.ID] = c
	}
	checked := make(Fields, len(fields))
	var first *Problem
	var faults []FieldProblem
	for _, id := range sortedKeys(fields) {
		c, known := byID[id]
		value, err := fields[id], error(nil)
		if known {
			value, err = CheckValue(c, value)
		} else {
			err = cellProblem(Column{ID: id, Name: id}, KindInvalid, "records.unknown_column",
				"the table has no such column", "read the table's columns and use their ids")
		}
		if err == nil {
			checked[id] = value
			continue
		}
		problem, ok := AsProblem(err)
		if !ok {
			return nil, err
		}
		if first == nil {
			first = problem
		}
		faults = append(faults, problem.Fields...)
	}
	if first != nil {
		first.Fields = nil
		return nil, first.WithFields(faults...)
	}
	return checked, nil
}

func cellProblem(c Column, kind ProblemKind, code, detail, hint string) *Problem {
	where := c.Name
	if where == "" {
		where = c.ID
	}
	return NewProblem(kind, code, "column "+Bound(where, 100)+": "+detail, hint).
		WithFields(FieldProblem{Field: c.ID, Code: code, Detail: Bound(detail, 500)})
}

func wrongKind(c Column, value json.RawMessage, want string) error {
	return cellProblem(c, KindInvalid, "records.invalid_value",
		Bound(string(value), 80)+" is not "+want, "send "+want+", or null to clear the cell")
}

func checkKind(c Column, value json.RawMessage) (json.RawMessage, error) {
	switch c.Kind {
	case ColumnText, ColumnLongText, ColumnHTML, ColumnMarkdown, ColumnReference, ColumnSelect:
		return checkText(c, value)
	case ColumnNumber, ColumnInteger:
		return checkNumber(c, value)
	case ColumnBoolean:
		if value[0] != 't' && value[0] != 'f' {
			return nil, wrongKind(c, value, "true or false")
		}
	case ColumnDate:
		return checkTime(c, value, "a date such as 2026-01-31", "2006-01-02")
	case ColumnDateTime:
		return checkTime(c, value, "a time such as 2026-01-31T15:04:05Z", instantLayouts...)
	case ColumnTime:
		return checkTime(c, value, "a time of day such as 15:04:05", "15:04:05", "15:04", "15:04:05.999999999")
	case ColumnURL:
		return checkURL(c, value)
	case ColumnEmail:
		text, ok := Text(value)
		if a, err := mail.ParseAddress(text); !ok || text != "" && (err != nil || a.Address != text) {
			return nil, wrongKind(c, value, "an e-mail address")
		}
	case ColumnMultiSelect, ColumnReferences:
		return checkList(c, value)
	case ColumnAttachment, ColumnJSON: // whatever the service makes of it
	}
	return value, nil
}

func checkText(c Column, value json.RawMessage) (json.RawMessage, error) {
	text, ok := Text(value)
	if !ok {
		return nil, wrongKind(c, value, "a text")
	}
	if c.Kind == ColumnSelect && text != "" && !hasOption(c, text) {
		return nil, unknownOption(c, text)
	}
	if n := utf8.RuneCountInString(text); c.Local && c.MaxLength > 0 && n > c.MaxLength {
		return nil, cellProblem(c, KindTooLarge, "records.value_too_long",
			fmt.Sprintf("the text has %d characters, %d are allowed", n, c.MaxLength), "shorten it")
	}
	return value, nil
}

func hasOption(c Column, id string) bool {
	for _, o := range c.Options {
		if o.ID == id {
			return true
		}
	}
	return len(c.Options) == 0 // the service lists none: it decides
}

func unknownOption(c Column, id string) error {
	return cellProblem(c, KindInvalid, "records.unknown_option",
		fmt.Sprintf("%q is not one of the options", Bound(id, 80)), "use the id of one of the column's options")
}

// checkNumber takes a JSON number or a string and stores the string, so that no
// digit is lost on the way through any other program.
func checkNumber(c Column, value json.RawMessage) (json.RawMessage, error) {
	if text, ok := Text(value); ok && text == "" {
		return json.RawMessage("null"), nil
	}
	d, ok := DecimalOf(value)
	if !ok || c.Kind == ColumnInteger && !d.Integer() {
		want := "a number such as 12.5"
		if c.Kind == ColumnInteger {
			want = "a whole number"
		}
		return nil, wrongKind(c, value, want)
	}
	text, isText := Text(value)
	if !isText {
		text = string(value)
	}
	if c.Kind == ColumnInteger || strings.ContainsAny(text, "eE+ ") {
		text = d.String()
	}
	return AppendJSONString(nil, text), nil
}

func checkTime(c Column, value json.RawMessage, want string, layouts ...string) (json.RawMessage, error) {
	text, ok := Text(value)
	if !ok {
		return nil, wrongKind(c, value, want)
	}
	if text == "" {
		return json.RawMessage("null"), nil
	}
	for _, layout := range layouts {
		t, err := time.Parse(layout, text)
		if err != nil {
			continue
		}
		if strings.Contains(layout, "Z07:00") { // a moment with a zone is kept in UTC
			return AppendJSONString(nil, t.UTC().Format(time.RFC3339Nano)), nil
		}
		return value, nil
	}
	return nil, wrongKind(c, value, want)
}

func checkURL(c Column, value json.RawMessage) (json.RawMessage, error) {
	text, ok := Text(value)
	if !ok {
		return nil, wrongKind(c, value, "a link such as https://example.com/page")
	}
	if u, err := url.Parse(text); text != "" && (err != nil || !u.IsAbs()) {
		return nil, wrongKind(c, value, "a link such as https://example.com/page")
	}
	return value, nil
}

func checkList(c Column, value json.RawMessage) (json.RawMessage, error) {
	if value[0] != '[' {
		return nil, wrongKind(c, value, "an array of texts")
	}
	var fault error
	EachElement(value, func(element json.RawMessage) bool {
		text, ok := Text(element)
		switch {
		case !ok:
			fault = wrongKind(c, element, "a text")
		case c.Kind == ColumnMultiSelect && !hasOption(c, text):
			fault = unknownOption(c, text)
		}
		return fault == nil
	})
	if fault != nil {
		return nil, fault
	}
	return value, nil
}
