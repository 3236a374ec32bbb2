package activities

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/scratch-platform/scratch/connectors"
	"github.com/scratch-platform/scratch/models"
	"github.com/scratch-platform/scratch/models/store"
)

const (
	// A sweep of more than askAbove records that are more than askShare of the
	// table's asks a person first (Promise 2).
	askAbove = 20
	askShare = 0.30
	// candidatesAtOnce bounds the records held against one second look at the
	// service, and with them the memory it takes.
	candidatesAtOnce = 50_000
)

// ConfirmInput asks for the sweep of a complete download.
type ConfirmInput struct {
	RunInput
	// Remove is a person's word on a large sweep; nil: nobody was asked.
	Remove *bool `json:"remove,omitempty"`
}

// ConfirmResult says what became of records a complete enumeration missed.
type ConfirmResult struct {
	// NeedsDecision: Gone records, confirmed so far, are too many to remove
	// without asking; nothing was removed.
	NeedsDecision bool             `json:"needs_decision,omitempty"`
	Gone          int64            `json:"gone"`
	Of            int64            `json:"of"`
	Removed       int64            `json:"removed"`
	Kept          int64            `json:"kept"`
	Warnings      []models.Problem `json:"warnings,omitempty"`
	Wait          *Wait            `json:"wait,omitempty"`
}

// ConfirmMissing looks a second time for the records a complete enumeration
// missed, and removes those the service says are gone. What has edits or
// suggestions stays, marked. It is idempotent: what is left is looked at again.
func (d *Downloads) ConfirmMissing(ctx context.Context, in ConfirmInput) (result ConfirmResult, failed error) {
	db := d.Store(in.OrganizationID)
	life := beat(ctx, func(ctx context.Context) error { return db.Alive(ctx, in.JobID) })
	defer life.end()
	run, err := db.BeginRun(ctx, in.JobID, in.TableID, in.Mode)
	if err != nil {
		return ConfirmResult{}, fmt.Errorf("confirm what is missing in table %s: %w", in.TableID, err)
	}
	// Promise 2: only a complete enumeration says anything about what it did
	// not show, and an incremental one never does.
	if !run.Complete || !run.MayMiss() {
		return ConfirmResult{}, nil
	}
	missing, err := db.MissingRecords(ctx, &run)
	if err != nil {
		return ConfirmResult{}, fmt.Errorf("confirm what is missing in table %s: %w", in.TableID, err)
	}
	if missing.Count == 0 {
		return ConfirmResult{Of: missing.LiveRemote}, nil
	}
	if run.Seen == 0 {
		return ConfirmResult{Of: missing.LiveRemote, Warnings: []models.Problem{*emptyAnswer(missing)}}, nil
	}
	if in.Remove != nil && !*in.Remove {
		return ConfirmResult{Of: missing.LiveRemote, Warnings: []models.Problem{*keptByWord(missing)}}, nil
	}
	table, err := db.Table(ctx, in.TableID)
	if err != nil {
		return ConfirmResult{}, fmt.Errorf("confirm what is missing in table %s: %w", in.TableID, err)
	}
	r, err := openTable(ctx, d.Open, db, table)
	if err != nil {
		return ConfirmResult{}, err
	}
	defer func() { r.close(ctx, failed) }()
	c := &confirming{db: db, remote: r, run: &run, of: missing.LiveRemote, allowed: in.Remove != nil && *in.Remove}
	return c.sweep(ctx)
}

// emptyAnswer: a service that answers "no records" where records were is more
// often broken, or asked with lesser rights, than empty.
func emptyAnswer(m store.Missing) *models.Problem {
	return models.NewProblem(models.KindConflict, "download.empty_answer",
		fmt.Sprintf("The service answered without any record where %d were; none was removed here.", m.LiveRemote),
		"If the table really is empty at the service, mark its records deleted or remove the table.")
}

func keptByWord(m store.Missing) *models.Problem {
	return models.NewProblem(models.KindConflict, "download.kept_missing",
		fmt.Sprintf("%d records the service did not show were kept, as you chose.", m.Count), "")
}

// confirming is one second look.
type confirming struct {
	db      DownloadStore
	remote  *remote
	run     *models.DownloadRun
	of      int64
	allowed bool // a person said so

	gone   []int64
	result ConfirmResult
}

