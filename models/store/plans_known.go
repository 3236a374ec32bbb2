package store

import (
	"context"
	"time"

	"github.com/scratch-platform/scratch/models"
)

// OpenCreates gives the creates of a remote table, of any plan, in any snapshot
// and over any connection known to reach the same, that were sent and are not settled: two alike are never told apart
// by guessing (Promise 5).
func (o *Org) OpenCreates(ctx context.Context, tableID string) ([]models.Item, error) {
	tables, err := o.sameRemote(ctx, tableID)
	if err != nil {
		return nil, err
	}
	ids := make([]string, len(tables))
	for i, t := range tables {
		ids[i] = t.ID
	}
	return o.items(ctx, maxItemsAtOnce, "table_id IN ? AND op = 'create' AND state IN ('sending', 'unknown')", ids)
}

// KnownRemoteIDs says since when each of the remote ids is known: by a record
// of the table, or of another table that shows the same remote one (sameRemote). The time is zero for what another create is known to have made. Ids that
// nothing here knows are left out.
//
// A record that a download brought in after a create was sent may be what that
// create made; one that was here before cannot be (Promise 5).
func (o *Org) KnownRemoteIDs(ctx context.Context, tableID string, ids []string) (map[string]time.Time, error) {
	tables, err := o.sameRemote(ctx, tableID)
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	known := make(map[string]time.Time, len(ids))
	of := make([]string, len(tables))
	for i, t := range tables {
		of[i] = t.ID
		var found []struct {
			RemoteID  string
			CreatedAt int64
		}
		query := "SELECT remote_id, created_at FROM " + recordTable(t.Seq) + " WHERE remote_id IN ?"
		if err := o.s.read.WithContext(ctx).Raw(query, ids).Scan(&found).Error; err != nil {
			return nil, o.s.explain(ctx, err)
		}
		for _, f := range found {
			since := time.UnixMicro(f.CreatedAt).UTC()
			if before, is := known[f.RemoteID]; !is || since.Before(before) {
				known[f.RemoteID] = since
			}
		}
	}
	var made []string
	if err := o.rows(ctx, &itemRow{}).Where("table_id IN ? AND op = 'create' AND remote_id IN ?", of, ids).Pluck("remote_id", &made).Error; err != nil {
		return nil, o.s.explain(ctx, err)
	}
	for _, id := range made { // Promise 5: what one create made no other did
		known[id] = time.Time{}
	}
	return known, nil
}

// settledSince gives the remote ids of a table whose records items settled after
// its records had the version: what a page asked for then may be older than.
func (tx *Tx) settledSince(table *tableRow, version int64) (map[string]bool, error) {
	if table.RecordsVersion <= version {
		return nil, nil
	}
	var ids []string
	err := tx.rows(&itemRow{}).Where("table_id = ? AND settled_version > ? AND settled_version > 0 AND remote_id <> ''", table.ID, version).
		Pluck("remote_id", &ids).Error
	settled := make(map[string]bool, len(ids))
	for _, id := range ids {
		settled[id] = true
	}
	return settled, err
}

// BaseHashes gives, by record, the hash of what the service last said, of
// records of a table that are here.
func (o *Org) BaseHashes(ctx context.Context, tableID string, records []int64) (map[int64][]byte, error) {
	var table tableRow
	if err := o.rows(ctx, &table).Where("id = ?", tableID).Take(&table).Error; err != nil {
		return nil, o.s.one(ctx, "table", tableID, err)
	}
	var found []struct {
		ID       int64
		BaseHash []byte
	}
	query := "SELECT id, base_hash FROM " + recordTable(table.Seq) + " WHERE id IN ?"
	if err := o.s.read.WithContext(ctx).Raw(query, records).Scan(&found).Error; err != nil {
		return nil, o.s.explain(ctx, err)
	}
	hashes := make(map[int64][]byte, len(found))
	for _, f := range found {
		hashes[f.ID] = f.BaseHash
	}
	return hashes, nil
}

// sameRemote gives the tables, the given one among them, that show the same
// remote table: of the same connection, or of another of the organization's that
// reaches the same realm (Promise 5). Removed tables are among them until they
// are dropped.
//
// Not to be known: what another organization has of the same realm; connections
// whose service names no realm, or which never passed a test; one site that goes
// by two addresses.
func (o *Org) sameRemote(ctx context.Context, tableID string) ([]tableRow, error) {
	var own tableRow
	if err := o.rows(ctx, &own).Where("id = ?", tableID).Take(&own).Error; err != nil {
		return nil, o.s.one(ctx, "table", tableID, err)
	}
	var all []tableRow
	alike := o.rows(ctx, &connectionRow{}).Select("id").Where("service = ? AND realm <> '' AND realm = (?)", own.Service,
		o.rows(ctx, &connectionRow{}).Select("realm").Where("id = ?", own.ConnectionID))
	err := o.rows(ctx, &tableRow{}).Where("remote_id = ? AND (connection_id = ? OR connection_id IN (?))", own.RemoteID, own.ConnectionID, alike).
		Order("id").Find(&all).Error
	return all, o.s.explain(ctx, err)
}
