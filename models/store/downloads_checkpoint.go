package store

import "github.com/scratch-platform/scratch/models"

// checkpoint stores where to go on from and what was seen.
func (p *pageSave) checkpoint(row *downloadRunRow) error {
	if !p.seen.IsEmpty() {
		p.seen.RunOptimize()
		ids, err := p.seen.ToBytes()
		if err != nil {
			return err
		}
		if err := p.tx.queue("INSERT INTO download_seen (run_id, n, ids) VALUES (?, ?, ?)", row.ID, row.Pages, ids); err != nil {
			return err
		}
	}
	row.Pages++
	row.Seen += int64(len(p.records.list))
	row.Cursor, row.Complete = p.page.Cursor, p.page.Complete
	p.result.Unchanged += p.result.PassedOver
	row.PassedOver += p.result.PassedOver
	if p.page.Watermark != nil {
		row.Watermark = p.page.Watermark
	}
	progress := &row.Progress.V
	progress.Done += int64(len(p.records.list) + len(p.page.Deleted))
	progress.Created += p.result.Created
	progress.Updated += p.result.Updated
	progress.Unchanged += p.result.Unchanged
	progress.Deleted += p.result.Deleted
	progress.Conflicts += p.conflicts
	if p.page.Total > 0 || p.page.Complete {
		progress.Total = max(p.page.Total, progress.Done)
	}
	progress.Step = "reading"
	row.Warnings = asJSON(boundWarnings(row.Warnings.V, p.page.Warnings))
	return p.c.finish()
}

// tell writes the run and, not too often, the events of its progress.
func (p *pageSave) tell(row *downloadRunRow) error {
	due := p.page.Complete || micros(p.tx.now)-row.ProgressedAt >= progressEvery.Microseconds()
	if due {
		row.ProgressedAt = micros(p.tx.now)
	}
	err := p.tx.queue(`UPDATE download_runs SET cursor = ?, complete = ?, watermark = ?, seen = ?, pages = ?, progress = ?, warnings = ?,
		progressed_at = ?, passed_over = ? WHERE id = ?`, row.Cursor, row.Complete, row.Watermark, row.Seen, row.Pages, row.Progress, row.Warnings,
		row.ProgressedAt, row.PassedOver, row.ID)
	if err != nil {
		return err
	}
	if err := p.c.tell(models.EventRecordsChanged, p.told); err != nil {
		return err
	}
	if err := p.c.tell(models.EventRecordsDeleted, p.gone); err != nil {
		return err
	}
	if !due {
		return nil
	}
	if err := p.tx.progress(row.JobID, row.TableID, row.Progress.V, p.page.Complete); err != nil {
		return err
	}
	return p.tx.tableChanged(&p.c.row, models.ChangeUpdated)
}
