package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/scratch-platform/scratch/models"
)

type downloadRunRow struct {
	ID             string
	OrganizationID string
	JobID          string
	TableID        string
	Mode           models.DownloadMode
	State          models.JobState
	Attempt        int64
	Cursor         []byte
	Complete       bool
	Spanned        bool
	PassedOver     int64
	Watermark      []byte
	HadRecords     int64
	Seen           int64
	Pages          int64
	Progress       jsonOf[models.Progress]
	Problem        jsonOf[*models.Problem]
	Warnings       jsonOf[[]models.Problem]
	ProgressedAt   int64
	CreatedAt      int64
	EndedAt        *int64
}

func (downloadRunRow) TableName() string { return "download_runs" }

func (r *downloadRunRow) run() models.DownloadRun {
	run := models.DownloadRun{
		ID: r.ID, OrganizationID: r.OrganizationID, JobID: r.JobID, TableID: r.TableID, Mode: r.Mode, Attempt: int(r.Attempt),
		Cursor: r.Cursor, Complete: r.Complete, Spanned: r.Spanned, Watermark: r.Watermark, HadRecords: r.HadRecords, Seen: r.Seen,
		Progress: r.Progress.V, State: r.State, CreatedAt: time.UnixMicro(r.CreatedAt).UTC(),
	}
	if r.EndedAt != nil {
		ended := time.UnixMicro(*r.EndedAt).UTC()
		run.EndedAt = &ended
	}
	return run
}

// BeginRun gives the download of one table by one job: the unfinished one,
// which another worker may have left behind (Promise 7), or a new one.
//
// Taking over raises Attempt; whatever the older attempt still tries to store
// fails with "run.superseded". An unfinished run of another job is ended: two
// downloads of one table never write side by side. An incremental download of
// a table that has no watermark is a full one.
func (o *Org) BeginRun(ctx context.Context, jobID, tableID string, mode models.DownloadMode) (models.DownloadRun, error) {
	var row downloadRunRow
	var asOf int64
	err := o.tx(ctx, func(tx *Tx) error {
		c, err := tx.changeRecords(tableID)
		if err != nil {
			return err
		}
		asOf = c.row.RecordsVersion
		found, err := tx.openRun(tableID)
		if err != nil {
			return err
		}
		if found != nil && found.JobID == jobID {
			row = *found
			row.Attempt++
			row.Spanned = row.Spanned || row.Cursor != nil
			return tx.rows(&row).Where("id = ?", row.ID).Updates(map[string]any{"attempt": row.Attempt, "spanned": row.Spanned}).Error
		}
		if found != nil {
			if err := tx.endRun(found.JobID, tableID, models.JobLost); err != nil {
				return err
			}
		}
		row = downloadRunRow{
			ID: models.NewID(models.PrefixRun), OrganizationID: o.id, JobID: jobID, TableID: tableID, Mode: mode,
			State: models.JobRunning, Attempt: 1, CreatedAt: micros(tx.now), Progress: asJSON(models.Progress{Total: -1}),
		}
		if len(c.row.Watermark) == 0 {
			row.Mode = models.DownloadFull
		}
		if row.HadRecords, err = c.liveRemote(); err != nil {
			return err
		}
		return tx.db.Create(&row).Error
	})
	run := row.run()
	run.AsOf = asOf
	return run, err
}

// liveRemote counts the records that exist at the service, as far as we know.
func (c *recordChanges) liveRemote() (n int64, err error) {
	err = c.tx.sql.QueryRowContext(c.tx.ctx, "SELECT count(*) FROM "+c.records+" WHERE remote_id IS NOT NULL AND state <> 3").Scan(&n)
	return n, err
}

// openRun gives the table's unfinished run, or nil.
func (tx *Tx) openRun(tableID string) (*downloadRunRow, error) {
	var row downloadRunRow
	err := tx.rows(&row).Where("table_id = ? AND ended_at IS NULL", tableID).Take(&row).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return nil, nil //nolint:nilnil // there is none
	}
	return &row, err
}

// endRun ends a job's unfinished run of a table, if there is one: what its
// worker still tries to store fails with "run.superseded".
func (tx *Tx) endRun(jobID, tableID string, state models.JobState) error {
	return tx.rows(&downloadRunRow{}).Where("job_id = ? AND table_id = ? AND ended_at IS NULL", jobID, tableID).
		Updates(map[string]any{"state": state, "ended_at": micros(tx.now)}).Error
}

// Run gives a run as it is stored, or "run.not_found".
func (o *Org) Run(ctx context.Context, runID string) (models.DownloadRun, error) {
	var row downloadRunRow
	if err := o.rows(ctx, &row).Where("id = ?", runID).Take(&row).Error; err != nil {
		return models.DownloadRun{}, o.s.one(ctx, "run", runID, err)
	}
	return row.run(), nil
}

