package postgres

import (
	"fmt"
	"slices"
	"strings"

	"github.com/scratch-platform/scratch/connectors"
)

// query is the statement of the stream.
func (p *pages) query(r *relation, chosen settings) (sql string, args [][]byte, err error) {
	var where []string
	if p.since != nil {
		condition, bound := p.since.condition(r, chosen)
		if condition != "" {
			where, args = append(where, condition), append(args, bound...)
		}
	}
	if p.plan.hashed {
		return p.hashedQuery(r, where, args)
	}
	if p.given {
		key, ok := keyOf(p.place.ID, len(r.key))
		if !ok {
			return "", nil, &connectors.Error{Kind: connectors.KindCursorExpired, Service: Service, Tried: "read " + p.schema.RemoteID, Reason: "the place to go on from is none of this table"}
		}
		marks := make([]string, len(key))
		for i, c := range r.keyColumns() {
			argument, err := c.keyArgument(key[i])
			if err != nil {
				return "", nil, err
			}
			args = append(args, argument)
			marks[i] = fmt.Sprintf("$%d::%s", len(args), c.sqlType)
		}
		where = append(where, p.plan.behind(marks))
	}
	return fmt.Sprintf("SELECT %s FROM %s t%s ORDER BY %s", p.plan.columns("t."), r.sql(), conditions(where), p.plan.order()), args, nil
}

// behind is the condition that a row comes after a key. Compared as rows an index
// begins there; columns whose order other operators make are taken one by one.
func (p *rowPlan) behind(marks []string) string {
	columns := p.relation.keyColumns()
	if !slices.ContainsFunc(columns, func(c column) bool { return c.exceeds != columns[0].exceeds }) {
		return fmt.Sprintf("ROW(%s) %s ROW(%s)", p.order(), columns[0].exceeds, strings.Join(marks, ", "))
	}
	condition := ""
	for i := len(columns) - 1; i >= 0; i-- {
		name := "t." + quote(columns[i].name)
		more := fmt.Sprintf("%s %s %s", name, columns[i].exceeds, marks[i])
		if condition != "" {
			more = fmt.Sprintf("(%s OR %s %s %s AND %s)", more, name, columns[i].equals, marks[i], condition)
		}
		condition = more
	}
	return condition
}

func conditions(where []string) string {
	if len(where) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(where, " AND ")
}

// hashedQuery reads a table without a key: a row's id is the digest of what it
// holds, with a number where several rows hold the same.
func (p *pages) hashedQuery(r *relation, where []string, args [][]byte) (string, [][]byte, error) {
	if p.given {
		args = append(args, []byte(p.place.Digest))
		where = append(where, fmt.Sprintf("%s OPERATOR(pg_catalog.>=) $%d::pg_catalog.text", p.plan.digest(), len(args)))
	}
	return p.plan.hashedSelect(r, where), args, nil
}

// digest is a row's digest as an expression. It has one form in every session:
// setup fixes how values are written.
func (p *rowPlan) digest() string {
	names := make([]string, len(p.cells))
	for i, c := range p.cells {
		names[i] = "t." + quote(c.column.name)
	}
	return "pg_catalog.md5(ROW(" + strings.Join(names, ", ") + `)::pg_catalog.text) COLLATE pg_catalog."C"`
}

// hashedSelect is the statement over rows with their digests. It names the
// columns: the role may not have the right to read others.
func (p *rowPlan) hashedSelect(r *relation, where []string) string {
	const order = "q.scratch_row_digest"
	names := make([]string, 0, len(p.cells)+1)
	for _, c := range p.cells {
		names = append(names, "t."+quote(c.column.name))
	}
	return fmt.Sprintf("SELECT %s, %s, pg_catalog.row_number() OVER (PARTITION BY %s) AS scratch_row_number FROM (SELECT %s, %s AS scratch_row_digest FROM %s t%s) q ORDER BY %s, scratch_row_number",
		p.columns("q."), order, order, strings.Join(names, ", "), p.digest(), r.sql(), conditions(where), order)
}
