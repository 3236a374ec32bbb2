package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/scratch-platform/scratch/connectors"
	"github.com/scratch-platform/scratch/models"
)

// reservation is the marker of a create: the key the row will have.
type reservation struct {
	Key []string `json:"key"`
	// Ours says that the database gave at least a part of the key to this item
	// alone, so that a row with it is the item's doing. Of a key that people
	// chose, another row may have it.
	Ours bool `json:"ours,omitempty"`
}

// Prepare asks the database for the keys of rows to come: the next numbers of
// sequences, and what other defaults give. A row created with a key that is on
// disk here can be found with certainty (Promise 5).
func (c *Connector) Prepare(ctx context.Context, schema connectors.Schema, items []connectors.WriteItem) (map[string]string, error) {
	markers := make(map[string]string, len(items))
	if len(items) == 0 {
		return markers, nil
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	b, err := c.openBatch(ctx, "reserve keys", schema, false)
	if err != nil {
		return nil, err
	}
	defer b.close(ctx)
	reserved, err := b.reserve(ctx, len(items))
	if err != nil {
		e := c.fault(ctx, b.tried, schema.RemoteID, err)
		if e.Kind == connectors.KindPermission { // an INSERT alone would not need it
			e.Hint = "GRANT USAGE ON the sequence of the key to the role: keys are asked for beforehand, so that no row is created twice."
		}
		return nil, e
	}
	for i, item := range items {
		r, complete := b.reservation(item, reserved[i])
		if !complete {
			continue // Create says which column lacks a value
		}
		marker, err := json.Marshal(r)
		if err != nil {
			return nil, fmt.Errorf("write the marker of item %s: %w", item.Key, err)
		}
		markers[item.Key] = string(marker)
	}
	return markers, nil
}

// reserve asks n times for what the database gives to the key's columns.
func (b *batch) reserve(ctx context.Context, n int) ([]map[string]string, error) {
	var names, list []string
	var formats []int16
	var cells []appendCell
	for _, c := range b.relation.keyColumns() {
		if !b.relation.reserves(c) {
			continue
		}
		expression := whole(c.fallback)
		if c.identity {
			expression = fmt.Sprintf("pg_catalog.nextval(pg_catalog.pg_get_serial_sequence(%s, %s)::pg_catalog.regclass)", literal(b.relation.sql()), literal(c.name))
		}
		format, cell := c.cellOf()
		names, list = append(names, c.name), append(list, fmt.Sprintf("(%s)::%s", expression, c.sqlType))
		formats, cells = append(formats, format), append(cells, cell)
	}
	out := make([]map[string]string, n)
	for i := range out {
		out[i] = make(map[string]string, len(names))
	}
	if len(names) == 0 {
		return out, nil
	}
	at := 0
	// The expressions are the catalogue's own, with every name in them whole.
	// What they took is kept by a COMMIT, lest a default that counts in a table of
	// its own give the same key to somebody else.
	_, err := b.t.run(ctx, []statement{{
		sql:     fmt.Sprintf("SELECT %s FROM pg_catalog.generate_series(1, %d)", strings.Join(list, ", "), n),
		formats: formats, width: len(names),
		take: func(row [][]byte) error {
			for i, name := range names {
				cell, err := cells[i](nil, row[i])
				if err != nil || row[i] == nil {
					return errWire
				}
				out[at][name] = textOf(cell)
			}
			at++
			return nil
		},
	}, {sql: "COMMIT"}})
	return out, err
}

// ownDefaults are defaults of the server's own making, with the schema that the
// catalogue leaves out: in the session's path another function of the same name
// may come first. Others are as their owner wrote them, and may rely on the path.
var ownDefaults = regexp.MustCompile(`^(?:nextval\(('(?:[^']|'')+')::regclass\)|(gen_random_uuid|clock_timestamp|now)\(\))$`)

// whole is a default's expression with every name in it whole.
func whole(expression string) string {
	switch m := ownDefaults.FindStringSubmatch(expression); {
	case m == nil:
		return expression
	case m[1] != "":
		return "pg_catalog.nextval(" + m[1] + "::pg_catalog.regclass)"
	default:
		return "pg_catalog." + m[2] + "()"
	}
}

// literal quotes a text for a statement, with standard_conforming_strings on.
func literal(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }

func (b *batch) reservation(item connectors.WriteItem, reserved map[string]string) (r reservation, complete bool) {
	for _, c := range b.relation.keyColumns() {
		if text, ok := reserved[c.name]; ok {
			r.Key, r.Ours = append(r.Key, text), true
			continue
		}
		value, given := item.Values[c.name]
		if !given || string(value) == "null" {
			return r, false
		}
		r.Key = append(r.Key, textOf(value))
	}
	return r, true
}

// Create inserts rows with the keys that Prepare reserved. A row that comes out
// with another key, by a trigger's doing, is not kept: it could not be found
// again (Promise 5).
func (c *Connector) Create(ctx context.Context, schema connectors.Schema, items []connectors.WriteItem) ([]connectors.WriteResult, error) {
	if len(items) == 0 {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	b, err := c.openBatch(ctx, "create rows", schema, true)
	if err != nil {
		return nil, err
	}
	operations := make([]*operation, len(items))
	for i, item := range items {
		operations[i] = b.insert(item)
	}
	return b.write(ctx, operations), nil
}

// insert is the INSERT of one item.
func (b *batch) insert(item connectors.WriteItem) *operation {
	o := &operation{item: item}
	var reserved reservation
	key := b.relation.keyColumns()
	if json.Unmarshal([]byte(item.Marker), &reserved) != nil || len(reserved.Key) != len(key) {
		o.refuse(b.noKey(item))
		return o
	}
	var names, marks, same []string
	add := func(name string, argument []byte) string {
		o.statement.args = append(o.statement.args, argument)
		names, marks = append(names, quote(name)), append(marks, fmt.Sprintf("$%d", len(marks)+1))
		return marks[len(marks)-1]
	}
	override := false
	for i, c := range key {
		argument, err := c.keyArgument(reserved.Key[i])
		if err != nil {
			o.refuse(cellError(b.schema.RemoteID, c.name, "value_invalid", err))
			return o
		}
		same = append(same, fmt.Sprintf("%s %s %s::%s", quote(c.name), c.equals, add(c.name, argument), c.sqlType))
		override = override || c.always
	}
	for _, name := range slices.Sorted(maps.Keys(item.Values)) {
		if slices.Contains(b.relation.key, name) {
			continue
		}
		argument, err := b.argument(name, item.Values[name])
		if err != nil {
			o.refuse(cellError(b.schema.RemoteID, name, "value_invalid", err))
			return o
		}
		add(name, argument)
	}
	overriding := ""
	if override {
		overriding = " OVERRIDING SYSTEM VALUE"
	}
	o.statement.sql = fmt.Sprintf("INSERT INTO %s AS t (%s)%s VALUES (%s) RETURNING %s, (%s)%s", b.relation.sql(), strings.Join(names, ", "),
		overriding, strings.Join(marks, ", "), b.answer.columns("t."), strings.Join(same, " AND "), b.unlessThere(same))
	o.statement.formats = append(b.answer.formats(), asText)
	o.statement.width = len(o.statement.formats)
	o.judge = b.judgeInsert
	return o
}

// argument is a cell's argument, of a column that can be written.
func (b *batch) argument(name string, value json.RawMessage) ([]byte, error) {
	c, ok := b.relation.column(name)
	if !ok {
		return nil, fmt.Errorf("the table no longer has a column %q", models.Bound(name, 100))
	}
	return c.argument(value)
}

// unlessThere adds, where no index holds the key to be one, that no row had it.
func (b *batch) unlessThere(same []string) string {
	if !b.relation.loose {
		return ""
	}
	return fmt.Sprintf(" AND NOT EXISTS (SELECT 1 FROM %s x WHERE x.%s)", b.relation.sql(), strings.Join(same, " AND x."))
}

func (b *batch) noKey(item connectors.WriteItem) *connectors.Error {
	e := &connectors.Error{
		Kind: connectors.KindInvalid, Service: Service, Tried: b.tried, Table: b.schema.RemoteID, Code: "key_missing",
		Reason: "the row has no key", Hint: "Give a value to each column of the key.",
	}
	for _, name := range b.relation.key {
		if value, given := item.Values[name]; !given || string(value) == "null" {
			e.Column, e.Reason = name, fmt.Sprintf("the key's column %q has no value", models.Bound(name, 100))
		}
	}
	return e
}

// judgeInsert keeps a row only as the one that was announced: another could not
// be found again (Promise 5).
func (b *batch) judgeInsert(o *operation) *connectors.Error {
	e := &connectors.Error{Kind: connectors.KindInvalid, Service: Service, Tried: b.tried, Table: b.schema.RemoteID}
	switch {
	case o.rows == 1 && o.holds:
		return nil
	case o.rows == 0:
		e.Code, e.Reason = "insert_suppressed", "the database answered without a row: a trigger, a rule or a policy kept it or put it elsewhere"
		e.Hint = "Create such rows at the database."
	case b.relation.loose:
		e.Code, e.Reason, e.Hint = "identity_taken", "a row with these values in its identity columns exists, or a trigger changed them", valueHint
	default:
		e.Code, e.Reason = "key_changed", "a trigger gave the row another key than it was inserted with, by which it could not be found again"
		e.Hint = "Create such rows at the database, or let the trigger keep a key that is given."
	}
	return e
}
