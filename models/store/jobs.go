package store

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"gorm.io/gorm/clause"

	"github.com/scratch-platform/scratch/models"
)

type jobRow struct {
	ID             string
	OrganizationID string
	SnapshotID     string
	PlanID         string
	Kind           models.JobKind
	State          models.JobState
	WorkflowID     string
	RunID          string
	Input          jsonOf[json.RawMessage]
	Progress       jsonOf[models.Progress]
	Problem        jsonOf[*models.Problem]
	WaitingUntil   *time.Time
	WaitingWhy     string
	EngineAway     bool
	RetryOf        string
	ScheduleID     string
	CreatedBy      string
	CreatedAt      time.Time
	StartedAt      *time.Time
	EndedAt        *time.Time
	AliveAt        *time.Time
	ProgressedAt   *time.Time // when progress was last told as an event
	Version        int64
}

func (jobRow) TableName() string { return "jobs" }

func (r jobRow) job() models.Job {
	return models.Job{
		ID: r.ID, OrganizationID: r.OrganizationID, SnapshotID: r.SnapshotID, PlanID: r.PlanID, Kind: r.Kind, State: r.State,
		WorkflowID: r.WorkflowID, RunID: r.RunID, Input: r.Input.V, Progress: r.Progress.V, Problem: r.Problem.V,
		WaitingUntil: r.WaitingUntil, WaitingWhy: r.WaitingWhy, EngineAway: r.EngineAway, RetryOf: r.RetryOf, ScheduleID: r.ScheduleID, CreatedBy: r.CreatedBy,
		CreatedAt: r.CreatedAt, StartedAt: r.StartedAt, EndedAt: r.EndedAt, AliveAt: r.AliveAt, Version: r.Version,
	}
}

// CreateJob stores a job as queued, unless a live job has its workflow id: then
// that one is given and created is false. The store sets state and times.
func (o *Org) CreateJob(ctx context.Context, job models.Job) (stored models.Job, created bool, err error) {
	err = o.tx(ctx, func(tx *Tx) error {
		stored, created, err = tx.createJob(job)
		return err
	})
	return stored, created, err
}

func (tx *Tx) createJob(job models.Job) (models.Job, bool, error) {
	if job.SnapshotID != "" {
		// Whoever deletes the snapshot meanwhile sees this job, or this job its end.
		if _, err := tx.lockSnapshot(job.SnapshotID); err != nil {
			return models.Job{}, false, err
		}
	}
	row := jobRow{
		ID: job.ID, OrganizationID: tx.org, SnapshotID: job.SnapshotID, PlanID: job.PlanID, Kind: job.Kind, State: models.JobQueued,
		WorkflowID: job.WorkflowID, RunID: job.RunID, Input: asJSON(job.Input), Progress: asJSON(models.Progress{Total: -1}),
		RetryOf: job.RetryOf, ScheduleID: job.ScheduleID, CreatedBy: job.CreatedBy, CreatedAt: tx.now, Version: 1,
	}
	// A live job may end between the refused insert and the look at it: try
	// once more then.
	for range 3 {
		result := tx.db.Clauses(clause.OnConflict{DoNothing: true}).Create(&row)
		if result.Error != nil {
			return models.Job{}, false, result.Error
		}
		if result.RowsAffected == 1 {
			return row.job(), true, tx.jobChanged(&row)
		}
		var live []jobRow
		err := tx.rows(&jobRow{}).Where("workflow_id = ? AND ended_at IS NULL", job.WorkflowID).Limit(1).Find(&live).Error
		if err != nil {
			return models.Job{}, false, err
		}
		if len(live) == 1 {
			return live[0].job(), false, nil
		}
	}
	return models.Job{}, false, models.NewProblem(models.KindConflict, "job.already_running",
		"another job of the same kind started or ended just now", "look at the jobs, then try again")
}

