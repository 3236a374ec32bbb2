package store

import (
	"context"
	"encoding/json"
	"time"

	"github.com/scratch-platform/scratch/models"
)

type auditRow struct {
	ID             string
	OrganizationID string
	UserID         string
	Action         string
	Subject        string
	Detail         jsonOf[json.RawMessage]
	At             time.Time
}

func (auditRow) TableName() string { return "audit_events" }

// AppendAudit writes who did what. The store sets id (when empty) and time.
func (o *Org) AppendAudit(ctx context.Context, event models.AuditEvent) error {
	return o.tx(ctx, func(tx *Tx) error {
		row := auditRow{
			ID: event.ID, OrganizationID: o.id, UserID: event.UserID, Action: event.Action, Subject: event.Subject,
			Detail: asJSON(event.Detail), At: tx.now,
		}
		if row.ID == "" {
			row.ID = models.NewID(models.PrefixEvent)
		}
		return tx.db.Create(&row).Error
	})
}

// ListAudit lists audit events, newest first.
func (o *Org) ListAudit(ctx context.Context, page Page) ([]models.AuditEvent, string, error) {
	rows, next, err := pageByID(o.rows(ctx, &auditRow{}), page, models.PrefixEvent, true, func(r *auditRow) string { return r.ID })
	if err != nil {
		return nil, "", o.s.explain(ctx, err)
	}
	list := make([]models.AuditEvent, len(rows))
	for i, r := range rows {
		list[i] = models.AuditEvent{
			ID: r.ID, OrganizationID: r.OrganizationID, UserID: r.UserID, Action: r.Action, Subject: r.Subject, Detail: r.Detail.V, At: r.At,
		}
	}
	return list, next, nil
}

// audit writes who did what inside a transaction.
func (tx *Tx) audit(actor models.Actor, action, subject string, detail any) error {
	text, err := encodeJSON(detail)
	if err != nil {
		return err
	}
	return tx.db.Create(&auditRow{
		ID: models.NewID(models.PrefixEvent), OrganizationID: tx.org, UserID: actor.UserID, Action: action, Subject: subject,
		Detail: asJSON(json.RawMessage(text)), At: tx.now,
	}).Error
}