// sweep confirms all candidates before it removes any, unless a person allowed
// it: a sweep that turns out too large must not have begun.
func (c *confirming) sweep(ctx context.Context) (ConfirmResult, error) {
	c.result.Of = c.of
	var after int64
	for {
		candidates, err := c.db.MissingBatch(ctx, c.run, after, candidatesAtOnce)
		if err != nil {
			return ConfirmResult{}, fmt.Errorf("confirm what is missing in table %s: %w", c.run.TableID, err)
		}
		if len(candidates) == 0 {
			return c.result, c.remove(ctx)
		}
		after = candidates[len(candidates)-1].ID
		gone, err := c.confirm(ctx, candidates)
		if wait, soon := waitFor(ctx, err, shortTries); soon {
			c.result.Wait = &wait
			return c.result, nil
		}
		if err != nil {
			return ConfirmResult{}, fmt.Errorf("confirm what is missing in table %s: %w", c.run.TableID, err)
		}
		c.gone = append(c.gone, gone...)
		c.result.Gone += int64(len(gone))
		switch { // Promise 2: a sweep that is large is a person's to decide
		case c.allowed:
			if err := c.remove(ctx); err != nil {
				return ConfirmResult{}, err
			}
		case tooMany(c.result.Gone, c.of):
			c.result.NeedsDecision = true
			return c.result, nil
		}
	}
}

// tooMany says whether a person is asked before so many records of a table are
// removed (Promise 2).
func tooMany(gone, of int64) bool {
	return gone > askAbove && float64(gone) > askShare*float64(of)
}

func (c *confirming) remove(ctx context.Context) error {
	for len(c.gone) > 0 {
		n := min(len(c.gone), saveRows)
		swept, err := c.db.Sweep(ctx, c.run, c.gone[:n])
		if err != nil {
			return fmt.Errorf("remove records of table %s that are gone: %w", c.run.TableID, err)
		}
		c.result.Removed += swept.Removed
		c.result.Kept += swept.Kept
		c.gone = c.gone[n:]
	}
	return nil
}

// confirm gives the candidates the service says are gone: asked by id where it
// can be, else by looking through all its ids again. A second look that shows
// nothing says nothing (Promise 2).
func (c *confirming) confirm(ctx context.Context, candidates []store.RecordRef) ([]int64, error) {
	if reader, can := c.remote.connector.(connectors.IDReader); can {
		return c.askByID(ctx, reader, candidates)
	}
	absent := make(map[string]int64, len(candidates))
	for _, r := range candidates {
		absent[r.RemoteID] = r.ID
	}
	saw := 0
	if err := c.lookAgain(ctx, func(remoteID string) { saw++; delete(absent, remoteID) }); err != nil {
		return nil, err
	}
	if saw == 0 {
		return nil, &connectors.Error{
			Kind: connectors.KindUnavailable, Service: c.remote.connector.Service(), Tried: "look again for missing records",
			Table: c.remote.table.RemoteID, Hint: "The service showed records a moment ago and none now; nothing was removed.",
		}
	}
	gone := make([]int64, 0, len(absent))
	for _, r := range candidates { // in order, so that locks are too
		if _, still := absent[r.RemoteID]; still {
			gone = append(gone, r.ID)
		}
	}
	return gone, nil
}

func (c *confirming) askByID(ctx context.Context, reader connectors.IDReader, candidates []store.RecordRef) ([]int64, error) {
	var gone []int64
	size := max(c.remote.definition.Limits.ReadByIDs, 1)
	for len(candidates) > 0 {
		n := min(size, len(candidates))
		byRemote := make(map[string]int64, n)
		ids := make([]string, n)
		for i, r := range candidates[:n] {
			byRemote[r.RemoteID], ids[i] = r.ID, r.RemoteID
		}
		answer, err := reader.ReadByIDs(ctx, c.remote.schema, ids)
		if err != nil {
			return nil, err
		}
		for _, remoteID := range answer.Missing { // Promise 2: an id in neither list says nothing
			if id, asked := byRemote[remoteID]; asked {
				gone = append(gone, id)
			}
		}
		candidates = candidates[n:]
	}
	return gone, nil
}

// lookAgain enumerates every id of the table, from the beginning to io.EOF.
func (c *confirming) lookAgain(ctx context.Context, saw func(remoteID string)) error {
	request := connectors.ReadRequest{Schema: c.remote.schema, Budget: readBudget}
	if lister, can := c.remote.connector.(connectors.IDLister); can {
		pages, err := lister.ListIDs(ctx, request)
		if err != nil {
			return err
		}
		defer func() { _ = pages.Close() }()
		return untilEOF(func() error {
			ids, _, err := pages.Next(ctx)
			for _, id := range ids {
				saw(id)
			}
			return err
		})
	}
	reader, err := connectors.As[connectors.AllReader](c.remote.connector, "look again for missing records")
	if err != nil {
		return err
	}
	pages, err := reader.ReadAll(ctx, request)
	if err != nil {
		return err
	}
	defer func() { _ = pages.Close() }()
	return untilEOF(func() error {
		page, err := pages.Next(ctx)
		for _, r := range page.Records {
			saw(r.RemoteID)
		}
		return err
	})
}

func untilEOF(next func() error) error {
	for {
		switch err := next(); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
	}
}
