package store

import (
	"context"
	"time"

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

// DeleteUpload forgets an upload and gives it, so that the caller can remove
// the file.
func (o *Org) DeleteUpload(ctx context.Context, id string) (models.Upload, error) {
	var row uploadRow
	err := o.tx(ctx, func(tx *Tx) error {
		if err := tx.rows(&row).Where("id = ?", id).Take(&row).Error; err != nil {
			return tx.s.one(tx.ctx, "upload", id, err)
		}
		return tx.rows(&uploadRow{}).Where("id = ?", id).Delete(&uploadRow{}).Error
	})
	return models.Upload(row), err
}
