package store

import (
	"context"
	"errors"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/scratch-platform/scratch/models"
)

type organizationRow struct {
	ID        string
	Name      string
	CreatedAt time.Time
}

func (organizationRow) TableName() string { return "organizations" }

type userRow struct {
	ID             string
	OrganizationID string
	Name           string
	Email          string
	CreatedAt      time.Time
}

func (userRow) TableName() string { return "users" }

func (r userRow) user() models.User {
	return models.User{ID: r.ID, OrganizationID: r.OrganizationID, Name: r.Name, Email: r.Email, CreatedAt: r.CreatedAt}
}

// The account of local mode has fixed ids: there is one per database.
const (
	localOrganization = models.PrefixOrganization + "_00000000000000000000000000"
	localUser         = models.PrefixUser + "_00000000000000000000000000"
)

// EnsureLocalAccount gives the one organization and user of local mode, made
// when missing.
func (y *System) EnsureLocalAccount(ctx context.Context) (models.Organization, models.User, error) {
	org := models.Organization{ID: localOrganization, Name: "Local", CreatedAt: y.s.now()}
	user := models.User{ID: localUser, OrganizationID: org.ID, Name: "You", CreatedAt: y.s.now()}
	if err := y.CreateAccount(ctx, org, user); err != nil {
		return models.Organization{}, models.User{}, err
	}
	var orgRow organizationRow
	if err := y.rows(ctx, &organizationRow{}).Where("id = ?", org.ID).Take(&orgRow).Error; err != nil {
		return models.Organization{}, models.User{}, y.s.explain(ctx, err)
	}
	user, err := y.s.Org(org.ID).User(ctx, user.ID)
	return models.Organization(orgRow), user, err
}

// CreateAccount adds an organization with its first user; both are left as they
// are when they exist.
func (y *System) CreateAccount(ctx context.Context, org models.Organization, user models.User) error {
	return y.tx(ctx, func(tx *Tx) error {
		o := organizationRow(org)
		o.CreatedAt = stored(o.CreatedAt)
		if err := tx.db.Clauses(clause.OnConflict{DoNothing: true}).Create(&o).Error; err != nil {
			return err
		}
		u := userRow(user)
		u.OrganizationID, u.CreatedAt = org.ID, stored(u.CreatedAt)
		return tx.db.Clauses(clause.OnConflict{DoNothing: true}).Create(&u).Error
	})
}

// User gives a person of the organization, or "user.not_found".
func (o *Org) User(ctx context.Context, id string) (models.User, error) {
	var row userRow
	if err := o.rows(ctx, &userRow{}).Where("id = ?", id).Take(&row).Error; err != nil {
		return models.User{}, o.s.one(ctx, "user", id, err)
	}
	return row.user(), nil
}

type apiTokenRow struct {
	ID             string
	OrganizationID string
	UserID         string
	Name           string
	Hash           []byte
	Scopes         string
	LastUsedAt     *time.Time
	ExpiresAt      *time.Time
	CreatedAt      time.Time
}

func (apiTokenRow) TableName() string { return "api_tokens" }

// CreateToken stores an API token by its hash; the token itself is never
// stored. A user unknown to the organization is "user.not_found".
func (o *Org) CreateToken(ctx context.Context, token models.APIToken) error {
	return o.tx(ctx, func(tx *Tx) error {
		if err := tx.knownUser(token.UserID); err != nil {
			return err
		}
		row := apiTokenRow(token)
		row.OrganizationID = o.id
		row.CreatedAt, row.ExpiresAt, row.LastUsedAt = stored(row.CreatedAt), storedPtr(row.ExpiresAt), storedPtr(row.LastUsedAt)
		return tx.db.Create(&row).Error
	})
}

// knownUser fails with "user.not_found" for a user of another organization.
func (tx *Tx) knownUser(id string) error {
	var n int64
	if err := tx.rows(&userRow{}).Where("id = ?", id).Count(&n).Error; err != nil {
		return err
	}
	if n == 0 {
		return notFound("user", id)
	}
	return nil
}

// ListTokens lists the organization's API tokens, oldest first.
func (o *Org) ListTokens(ctx context.Context, page Page) ([]models.APIToken, string, error) {
	rows, next, err := pageByID(o.rows(ctx, &apiTokenRow{}), page, models.PrefixAPIToken, false, func(r *apiTokenRow) string { return r.ID })
	if err != nil {
		return nil, "", o.s.explain(ctx, err)
	}
	tokens := make([]models.APIToken, len(rows))
	for i, r := range rows {
		tokens[i] = models.APIToken(r)
	}
	return tokens, next, nil
}

// DeleteToken revokes an API token at once.
func (o *Org) DeleteToken(ctx context.Context, id string) error {
	return o.tx(ctx, func(tx *Tx) error {
		result := tx.rows(&apiTokenRow{}).Where("id = ?", id).Delete(&apiTokenRow{})
		if result.Error == nil && result.RowsAffected == 0 {
			return notFound("token", id)
		}
		return result.Error
	})
}

// ofUser is a credential's row with whose it is: both are read by one query,
// for it comes before every request.
type ofUser[T any] struct {
	Row      T `gorm:"embedded"`
	UserName string
}

// credential reads the row of that hash, and its user, from a table of
// credentials. The error is gorm.ErrRecordNotFound where either is missing.
func credential[T any](ctx context.Context, y *System, table string, hash []byte) (ofUser[T], error) {
	var row ofUser[T]
	err := y.rows(ctx, new(T)).Select(table+".*, users.name AS user_name").
		Joins("JOIN users ON users.id = "+table+".user_id AND users.organization_id = "+table+".organization_id").
		Where(table+".hash = ?", hash).Take(&row).Error
	return row, err
}

// TokenByHash gives the API token with that hash and whom it acts for, or
// "auth.unknown" when there is none or it has expired. Its last use is noted, at
// most once a minute.
func (y *System) TokenByHash(ctx context.Context, hash []byte) (models.APIToken, models.Actor, error) {
	found, err := credential[apiTokenRow](ctx, y, "api_tokens", hash)
	row, now := found.Row, y.s.now()
	if errors.Is(err, gorm.ErrRecordNotFound) || (err == nil && row.ExpiresAt != nil && !row.ExpiresAt.After(now)) {
		return models.APIToken{}, models.Actor{}, unknownCredential()
	}
	if err != nil {
		return models.APIToken{}, models.Actor{}, y.s.explain(ctx, err)
	}
	if row.LastUsedAt == nil || now.Sub(*row.LastUsedAt) > time.Minute {
		err := y.tx(ctx, func(tx *Tx) error {
			return tx.db.Model(&apiTokenRow{}).Where("id = ?", row.ID).Update("last_used_at", now).Error
		})
		if err != nil {
			return models.APIToken{}, models.Actor{}, err
		}
		row.LastUsedAt = &now
	}
	return models.APIToken(row), models.Actor{OrganizationID: row.OrganizationID, UserID: row.UserID, Name: found.UserName}, nil
}

func unknownCredential() error {
	return models.NewProblem(models.KindUnauthenticated, "auth.unknown", "the token, link or session is not known or has expired",
		"sign in again, or make a new API token")
}
