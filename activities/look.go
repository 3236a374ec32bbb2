package activities

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/scratch-platform/scratch/connectors"
	"github.com/scratch-platform/scratch/models"
	"github.com/scratch-platform/scratch/models/store"
)

// look reads the batch's records at the service and compares the cells about to
// be written with what they held when the edit began. Promise 4: a cell that
// changed since is not written over, unless the user said so for that record.
// What already holds the planned values is applied without a request.
func (s *sending) look(ctx context.Context, ready []prepared) ([]prepared, error) {
	if s.in.Op == models.OpCreate {
		return ready, nil // nothing there to be changed by others
	}
	found, missing, err := readByIDs(ctx, s.remote, remoteIDs(ready))
	if err != nil {
		return nil, s.lookFailed(ctx, ready, err)
	}
	var settlements []store.Settlement
	kept := ready[:0]
	for _, r := range ready {
		record, there := found[r.item.RemoteID]
		switch {
		case there:
			r.marker = record.Marker
			if settled := s.compare(r, record); settled != nil {
				settlements = append(settlements, *settled)
				continue
			}
			kept = append(kept, r)
		case missing[r.item.RemoteID] && s.in.Op == models.OpDelete:
			settlements = append(settlements, store.Settlement{
				ItemID: r.item.ID, State: models.ItemApplied, Step: string(s.in.Op), StepState: models.ItemApplied,
				Note: "It was gone at the service already.",
			})
		case missing[r.item.RemoteID]:
			settlements = append(settlements, store.Settlement{ItemID: r.item.ID, State: models.ItemConflict, Problem: goneElsewhere()})
		default: // Promise 4: what was not looked at is not written over
			settlements = append(settlements, store.Settlement{ItemID: r.item.ID, State: models.ItemFailed, Problem: notReadable()})
		}
	}
	return kept, s.record(ctx, settlements)
}

// lookFailed decides about a batch that could not be read: later, never, or not
// these items.
func (s *sending) lookFailed(ctx context.Context, ready []prepared, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if wait, soon := waitFor(ctx, err, s.tries); soon {
		s.result.Wait = &wait
		return s.release(ctx, ready)
	}
	if stop := s.stops(err); stop != nil {
		s.result.Stop = stop
		return s.release(ctx, ready)
	}
	problem := ProblemOf(err)
	settlements := make([]store.Settlement, len(ready))
	for i, r := range ready {
		settlements[i] = store.Settlement{ItemID: r.item.ID, State: models.ItemFailed, Problem: problem}
	}
	return s.record(ctx, settlements)
}

// release ends the leases of items that were not sent, so that the next turn
// need not wait for them.
func (s *sending) release(ctx context.Context, ready []prepared) error {
	if _, err := s.db.LeaseItems(ctx, ids(ready), s.holder, 0); err != nil {
		return fmt.Errorf("release items of plan %s: %w", s.in.PlanID, err)
	}
	return nil
}

// stops gives the problem when nothing more can be sent until a person acts.
func (s *sending) stops(err error) *models.Problem {
	refused, ok := connectors.AsError(err)
	if !ok || refused.Kind != connectors.KindAuth && refused.Kind != connectors.KindQuota {
		return nil
	}
	s.remote.heard(err)
	return refused.Problem()
}

// compare gives the settlement of an item that must not be sent, nil for one
// that may. A delete of which no cell was noted goes by the record's version
// (Promise 4).
func (s *sending) compare(r prepared, record connectors.Record) *store.Settlement {
	changed, equal := differences(s.remote.schema.Columns, r, record)
	stored := store.RemoteRecord(record)
	switch {
	case s.in.Op == models.OpUpdate && equal:
		return &store.Settlement{
			ItemID: r.item.ID, State: models.ItemApplied, Stored: &stored, Note: "The service held these values already.",
		}
	case r.item.Override:
		return nil // the user said: over whatever is there
	case s.in.Op == models.OpDelete && len(r.item.EditBases) == 0 && r.item.Marker != "" && record.Marker != r.item.Marker:
		return &store.Settlement{ItemID: r.item.ID, State: models.ItemConflict, Stored: &stored, Problem: changedElsewhere(nil)}
	case len(changed) > 0:
		return &store.Settlement{
			ItemID: r.item.ID, State: models.ItemConflict, Stored: &stored, Theirs: changed, Problem: changedElsewhere(changed),
		}
	default:
		return nil
	}
}

// differences holds what the service has against the plan, each cell under its
// column's own comparison: changed are cells that hold neither what they held
// when the edit began nor what is to be written; equal says that every cell
// holds what is to be written. A delete takes every cell with it: one that was
// absent when it was planned must hold nothing still (Promise 4).
func differences(columns []models.Column, r prepared, record connectors.Record) (changed models.Fields, equal bool) {
	equal = len(r.values) > 0
	for _, c := range columns {
		planned, writes := r.values[c.ID]
		base, expected := r.item.EditBases[c.ID]
		now := models.CellOf(record.Fields, c.ID)
		appeared := r.item.Op == models.OpDelete && !c.ReadOnly && !models.Empty(now)
		if !writes && !expected && !appeared {
			continue
		}
		if writes && c.Compare.Equal(now, planned) {
			continue
		}
		equal = false
		if !c.Compare.Equal(now, base) {
			if changed == nil {
				changed = models.Fields{}
			}
			changed[c.ID] = now
		}
	}
	return changed, equal
}

func changedElsewhere(cells models.Fields) *models.Problem {
	fields := make([]models.FieldProblem, 0, len(cells))
	for _, column := range slices.Sorted(maps.Keys(cells)) {
		fields = append(fields, models.FieldProblem{Field: column, Code: "changed", Detail: "It holds another value at the service than when the edit began."})
	}
	return models.NewProblem(models.KindConflict, "publish.changed_elsewhere",
		"The record was changed at the service since; it was not written over.",
		"Look at both values, choose one, and publish again; or publish it over theirs.").WithFields(fields...)
}

func goneElsewhere() *models.Problem {
	return models.NewProblem(models.KindConflict, "publish.record_gone",
		"The record was deleted at the service since; nothing was written.",
		"Drop the edits, or copy them into a new record.")
}

func notReadable() *models.Problem {
	return models.NewProblem(models.KindUnavailable, "publish.not_readable",
		"The service did not say what the record holds now, so it was not written over.",
		"Check that the connection may read it, then retry what failed.")
}

func remoteIDs(ready []prepared) []string {
	out := make([]string, len(ready))
	for i, r := range ready {
		out[i] = r.item.RemoteID
	}
	return out
}

// readByIDs reads records by id in portions the service takes. An id in neither
// answer is not known.
func readByIDs(ctx context.Context, r *remote, ids []string) (found map[string]connectors.Record, missing map[string]bool, err error) {
	reader, err := connectors.As[connectors.IDReader](r.connector, "read records before they are written")
	if err != nil {
		return nil, nil, err
	}
	found, missing = make(map[string]connectors.Record, len(ids)), make(map[string]bool)
	size := max(r.definition.Limits.ReadByIDs, 1)
	for len(ids) > 0 {
		n := min(size, len(ids))
		answer, err := reader.ReadByIDs(ctx, r.schema, ids[:n])
		if err != nil {
			return nil, nil, fmt.Errorf("read %d records of table %s: %w", n, r.table.ID, err)
		}
		for _, record := range answer.Found {
			found[record.RemoteID] = record
		}
		for _, id := range answer.Missing {
			missing[id] = true
		}
		ids = ids[n:]
	}
	return found, missing, nil
}
