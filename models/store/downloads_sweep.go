package store

import (
	"context"
	"database/sql"
	"encoding/binary"

	"github.com/RoaringBitmap/roaring/v2/roaring64"
	"github.com/jackc/pgx/v5"

	"github.com/scratch-platform/scratch/models"
)

// seenBy gives the ids of the records a run has seen.
func (s *Store) seenBy(ctx context.Context, runID string) (*roaring64.Bitmap, error) {
	pool, err := s.read.DB()
	if err != nil {
		return nil, err
	}
	rows, err := pool.QueryContext(ctx, s.dialect.bind("SELECT ids FROM download_seen WHERE run_id = ?"), runID)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	all := roaring64.New()
	for rows.Next() {
		var raw []byte
		if err := rows.Scan(&raw); err != nil {
			return nil, err
		}
		part := roaring64.New()
		if err := part.UnmarshalBinary(raw); err != nil {
			return nil, err
		}
		all.Or(part)
	}
	return all, rows.Err()
}

// MissingRecords counts the records that exist at the service, as far as we
// know, but were not seen by the run. It says nothing yet: before one goes it
// is confirmed gone (Promise 2).
func (o *Org) MissingRecords(ctx context.Context, run *models.DownloadRun) (Missing, error) {
	table, seen, err := o.seenOf(ctx, run)
	if err != nil {
		return Missing{}, err
	}
	pool, err := o.s.read.DB()
	if err != nil {
		return Missing{}, o.s.explain(ctx, err)
	}
	conn, err := pool.Conn(ctx)
	if err != nil {
		return Missing{}, o.s.explain(ctx, err)
	}
	defer func() { _ = conn.Close() }() // gives it back to the pool
	var missing Missing
	query := "SELECT id FROM " + recordTable(table.Seq) + " WHERE remote_id IS NOT NULL AND state <> 3"
	err = o.s.eachID(ctx, conn, query, func(id int64) {
		missing.LiveRemote++
		if !seen.Contains(uint64(id)) { //nolint:gosec // ids are positive
			missing.Count++
		}
	})
	if err != nil {
		return Missing{}, o.s.explain(ctx, err)
	}
	return missing, nil
}

// eachID visits the ids a query gives. After each full download it is every
// record's: from PostgreSQL they are taken as the wire has them.
func (s *Store) eachID(ctx context.Context, conn *sql.Conn, query string, visit func(id int64)) error {
	if s.dialect.name() == "postgres" {
		return onPgx(conn, func(c *pgx.Conn) error {
			rows, err := c.Query(ctx, query, pgx.QueryResultFormats{pgx.BinaryFormatCode})
			if err != nil {
				return err
			}
			defer rows.Close()
			for rows.Next() {
				visit(int64(binary.BigEndian.Uint64(rows.RawValues()[0]))) //nolint:gosec // ids are positive
			}
			return rows.Err()
		})
	}
	rows, err := conn.QueryContext(ctx, query)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var id int64
		if err := rows.Scan(&id); err != nil {
			return err
		}
		visit(id)
	}
	return rows.Err()
}

// seenOf gives a run's table and what the run saw of it.
func (o *Org) seenOf(ctx context.Context, run *models.DownloadRun) (models.Table, *roaring64.Bitmap, error) {
	table, err := o.Table(ctx, run.TableID)
	if err != nil {
		return table, nil, err
	}
	if _, err := o.Run(ctx, run.ID); err != nil {
		return table, nil, err
	}
	seen, err := o.s.seenBy(ctx, run.ID)
	return table, seen, o.s.explain(ctx, err)
}

// MissingBatch gives the next of those records after an id, in order of id.
func (o *Org) MissingBatch(ctx context.Context, run *models.DownloadRun, afterID int64, limit int) ([]RecordRef, error) {
	var batch []RecordRef
	err := o.eachUnseen(ctx, run, afterID, func(ref RecordRef, seen bool) bool {
		if !seen {
			batch = append(batch, ref)
		}
		return len(batch) < limit
	})
	return batch, err
}

