package activities

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"go.temporal.io/sdk/activity"

	"github.com/scratch-platform/scratch/connectors"
	"github.com/scratch-platform/scratch/models"
)

const (
	// placeWait is how long a table waits for a place in one worker. Then it goes
	// back to the queue, where a worker that has room takes it: one that is
	// started while others are full gets its part of what waits. A turn that ends
	// so costs little more than a heartbeat.
	placeWait = time.Minute
	// shortWait is the longest wait an activity sits out itself; for a longer
	// one it gives its place to another table and the workflow waits.
	shortWait = 5 * time.Second
	// shortTries is how often it does so in a row without any progress.
	shortTries = 3
	// maxRestarts bounds enumerations begun anew because a cursor expired.
	maxRestarts = 5
	// maxStalls bounds attempts in a row that a worker lost without saving a
	// page: something in this table kills workers.
	maxStalls = 10
)

// CopyResult says how far a turn came.
type CopyResult struct {
	Complete bool `json:"complete"`
	// Settled: nothing can be missing that was here before, so there is nothing
	// to confirm.
	Settled  bool            `json:"settled,omitempty"`
	Seen     int64           `json:"seen"`
	Progress models.Progress `json:"progress"`
	// Wait asks the workflow to go on later; nil: at once.
	Wait *Wait `json:"wait,omitempty"`
}

// copyPlace is the heartbeat's detail: what the next attempt and an operator
// see of this one.
type copyPlace struct {
	Seen     int64           `json:"seen"`
	Stalls   int             `json:"stalls"` // attempts before this one without progress
	Progress models.Progress `json:"progress"`
}

// CopyPages reads the table's pages from the service and stores them, from the
// last checkpoint to the end, for one turn at most. The next page is on its way
// while the last is stored. A killed worker's successor goes on from the last
// stored page (Promise 7).
func (d *Downloads) CopyPages(ctx context.Context, in CopyInput) (result CopyResult, failed error) {
	db := d.Store(in.OrganizationID)
	life := beat(ctx, func(ctx context.Context) error { return db.Alive(ctx, in.JobID) })
	defer life.end()
	place, err := d.Slots.within(ctx, cmp.Or(d.PlaceWait, placeWait))
	if errors.Is(err, errNoPlace) {
		return d.elsewhere(ctx, db, in.RunID)
	}
	if err != nil {
		return CopyResult{}, err
	}
	defer place.release()
	// Taking up the run ends the right of an older attempt to write: a worker
	// thought dead that wakes up again fails with run.superseded.
	run, err := db.BeginRun(ctx, in.JobID, in.TableID, in.Mode)
	if err != nil {
		return CopyResult{}, fmt.Errorf("take up the download of table %s: %w", in.TableID, err)
	}
	if run.Complete {
		return CopyResult{Complete: true, Settled: !run.MayMiss(), Seen: run.Seen, Progress: run.Progress}, nil
	}
	stalls, err := stallsOf(ctx, run)
	if err != nil {
		return CopyResult{}, err
	}
	table, err := db.Table(ctx, in.TableID)
	if err != nil {
		return CopyResult{}, fmt.Errorf("take up the download of table %s: %w", in.TableID, err)
	}
	r, err := openTable(ctx, d.Open, db, table)
	if err != nil {
		return CopyResult{}, err
	}
	defer func() { r.close(ctx, failed) }()
	c := &copying{
		db: db, place: place, remote: r, run: &run, now: d.Now, over: d.Now().Add(in.Turn), meter: d.Meter,
		noted: func() { life.note(copyPlace{Seen: run.Seen, Stalls: stalls, Progress: run.Progress}) },
	}
	c.noted()
	result, failed = c.turn(ctx)
	if failed != nil && ctx.Err() == nil && storeAway(failed) {
		// No worker was lost: the database takes nothing now. However long that
		// lasts, the table goes on from its checkpoint after it (Promise 7).
		stalls--
		activity.RecordHeartbeat(ctx, copyPlace{Seen: run.Seen, Stalls: stalls, Progress: run.Progress})
	}
	return result, failed
}

