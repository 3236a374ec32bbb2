package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/scratch-platform/scratch/models"
)

// maxTables bounds the tables of a snapshot: one download covers them all.
const maxTables = 500

type tableRow struct {
	ID             string
	OrganizationID string
	SnapshotID     string
	ConnectionID   string
	Service        string
	RemoteID       string
	Name           string
	Seq            int64
	State          models.TableState
	ReadOnly       bool
	ReadOnlyWhy    string
	Columns        jsonOf[[]models.Column]
	RecordCount    int64
	EditedCount    int64
	Settings       jsonOf[json.RawMessage]
	Watermark      []byte
	DownloadedAt   *time.Time
	SchemaVersion  int64
	RecordsVersion int64 // grows with every change of the records
	CreatedAt      time.Time
	DeletedAt      *time.Time
}

func (tableRow) TableName() string { return "tables" }

func (r tableRow) table() models.Table {
	return models.Table{
		ID: r.ID, OrganizationID: r.OrganizationID, SnapshotID: r.SnapshotID, ConnectionID: r.ConnectionID, Service: r.Service,
		RemoteID: r.RemoteID, Name: r.Name, Seq: r.Seq, State: r.State, ReadOnly: r.ReadOnly, ReadOnlyWhy: r.ReadOnlyWhy,
		Columns: r.Columns.V, RecordCount: r.RecordCount, EditedCount: r.EditedCount, Settings: r.Settings.V, Watermark: r.Watermark,
		DownloadedAt: r.DownloadedAt, SchemaVersion: r.SchemaVersion, CreatedAt: r.CreatedAt,
	}
}

// AddTable adds a remote table to a snapshot and makes the physical table of
// its records. The store sets Seq, State, counters, CreatedAt, and the id when
// it is empty. The same remote table twice is "table.already_added".
func (o *Org) AddTable(ctx context.Context, t models.Table) (models.Table, error) {
	var row tableRow
	err := o.tx(ctx, func(tx *Tx) error {
		if err := tx.roomForTable(t); err != nil {
			return err
		}
		seq, err := tx.next("table_seq")
		if err != nil {
			return err
		}
		row = tableRow{
			ID: t.ID, OrganizationID: o.id, SnapshotID: t.SnapshotID, ConnectionID: t.ConnectionID, Service: t.Service,
			RemoteID: t.RemoteID, Name: t.Name, Seq: seq, State: models.TableEmpty, ReadOnly: t.ReadOnly, ReadOnlyWhy: t.ReadOnlyWhy,
			Columns: asJSON(positioned(t.Columns)), Settings: asJSON(t.Settings), SchemaVersion: 1, CreatedAt: tx.now,
		}
		if row.ID == "" {
			row.ID = models.NewID(models.PrefixTable)
		}
		if err := tx.db.Create(&row).Error; err != nil {
			return err
		}
		if err := createRecordTable(tx, seq); err != nil {
			return err
		}
		return tx.tableChanged(&row, models.ChangeCreated)
	})
	return row.table(), err
}

// roomForTable checks what a new table needs: its snapshot, its connection, and
// that the snapshot neither has it already nor is full.
func (tx *Tx) roomForTable(t models.Table) error {
	if _, err := tx.lockSnapshot(t.SnapshotID); err != nil {
		return err
	}
	var connection connectionRow
	err := tx.rows(&connection).Clauses(clause.Locking{Strength: "SHARE"}).Where("id = ? AND deleted_at IS NULL", t.ConnectionID).Take(&connection).Error
	if err != nil {
		return tx.s.one(tx.ctx, "connection", t.ConnectionID, err)
	}
	var present []tableRow
	err = tx.rows(&tableRow{}).Select("id", "connection_id", "remote_id").Where("snapshot_id = ? AND deleted_at IS NULL", t.SnapshotID).Find(&present).Error
	if err != nil {
		return err
	}
	for _, p := range present {
		if p.ConnectionID == t.ConnectionID && p.RemoteID == t.RemoteID {
			return models.NewProblem(models.KindConflict, "table.already_added", fmt.Sprintf("the snapshot already has %q, as %s", t.Name, p.ID),
				"use the table that is there, or remove it first")
		}
	}
	if len(present) >= maxTables {
		return models.NewProblem(models.KindTooLarge, "snapshot.too_many_tables", fmt.Sprintf("a snapshot holds at most %d tables", maxTables),
			"remove tables you do not need, or make another snapshot")
	}
	return nil
}

// positioned numbers the columns in the order given and never gives nil.
func positioned(columns []models.Column) []models.Column {
	out := make([]models.Column, len(columns))
	for i, c := range columns {
		c.Position = i
		out[i] = c
	}
	return out
}

// next takes the next number of a counter.
func (tx *Tx) next(counter string) (int64, error) {
	var value int64
	row := tx.sql.QueryRowContext(tx.ctx, tx.s.dialect.bind("UPDATE counters SET value = value + 1 WHERE name = ? RETURNING value"), counter)
	return value, row.Scan(&value)
}

func (tx *Tx) tableChanged(row *tableRow, change string) error {
	return tx.emit(models.SnapshotTopic(row.SnapshotID), models.EventTableChanged, tx.origin(), models.TableChanged{
		TableID: row.ID, Change: change, State: row.State, RecordCount: row.RecordCount, EditedCount: row.EditedCount,
	})
}

