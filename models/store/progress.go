package store

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/scratch-platform/scratch/models"
)

// progressEvery is the least time between two progress events of a job: at
// most four a second, however many tables move.
const progressEvery = 250 * time.Millisecond

type jobTableRow struct {
	JobID          string `gorm:"primaryKey"`
	TableID        string `gorm:"primaryKey"`
	OrganizationID string
	State          models.JobState
	Progress       jsonOf[models.Progress]
	Problem        jsonOf[*models.Problem]
	Warnings       jsonOf[[]models.Problem]
	StartedAt      *time.Time
	EndedAt        *time.Time
}

func (jobTableRow) TableName() string { return "job_tables" }

func (r jobTableRow) outcome() models.TableOutcome {
	return models.TableOutcome{
		JobID: r.JobID, TableID: r.TableID, State: r.State, Progress: r.Progress.V, Problem: r.Problem.V, Warnings: r.Warnings.V,
		StartedAt: r.StartedAt, EndedAt: r.EndedAt,
	}
}

// JobOutcomes gives what a job did so far, table by table.
func (o *Org) JobOutcomes(ctx context.Context, jobID string) ([]models.TableOutcome, error) {
	var rows []jobTableRow
	if err := o.rows(ctx, &jobTableRow{}).Where("job_id = ?", jobID).Order("table_id").Find(&rows).Error; err != nil {
		return nil, o.s.explain(ctx, err)
	}
	outcomes := make([]models.TableOutcome, len(rows))
	for i, r := range rows {
		outcomes[i] = r.outcome()
	}
	return outcomes, nil
}

// Progress stores how far a job is with one table, and the job's sum. It is
// told as an event at most four times a second. With an empty tableID it is
// the job's own progress.
func (o *Org) Progress(ctx context.Context, jobID, tableID string, progress models.Progress) error {
	return o.tx(ctx, func(tx *Tx) error { return tx.progress(jobID, tableID, progress, false) })
}

// progress writes a table's counters. The job's row, which all its tables
// share, is touched only when an event is due (or now is set), so that tables
// side by side do not wait for each other.
func (tx *Tx) progress(jobID, tableID string, progress models.Progress, now bool) error {
	if tableID != "" {
		known, err := tx.saveTableProgress(jobID, tableID, progress)
		if err != nil || !known {
			return err
		}
	}
	return tx.tellProgress(jobID, tableID, progress, now)
}

// tellProgress brings the job's sum up to date, and tells of it. It locks the
// job: whatever the transaction locks of the job's tables comes before.
func (tx *Tx) tellProgress(jobID, tableID string, progress models.Progress, now bool) error {
	due := tx.rows(&jobRow{}).Where("id = ?", jobID)
	if !now {
		due = due.Where("(progressed_at IS NULL OR progressed_at <= ?)", tx.now.Add(-progressEvery))
	}
	result := due.Updates(map[string]any{"progressed_at": tx.now, "alive_at": tx.now})
	if result.Error != nil || result.RowsAffected == 0 {
		return result.Error
	}
	sum := progress
	if tableID != "" {
		var err error
		if sum, err = tx.sumProgress(jobID, progress.Step); err != nil {
			return err
		}
	}
	if err := tx.rows(&jobRow{}).Where("id = ?", jobID).Update("progress", asJSON(sum)).Error; err != nil {
		return err
	}
	data := models.JobProgressed{JobID: jobID, Progress: sum, TableID: tableID}
	if tableID != "" {
		data.Table = &progress
	}
	return tx.emit(models.JobTopic(jobID), models.EventJobProgressed, "", data)
}

// saveTableProgress writes one table's counters; known is false for a job of
// no organization of ours.
func (tx *Tx) saveTableProgress(jobID, tableID string, progress models.Progress) (known bool, err error) {
	result := tx.rows(&jobTableRow{}).Where("job_id = ? AND table_id = ?", jobID, tableID).Update("progress", asJSON(progress))
	if result.Error != nil || result.RowsAffected > 0 {
		return true, result.Error
	}
	var jobs int64
	if err := tx.rows(&jobRow{}).Where("id = ?", jobID).Count(&jobs).Error; err != nil {
		return false, err
	}
	if jobs == 0 {
		return false, notFound("job", jobID)
	}
	return true, tx.db.Clauses(clause.OnConflict{
		Columns: []clause.Column{{Name: "job_id"}, {Name: "table_id"}}, DoUpdates: clause.AssignmentColumns([]string{"progress"}),
	}).Create(&jobTableRow{
		JobID: jobID, TableID: tableID, OrganizationID: tx.org, State: models.JobRunning, Progress: asJSON(progress), StartedAt: &tx.now,
	}).Error
}

func (tx *Tx) sumProgress(jobID, step string) (models.Progress, error) {
	var rows []jobTableRow
	if err := tx.rows(&jobTableRow{}).Select("progress").Where("job_id = ?", jobID).Find(&rows).Error; err != nil {
		return models.Progress{}, err
	}
	sum := models.Progress{Step: step}
	for _, r := range rows {
		p := r.Progress.V
		if p.Total < 0 || sum.Total < 0 {
			sum.Total = -1
		} else {
			sum.Total += p.Total
		}
		sum.Count(p)
	}
	return sum, nil
}

