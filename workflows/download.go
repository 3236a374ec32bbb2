package workflows

import (
	"fmt"

	"go.temporal.io/sdk/workflow"

	"github.com/scratch-platform/scratch/activities"
	"github.com/scratch-platform/scratch/models"
	"github.com/scratch-platform/scratch/workflows/contract"
	"github.com/scratch-platform/scratch/workflows/policy"
)

// Download brings one table from its service into the snapshot.
//
// Its id is contract.DownloadID: one runs per table. DownloadSnapshot starts it.
// Signals: pause, resume, decide (a person's word on a large sweep). Query:
// progress. It continues as new when its history has grown long (days of
// waiting and turns); its checkpoint is in the store, so nothing is carried.
func Download(ctx workflow.Context, input contract.DownloadInput) (contract.DownloadResult, error) {
	d := &download{input: activities.RunInput{DownloadInput: input}}
	d.control = control{at: standing{State: models.JobRunning}, tell: d.tell}
	listen(ctx, &d.control)
	d.hearDecision(ctx)
	if err := workflow.SetQueryHandler(ctx, contract.QueryProgress, d.report); err != nil {
		return contract.DownloadResult{}, err
	}
	err := d.run(ctx)
	if workflow.IsContinueAsNewError(err) {
		return contract.DownloadResult{}, err
	}
	return d.end(ctx, err)
}

// download is the state of one run.
type download struct {
	control
	input    activities.RunInput
	phase    string
	progress models.Progress
	warnings []models.Problem
	decision *bool // a person's word
	patience endurance
}

func (d *download) run(ctx workflow.Context) error {
	if err := d.begin(ctx); err != nil {
		return err
	}
	settled, err := d.copy(ctx)
	switch {
	case err != nil:
		return err
	case settled:
		return ctx.Err() // a cancel that came with the last page is one
	}
	return d.confirm(ctx)
}

// begin takes up the run and reads the table's columns.
func (d *download) begin(ctx workflow.Context) error {
	d.phase = "describing"
	for {
		var begun activities.BeginResult
		if err := d.step(ctx, func(ctx workflow.Context) error {
			return workflow.ExecuteActivity(policy.RemoteRead(ctx, "Read the table's columns"), downloads.BeginDownload, d.input).Get(ctx, &begun)
		}); err != nil {
			return err
		}
		d.input.RunID, d.input.Mode = begun.RunID, begun.Mode
		if begun.Wait == nil {
			d.warnings = begun.Warnings
			return nil
		}
		if err := d.waitOut(ctx, begun.Wait, 0); err != nil {
			return err
		}
	}
}

// copy reads all pages, turn by turn, each from the last checkpoint.
func (d *download) copy(ctx workflow.Context) (settled bool, err error) {
	d.phase = "reading"
	for {
		var turn activities.CopyResult
		if err := d.step(ctx, func(ctx workflow.Context) error {
			return workflow.ExecuteActivity(policy.RemoteRead(ctx, "Read and store the table's records"), downloads.CopyPages,
				activities.CopyInput{RunInput: d.input, Turn: policy.Turn}).Get(ctx, &turn)
		}); err != nil {
			return false, err
		}
		d.progress = turn.Progress
		switch {
		case turn.Complete:
			return turn.Settled, nil
		case turn.Wait != nil:
			if err := d.waitOut(ctx, turn.Wait, turn.Seen); err != nil {
				return false, err
			}
		}
		if workflow.GetInfo(ctx).GetContinueAsNewSuggested() && !d.paused {
			return false, workflow.NewContinueAsNewError(ctx, contract.WorkflowDownload, d.input.DownloadInput)
		}
	}
}

// confirm looks a second time for what the complete enumeration missed, and
// removes what is gone; a large removal waits for a person (Promise 2).
func (d *download) confirm(ctx workflow.Context) error {
	d.phase = "confirming"
	for {
		var confirmed activities.ConfirmResult
		if err := d.step(ctx, func(ctx workflow.Context) error {
			return workflow.ExecuteActivity(policy.RemoteRead(ctx, "Confirm which records are gone"), downloads.ConfirmMissing,
				activities.ConfirmInput{RunInput: d.input, Remove: d.decision}).Get(ctx, &confirmed)
		}); err != nil {
			return err
		}
		switch {
		case confirmed.Wait != nil:
			if err := d.waitOut(ctx, confirmed.Wait, d.progress.Done+1); err != nil {
				return err
			}
		case confirmed.NeedsDecision:
			if err := d.ask(ctx, confirmed); err != nil {
				return err
			}
		default:
			d.warnings = append(d.warnings, confirmed.Warnings...)
			return nil
		}
	}
}

