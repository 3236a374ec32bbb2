package activities

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/scratch-platform/scratch/connectors"
	"github.com/scratch-platform/scratch/internal/wait"
	"github.com/scratch-platform/scratch/models"
	"github.com/scratch-platform/scratch/models/store"
	"github.com/scratch-platform/scratch/workflows/contract"
)

// DownloadStore is what Downloads needs of one organization's store.
type DownloadStore interface {
	connectionStore
	Table(ctx context.Context, id string) (models.Table, error)
	UpdateTable(ctx context.Context, id string, update store.TableUpdate) (models.Table, error)
	ApplySchema(ctx context.Context, tableID string, columns []models.Column, name string, readOnly bool, why string) ([]models.SchemaChange, error)
	BeginRun(ctx context.Context, jobID, tableID string, mode models.DownloadMode) (models.DownloadRun, error)
	Run(ctx context.Context, runID string) (models.DownloadRun, error)
	RestartRun(ctx context.Context, run *models.DownloadRun) error
	SavePages(ctx context.Context, run *models.DownloadRun, pages <-chan store.PageWrite, saved func(store.PageWrite, store.PageResult)) error
	MissingRecords(ctx context.Context, run *models.DownloadRun) (store.Missing, error)
	MissingBatch(ctx context.Context, run *models.DownloadRun, afterID int64, limit int) ([]store.RecordRef, error)
	Sweep(ctx context.Context, run *models.DownloadRun, ids []int64) (store.SweepResult, error)
	ExpectRecords(ctx context.Context, run *models.DownloadRun, total int64) error
	FinishRun(ctx context.Context, run *models.DownloadRun, state models.JobState, problem *models.Problem, warnings []models.Problem) error
	RunWarnings(ctx context.Context, runID string) ([]models.Problem, error)
	SetJobState(ctx context.Context, id string, change store.JobChange) (changed bool, err error)
	Alive(ctx context.Context, jobID string) error
}

// Downloads moves one table from its service into the store.
type Downloads struct {
	Store func(organizationID string) DownloadStore
	Open  Opener
	// Slots bounds the tables that move at one time in this process, and with
	// it the memory that pages take.
	Slots Slots
	// PlaceWait is how long a table waits for one of them here; 0 takes the
	// default.
	PlaceWait time.Duration
	Now       func() time.Time
	Meter     Meter // nil counts nothing
}

// Slots hands out a bounded number of places; the channel's capacity is the
// bound.
type Slots chan struct{}

// NewSlots returns n places.
func NewSlots(n int) Slots { return make(Slots, n) }

func (s Slots) take(ctx context.Context) (*place, error) {
	p := &place{slots: s}
	return p, p.take(ctx)
}

var errNoPlace = errors.New("there is no place")

// within takes a place, or ends with errNoPlace when none was free for so long.
func (s Slots) within(ctx context.Context, d time.Duration) (*place, error) {
	bounded, cancel := context.WithTimeoutCause(ctx, d, errNoPlace)
	defer cancel()
	p, err := s.take(bounded)
	if err != nil && ctx.Err() == nil {
		err = context.Cause(bounded)
	}
	return p, err
}

// place is one of the places, held or not.
type place struct {
	slots Slots
	held  bool
}