// lockRun reads a run for writing and fences older attempts: only the newest
// attempt of an unfinished run may store anything, so that a worker thought
// dead cannot set back the checkpoint of its successor (Promise 7).
func (tx *Tx) lockRun(run *models.DownloadRun) (downloadRunRow, error) {
	var row downloadRunRow
	err := tx.rows(&row).Clauses(clause.Locking{Strength: "UPDATE"}).Where("id = ?", run.ID).Take(&row).Error
	if err != nil {
		return row, tx.s.one(tx.ctx, "run", run.ID, err)
	}
	if row.EndedAt != nil || row.Attempt != int64(run.Attempt) {
		return row, models.NewProblem(models.KindConflict, "run.superseded",
			fmt.Sprintf("attempt %d of download %s was taken over or ended", run.Attempt, run.ID),
			"nothing is lost: the newer attempt goes on from the last stored page")
	}
	return row, nil
}

// RestartRun begins the enumeration again, because the service no longer knows
// the cursor. What was stored stays; what was seen is forgotten, so that
// nothing is concluded from two halves of different enumerations (Promise 2).
func (o *Org) RestartRun(ctx context.Context, run *models.DownloadRun) error {
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
		if _, err := tx.exec("DELETE FROM download_seen WHERE run_id = ?", row.ID); err != nil {
			return err
		}
		if row.HadRecords, err = c.liveRemote(); err != nil {
			return err
		}
		row.Cursor, row.Complete, row.Spanned, row.Seen, row.Watermark = nil, false, false, 0, nil
		row.Progress = asJSON(models.Progress{Total: row.Progress.V.Total})
		row.PassedOver = 0
		next = row.run()
		next.AsOf = c.row.RecordsVersion
		return tx.rows(&row).Where("id = ?", row.ID).Updates(map[string]any{
			"passed_over": 0,
			"cursor":      nil, "complete": false, "spanned": false, "seen": 0, "watermark": nil,
			"had_records": row.HadRecords, "progress": row.Progress,
		}).Error
	})
	if err == nil {
		*run = next
	}
	return err
}

// ExpectRecords notes how many records a run will come to, where that was counted
// before and its pages do not say.
func (o *Org) ExpectRecords(ctx context.Context, run *models.DownloadRun, total int64) error {
	return o.tx(ctx, func(tx *Tx) error {
		if _, err := tx.changeRecords(run.TableID); err != nil {
			return err
		}
		row, err := tx.lockRun(run)
		if err != nil {
			return err
		}
		row.Progress.V.Total, row.Progress.V.Step = max(total, row.Progress.V.Done), "reading"
		run.Progress.Total = row.Progress.V.Total
		if err := tx.rows(&row).Where("id = ?", row.ID).Update("progress", row.Progress).Error; err != nil {
			return err
		}
		return tx.progress(row.JobID, row.TableID, row.Progress.V, true)
	})
}

// FinishRun ends a run. The table takes over the watermark on completion only:
// an incremental download after a failed one reads what that one missed.
func (o *Org) FinishRun(ctx context.Context, run *models.DownloadRun, state models.JobState, problem *models.Problem, warnings []models.Problem) error {
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
		ended := micros(tx.now)
		row.State, row.EndedAt = state, &ended
		row.Warnings = asJSON(boundWarnings(row.Warnings.V, warnings))
		next = row.run()
		err = tx.rows(&row).Where("id = ?", row.ID).Updates(map[string]any{
			"state": state, "ended_at": ended, "problem": asJSON(problem), "warnings": row.Warnings,
		}).Error
		if err != nil {
			return err
		}
		if _, err := tx.exec("DELETE FROM download_seen WHERE run_id = ?", row.ID); err != nil {
			return err
		}
		if err := tx.progress(row.JobID, row.TableID, row.Progress.V, true); err != nil {
			return err
		}
		return tx.tableDownloaded(c, &row)
	})
	if err == nil {
		*run = next
	}
	return err
}

// tableDownloaded notes on the table what a finished run means for it. A failed
// or cancelled one means nothing (Promise 2).
func (tx *Tx) tableDownloaded(c *recordChanges, row *downloadRunRow) error {
	if row.State == models.JobCompleted || row.State == models.JobCompletedWithFailures {
		update := map[string]any{"downloaded_at": tx.now, "state": models.TableReady}
		// A record that was passed over may have changed at the service before its
		// page was read: the next incremental download reads it again.
		if row.Watermark != nil && row.PassedOver == 0 {
			update["watermark"] = row.Watermark
		}
		if err := tx.rows(&tableRow{}).Where("id = ?", row.TableID).Updates(update).Error; err != nil {
			return err
		}
		c.row.State = models.TableReady
	}
	return tx.tableChanged(&c.row, models.ChangeUpdated)
}

// boundWarnings keeps the first warnings of each code and bounds their number.
func boundWarnings(kept, more []models.Problem) []models.Problem {
	perCode := map[string]int{}
	var out []models.Problem
	for _, w := range append(kept[:len(kept):len(kept)], more...) {
		if len(out) < maxWarnings && perCode[w.Code] < maxWarnings/5 {
			perCode[w.Code]++
			out = append(out, w)
		}
	}
	return out
}

// RunWarnings gives what a run found worth telling, at most 50.
func (o *Org) RunWarnings(ctx context.Context, runID string) ([]models.Problem, error) {
	var row downloadRunRow
	if err := o.rows(ctx, &row).Where("id = ?", runID).Take(&row).Error; err != nil {
		return nil, o.s.one(ctx, "run", runID, err)
	}
	return row.Warnings.V, nil
}