// storeAway reports whether an attempt failed for want of the database alone.
func storeAway(err error) bool {
	if _, remote := connectors.AsError(err); remote {
		return false
	}
	p, ok := models.AsProblem(err)
	return ok && (p.Kind == models.KindUnavailable || p.Kind == models.KindTimeout)
}

// elsewhere ends a turn that found no place: the next one may find one in another
// worker.
func (d *Downloads) elsewhere(ctx context.Context, db DownloadStore, runID string) (CopyResult, error) {
	run, err := db.Run(ctx, runID)
	if err != nil {
		return CopyResult{}, fmt.Errorf("give up a place for run %s: %w", runID, err)
	}
	return CopyResult{Seen: run.Seen, Progress: run.Progress}, nil
}

// CopyInput is one turn of a table's download.
type CopyInput struct {
	RunInput
	Turn time.Duration `json:"turn"` // return after this long
}

// stallsOf counts the attempts in a row that came no further, and gives up on a
// table that keeps losing its worker.
func stallsOf(ctx context.Context, run models.DownloadRun) (int, error) {
	if !activity.HasHeartbeatDetails(ctx) {
		return 0, nil
	}
	var last copyPlace
	if err := activity.GetHeartbeatDetails(ctx, &last); err != nil || last.Seen != run.Seen {
		return 0, nil //nolint:nilerr // details of another version say nothing: count anew
	}
	stalls := last.Stalls + 1
	if stalls >= maxStalls {
		return 0, models.NewProblem(models.KindConflict, "download.no_progress",
			fmt.Sprintf("The download stopped at record %d: %d workers in a row were lost there.", run.Seen, stalls),
			"Look into the worker's log, then retry the job; the pages stored so far are kept.")
	}
	return stalls, nil
}

// copying is the state of one turn.
type copying struct {
	db     DownloadStore
	place  *place
	remote *remote
	run    *models.DownloadRun
	now    func() time.Time
	over   time.Time
	meter  Meter
	noted  func()
	asOf   atomic.Int64 // the table's changes that are known by now
}

// errTurnOver ends an enumeration early, at a checkpoint.
var errTurnOver = errors.New("the turn is over")

func (c *copying) turn(ctx context.Context) (CopyResult, error) {
	tries, restarts := 0, 0
	for {
		before := c.run.Seen
		err := c.enumerate(ctx)
		if c.run.Seen > before {
			tries = 0
		}
		switch wait, soon := waitFor(ctx, err, tries); {
		case err == nil:
			return c.result(true, nil), nil
		case ctx.Err() != nil:
			return CopyResult{}, ctx.Err()
		case errors.Is(err, errTurnOver):
			return c.result(false, nil), nil
		case errors.Is(err, connectors.ErrCursorExpired) && restarts < maxRestarts:
			restarts++
			if err := c.restart(ctx); err != nil {
				return CopyResult{}, err
			}
		case soon && wait.For <= shortWait && tries < shortTries:
			tries++
			if err := c.place.aside(ctx, wait.For); err != nil {
				return CopyResult{}, err
			}
		case soon:
			return c.result(false, &wait), nil
		default:
			return CopyResult{}, fmt.Errorf("read table %s: %w", c.run.TableID, err)
		}
	}
}

func (c *copying) result(complete bool, wait *Wait) CopyResult {
	return CopyResult{Complete: complete, Settled: complete && !c.run.MayMiss(), Seen: c.run.Seen, Progress: c.run.Progress, Wait: wait}
}

// restart forgets what an enumeration saw whose cursor the service no longer
// knows; what it stored stays.
func (c *copying) restart(ctx context.Context) error {
	if err := c.db.RestartRun(ctx, c.run); err != nil {
		return fmt.Errorf("restart the download of table %s: %w", c.run.TableID, err)
	}
	return nil
}
