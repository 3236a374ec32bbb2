package store

import (
	"context"
	"slices"
	"time"

	"github.com/scratch-platform/scratch/models"
)

type schemaChangeRow struct {
	ID             string
	OrganizationID string
	TableID        string
	Kind           string
	ColumnID       string
	Was            string
	Became         string
	At             time.Time
}

func (schemaChangeRow) TableName() string { return "schema_changes" }

func (r schemaChangeRow) change() models.SchemaChange {
	return models.SchemaChange{
		ID: r.ID, OrganizationID: r.OrganizationID, TableID: r.TableID, Kind: r.Kind, Column: r.ColumnID, From: r.Was, To: r.Became, At: r.At,
	}
}

// The kinds of schema changes.
const (
	columnAdded   = "column_added"
	columnRemoved = "column_removed"
	columnRenamed = "column_renamed"
	columnRetyped = "column_retyped"
)

// ApplySchema takes over what the service says a table looks like now. Columns
// are matched by id: a rename changes a label, a retype the kind, and a column
// the service no longer has is marked removed; edits stay with all of them.
// Local columns stay as they are. An empty name keeps the one the table has
// here, which a person may have chosen. It gives the changes, which are also
// stored.
func (o *Org) ApplySchema(ctx context.Context, tableID string, columns []models.Column, name string, readOnly bool, why string) ([]models.SchemaChange, error) {
	var out []models.SchemaChange
	err := o.tx(ctx, func(tx *Tx) error {
		out = nil
		row, err := tx.lockTable(tableID)
		if err != nil {
			return err
		}
		if name == "" {
			name = row.Name
		}
		merged, changes := mergeColumns(row.Columns.V, columns)
		same := sameColumns(row.Columns.V, merged)
		counted, gone := row.EditedCount, func(c models.Column) bool { return c.Removed }
		recount := slices.ContainsFunc(row.Columns.V, gone) || slices.ContainsFunc(merged, gone)
		row.Columns = asJSON(merged)
		if recount {
			if err := tx.recountEdited(&row); err != nil {
				return err
			}
		}
		if same && row.Name == name && row.ReadOnly == readOnly && row.ReadOnlyWhy == why && row.EditedCount == counted {
			return nil
		}
		if !same {
			row.SchemaVersion++
		}
		row.Name, row.ReadOnly, row.ReadOnlyWhy = name, readOnly, why
		if err := tx.saveColumns(&row); err != nil {
			return err
		}
		if out, err = tx.recordChanges(&row, changes); err != nil {
			return err
		}
		if same {
			return tx.tableChanged(&row, models.ChangeUpdated)
		}
		return tx.schemaChanged(&row, changes)
	})
	return out, err
}

// recountEdited counts a table's edited records by its columns: an edit on one
// that is gone from the service enters no plan, and does again when the column
// is back. The partial index of edited records keeps it short. The caller holds
// the table's lock.
func (tx *Tx) recountEdited(row *tableRow) error {
	q := querySQL{pg: tx.s.dialect.name() == "postgres", columns: row.Columns.V, tableID: row.ID, org: tx.org}
	condition := q.edited("")
	return tx.sql.QueryRowContext(tx.ctx, "SELECT count(*) FROM "+recordTable(row.Seq)+" WHERE "+condition, q.args...).Scan(&row.EditedCount)
}

// saveColumns writes what a schema change touches. What was found of the records
// before was found by other columns.
func (tx *Tx) saveColumns(row *tableRow) error {
	row.RecordsVersion++
	return tx.rows(&tableRow{}).Where("id = ?", row.ID).Updates(map[string]any{
		"columns": row.Columns, "name": row.Name, "read_only": row.ReadOnly, "read_only_why": row.ReadOnlyWhy, "schema_version": row.SchemaVersion,
		"edited_count": row.EditedCount, "records_version": row.RecordsVersion,
	}).Error
}

func (tx *Tx) recordChanges(row *tableRow, changes []models.SchemaChange) ([]models.SchemaChange, error) {
	if len(changes) == 0 {
		return nil, nil
	}
	rows := make([]schemaChangeRow, len(changes))
	for i, c := range changes {
		rows[i] = schemaChangeRow{
			ID: models.NewID(models.PrefixEvent), OrganizationID: tx.org, TableID: row.ID,
			Kind: c.Kind, ColumnID: c.Column, Was: c.From, Became: c.To, At: tx.now,
		}
		changes[i] = rows[i].change()
	}
	return changes, tx.db.CreateInBatches(&rows, 500).Error
}

func (tx *Tx) schemaChanged(row *tableRow, changes []models.SchemaChange) error {
	ids := make([]string, 0, len(changes))
	for _, c := range changes {
		ids = append(ids, c.Column)
	}
	return tx.emit(models.SnapshotTopic(row.SnapshotID), models.EventSchemaChanged, tx.origin(), models.SchemaChanged{
		TableID: row.ID, SchemaVersion: row.SchemaVersion, Columns: ids[:min(len(ids), models.MaxEventRecords)],
	})
}

// mergeColumns lays the service's columns over the known ones: the service's
// order first, then local columns, then removed ones.
func mergeColumns(known, remote []models.Column) (merged []models.Column, changes []models.SchemaChange) {
	before := make(map[string]models.Column, len(known))
	for _, c := range known {
		before[c.ID] = c
	}
	here := make(map[string]bool, len(remote))
	for _, c := range remote {
		here[c.ID] = true
		c.Local, c.Removed = false, false
		old, was := before[c.ID]
		switch {
		case !was || old.Removed:
			changes = append(changes, models.SchemaChange{Kind: columnAdded, Column: c.ID, To: c.Name})
		default:
			if old.Name != c.Name {
				changes = append(changes, models.SchemaChange{Kind: columnRenamed, Column: c.ID, From: old.Name, To: c.Name})
			}
			if old.Kind != c.Kind {
				changes = append(changes, models.SchemaChange{Kind: columnRetyped, Column: c.ID, From: string(old.Kind), To: string(c.Kind)})
			}
		}
		merged = append(merged, c)
	}
	var removed []models.Column
	for _, c := range known {
		switch {
		case here[c.ID]:
		case c.Local:
			merged = append(merged, c)
		default:
			if !c.Removed {
				changes = append(changes, models.SchemaChange{Kind: columnRemoved, Column: c.ID, From: c.Name})
			}
			c.Removed = true
			removed = append(removed, c)
		}
	}
	return positioned(append(merged, removed...)), changes
}

func sameColumns(a, b []models.Column) bool {
	x, errX := encodeJSON(a)
	y, errY := encodeJSON(b)
	return errX == nil && errY == nil && x == y
}

// ListSchemaChanges lists what changed in a table's columns, newest first.
func (o *Org) ListSchemaChanges(ctx context.Context, tableID string, page Page) ([]models.SchemaChange, string, error) {
	if _, err := o.Table(ctx, tableID); err != nil {
		return nil, "", err
	}
	rows, next, err := pageByID(o.rows(ctx, &schemaChangeRow{}).Where("table_id = ?", tableID), page, models.PrefixEvent, true,
		func(r *schemaChangeRow) string { return r.ID })
	if err != nil {
		return nil, "", o.s.explain(ctx, err)
	}
	list := make([]models.SchemaChange, len(rows))
	for i, r := range rows {
		list[i] = r.change()
	}
	return list, next, nil
}
