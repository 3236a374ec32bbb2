package store

import (
	"encoding/json"
	"time"

	"github.com/scratch-platform/scratch/models"
)

// historyRow is one change of one cell, or of a record as a whole (no column).
// For a new record that was deleted here, Was holds all it had, so that undo
// can bring it back.
type historyRow struct {
	ID             int64 `gorm:"primaryKey;autoIncrement"`
	OrganizationID string
	TableID        string
	RecordID       int64
	OperationID    string
	Op             models.Operation
	ColumnID       string
	Was            *string
	WasBase        *string
	Became         *string
	BecameBase     *string
	UserID         string
	UserName       string
	Tab            string
	At             int64
}

func (historyRow) TableName() string { return "record_history" }

func (r *historyRow) change() models.Change {
	return models.Change{
		ID: r.ID, TableID: r.TableID, RecordID: r.RecordID, OperationID: r.OperationID, Op: r.Op, Column: r.ColumnID,
		Actor: models.Actor{OrganizationID: r.OrganizationID, UserID: r.UserID, Name: r.UserName, Tab: r.Tab},
		From:  rawOf(r.Was), To: rawOf(r.Became), FromBase: rawOf(r.WasBase), At: time.UnixMicro(r.At).UTC(),
	}
}

// cell gives the change as the merge logic takes it.
func (r *historyRow) cell() models.CellChange {
	return models.CellChange{Column: r.ColumnID, From: rawOf(r.Was), FromBase: rawOf(r.WasBase), To: rawOf(r.Became), ToBase: rawOf(r.BecameBase)}
}

func rawOf(text *string) json.RawMessage {
	if text == nil {
		return nil
	}
	return json.RawMessage(*text)
}

func textOf(raw json.RawMessage) *string {
	if raw == nil {
		return nil
	}
	text := string(raw)
	return &text
}

// note remembers the changes of a record's cells for history and undo.
func (w *recordWriter) note(recordID int64, op models.Operation, changes []models.CellChange) {
	for _, c := range changes {
		w.history = append(w.history, historyRow{
			RecordID: recordID, Op: op, ColumnID: c.Column, Was: textOf(c.From), WasBase: textOf(c.FromBase),
			Became: textOf(c.To), BecameBase: textOf(c.ToBase),
		})
	}
}
