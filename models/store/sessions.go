package store

import (
	"context"
	"errors"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/scratch-platform/scratch/models"
)

// TicketLife is how long a WebSocket ticket may be redeemed.
const TicketLife = 30 * time.Second

// Session is a person signed in by browser. It is known by its hash alone.
type Session struct {
	Hash           []byte
	OrganizationID string
	UserID         string
	CreatedAt      time.Time
	ExpiresAt      time.Time
	LastUsedAt     time.Time
}

type sessionRow Session

func (sessionRow) TableName() string { return "sessions" }

type signInLinkRow struct {
	Hash           []byte
	OrganizationID string
	UserID         string
	CreatedAt      time.Time
	ExpiresAt      time.Time
}

func (signInLinkRow) TableName() string { return "sign_in_links" }

type wsTicketRow struct {
	Hash           []byte
	OrganizationID string
	UserID         string
	Tab            string
	CreatedAt      time.Time
	ExpiresAt      time.Time
}

func (wsTicketRow) TableName() string { return "ws_tickets" }

// CreateSignInLink stores a one-time link by its hash, for a user of an
// organization, valid until expires.
func (y *System) CreateSignInLink(ctx context.Context, hash []byte, user models.User, expires time.Time) error {
	return y.s.Org(user.OrganizationID).tx(ctx, func(tx *Tx) error {
		if err := tx.knownUser(user.ID); err != nil {
			return err
		}
		return tx.db.Create(&signInLinkRow{
			Hash: hash, OrganizationID: tx.org, UserID: user.ID, CreatedAt: tx.now, ExpiresAt: stored(expires),
		}).Error
	})
}

// RedeemSignInLink uses a link up and gives its user. A link that is unknown,
// used or expired is "auth.unknown".
func (y *System) RedeemSignInLink(ctx context.Context, hash []byte) (models.User, error) {
	var user models.User
	err := y.tx(ctx, func(tx *Tx) error {
		var rows []signInLinkRow
		err := tx.db.Clauses(clause.Returning{}).Where("hash = ?", hash).Delete(&rows).Error
		if err != nil {
			return err
		}
		if len(rows) == 0 || !rows[0].ExpiresAt.After(tx.now) {
			return unknownCredential()
		}
		user, err = tx.user(rows[0].OrganizationID, rows[0].UserID)
		return err
	})
	return user, err
}

func (tx *Tx) user(organizationID, id string) (models.User, error) {
	var row userRow
	if err := tx.db.Where("organization_id = ? AND id = ?", organizationID, id).Take(&row).Error; err != nil {
		return models.User{}, tx.s.one(tx.ctx, "user", id, err)
	}
	return row.user(), nil
}

// CreateSession stores a browser session by its hash.
func (y *System) CreateSession(ctx context.Context, session Session) error {
	return y.s.Org(session.OrganizationID).tx(ctx, func(tx *Tx) error {
		if err := tx.knownUser(session.UserID); err != nil {
			return err
		}
		row := sessionRow(session)
		row.CreatedAt, row.LastUsedAt, row.ExpiresAt = tx.now, tx.now, stored(row.ExpiresAt)
		return tx.db.Create(&row).Error
	})
}

// SessionByHash gives a session that has not expired and who is signed in, or
// "auth.unknown".
func (y *System) SessionByHash(ctx context.Context, hash []byte) (Session, models.Actor, error) {
	found, err := credential[sessionRow](ctx, y, "sessions", hash)
	row := found.Row
	if errors.Is(err, gorm.ErrRecordNotFound) || (err == nil && !row.ExpiresAt.After(y.s.now())) {
		return Session{}, models.Actor{}, unknownCredential()
	}
	if err != nil {
		return Session{}, models.Actor{}, y.s.explain(ctx, err)
	}
	return Session(row), models.Actor{OrganizationID: row.OrganizationID, UserID: row.UserID, Name: found.UserName}, nil
}

// DeleteSession signs a browser out; an unknown session is no error.
func (y *System) DeleteSession(ctx context.Context, hash []byte) error {
	return y.tx(ctx, func(tx *Tx) error {
		return tx.db.Where("hash = ?", hash).Delete(&sessionRow{}).Error
	})
}

// CreateTicket stores a one-time WebSocket ticket by its hash, for TicketLife.
// It lies in the database, so that any frontend can redeem it.
func (o *Org) CreateTicket(ctx context.Context, hash []byte, actor models.Actor) error {
	return o.tx(ctx, func(tx *Tx) error {
		if err := tx.knownUser(actor.UserID); err != nil {
			return err
		}
		return tx.db.Create(&wsTicketRow{
			Hash: hash, OrganizationID: tx.org, UserID: actor.UserID, Tab: actor.Tab,
			CreatedAt: tx.now, ExpiresAt: tx.now.Add(TicketLife),
		}).Error
	})
}

// RedeemTicket uses a ticket up and says whose it was. One that is unknown,
// used or expired is "auth.unknown".
func (y *System) RedeemTicket(ctx context.Context, hash []byte) (models.Actor, error) {
	var actor models.Actor
	err := y.tx(ctx, func(tx *Tx) error {
		var rows []wsTicketRow
		err := tx.db.Clauses(clause.Returning{}).Where("hash = ?", hash).Delete(&rows).Error
		if err != nil {
			return err
		}
		if len(rows) == 0 || !rows[0].ExpiresAt.After(tx.now) {
			return unknownCredential()
		}
		user, err := tx.user(rows[0].OrganizationID, rows[0].UserID)
		actor = models.Actor{OrganizationID: user.OrganizationID, UserID: user.ID, Name: user.Name, Tab: rows[0].Tab}
		return err
	})
	return actor, err
}