// jobChanged tells the job's own topic and its snapshot's.
func (tx *Tx) jobChanged(row *jobRow) error {
	data := row.changed()
	if err := tx.emit(models.JobTopic(row.ID), models.EventJobChanged, tx.origin(), data); err != nil {
		return err
	}
	if row.SnapshotID == "" {
		return nil
	}
	return tx.emit(models.SnapshotTopic(row.SnapshotID), models.EventJobChanged, tx.origin(), data)
}

// changed is the job as events tell it.
func (r *jobRow) changed() models.JobChanged {
	data := models.JobChanged{
		JobID: r.ID, Kind: r.Kind, State: r.State, PlanID: r.PlanID, WaitingWhy: r.WaitingWhy,
		Problem: r.Problem.V, EngineAway: r.EngineAway,
	}
	if r.WaitingUntil != nil {
		data.WaitingUntil = r.WaitingUntil.Format(time.RFC3339)
	}
	return data
}

// JobEnd gives the end of a job as its last event told it, for those who find
// the log trimmed. It is nil while the job runs, and until everything that the
// job told is in the log.
func (o *Org) JobEnd(ctx context.Context, id string) (*models.JobChanged, error) {
	var row jobRow
	if err := o.rows(ctx, &row).Where("id = ?", id).Take(&row).Error; err != nil {
		return nil, o.s.one(ctx, "job", id, err)
	}
	var coming int64
	if err := o.rows(ctx, &outboxRow{}).Where("topic = ?", models.JobTopic(id)).Limit(1).Count(&coming).Error; err != nil {
		return nil, o.s.explain(ctx, err)
	}
	if !row.State.Final() || coming > 0 {
		return nil, nil //nolint:nilnil // it has not ended
	}
	end := row.changed()
	return &end, nil
}

// Job gives a job, or "job.not_found".
func (o *Org) Job(ctx context.Context, id string) (models.Job, error) {
	var row jobRow
	if err := o.rows(ctx, &row).Where("id = ?", id).Take(&row).Error; err != nil {
		return models.Job{}, o.s.one(ctx, "job", id, err)
	}
	return row.job(), nil
}

// JobsByID gives those of the jobs that there are, by id.
func (o *Org) JobsByID(ctx context.Context, ids []string) (map[string]models.Job, error) {
	jobs := make(map[string]models.Job, len(ids))
	if len(ids) == 0 {
		return jobs, nil
	}
	var rows []jobRow
	if err := o.rows(ctx, &jobRow{}).Where("id IN ?", ids).Find(&rows).Error; err != nil {
		return nil, o.s.explain(ctx, err)
	}
	for _, r := range rows {
		jobs[r.ID] = r.job()
	}
	return jobs, nil
}

// JobFilter narrows ListJobs; zero fields do not.
type JobFilter struct {
	State      []models.JobState
	Kind       models.JobKind
	SnapshotID string
	PlanID     string
	ScheduleID string
}

// ListJobs lists jobs, newest first.
func (o *Org) ListJobs(ctx context.Context, filter JobFilter, page Page) ([]models.Job, string, error) {
	q := o.rows(ctx, &jobRow{})
	if len(filter.State) > 0 {
		q = q.Where("state IN ?", filter.State)
	}
	if filter.Kind != "" {
		q = q.Where("kind = ?", filter.Kind)
	}
	if filter.SnapshotID != "" {
		q = q.Where("snapshot_id = ?", filter.SnapshotID)
	}
	if filter.PlanID != "" {
		q = q.Where("plan_id = ?", filter.PlanID)
	}
	if filter.ScheduleID != "" {
		q = q.Where("schedule_id = ?", filter.ScheduleID)
	}
	rows, next, err := pageByID(q, page, models.PrefixJob, true, func(r *jobRow) string { return r.ID })
	if err != nil {
		return nil, "", o.s.explain(ctx, err)
	}
	jobs := make([]models.Job, len(rows))
	for i, r := range rows {
		jobs[i] = r.job()
	}
	return jobs, next, nil
}