func (p *place) take(ctx context.Context) error {
	select {
	case p.slots <- struct{}{}:
		p.held = true
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (p *place) release() {
	if p.held {
		p.held = false
		<-p.slots
	}
}

// aside waits without holding the place: no table waits behind another's
// retries.
func (p *place) aside(ctx context.Context, d time.Duration) error {
	p.release()
	if err := wait.For(ctx, d); err != nil {
		return err
	}
	return p.take(ctx)
}

// RunInput names the download of one table.
type RunInput struct {
	contract.DownloadInput
	// RunID is empty until BeginDownload gave it.
	RunID string `json:"run_id,omitempty"`
}

// BeginResult is what a download found at its beginning.
type BeginResult struct {
	RunID   string              `json:"run_id"`
	Mode    models.DownloadMode `json:"mode"`
	Resumed bool                `json:"resumed"`
	// Warnings are for the table's outcome.
	Warnings []models.Problem `json:"warnings,omitempty"`
	// Wait asks the workflow to begin again later.
	Wait *Wait `json:"wait,omitempty"`
}

// BeginDownload takes up the table's run, reads its columns at the service and
// stores what changed about them.
func (d *Downloads) BeginDownload(ctx context.Context, in RunInput) (result BeginResult, failed error) {
	db := d.Store(in.OrganizationID)
	life := beat(ctx, func(ctx context.Context) error { return db.Alive(ctx, in.JobID) })
	defer life.end()
	table, err := db.Table(ctx, in.TableID)
	if err != nil {
		return BeginResult{}, fmt.Errorf("begin the download of table %s: %w", in.TableID, err)
	}
	r, err := openTable(ctx, d.Open, db, table)
	if err != nil {
		return BeginResult{}, err
	}
	defer func() { r.close(ctx, failed) }()
	mode, warnings := modeFor(in.Mode, table, r.connector)
	run, err := db.BeginRun(ctx, in.JobID, in.TableID, mode)
	if err != nil {
		return BeginResult{}, fmt.Errorf("begin the download of table %s: %w", in.TableID, err)
	}
	describer, err := connectors.As[connectors.Describer](r.connector, "describe the table")
	if err != nil {
		return BeginResult{}, err
	}
	schema, err := describer.Describe(ctx, table.RemoteID, table.Settings)
	if wait, soon := waitFor(ctx, err, shortTries); soon {
		return BeginResult{RunID: run.ID, Mode: run.Mode, Wait: &wait}, nil
	}
	if err != nil {
		err = fmt.Errorf("describe table %s: %w", in.TableID, err)
		return BeginResult{}, errors.Join(err, noteGone(ctx, db, in.TableID, err))
	}
	// What a person calls the table stays; the service names it once, when it
	// is added.
	if _, err := db.ApplySchema(ctx, in.TableID, schema.Columns, "", schema.ReadOnly, schema.Why); err != nil {
		return BeginResult{}, fmt.Errorf("store the columns of table %s: %w", in.TableID, err)
	}
	if run.Mode == models.DownloadFull && schema.Rows > 0 {
		if err := db.ExpectRecords(ctx, &run, schema.Rows); err != nil {
			return BeginResult{}, fmt.Errorf("store how many records table %s has: %w", in.TableID, err)
		}
	}
	return BeginResult{RunID: run.ID, Mode: run.Mode, Resumed: run.Seen > 0, Warnings: warnings}, nil
}

// noteGone marks a table that the service has no longer; its records stay, and a
// download that completes takes the mark away.
func noteGone(ctx context.Context, db DownloadStore, tableID string, refused error) error {
	e, ok := connectors.AsError(refused)
	if !ok || e.Kind != connectors.KindNotFound {
		return nil
	}
	gone := models.TableGone
	if _, err := db.UpdateTable(ctx, tableID, store.TableUpdate{State: &gone}); err != nil {
		return fmt.Errorf("mark table %s as gone: %w", tableID, err)
	}
	return nil
}

// modeFor says how a table can be read: changes alone where the service has
// them and an earlier download left a place to go on from, else all of it.
func modeFor(asked models.DownloadMode, table models.Table, c connectors.Connector) (models.DownloadMode, []models.Problem) {
	if asked != models.DownloadIncremental {
		return models.DownloadFull, nil
	}
	if _, can := c.(connectors.SinceReader); !can {
		return models.DownloadFull, []models.Problem{*models.NewProblem(models.KindInvalid, "download.full_instead",
			"The service cannot say what changed, so the whole table was read.", "")}
	}
	if table.Watermark == nil {
		return models.DownloadFull, nil // the first one reads everything; nothing to tell
	}
	return models.DownloadIncremental, nil
}

// FinishInput ends a table's download.
type FinishInput struct {
	RunInput
	State    models.JobState  `json:"state"`
	Problem  *models.Problem  `json:"problem,omitempty"`
	Warnings []models.Problem `json:"warnings,omitempty"`
}

// FinishDownload stores how a run ended, and with it the table's outcome in the
// job. It is idempotent: a run that has ended keeps its end.
func (d *Downloads) FinishDownload(ctx context.Context, in FinishInput) (contract.DownloadResult, error) {
	db := d.Store(in.OrganizationID)
	run, err := db.Run(ctx, in.RunID)
	if err != nil {
		return contract.DownloadResult{}, fmt.Errorf("finish the download of table %s: %w", in.TableID, err)
	}
	if !run.State.Final() {
		if err := db.FinishRun(ctx, &run, in.State, in.Problem, in.Warnings); err != nil {
			return contract.DownloadResult{}, fmt.Errorf("finish the download of table %s: %w", in.TableID, err)
		}
	}
	warnings, err := db.RunWarnings(ctx, run.ID)
	if err != nil {
		return contract.DownloadResult{}, fmt.Errorf("finish the download of table %s: %w", in.TableID, err)
	}
	outcome := models.TableOutcome{
		JobID: in.JobID, TableID: in.TableID, State: run.State, Progress: run.Progress, Problem: in.Problem,
		Warnings: warnings, EndedAt: run.EndedAt,
	}
	if _, err := db.SetJobState(ctx, in.JobID, store.JobChange{Outcome: &outcome}); err != nil {
		return contract.DownloadResult{}, fmt.Errorf("store the outcome of table %s: %w", in.TableID, err)
	}
	return contract.DownloadResult{RunID: run.ID, State: run.State, Progress: run.Progress, Problem: in.Problem}, nil
}
