package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"gorm.io/gorm"

	"github.com/scratch-platform/scratch/models"
)

type connectionRow struct {
	ID             string
	OrganizationID string
	Service        string
	Name           string
	State          models.ConnectionState
	Account        string
	Realm          string
	UploadID       string
	Credential     []byte
	Hint           jsonOf[json.RawMessage]
	Problem        jsonOf[*models.Problem]
	CreatedAt      time.Time
	UpdatedAt      time.Time
	Version        int64
	DeletedAt      *time.Time // kept without its credential: removed tables still name it
}

func (connectionRow) TableName() string { return "connections" }

func (r connectionRow) connection() models.Connection {
	return models.Connection{
		ID: r.ID, OrganizationID: r.OrganizationID, Service: r.Service, Name: r.Name, State: r.State, Account: r.Account, Realm: r.Realm,
		UploadID: r.UploadID, Credential: r.Credential, Hint: r.Hint.V, Problem: r.Problem.V, CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt, Version: r.Version,
	}
}

// CreateConnection stores a connection; its credential must be sealed already.
// The store sets its times and version 1.
func (o *Org) CreateConnection(ctx context.Context, c models.Connection) error {
	return o.tx(ctx, func(tx *Tx) error {
		row := connectionRow{
			ID: c.ID, OrganizationID: o.id, Service: c.Service, Name: c.Name, State: c.State, Account: c.Account, Realm: c.Realm,
			UploadID: c.UploadID, Credential: c.Credential, Hint: asJSON(c.Hint), Problem: asJSON(c.Problem), CreatedAt: tx.now, UpdatedAt: tx.now, Version: 1,
		}
		if row.State == "" {
			row.State = models.ConnectionUntested
		}
		if err := tx.holdUpload(c.UploadID); err != nil {
			return err
		}
		if err := tx.db.Create(&row).Error; err != nil {
			return err
		}
		return tx.connectionChanged(row.ID, models.ChangeCreated, row.State)
	})
}

func (tx *Tx) connectionChanged(id, change string, state models.ConnectionState) error {
	return tx.emitUsers(models.EventConnectionChanged, models.ConnectionChanged{ConnectionID: id, Change: change, State: state})
}

// Connection gives a connection, or "connection.not_found".
func (o *Org) Connection(ctx context.Context, id string) (models.Connection, error) {
	var row connectionRow
	if err := o.rows(ctx, &row).Where("id = ? AND deleted_at IS NULL", id).Take(&row).Error; err != nil {
		return models.Connection{}, o.s.one(ctx, "connection", id, err)
	}
	return row.connection(), nil
}

// ListConnections lists connections, oldest first.
func (o *Org) ListConnections(ctx context.Context, page Page) ([]models.Connection, string, error) {
	rows, next, err := pageByID(o.rows(ctx, &connectionRow{}).Where("deleted_at IS NULL"), page, models.PrefixConnection, false,
		func(r *connectionRow) string { return r.ID })
	if err != nil {
		return nil, "", o.s.explain(ctx, err)
	}
	list := make([]models.Connection, len(rows))
	for i, r := range rows {
		list[i] = r.connection()
	}
	return list, next, nil
}

// UpdateConnection writes name, state, account, realm, upload, credential, hint and
// problem, if the stored version is still c.Version; else "connection.changed". The
// service never changes. A nil credential is written as none.
func (o *Org) UpdateConnection(ctx context.Context, c models.Connection) error {
	return o.tx(ctx, func(tx *Tx) error {
		if err := tx.holdUpload(c.UploadID); err != nil {
			return err
		}
		result := tx.rows(&connectionRow{}).Where("id = ? AND version = ? AND deleted_at IS NULL", c.ID, c.Version).
			Updates(map[string]any{
				"name": c.Name, "state": c.State, "account": c.Account, "realm": c.Realm, "upload_id": c.UploadID, "credential": c.Credential,
				"hint": asJSON(c.Hint), "problem": asJSON(c.Problem), "updated_at": tx.now, "version": c.Version + 1,
			})
		if result.Error != nil {
			return result.Error
		}
		if result.RowsAffected == 0 {
			return tx.changedOrGone(&connectionRow{}, "connection", c.ID)
		}
		return tx.connectionChanged(c.ID, models.ChangeUpdated, c.State)
	})
}

// ConnectionRefused notes that the service refused a connection's credential, and
// why: it needs a person. opened is the connection as it was read before it was
// used; where its credential has been changed since, or the connection is gone or
// noted already, nothing is. A test that succeeds, or another credential, ends it.
func (o *Org) ConnectionRefused(ctx context.Context, opened models.Connection, problem *models.Problem) error {
	return o.tx(ctx, func(tx *Tx) error {
		result := tx.rows(&connectionRow{}).
			Where("id = ? AND credential = ? AND state <> ? AND deleted_at IS NULL", opened.ID, opened.Credential, models.ConnectionNeedsReconnect).
			Updates(map[string]any{
				"state": models.ConnectionNeedsReconnect, "problem": asJSON(problem), "updated_at": tx.now, "version": gorm.Expr("version + 1"),
			})
		if result.Error != nil || result.RowsAffected == 0 {
			return result.Error
		}
		return tx.connectionChanged(opened.ID, models.ChangeUpdated, models.ConnectionNeedsReconnect)
	})
}

// changedOrGone tells why a compare-and-swap touched nothing: the row is of
// another version, or there is none.
func (tx *Tx) changedOrGone(model any, area, id string) error {
	var n int64
	if err := tx.rows(model).Where("id = ? AND deleted_at IS NULL", id).Count(&n).Error; err != nil {
		return err
	}
	if n == 0 {
		return notFound(area, id)
	}
	return models.NewProblem(models.KindConflict, area+".changed", fmt.Sprintf("the %s was changed since you read it", area),
		"read it again and repeat your change")
}

// DeleteConnection removes a connection and its credential at once. While a
// table still uses it, it fails with "connection.in_use".
func (o *Org) DeleteConnection(ctx context.Context, id string) error {
	return o.tx(ctx, func(tx *Tx) error {
		// The update comes first: it locks the row against a table being added.
		// The realm stays: what removed tables know of it still counts (Promise 5).
		result := tx.rows(&connectionRow{}).Where("id = ? AND deleted_at IS NULL", id).Updates(map[string]any{
			"deleted_at": tx.now, "credential": nil, "hint": nil, "problem": nil, "account": "", "upload_id": "",
		})
		if result.Error != nil {
			return result.Error
		}
		if result.RowsAffected == 0 {
			return notFound("connection", id)
		}
		var users int64
		if err := tx.rows(&tableRow{}).Where("connection_id = ? AND deleted_at IS NULL", id).Count(&users).Error; err != nil {
			return err
		}
		if users > 0 {
			return models.NewProblem(models.KindConflict, "connection.in_use", fmt.Sprintf("%d tables still use this connection", users),
				"remove those tables from their snapshots first")
		}
		return tx.connectionChanged(id, models.ChangeDeleted, "")
	})
}