// SetJobState moves a job along; changed is false when From forbids it or
// nothing is new. When the job ends, tables that had not ended end with it.
// A final job that would live again while another live job has its workflow id
// is "job.already_running".
func (o *Org) SetJobState(ctx context.Context, id string, change JobChange) (changed bool, err error) {
	err = o.tx(ctx, func(tx *Tx) error {
		changed, err = tx.setJobState(id, change)
		return err
	})
	return changed, err
}

func (tx *Tx) setJobState(id string, change JobChange) (bool, error) {
	// Runs, then the job's tables, then the job: the order in which a download
	// that saves a page locks them.
	if change.Outcome != nil {
		if err := tx.saveOutcome(id, *change.Outcome); err != nil {
			return false, err
		}
	}
	if change.To.Final() {
		if err := tx.lockTables(id); err != nil {
			return false, err
		}
	}
	row, err := tx.lockJob(id)
	if err != nil {
		return false, err
	}
	if change.To == "" {
		return change.Outcome != nil, nil
	}
	if !mayMove(&row, change) {
		return false, nil
	}
	before := row
	tx.moveJob(&row, change)
	if sameJobState(&before, &row) {
		return false, nil
	}
	row.Version++
	err = tx.rows(&jobRow{}).Where("id = ?", id).Updates(map[string]any{
		"state": row.State, "run_id": row.RunID, "problem": row.Problem, "waiting_until": row.WaitingUntil, "waiting_why": row.WaitingWhy,
		"engine_away": row.EngineAway, "started_at": row.StartedAt, "ended_at": row.EndedAt, "version": row.Version,
	}).Error
	if tx.isUnique(err) {
		return false, models.NewProblem(models.KindConflict, "job.already_running", "another job does the same work now",
			"let it end, or cancel it").Because(err)
	}
	if err != nil {
		return false, err
	}
	if row.State.Final() && !before.State.Final() {
		if err := tx.endTables(&row); err != nil {
			return false, err
		}
		if err := tx.endProgress(&row); err != nil {
			return false, err
		}
		tx.ended = append(tx.ended, EndedJob{Kind: row.Kind, State: row.State, Took: tx.now.Sub(row.CreatedAt)})
	}
	return true, tx.jobChanged(&row)
}

// mayMove reports whether the change may leave the job's state.
func mayMove(row *jobRow, change JobChange) bool {
	reset := change.RunID != "" && row.RunID != "" && change.RunID != row.RunID
	if len(change.From) > 0 {
		// Promise 9: what ended lives again under another run only.
		return slices.Contains(change.From, row.State) && (reset || !row.State.Final() || change.To.Final())
	}
	if reset {
		return true
	}
	if row.State.Final() {
		return false
	}
	return change.To != models.JobQueued || row.State == models.JobQueued
}

// moveJob applies the change to the row.
func (tx *Tx) moveJob(row *jobRow, change JobChange) {
	wasFinal := row.State.Final()
	row.State = change.To
	if change.RunID != "" {
		row.RunID = change.RunID
	}
	switch {
	case change.Problem != nil:
		row.Problem = asJSON(change.Problem)
	case !wasFinal || !change.To.Final():
		row.Problem = asJSON[*models.Problem](nil) // the old end, or what held it up, is no news
	}
	row.WaitingUntil, row.WaitingWhy, row.EngineAway = storedPtr(change.WaitingUntil), change.WaitingWhy, change.EngineAway
	if row.StartedAt == nil && change.To != models.JobQueued && change.To != models.JobCancelling {
		row.StartedAt = &tx.now
	}
	switch {
	case !change.To.Final():
		row.EndedAt = nil
	case row.EndedAt == nil:
		row.EndedAt = &tx.now
	}
}

