package store

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"

	"github.com/scratch-platform/scratch/models"
)

// Record gives one record, or "record.not_found".
func (o *Org) Record(ctx context.Context, tableID string, id int64) (models.Record, error) {
	v, err := o.view(ctx, tableID, models.Query{})
	if err != nil {
		return models.Record{}, err
	}
	var found []models.Record
	q := v.sql()
	err = v.each(ctx, "SELECT "+recordColumns+" FROM "+v.records+" WHERE id = "+q.arg(id), q.args, func(rows *sql.Rows) error {
		r, err := scanRecord(rows)
		found = append(found, r)
		return err
	})
	if err != nil {
		return models.Record{}, o.s.explain(ctx, err)
	}
	if len(found) == 0 {
		return models.Record{}, notFound("record", strconv.FormatInt(id, 10))
	}
	return found[0], nil
}

// StreamRecords gives every record of a query in order, for export. It reads in
// pages, so that memory stays small and no transaction is held open; visit may
// stop it by an error, which is given back as it is.
func (o *Org) StreamRecords(ctx context.Context, tableID string, query models.Query, visit func(models.Record) error) error {
	v, err := o.view(ctx, tableID, query)
	if err != nil {
		return err
	}
	var from *startAt
	for {
		records, last, more, err := v.read(ctx, from, 0, maxRecords)
		if err != nil {
			return v.slow(ctx, err)
		}
		for _, r := range records {
			if err := visit(r); err != nil {
				return err
			}
		}
		if !more {
			return nil
		}
		from = &startAt{place: last}
	}
}

// History gives who changed what of a record, newest first.
func (o *Org) History(ctx context.Context, tableID string, id int64, page Page) (changes []models.Change, next string, err error) {
	if _, err := o.Table(ctx, tableID); err != nil {
		return nil, "", err
	}
	q := o.rows(ctx, &historyRow{}).Where("table_id = ? AND record_id = ?", tableID, id)
	if page.Cursor != "" {
		before, err := strconv.ParseInt(page.Cursor, 10, 64)
		if err != nil {
			return nil, "", errBadCursor()
		}
		q = q.Where("id < ?", before)
	}
	var rows []historyRow
	if err := q.Order("id DESC").Limit(page.size() + 1).Find(&rows).Error; err != nil {
		return nil, "", o.s.explain(ctx, err)
	}
	if len(rows) > page.size() {
		rows = rows[:page.size()]
		next = fmt.Sprint(rows[len(rows)-1].ID)
	}
	for _, r := range rows {
		changes = append(changes, r.change())
	}
	return changes, next, nil
}
