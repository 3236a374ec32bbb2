package store

import (
	"encoding/json"
	"time"
)

// outboxRow is an event between the commit of its change and the relay.
type outboxRow struct {
	Seq            int64 `gorm:"primaryKey;autoIncrement"`
	OrganizationID string
	Topic          string
	Type           string
	Origin         string
	Data           jsonOf[json.RawMessage]
	At             time.Time
}

func (outboxRow) TableName() string { return "outbox" }

// writeOutbox writes the collected events. It runs last, when every lock of the
// transaction is held: of two transactions that touch the same row, the one
// that commits first also has the lower seq.
func (tx *Tx) writeOutbox() error {
	if len(tx.events) == 0 {
		return nil
	}
	rows := make([]outboxRow, len(tx.events))
	for i, e := range tx.events {
		rows[i] = outboxRow{
			OrganizationID: e.OrganizationID, Topic: e.Topic, Type: e.Type, Origin: e.Origin,
			Data: asJSON(e.Data), At: e.At,
		}
	}
	return tx.db.CreateInBatches(&rows, 500).Error
}
