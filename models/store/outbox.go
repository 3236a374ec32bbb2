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
	for _, e := range tx.events {
		if err := tx.queue("INSERT INTO outbox (organization_id, topic, type, origin, data, at) VALUES (?, ?, ?, ?, ?, ?)",
			e.OrganizationID, e.Topic, e.Type, e.Origin, asJSON(e.Data), e.At); err != nil {
			return err
		}
	}
	return nil
}
