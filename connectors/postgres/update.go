package postgres

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/scratch-platform/scratch/connectors"
	"github.com/scratch-platform/scratch/models"
)

// Update changes named cells. A row that another transaction has written to
// since the look before (its xmin is another) is a conflict and stays as it is
// (Promise 4); a view's rows have no xmin, and the window of one batch is left.
func (c *Connector) Update(ctx context.Context, schema connectors.Schema, items []connectors.WriteItem) ([]connectors.WriteResult, error) {
	return c.change(ctx, "update rows", schema, items, (*batch).update)
}

// Delete removes rows, each only as it was at the look before. One that is gone
// is applied.
func (c *Connector) Delete(ctx context.Context, schema connectors.Schema, items []connectors.WriteItem) ([]connectors.WriteResult, error) {
	return c.change(ctx, "delete rows", schema, items, (*batch).remove)
}

func (c *Connector) change(ctx context.Context, tried string, schema connectors.Schema, items []connectors.WriteItem,
	prepare func(*batch, connectors.WriteItem) *operation,
) ([]connectors.WriteResult, error) {
	if len(items) == 0 {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	b, err := c.openBatch(ctx, tried, schema, false)
	if err != nil {
		return nil, err
	}
	operations := make([]*operation, len(items))
	for i, item := range items {
		operations[i] = prepare(b, item)
	}
	return b.write(ctx, operations), nil
}

// update is the UPDATE of one item.
func (b *batch) update(item connectors.WriteItem) *operation {
	o := &operation{item: item, judge: b.judgeChange}
	var set []string
	for _, name := range slices.Sorted(maps.Keys(item.Values)) {
		value := item.Values[name]
		if slices.Contains(b.relation.key, name) {
			if key, ok := keyOf(item.RemoteID, len(b.relation.key)); ok && textOf(value) == key[slices.Index(b.relation.key, name)] {
				continue // as it is
			}
			o.refuse(&connectors.Error{
				Kind: connectors.KindInvalid, Service: Service, Tried: b.tried, Table: b.schema.RemoteID, Column: name, Code: "key_fixed",
				Reason: "the key of a row cannot be changed", Hint: "Create a new row and delete this one.",
			})
			return o
		}
		argument, err := b.argument(name, value)
		if err != nil {
			o.refuse(cellError(b.schema.RemoteID, name, "value_invalid", err))
			return o
		}
		o.statement.args = append(o.statement.args, argument)
		set = append(set, fmt.Sprintf("%s = $%d", quote(name), len(o.statement.args)))
	}
	if len(set) == 0 { // the key alone, as it is: the row is looked at
		set = append(set, fmt.Sprintf("%[1]s = t.%[1]s", quote(b.relation.key[0])))
	}
	where, ok := b.where(o)
	if ok {
		o.statement.sql = fmt.Sprintf("UPDATE %s AS t SET %s WHERE %s RETURNING %s", b.relation.sql(), strings.Join(set, ", "), where, b.answer.columns("t."))
		o.statement.formats, o.statement.width = b.answer.formats(), b.answer.width()
	}
	return o
}

// remove is the DELETE of one item.
func (b *batch) remove(item connectors.WriteItem) *operation {
	o := &operation{item: item, judge: b.judgeChange}
	if where, ok := b.where(o); ok {
		o.statement.sql = fmt.Sprintf("DELETE FROM %s AS t WHERE %s RETURNING %s", b.relation.sql(), where, b.answer.columns("t."))
		o.statement.formats, o.statement.width = b.answer.formats(), b.answer.width()
	}
	return o
}

// where names the row as it was at the look before the write.
func (b *batch) where(o *operation) (condition string, ok bool) {
	key, ok := keyOf(o.item.RemoteID, len(b.relation.key))
	if !ok {
		o.refuse(b.gone())
		return "", false
	}
	var parts []string
	add := func(name, equals, sqlType string, argument []byte) {
		o.statement.args = append(o.statement.args, argument)
		parts = append(parts, fmt.Sprintf("t.%s %s $%d::%s", name, equals, len(o.statement.args), sqlType))
	}
	for i, c := range b.relation.keyColumns() {
		argument, err := c.keyArgument(key[i])
		if err != nil {
			o.refuse(b.gone())
			return "", false
		}
		add(quote(c.name), c.equals, c.sqlType, argument)
	}
	// Promise 4: another transaction may have written to it since.
	if b.plan.marker && o.item.Marker != "" {
		add("xmin", operator(nil, "="), "pg_catalog.xid", []byte(o.item.Marker))
	}
	return strings.Join(parts, " AND "), true
}

// judgeChange refuses a write that met more than the one row. One that met none
// is looked into by absent.
func (b *batch) judgeChange(o *operation) *connectors.Error {
	if o.rows < 2 {
		return nil
	}
	return &connectors.Error{
		Kind: connectors.KindInvalid, Service: Service, Tried: b.tried, Table: b.schema.RemoteID, Code: "identity_duplicate",
		Reason: fmt.Sprintf("%d rows have this identity; none was written", o.rows), Hint: "Choose identity columns that tell all rows apart.",
	}
}

func (b *batch) gone() *connectors.Error {
	return &connectors.Error{
		Kind: connectors.KindNotFound, Service: Service, Tried: b.tried, Table: b.schema.RemoteID, Code: "row_gone",
		Reason: "no row has this key", Hint: "Download the table again; it was deleted at the database.",
	}
}

func (b *batch) hidden() *connectors.Error {
	return &connectors.Error{
		Kind: connectors.KindPermission, Service: Service, Tried: b.tried, Table: b.schema.RemoteID, Code: "row_hidden",
		Reason: "no row that the role is shown has this key: it was deleted, or row security hides it", Hint: "Look at the row and the table's policies at the database.",
	}
}

// absent finds out why updates and deletes met no row: it is gone, or another
// transaction wrote to it.
func (b *batch) absent(ctx context.Context, operations []*operation) error {
	var missed []*operation
	var ids []string
	for _, o := range undecided(operations) {
		if o.rows == 0 {
			missed, ids = append(missed, o), append(ids, o.item.RemoteID)
		}
	}
	if len(missed) == 0 {
		return nil
	}
	now := found{plan: b.plan, known: map[string]bool{}}
	look, err := b.plan.byKey(ids, map[string]bool{})
	if err != nil {
		return err
	}
	look.take, look.width = now.take, b.plan.width()
	if err := b.mayStart(ctx); err != nil {
		return err
	}
	if _, err := b.t.run(ctx, []statement{*look}); err != nil {
		return err
	}
	for _, o := range missed {
		at := slices.IndexFunc(now.records, func(r connectors.Record) bool { return r.RemoteID == o.item.RemoteID })
		switch {
		case at < 0 && !now.known[o.item.RemoteID] && b.relation.hides:
			o.refuse(b.hidden())
		case at < 0 && len(o.item.Values) == 0 && !now.known[o.item.RemoteID]:
			o.result = &connectors.WriteResult{Key: o.item.Key, Outcome: connectors.Applied, Note: "It was gone already."}
		case at < 0 && !now.known[o.item.RemoteID]:
			o.refuse(b.gone())
		default:
			o.refuse(b.untouched(o, at, now.records))
		}
	}
	return nil
}

// untouched says why a row that is there was not written.
func (b *batch) untouched(o *operation, at int, now []connectors.Record) *connectors.Error {
	e := &connectors.Error{
		Kind: connectors.KindConflict, Service: Service, Tried: b.tried, Table: b.schema.RemoteID, Code: "row_changed",
		Reason: "another transaction changed the row in the moment before it was written", Hint: "Look at the row and publish again.",
	}
	if at >= 0 && now[at].Marker == o.item.Marker || !b.plan.marker || o.item.Marker == "" {
		e.Kind, e.Code, e.Hint = connectors.KindPermission, "row_kept", models.Bound("Check triggers, rules and row security of "+b.relation.String()+".", 300)
		e.Reason = "the database kept the row as it was: a trigger, a rule or a row security policy"
	}
	return e
}
