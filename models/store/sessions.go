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
	// OperatesUntil is how long it may read the payloads of every organization's
	// workflows; nil for sessions that never might.
	OperatesUntil *time.Time
}

type sessionRow Session

func (sessionRow) TableName() string { return "sessions" }

// SignInLink is a one-time link that signs a browser in. It is known by its hash
// alone.
type SignInLink struct {
	Hash           []byte
	OrganizationID string
	UserID         string
	Operator       bool // the session that it opens may operate for a while
	CreatedAt      time.Time
	ExpiresAt      time.Time
}

type signInLinkRow SignInLink

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

// CreateSignInLink stores a one-time link by its hash. The store sets when it was
// made.
func (y *System) CreateSignInLink(ctx context.Context, link SignInLink) error {
	return y.s.Org(link.OrganizationID).tx(ctx, func(tx *Tx) error {
		if err := tx.knownUser(link.UserID); err != nil {
			return err
		}
		row := signInLinkRow(link)
		row.CreatedAt, row.ExpiresAt = tx.now, stored(row.ExpiresAt)
		return tx.db.Create(&row).Error
	})
}

// SignIn uses a link up and stores the session that open makes of it, both or
// neither. A link that is unknown, used or expired, or whose user is gone, is
// "auth.unknown". An operator's sign-in is noted in the organization's audit log.
func (y *System) SignIn(ctx context.Context, hash []byte, open func(SignInLink) Session) error {
	return y.tx(ctx, func(tx *Tx) error {
		var rows []signInLinkRow
		err := tx.db.Clauses(clause.Returning{}).Where("hash = ?", hash).Delete(&rows).Error
		if err != nil {
			return err
		}
		if len(rows) == 0 || !rows[0].ExpiresAt.After(tx.now) {
			return unknownCredential()
		}
		link := SignInLink(rows[0])
		inside := *tx
		inside.org = link.OrganizationID
		if err := inside.openSession(open(link)); err != nil || !link.Operator {
			return err
		}
		who := models.Actor{OrganizationID: link.OrganizationID, UserID: link.UserID}
		return inside.audit(who, "operator.signed_in", link.UserID, struct{}{})
	})
}

// CreateSession stores a browser session by its hash.
func (y *System) CreateSession(ctx context.Context, session Session) error {
	return y.s.Org(session.OrganizationID).tx(ctx, func(tx *Tx) error { return tx.openSession(session) })
}

func (tx *Tx) openSession(session Session) error {
	if err := tx.knownUser(session.UserID); err != nil {
		return err
	}
	row := sessionRow(session)
	row.OrganizationID = tx.org
	row.CreatedAt, row.LastUsedAt, row.ExpiresAt, row.OperatesUntil = tx.now, tx.now, stored(row.ExpiresAt), storedPtr(row.OperatesUntil)
	return tx.db.Create(&row).Error
}

// ExtendSession moves a session's end; one that is gone meanwhile stays gone.
func (y *System) ExtendSession(ctx context.Context, hash []byte, expires time.Time) error {
	return y.tx(ctx, func(tx *Tx) error {
		return tx.db.Model(&sessionRow{}).Where("hash = ?", hash).
			Updates(map[string]any{"expires_at": stored(expires), "last_used_at": tx.now}).Error
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

func (tx *Tx) user(organizationID, id string) (models.User, error) {
	var row userRow
	if err := tx.db.Where("organization_id = ? AND id = ?", organizationID, id).Take(&row).Error; err != nil {
		return models.User{}, tx.s.one(tx.ctx, "user", id, err)
	}
	return row.user(), nil
}
