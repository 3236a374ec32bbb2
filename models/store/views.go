package store

import (
	"context"
	"time"

	"github.com/scratch-platform/scratch/models"
)

type viewRow struct {
	ID             string
	OrganizationID string
	TableID        string
	Name           string
	Query          jsonOf[models.Query]
	Columns        jsonOf[[]string]
	Version        int64
	CreatedAt      time.Time
}

func (viewRow) TableName() string { return "views" }

func (r viewRow) view() models.View {
	return models.View{
		ID: r.ID, OrganizationID: r.OrganizationID, TableID: r.TableID, Name: r.Name, Query: r.Query.V, Columns: r.Columns.V,
		Version: r.Version, CreatedAt: r.CreatedAt,
	}
}

// CreateView saves a view of a table. The store sets its id when empty, its
// version and its time.
func (o *Org) CreateView(ctx context.Context, view models.View) (models.View, error) {
	var row viewRow
	err := o.tx(ctx, func(tx *Tx) error {
		table, err := tx.table(view.TableID)
		if err != nil {
			return err
		}
		row = viewRow{
			ID: view.ID, OrganizationID: o.id, TableID: view.TableID, Name: view.Name, Query: asJSON(view.Query),
			Columns: asJSON(shown(view.Columns)), Version: 1, CreatedAt: tx.now,
		}
		if row.ID == "" {
			row.ID = models.NewID(models.PrefixView)
		}
		if err := tx.db.Create(&row).Error; err != nil {
			return err
		}
		return tx.viewChanged(table.SnapshotID, &row, models.ChangeCreated)
	})
	return row.view(), err
}

// shown never gives nil: the column holds a list.
func shown(columns []string) []string {
	if columns == nil {
		return []string{}
	}
	return columns
}

func (tx *Tx) viewChanged(snapshotID string, row *viewRow, change string) error {
	return tx.emit(models.SnapshotTopic(snapshotID), models.EventViewChanged, tx.origin(),
		models.ViewChanged{TableID: row.TableID, ViewID: row.ID, Change: change})
}

// View gives a view of a table, or "view.not_found".
func (o *Org) View(ctx context.Context, tableID, id string) (models.View, error) {
	var row viewRow
	if err := o.rows(ctx, &row).Where("table_id = ? AND id = ?", tableID, id).Take(&row).Error; err != nil {
		return models.View{}, o.s.one(ctx, "view", id, err)
	}
	return row.view(), nil
}

// ListViews lists a table's views, oldest first, at most 500.
func (o *Org) ListViews(ctx context.Context, tableID string) ([]models.View, error) {
	if _, err := o.Table(ctx, tableID); err != nil {
		return nil, err
	}
	var rows []viewRow
	if err := o.rows(ctx, &viewRow{}).Where("table_id = ?", tableID).Order("id").Limit(maxPage).Find(&rows).Error; err != nil {
		return nil, o.s.explain(ctx, err)
	}
	views := make([]models.View, len(rows))
	for i, r := range rows {
		views[i] = r.view()
	}
	return views, nil
}

// UpdateView writes name, query and columns if the stored version is still
// view.Version; else "view.changed".
func (o *Org) UpdateView(ctx context.Context, view models.View) (models.View, error) {
	var row viewRow
	err := o.tx(ctx, func(tx *Tx) error {
		if err := tx.rows(&viewRow{}).Where("id = ?", view.ID).Take(&row).Error; err != nil {
			return tx.s.one(tx.ctx, "view", view.ID, err)
		}
		table, err := tx.table(row.TableID)
		if err != nil {
			return err
		}
		result := tx.rows(&viewRow{}).Where("id = ? AND version = ?", view.ID, view.Version).Updates(map[string]any{
			"name": view.Name, "query": asJSON(view.Query), "columns": asJSON(shown(view.Columns)), "version": view.Version + 1,
		})
		if result.Error != nil {
			return result.Error
		}
		if result.RowsAffected == 0 {
			return models.NewProblem(models.KindConflict, "view.changed", "the view was changed since you read it",
				"read it again and repeat your change")
		}
		row.Name, row.Query, row.Columns, row.Version = view.Name, asJSON(view.Query), asJSON(shown(view.Columns)), view.Version+1
		return tx.viewChanged(table.SnapshotID, &row, models.ChangeUpdated)
	})
	return row.view(), err
}

// DeleteView removes a view.
func (o *Org) DeleteView(ctx context.Context, id string) error {
	return o.tx(ctx, func(tx *Tx) error {
		var row viewRow
		if err := tx.rows(&row).Where("id = ?", id).Take(&row).Error; err != nil {
			return tx.s.one(tx.ctx, "view", id, err)
		}
		table, err := tx.table(row.TableID)
		if err != nil {
			return err
		}
		if err := tx.rows(&viewRow{}).Where("id = ?", id).Delete(&viewRow{}).Error; err != nil {
			return err
		}
		return tx.viewChanged(table.SnapshotID, &row, models.ChangeDeleted)
	})
}
