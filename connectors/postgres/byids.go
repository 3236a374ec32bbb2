package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/scratch-platform/scratch/connectors"
)

// ReadByIDs reads rows by their keys. A row that exists and makes no record (it
// is too large) is in neither list.
func (c *Connector) ReadByIDs(ctx context.Context, schema connectors.Schema, ids []string) (connectors.ByIDs, error) {
	var answer connectors.ByIDs
	if len(ids) == 0 {
		return answer, nil
	}
	const tried = "read rows by their keys"
	r, err := c.describe(ctx, schema.RemoteID, schema.Settings)
	if err != nil {
		return answer, c.fault(ctx, tried, schema.RemoteID, err)
	}
	plan, err := r.planRows(schema)
	if err != nil {
		return answer, c.fault(ctx, tried, schema.RemoteID, err)
	}
	plan.large = r.toast
	found := found{plan: plan, known: make(map[string]bool, len(ids))}
	if err := c.findAll(ctx, &found, ids); err != nil {
		return answer, c.fault(ctx, tried, schema.RemoteID, err)
	}
	answer.Found = found.records
	for _, id := range ids {
		// Promise 2: what row security does not show may be there.
		if !found.known[id] && !r.hides {
			answer.Missing = append(answer.Missing, id)
		}
	}
	return answer, nil
}

// found collects rows looked up.
type found struct {
	plan    *rowPlan
	records []connectors.Record
	known   map[string]bool // ids that say something: found, or not to be judged
	spans   [][2]int
}

// take notes a row that exists. Promise 2: one too large for a record does too.
func (f *found) take(wire [][]byte) error {
	if f.spans == nil {
		f.spans = make([][2]int, len(f.plan.cells))
	}
	fields, one, err := f.plan.read(nil, wire, f.spans)
	if err != nil {
		return err
	}
	f.known[one.id] = true
	if one.left == nil {
		f.records = append(f.records, connectors.Record{RemoteID: one.id, Fields: fields, Marker: one.marker})
	}
	return nil
}

// findAll looks ids up. One that the server cannot read as a value of the key's
// type spoils the statement it is in, so that is halved; of such an id nothing
// is concluded.
func (c *Connector) findAll(ctx context.Context, f *found, ids []string) error {
	look, err := f.plan.byKey(ids, f.known)
	if err != nil || look == nil {
		return err
	}
	look.take, look.width = f.take, f.plan.width()
	m := looking
	if f.plan.hashed {
		m = scanning
	}
	err = c.within(ctx, m, *look)
	var said *pgconn.PgError
	if !errors.As(err, &said) || !strings.HasPrefix(said.Code, "22") {
		return err
	}
	if len(ids) == 1 {
		f.known[ids[0]] = true
		return nil
	}
	if err := c.findAll(ctx, f, ids[:len(ids)/2]); err != nil {
		return err
	}
	return c.findAll(ctx, f, ids[len(ids)/2:])
}

// byKey is the statement that finds rows by their ids. Ids that are none of this
// table go to odd.
func (p *rowPlan) byKey(ids []string, odd map[string]bool) (*statement, error) {
	if p.hashed {
		return p.byDigest(ids), nil
	}
	r := p.relation
	columns := r.keyColumns()
	if slices.ContainsFunc(columns, func(c column) bool { return c.element != 0 }) {
		return p.byEach(ids, columns, odd)
	}
	lists := make([][]byte, len(columns))
	n := 0
	for _, id := range ids {
		key, ok := keyOf(id, len(columns))
		if !ok {
			odd[id] = true
			continue
		}
		for i := range columns {
			text, err := columns[i].keyArgument(key[i])
			if err != nil {
				return nil, err
			}
			lists[i] = appendQuoted(append(lists[i], ','), text)
		}
		n++
	}
	if n == 0 {
		return nil, nil //nolint:nilnil // nothing to ask
	}
	s := &statement{formats: p.formats()}
	types, names, on := make([]string, len(columns)), make([]string, len(columns)), make([]string, len(columns))
	for i, c := range columns {
		lists[i][0] = '{'
		s.args = append(s.args, append(lists[i], '}'))
		types[i] = fmt.Sprintf("$%d::%s[]", i+1, c.sqlType)
		names[i] = fmt.Sprintf("k%d", i)
		on[i] = fmt.Sprintf("t.%s %s k.k%d", quote(c.name), c.equals, i)
	}
	s.sql = fmt.Sprintf("SELECT %s FROM %s t JOIN ROWS FROM (%s) AS k(%s) ON %s",
		p.columns("t."), r.sql(), "pg_catalog.unnest("+strings.Join(types, "), pg_catalog.unnest(")+")", strings.Join(names, ", "), strings.Join(on, " AND "))
	if len(columns) == 1 {
		s.sql = fmt.Sprintf("SELECT %s FROM %s t WHERE t.%s %s ANY (%s)", p.columns("t."), r.sql(), quote(columns[0].name), columns[0].equals, types[0])
	}
	return s, nil
}

// byEach finds rows by keys with an array among them, of which there is no array.
func (p *rowPlan) byEach(ids []string, columns []column, odd map[string]bool) (*statement, error) {
	s := &statement{formats: p.formats()}
	var rows []string
	for _, id := range ids {
		key, ok := keyOf(id, len(columns))
		if !ok {
			odd[id] = true
			continue
		}
		all := make([]string, len(columns))
		for i, c := range columns {
			argument, err := c.keyArgument(key[i])
			if err != nil {
				return nil, err
			}
			s.args = append(s.args, argument)
			all[i] = fmt.Sprintf("t.%s %s $%d::%s", quote(c.name), c.equals, len(s.args), c.sqlType)
		}
		rows = append(rows, strings.Join(all, " AND "))
	}
	if len(rows) == 0 {
		return nil, nil //nolint:nilnil // nothing to ask
	}
	s.sql = fmt.Sprintf("SELECT %s FROM %s t WHERE %s", p.columns("t."), p.relation.sql(), strings.Join(rows, " OR "))
	return s, nil
}

// byDigest finds rows by what they hold.
func (p *rowPlan) byDigest(ids []string) *statement {
	list := []byte{'{'}
	for i, id := range ids {
		if i > 0 {
			list = append(list, ',')
		}
		digest, _, _ := strings.Cut(id, "-")
		list = appendQuoted(list, []byte(digest))
	}
	return &statement{
		sql:  p.hashedSelect(p.relation, []string{p.digest() + " OPERATOR(pg_catalog.=) ANY ($1::pg_catalog.text[])"}),
		args: [][]byte{append(list, '}')}, formats: p.formats(),
	}
}
