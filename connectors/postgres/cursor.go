package postgres

import (
	"context"
	"fmt"
	"strings"

	"github.com/zeebo/xxh3"

	"github.com/scratch-platform/scratch/connectors"
	"github.com/scratch-platform/scratch/models"
)

// cursor is a place in a table: behind a page's last row.
type cursor struct {
	ID     string `json:"id"`
	Digest string `json:"digest,omitempty"` // of a table without a key
	Number int64  `json:"number,omitempty"`
	Print  string `json:"print"` // tells the key and the way it is read
	// Mark is where the next incremental read begins, as it was found in the
	// first snapshot: later ones must not move it on.
	Mark *watermark `json:"mark,omitempty"`
}

// resume holds the cursor against the table, and finds where the next
// incremental read begins.
func (p *pages) resume(ctx context.Context, t *tx, r *relation, chosen settings) error {
	print := p.plan.print()
	if p.place.Print == "" {
		p.place.Print = print
		if r.hides {
			p.warned = append(p.warned, *models.NewProblem(models.KindForbidden, "download.rows_hidden",
				fmt.Sprintf("Row security decides which rows of %s the role is shown: one that is no longer shown may still be there, so none is removed here.", r),
				"Connect as a role that the table's policies do not bind (BYPASSRLS, or its owner) to have deletions followed."))
		}
		if chosen.Changed == "" {
			return nil
		}
		c, ok := chosen.changed(r)
		if !ok {
			p.warned = append(p.warned, *models.NewProblem(models.KindConflict, "download.changed_column_gone",
				fmt.Sprintf("%s no longer has a date, time or whole number %q: everything was read.", r, models.Bound(chosen.Changed, 100)), goneHint))
			return nil
		}
		mark, err := findMark(ctx, t, r, c)
		p.place.Mark = mark
		return err
	}
	if p.place.Print != print {
		return &connectors.Error{
			Kind: connectors.KindCursorExpired, Service: Service, Tried: "read " + p.schema.RemoteID, Code: "table_changed",
			Reason: "the table has another key, or columns of other types, than when the download began", Hint: "The download begins again.",
		}
	}
	if p.given {
		p.warned = append(p.warned, *models.NewProblem(models.KindConflict, "download.two_snapshots",
			fmt.Sprintf("%s was read in more than one snapshot of the database: the reading was interrupted and went on behind row %s.", r, models.Bound(p.place.ID, 100)),
			"Rows that were changed together in between may not fit together; download again to have them of one moment."))
	}
	return nil
}

// print tells the key, the columns and their types, and how rows are told apart.
func (p *rowPlan) print() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%q", p.relation.key)
	for _, c := range p.cells {
		fmt.Fprintf(&b, "|%q %s", c.column.name, c.column.declared)
	}
	return fmt.Sprintf("%016x", xxh3.HashString(b.String()))
}

// moveTo goes on to a row. again says that the row was given before the cursor:
// of a table without a key, those that hold the same as the last one do.
func (c *cursor) moveTo(one row, plan *rowPlan) (again bool, err error) {
	if plan.hashed {
		var number int64
		if _, err := fmt.Sscan(one.number, &number); err != nil {
			return false, errWire
		}
		if one.digest == c.Digest && number <= c.Number {
			return true, nil
		}
		c.Digest, c.Number = one.digest, number
	} else if one.id == c.ID && plan.relation.loose {
		return false, &connectors.Error{
			Kind: connectors.KindInvalid, Service: Service, Tried: "read the rows of " + plan.relation.String(), Table: plan.relation.String(), Code: "identity_duplicate",
			Reason: fmt.Sprintf("its key does not tell all rows apart: two rows have %s", models.Bound(one.id, 200)),
			Hint:   "Choose more or other identity columns.",
		}
	}
	c.ID = one.id
	return false, nil
}