// Table gives a table, or "table.not_found".
func (o *Org) Table(ctx context.Context, id string) (models.Table, error) {
	var row tableRow
	if err := o.rows(ctx, &row).Where("id = ? AND deleted_at IS NULL", id).Take(&row).Error; err != nil {
		return models.Table{}, o.s.one(ctx, "table", id, err)
	}
	return row.table(), nil
}

// ListTables lists a snapshot's tables, at most 500, in the order they were
// added. An unknown snapshot is "snapshot.not_found".
func (o *Org) ListTables(ctx context.Context, snapshotID string) ([]models.Table, error) {
	if _, err := o.Snapshot(ctx, snapshotID); err != nil {
		return nil, err
	}
	var rows []tableRow
	if err := o.rows(ctx, &tableRow{}).Where("snapshot_id = ? AND deleted_at IS NULL", snapshotID).Order("seq").Find(&rows).Error; err != nil {
		return nil, o.s.explain(ctx, err)
	}
	tables := make([]models.Table, len(rows))
	for i, r := range rows {
		tables[i] = r.table()
	}
	return tables, nil
}

// TableUpdate names what UpdateTable changes; nil fields stay.
type TableUpdate struct {
	Name     *string
	Settings json.RawMessage
	State    *models.TableState
}

// UpdateTable changes a table's name, settings or state.
func (o *Org) UpdateTable(ctx context.Context, id string, update TableUpdate) (models.Table, error) {
	var row tableRow
	err := o.tx(ctx, func(tx *Tx) (err error) {
		if row, err = tx.lockTable(id); err != nil {
			return err
		}
		if update.Name != nil {
			row.Name = *update.Name
		}
		if update.Settings != nil {
			row.Settings = asJSON(update.Settings)
		}
		if update.State != nil {
			row.State = *update.State
		}
		err = tx.rows(&tableRow{}).Where("id = ?", id).
			Updates(map[string]any{"name": row.Name, "settings": row.Settings, "state": row.State}).Error
		if err != nil {
			return err
		}
		return tx.tableChanged(&row, models.ChangeUpdated)
	})
	return row.table(), err
}

// lockTable reads a table's row and locks it: the first lock of every
// transaction that changes a table's columns or counters.
func (tx *Tx) lockTable(id string) (tableRow, error) {
	var row tableRow
	err := tx.tables(id).Clauses(clause.Locking{Strength: "UPDATE"}).Take(&row).Error
	return row, tx.s.one(tx.ctx, "table", id, err)
}

// table reads a table's row without locking it.
func (tx *Tx) table(id string) (tableRow, error) {
	var row tableRow
	err := tx.tables(id).Take(&row).Error
	return row, tx.s.one(tx.ctx, "table", id, err)
}

// tables finds a table that is there, in the snapshot the transaction is bound
// to.
func (tx *Tx) tables(id string) *gorm.DB {
	q := tx.rows(&tableRow{}).Where("id = ? AND deleted_at IS NULL", id)
	if tx.within != "" {
		q = q.Where("snapshot_id = ?", tx.within)
	}
	return q
}

// RemoveTable takes a table out of its snapshot; nothing changes at the
// service. Its records go at a later clean-up. While a publish writes to it, or
// what an ended one sent of it is still being found out, it fails with
// "table.busy".
func (o *Org) RemoveTable(ctx context.Context, id string) error {
	return o.tx(ctx, func(tx *Tx) error {
		row, err := tx.table(id)
		if err != nil {
			return err
		}
		// No plan of the snapshot begins to be applied meanwhile.
		if _, err := tx.lockSnapshot(row.SnapshotID); err != nil {
			return err
		}
		if row, err = tx.lockTable(id); err != nil {
			return err
		}
		n, err := tx.inPublish("table_id = ?", id)
		if err != nil {
			return err
		}
		if n > 0 {
			return models.NewProblem(models.KindConflict, "table.busy", fmt.Sprintf("a publish has %d items of this table to write or to find out about", n),
				"wait for its end, or cancel it; what was sent is found out within about a minute; then remove the table")
		}
		err = tx.rows(&tableRow{}).Where("id = ?", id).Updates(map[string]any{"deleted_at": tx.now, "state": models.TableDeleted}).Error
		if err != nil {
			return err
		}
		row.State = models.TableDeleted
		return tx.tableChanged(&row, models.ChangeDeleted)
	})
}

// inPublish counts the items, of those that a condition names, that a publish
// has in hand: planned in a plan that is being applied, or sent and without an
// outcome, whatever became of their plan. While there are any, their table must
// stay: what became of them is found out through it (Promise 5). Items that wait
// for a person's word do not need it.
func (tx *Tx) inPublish(condition string, args ...any) (n int64, err error) {
	err = tx.rows(&itemRow{}).Where(condition, args...).Where(`(state = 'sending' OR state = 'planned' AND EXISTS (
		SELECT 1 FROM plans WHERE plans.id = items.plan_id AND plans.state = 'applying'))`).Count(&n).Error
	return n, err
}