// addProgress adds to the counters of the tables of a plan's job.
func (tx *Tx) addProgress(plan *planRow, more map[string]models.Progress) error {
	if plan.JobID == "" {
		return nil
	}
	tables, now := slices.Sorted(maps.Keys(more)), map[string]models.Progress{}
	for _, tableID := range tables {
		var row jobTableRow
		err := tx.rows(&row).Clauses(forUpdate).Where("job_id = ? AND table_id = ?", plan.JobID, tableID).Take(&row).Error
		if err != nil && !errors.Is(err, gorm.ErrRecordNotFound) {
			return err
		}
		p := row.Progress.V
		p.Count(more[tableID])
		p.Step = "publishing"
		if _, err := tx.saveTableProgress(plan.JobID, tableID, p); err != nil {
			return err
		}
		now[tableID] = p
	}
	for _, tableID := range tables {
		if err := tx.tellProgress(plan.JobID, tableID, now[tableID], false); err != nil {
			return err
		}
	}
	return nil
}

// saveOutcome writes where one table of a job stands, and brings the job's sum
// up to date. Counters of an outcome without any stay as they are; warnings
// are added.
func (tx *Tx) saveOutcome(jobID string, outcome models.TableOutcome) error {
	var jobs int64
	if err := tx.rows(&jobRow{}).Where("id = ?", jobID).Count(&jobs).Error; err != nil {
		return err
	}
	if jobs == 0 {
		return notFound("job", jobID)
	}
	if outcome.State.Final() {
		// A worker that was thought dead can store no more of this table.
		if err := tx.endRun(jobID, outcome.TableID, outcome.State); err != nil {
			return err
		}
	}
	var old jobTableRow
	err := tx.rows(&jobTableRow{}).Clauses(forUpdate).Where("job_id = ? AND table_id = ?", jobID, outcome.TableID).Take(&old).Error
	if err != nil && !errors.Is(err, gorm.ErrRecordNotFound) {
		return err
	}
	row := jobTableRow{
		JobID: jobID, TableID: outcome.TableID, OrganizationID: tx.org, State: outcome.State, Progress: asJSON(outcome.Progress),
		Problem: asJSON(outcome.Problem), Warnings: asJSON(addWarnings(old.Warnings.V, outcome.Warnings)),
		StartedAt: storedPtr(outcome.StartedAt), EndedAt: storedPtr(outcome.EndedAt),
	}
	if outcome.Progress == (models.Progress{}) {
		row.Progress = old.Progress
	}
	if row.StartedAt == nil {
		row.StartedAt = old.StartedAt
	}
	if row.StartedAt == nil {
		row.StartedAt = &tx.now
	}
	if row.EndedAt == nil && row.State.Final() {
		row.EndedAt = &tx.now
	}
	if err := tx.db.Clauses(clause.OnConflict{UpdateAll: true}).Create(&row).Error; err != nil {
		return err
	}
	return tx.progress(jobID, row.TableID, row.Progress.V, true)
}

// maxWarnings bounds the warnings kept of one table of one job.
const maxWarnings = 50

// addWarnings adds warnings that are not there yet, within the bound.
func addWarnings(have, more []models.Problem) []models.Problem {
	for _, w := range more {
		known := false
		for _, h := range have {
			known = known || h.Code == w.Code && h.Detail == w.Detail
		}
		if !known && len(have) < maxWarnings {
			have = append(have, w)
		}
	}
	return have
}

// lockTables locks the rows of a job's tables that have not ended.
func (tx *Tx) lockTables(jobID string) error {
	var ids []string
	return tx.rows(&jobTableRow{}).Clauses(forUpdate).Where("job_id = ? AND ended_at IS NULL", jobID).Order("table_id").Pluck("table_id", &ids).Error
}

// endTables ends, with the job, the tables that had not ended.
func (tx *Tx) endTables(job *jobRow) error {
	return tx.rows(&jobTableRow{}).Where("job_id = ? AND ended_at IS NULL", job.ID).
		Updates(map[string]any{"state": job.State, "ended_at": tx.now}).Error
}

// endProgress brings the sum of a job that ends up to date: the last steps of
// its tables may have come within the time in which progress is not told
// again, and nothing comes after them.
func (tx *Tx) endProgress(job *jobRow) error {
	sum, err := tx.sumProgress(job.ID, job.Progress.V.Step)
	if err != nil || sum == job.Progress.V || sum == (models.Progress{Step: sum.Step}) {
		return err // a job without tables counts for itself
	}
	if err := tx.rows(&jobRow{}).Where("id = ?", job.ID).Update("progress", asJSON(sum)).Error; err != nil {
		return err
	}
	return tx.emit(models.JobTopic(job.ID), models.EventJobProgressed, "", models.JobProgressed{JobID: job.ID, Progress: sum})
}