// sameJobState reports whether the change told nothing new.
func sameJobState(a, b *jobRow) bool {
	until := a.WaitingUntil == nil && b.WaitingUntil == nil ||
		a.WaitingUntil != nil && b.WaitingUntil != nil && a.WaitingUntil.Equal(*b.WaitingUntil)
	x, errX := encodeJSON(a.Problem.V)
	y, errY := encodeJSON(b.Problem.V)
	return a.State == b.State && a.RunID == b.RunID && a.EngineAway == b.EngineAway && a.WaitingWhy == b.WaitingWhy && until &&
		errX == nil && errY == nil && x == y
}

// lockJob reads a job and locks it; it comes late in the order of locks.
func (tx *Tx) lockJob(id string) (jobRow, error) {
	var row jobRow
	err := tx.rows(&row).Clauses(forUpdate).Where("id = ?", id).Take(&row).Error
	return row, tx.s.one(tx.ctx, "job", id, err)
}

// Alive notes a sign of life from a job's activity, at most once a second. A
// stalled job runs again with it.
func (o *Org) Alive(ctx context.Context, jobID string) error {
	var row jobRow
	if err := o.rows(ctx, &row).Select("id", "state", "alive_at").Where("id = ?", jobID).Take(&row).Error; err != nil {
		return o.s.one(ctx, "job", jobID, err)
	}
	if row.State != models.JobStalled && row.AliveAt != nil && o.s.now().Sub(*row.AliveAt) < time.Second {
		return nil
	}
	return o.tx(ctx, func(tx *Tx) error {
		if err := tx.rows(&jobRow{}).Where("id = ?", jobID).Update("alive_at", tx.now).Error; err != nil {
			return err
		}
		if row.State != models.JobStalled {
			return nil
		}
		_, err := tx.setJobState(jobID, JobChange{To: models.JobRunning, From: []models.JobState{models.JobStalled}})
		return err
	})
}

// LiveJobs gives jobs that have not ended, of all organizations, oldest first:
// what the reconciler holds against the engine.
func (y *System) LiveJobs(ctx context.Context, limit int) ([]models.Job, error) {
	return y.jobs(ctx, "ended_at IS NULL", limit)
}

// JobsWithInFlight gives ended publishes that did not end their plan: items were
// being sent when the run ended, so somebody must find out what became of them,
// or items are still planned and hold their records.
func (y *System) JobsWithInFlight(ctx context.Context, limit int) ([]models.Job, error) {
	return y.jobs(ctx, `ended_at IS NOT NULL AND (plan_id IN (SELECT items.plan_id FROM items WHERE items.state = 'sending')
		OR plan_id IN (SELECT plans.id FROM plans WHERE plans.state = 'applying'))
		AND NOT EXISTS (SELECT 1 FROM jobs AS newer WHERE newer.plan_id = jobs.plan_id AND newer.id > jobs.id)`, limit)
}

// JobsByID gives those of the jobs that there are, of all organizations.
func (y *System) JobsByID(ctx context.Context, ids []string) ([]models.Job, error) {
	return y.jobs(ctx, "id IN ?", len(ids), ids)
}

// LiveJobsOf gives the jobs that have not ended and that a run of one of the
// workflow ids does.
func (y *System) LiveJobsOf(ctx context.Context, workflowIDs []string) ([]models.Job, error) {
	return y.jobs(ctx, "workflow_id IN ? AND ended_at IS NULL", len(workflowIDs), workflowIDs)
}

func (y *System) jobs(ctx context.Context, where string, limit int, args ...any) ([]models.Job, error) {
	var rows []jobRow
	if err := y.rows(ctx, &jobRow{}).Where(where, args...).Order("id").Limit(limit).Find(&rows).Error; err != nil {
		return nil, y.s.explain(ctx, err)
	}
	jobs := make([]models.Job, len(rows))
	for i, r := range rows {
		jobs[i] = r.job()
	}
	return jobs, nil
}