// pauseWhileAsking: a pause is shown while a run waits for a person's word.
const pauseWhileAsking = "pause-while-asking"

// ask waits for a person's word on a large sweep. A pause shows as such while it
// lasts, and the question again after it (Promise 9).
func (d *download) ask(ctx workflow.Context, c activities.ConfirmResult) error {
	question := standing{State: models.JobWaiting, Why: fmt.Sprintf(
		"At least %d of %d records are gone at the service. Decide whether to remove them here.", c.Gone, c.Of)}
	wait := func(ctx workflow.Context) error {
		if err := d.show(ctx, question); err != nil {
			return err
		}
		return workflow.Await(ctx, func() bool { return d.decision != nil })
	}
	if workflow.GetVersion(ctx, pauseWhileAsking, workflow.DefaultVersion, 1) == workflow.DefaultVersion {
		return wait(ctx)
	}
	return d.step(ctx, func(ctx workflow.Context) error {
		if d.decision != nil {
			return nil // it came during the pause
		}
		return wait(ctx)
	})
}

func (d *download) hearDecision(ctx workflow.Context) {
	decisions := contract.Decide.Channel(ctx)
	workflow.Go(ctx, func(ctx workflow.Context) {
		selector := workflow.NewSelector(ctx)
		decisions.AddTo(ctx, selector, func(word contract.SweepDecision) {
			if word.TableID == "" || word.TableID == d.input.TableID {
				d.decision = &word.Remove
			}
		})
		selector.AddReceive(ctx.Done(), func(workflow.ReceiveChannel, bool) {})
		for ctx.Err() == nil {
			selector.Select(ctx)
		}
	})
}

// waitOut waits as long as the service or the limit needs, and gives up on one
// that stays away without any progress.
func (d *download) waitOut(ctx workflow.Context, w *activities.Wait, mark int64) error {
	if d.patience.spent(ctx, *w, mark) {
		return contract.Failure(w.Problem)
	}
	return d.wait(ctx, *w)
}

// tell stores where the table stands and lets the snapshot's download know, so
// that its job shows it and another table may take this one's place.
func (d *download) tell(ctx workflow.Context, now standing) error {
	var problem *models.Problem
	switch {
	case now.Why == "":
	case now.Until == nil: // nothing but a person's word ends it
		problem = models.NewProblem(models.KindConflict, "job.asks", now.Why, "")
	default:
		problem = models.NewProblem(models.KindUnavailable, "job.waiting", now.Why, "")
		problem.RetryAt = now.Until
	}
	if err := workflow.ExecuteActivity(policy.Store(ctx, "Show the table as "+string(now.State)), jobs.RecordTable,
		activities.RecordTableInput{JobRef: d.job(), TableID: d.input.TableID, State: now.State, Problem: problem}).Get(ctx, nil); err != nil {
		return err
	}
	told := contract.Table.Forward(ctx, contract.DownloadSnapshotID(d.input.SnapshotID),
		contract.TableState{TableID: d.input.TableID, State: now.State, Until: now.Until, Why: now.Why})
	if err := told.Get(ctx, nil); err != nil {
		workflow.GetLogger(ctx).Debug("nobody runs the snapshot's download", "error", err)
	}
	return ctx.Err()
}

func (d *download) job() activities.JobRef {
	return activities.JobRef{OrganizationID: d.input.OrganizationID, JobID: d.input.JobID}
}

// end stores how the run ended, also when it was cancelled.
func (d *download) end(ctx workflow.Context, err error) (contract.DownloadResult, error) {
	state, problem := ended(ctx, err)
	d.at, d.phase = standing{State: state}, ""
	ctx, _ = workflow.NewDisconnectedContext(ctx) // a cancelled run still tells its end
	result := contract.DownloadResult{State: state, Progress: d.progress, Problem: problem}
	if d.input.RunID == "" {
		err = workflow.ExecuteActivity(policy.Store(ctx, "Show the table as "+string(state)), jobs.RecordTable,
			activities.RecordTableInput{JobRef: d.job(), TableID: d.input.TableID, State: state, Problem: problem}).Get(ctx, nil)
	} else {
		err = workflow.ExecuteActivity(policy.Store(ctx, "End the table's download as "+string(state)), downloads.FinishDownload,
			activities.FinishInput{RunInput: d.input, State: state, Problem: problem, Warnings: d.warnings}).Get(ctx, &result)
	}
	if err != nil {
		return contract.DownloadResult{}, err
	}
	return result, conclude(ctx, state, problem)
}

func (d *download) report() (contract.ProgressReport, error) {
	return contract.ProgressReport{State: d.at.State, Paused: d.paused, Step: d.phase, Progress: d.progress}, nil
}
