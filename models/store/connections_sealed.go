package store

import (
	"context"

	"github.com/scratch-platform/scratch/models"
)

// ConnectionsAfter gives connections of every organization, ordered by id, for
// the pass that seals credentials with a new key.
func (y *System) ConnectionsAfter(ctx context.Context, afterID string, limit int) ([]models.Connection, error) {
	var rows []connectionRow
	if err := y.rows(ctx, &connectionRow{}).Where("id > ? AND deleted_at IS NULL", afterID).Order("id").Limit(limit).Find(&rows).Error; err != nil {
		return nil, y.s.explain(ctx, err)
	}
	list := make([]models.Connection, len(rows))
	for i, r := range rows {
		list[i] = r.connection()
	}
	return list, nil
}

// ReplaceSealed puts a credential that was sealed again in the place of the one
// it was made from. It reports false, and writes nothing, when the credential
// has changed since. Nothing a user sees changes, so nobody is told.
func (y *System) ReplaceSealed(ctx context.Context, c models.Connection, sealed []byte) (bool, error) {
	result := y.s.write.WithContext(ctx).Model(&connectionRow{}).
		Where("id = ? AND organization_id = ? AND version = ? AND deleted_at IS NULL", c.ID, c.OrganizationID, c.Version).
		Update("credential", sealed)
	if result.Error != nil {
		return false, y.s.explain(ctx, result.Error)
	}
	return result.RowsAffected == 1, nil
}
