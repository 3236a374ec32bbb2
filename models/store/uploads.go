package store

import (
	"context"
	"fmt"
	"time"

	"gorm.io/gorm/clause"

	"github.com/scratch-platform/scratch/models"
)

type uploadRow struct {
	ID             string
	OrganizationID string
	Name           string
	ContentType    string
	Size           int64
	SHA256         string `gorm:"column:sha256"`
	Path           string
	CreatedAt      time.Time
}

func (uploadRow) TableName() string { return "uploads" }

// CreateUpload stores what is known of an uploaded file; the file itself lies
// in the upload folder already.
func (o *Org) CreateUpload(ctx context.Context, upload models.Upload) error {
	return o.tx(ctx, func(tx *Tx) error {
		row := uploadRow(upload)
		row.OrganizationID, row.CreatedAt = o.id, tx.now
		return tx.db.Create(&row).Error
	})
}

// Upload gives an upload, or "upload.not_found".
func (o *Org) Upload(ctx context.Context, id string) (models.Upload, error) {
	var row uploadRow
	if err := o.rows(ctx, &row).Where("id = ?", id).Take(&row).Error; err != nil {
		return models.Upload{}, o.s.one(ctx, "upload", id, err)
	}
	return models.Upload(row), nil
}

// ListUploads lists uploads, newest first.
func (o *Org) ListUploads(ctx context.Context, page Page) ([]models.Upload, string, error) {
	rows, next, err := pageByID(o.rows(ctx, &uploadRow{}), page, models.PrefixUpload, true, func(r *uploadRow) string { return r.ID })
	if err != nil {
		return nil, "", o.s.explain(ctx, err)
	}
	list := make([]models.Upload, len(rows))
	for i, r := range rows {
		list[i] = models.Upload(r)
	}
	return list, next, nil
}

// holdUpload locks an upload that a connection is about to read, so that it is
// not deleted meanwhile. One that is not there is no error: the connection's
// test says so.
func (tx *Tx) holdUpload(id string) error {
	if id == "" {
		return nil
	}
	var held []uploadRow
	return tx.rows(&uploadRow{}).Clauses(clause.Locking{Strength: "SHARE"}).Select("id").Where("id = ?", id).Find(&held).Error
}

// DeleteUpload forgets an upload and gives it, so that the caller can remove
// the file. While a connection reads it, it fails with "upload.in_use".
func (o *Org) DeleteUpload(ctx context.Context, id string) (models.Upload, error) {
	var row uploadRow
	err := o.tx(ctx, func(tx *Tx) error {
		if err := tx.rows(&row).Where("id = ?", id).Take(&row).Error; err != nil {
			return tx.s.one(tx.ctx, "upload", id, err)
		}
		// The delete comes first: it locks the row against a connection that
		// is about to read it.
		if err := tx.rows(&uploadRow{}).Where("id = ?", id).Delete(&uploadRow{}).Error; err != nil {
			return err
		}
		var readers []connectionRow
		err := tx.rows(&connectionRow{}).Select("name").Where("upload_id = ? AND deleted_at IS NULL", id).Order("id").Limit(1).Find(&readers).Error
		if err != nil || len(readers) == 0 {
			return err
		}
		return models.NewProblem(models.KindConflict, "upload.in_use", fmt.Sprintf("the connection %q reads this file", models.Bound(readers[0].Name, 200)),
			"give that connection another file, or delete it, first")
	})
	return models.Upload(row), err
}

// PruneUploads forgets CSV uploads made before a moment that no connection
// names, at most limit of them, and says how many; their files go with the next
// sweep of the upload folder. Markdown uploads are resources of their own.
func (y *System) PruneUploads(ctx context.Context, before time.Time, limit int) (n int64, err error) {
	err = y.tx(ctx, func(tx *Tx) error {
		n, err = tx.exec(`DELETE FROM uploads WHERE id IN (
			SELECT u.id FROM uploads AS u WHERE u.created_at < ? AND lower(u.name) NOT LIKE '%.md' AND lower(u.name) NOT LIKE '%.markdown'
				AND NOT EXISTS (SELECT 1 FROM connections AS c WHERE c.upload_id = u.id AND c.deleted_at IS NULL)
			LIMIT ?)`, stored(before), limit)
		return err
	})
	return n, err
}

// HasOrganization reports whether there is such an organization.
func (y *System) HasOrganization(ctx context.Context, id string) (bool, error) {
	var n int64
	err := y.rows(ctx, &organizationRow{}).Where("id = ?", id).Count(&n).Error
	return n > 0, y.s.explain(ctx, err)
}

// KnownUploads gives those of an organization's upload ids that have a row.
func (y *System) KnownUploads(ctx context.Context, organizationID string, ids []string) (known []string, err error) {
	err = y.rows(ctx, &uploadRow{}).Where("organization_id = ? AND id IN ?", organizationID, ids).Pluck("id", &known).Error
	return known, y.s.explain(ctx, err)
}
