package store

import (
	"context"
	"fmt"
	"strings"

	"github.com/scratch-platform/scratch/models"
)

// prefixColumn begins the id of a local column; no service's column id is
// given by us, so the two cannot meet.
const prefixColumn = "scratch"

// maxColumns bounds a table's columns, removed ones included.
const maxColumns = 2000

// AddColumn adds a Scratch column: its values are edits that are never
// published. The store gives its id. A name that is taken is
// "column.name_taken".
func (o *Org) AddColumn(ctx context.Context, tableID string, column models.Column) (models.Column, error) {
	column.ID, column.Local, column.Removed, column.ReadOnly = models.NewID(prefixColumn), true, false, false
	err := o.changeColumns(ctx, tableID, column.ID, func(columns []models.Column) ([]models.Column, error) {
		if len(columns) >= maxColumns {
			return nil, models.NewProblem(models.KindTooLarge, "table.too_many_columns", fmt.Sprintf("a table holds at most %d columns", maxColumns),
				"remove columns you do not need")
		}
		if err := nameFree(columns, column.ID, column.Name); err != nil {
			return nil, err
		}
		at := len(columns)
		for at > 0 && columns[at-1].Removed {
			at--
		}
		out := append([]models.Column{}, columns[:at]...)
		column.Position = at
		return append(append(out, column), columns[at:]...), nil
	})
	return column, err
}

// UpdateColumn changes name, kind, comparison, options and hint of a Scratch
// column. One of the service's is "column.not_local".
func (o *Org) UpdateColumn(ctx context.Context, tableID string, column models.Column) (models.Column, error) {
	err := o.changeColumns(ctx, tableID, column.ID, func(columns []models.Column) ([]models.Column, error) {
		at, err := localColumn(columns, column.ID)
		if err != nil {
			return nil, err
		}
		if err := nameFree(columns, column.ID, column.Name); err != nil {
			return nil, err
		}
		c := columns[at]
		c.Name, c.Kind, c.Compare, c.Options, c.Hint = column.Name, column.Kind, column.Compare, column.Options, column.Hint
		out := append([]models.Column{}, columns...)
		out[at], column = c, c
		return out, nil
	})
	return column, err
}

// RemoveColumn removes a Scratch column from the table. Its values stay in the
// records' edits, unseen, so that an undo of the removal could bring them back.
func (o *Org) RemoveColumn(ctx context.Context, tableID, columnID string) error {
	return o.changeColumns(ctx, tableID, columnID, func(columns []models.Column) ([]models.Column, error) {
		at, err := localColumn(columns, columnID)
		if err != nil {
			return nil, err
		}
		out := append([]models.Column{}, columns[:at]...)
		return append(out, columns[at+1:]...), nil
	})
}

func (o *Org) changeColumns(ctx context.Context, tableID, columnID string, change func([]models.Column) ([]models.Column, error)) error {
	return o.tx(ctx, func(tx *Tx) error {
		row, err := tx.lockTable(tableID)
		if err != nil {
			return err
		}
		columns, err := change(row.Columns.V)
		if err != nil {
			return err
		}
		row.Columns = asJSON(positioned(columns))
		row.SchemaVersion++
		if err := tx.saveColumns(&row); err != nil {
			return err
		}
		return tx.schemaChanged(&row, []models.SchemaChange{{Column: columnID}})
	})
}

func localColumn(columns []models.Column, id string) (int, error) {
	for i, c := range columns {
		if c.ID != id {
			continue
		}
		if !c.Local {
			return 0, models.NewProblem(models.KindInvalid, "column.not_local", fmt.Sprintf("the column %q belongs to the service", c.Name),
				"change it at the service and download again; only columns made in Scratch can be changed here")
		}
		return i, nil
	}
	return 0, notFound("column", id)
}

func nameFree(columns []models.Column, id, name string) error {
	if strings.TrimSpace(name) == "" {
		return models.NewProblem(models.KindInvalid, "column.no_name", "a column needs a name", "give the column a name")
	}
	for _, c := range columns {
		if c.ID != id && !c.Removed && c.Name == name {
			return models.NewProblem(models.KindConflict, "column.name_taken", fmt.Sprintf("the table already has a column %q", name), "choose another name")
		}
	}
	return nil
}