// eachUnseen visits the live remote records after an id, saying of each
// whether the run saw it.
func (o *Org) eachUnseen(ctx context.Context, run *models.DownloadRun, afterID int64, visit func(ref RecordRef, seen bool) bool) error {
	table, seen, err := o.seenOf(ctx, run)
	if err != nil {
		return err
	}
	pool, err := o.s.read.DB()
	if err != nil {
		return o.s.explain(ctx, err)
	}
	rows, err := pool.QueryContext(ctx, o.s.dialect.bind("SELECT id, remote_id FROM "+recordTable(table.Seq)+
		" WHERE remote_id IS NOT NULL AND state <> 3 AND id > ? ORDER BY id"), afterID)
	if err != nil {
		return o.s.explain(ctx, err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var ref RecordRef
		if err := rows.Scan(&ref.ID, &ref.RemoteID); err != nil {
			return o.s.explain(ctx, err)
		}
		if !visit(ref, seen.Contains(uint64(ref.ID))) { //nolint:gosec // ids are positive
			return nil
		}
	}
	return o.s.explain(ctx, rows.Err())
}

// Sweep removes records that were confirmed gone at the service. Those with
// edits or open suggestions stay, as remote_deleted; so do those an open plan
// item speaks of, whose outcome is still to be settled. Only a completed full
// enumeration may sweep (Promise 2).
func (o *Org) Sweep(ctx context.Context, run *models.DownloadRun, ids []int64) (SweepResult, error) {
	var result SweepResult
	var next models.DownloadRun
	err := o.tx(ctx, func(tx *Tx) error {
		c, err := tx.changeRecords(run.TableID)
		if err != nil {
			return err
		}
		row, err := tx.lockRun(run)
		if err != nil {
			return err
		}
		if !row.Complete || row.Mode != models.DownloadFull {
			return models.NewProblem(models.KindConflict, "run.incomplete",
				"records are removed only after a complete enumeration of the table", "let the download finish, or run a full one")
		}
		found, err := c.find("state <> 3 AND remote_id IS NOT NULL AND "+tx.in("id"), listOf(tx.s.dialect, ids))
		if err != nil {
			return err
		}
		if result, err = c.sweep(found); err != nil {
			return err
		}
		row.Progress.V.Deleted += result.Removed + result.Kept
		next = row.run()
		if err := tx.rows(&row).Where("id = ?", row.ID).Update("progress", row.Progress).Error; err != nil {
			return err
		}
		gone := make([]models.RecordChanged, len(found))
		for i, r := range found {
			gone[i].ID = r.ID
		}
		if err := c.finish(); err != nil {
			return err
		}
		return c.tell(models.EventRecordsDeleted, gone)
	})
	if err == nil {
		*run = next
	}
	return result, err
}

// sweep takes records out that are gone at the service, or keeps them as
// remote_deleted where something of a person's hangs on them.
func (c *recordChanges) sweep(gone []models.Record) (SweepResult, error) {
	var result SweepResult
	ids := make([]int64, 0, len(gone))
	for i := range gone {
		ids = append(ids, gone[i].ID)
	}
	held, err := c.held(ids)
	if err != nil {
		return result, err
	}
	var remove []int64
	var keep []models.Record
	for _, before := range gone {
		// Promise 1: what a person typed into it stays.
		if len(before.Edits) == 0 && !held[before.ID] {
			c.countEdited(&before, nil)
			remove = append(remove, before.ID)
			continue
		}
		after := before
		after.State = models.RecordRemoteDeleted
		c.countEdited(&before, &after)
		keep = append(keep, after)
	}
	if err := c.saveEdits(keep); err != nil {
		return result, err
	}
	result = SweepResult{Removed: int64(len(remove)), Kept: int64(len(keep))}
	return result, c.remove(remove)
}

// held says which records have an open suggestion or an open plan item whose
// request may be on its way.
func (c *recordChanges) held(ids []int64) (map[int64]bool, error) {
	held, err := c.sending(ids)
	if err != nil {
		return nil, err
	}
	return held, c.collect(held, "SELECT record_id FROM suggestions WHERE state = 'open' AND organization_id = ? AND table_id = ? AND "+c.tx.in("record_id"), ids)
}

// sending says which records an open plan item speaks of whose request may be
// on its way.
func (c *recordChanges) sending(ids []int64) (map[int64]bool, error) {
	sending := map[int64]bool{}
	return sending, c.collect(sending, "SELECT record_id FROM items WHERE state IN ('sending', 'unknown') AND organization_id = ? AND table_id = ? AND "+c.tx.in("record_id"), ids)
}

func (c *recordChanges) collect(into map[int64]bool, query string, ids []int64) error {
	rows, err := c.tx.query(query, c.tx.org, c.row.ID, listOf(c.tx.s.dialect, ids))
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var id int64
		if err := rows.Scan(&id); err != nil {
			return err
		}
		into[id] = true
	}
	return rows.Err()
}

// tell writes an event about records, naming at most MaxEventRecords of them.
func (c *recordChanges) tell(kind string, records []models.RecordChanged) error {
	if len(records) == 0 {
		return nil
	}
	named := records[:min(len(records), models.MaxEventRecords)]
	return c.tx.emit(models.SnapshotTopic(c.row.SnapshotID), kind, c.tx.origin(), models.RecordsChanged{
		TableID: c.row.ID, Records: named, Count: int64(len(records)), More: len(records) > len(named), By: c.tx.actor().UserID,
	})
}
