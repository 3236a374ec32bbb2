package postgres

import (
	"fmt"
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
			marks[i] = fmt.Sprintf("$%d", len(args))
		}
		where = append(where, fmt.Sprintf("(%s) > (%s)", p.plan.order(), strings.Join(marks, ", ")))
	}
	return fmt.Sprintf("SELECT %s FROM %s t%s ORDER BY %s", p.plan.columns("t."), r.sql(), conditions(where), p.plan.order()), args, nil
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
		where = append(where, fmt.Sprintf("%s >= $%d", p.plan.digest(), len(args)))
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
	return "md5(ROW(" + strings.Join(names, ", ") + `)::text) COLLATE "C"`
}

// hashedSelect is the statement over rows with their digests.
func (p *rowPlan) hashedSelect(r *relation, where []string) string {
	const order = "q.scratch_row_digest"
	return fmt.Sprintf("SELECT %s, %s, row_number() OVER (PARTITION BY %s) AS scratch_row_number FROM (SELECT t.*, %s AS scratch_row_digest FROM %s t%s) q ORDER BY %s, scratch_row_number",
		p.columns("q."), order, order, p.digest(), r.sql(), conditions(where), order)
}
