package activities

import (
	"context"
	"fmt"
	"time"

	"github.com/scratch-platform/scratch/models"
	"github.com/scratch-platform/scratch/models/store"
	"github.com/scratch-platform/scratch/workflows/contract"
)

// readBackAtOnce bounds the items of one look.
const readBackAtOnce = 200

// ReadBackResult says what is left to read back.
type ReadBackResult struct {
	Read int64 `json:"read"`
	// NotBefore is when a stale answer may have caught up; nil when nothing is
	// left.
	NotBefore *time.Time `json:"not_before,omitempty"`
}

// ReadBackItems reads what the service stored for applied items whose answer did
// not say. An answer that shows other values than were sent may be stale: it is
// stored only once the service's lookups must have caught up.
func (p *Publishes) ReadBackItems(ctx context.Context, in contract.PublishInput) (ReadBackResult, error) {
	db := p.Store(in.OrganizationID)
	life := beat(ctx, func(ctx context.Context) error { return db.Alive(ctx, in.JobID) })
	defer life.end()
	result := ReadBackResult{}
	items, err := db.NeedReadBack(ctx, in.PlanID, readBackAtOnce)
	if err != nil {
		return result, fmt.Errorf("read back items of plan %s: %w", in.PlanID, err)
	}
	if p, err = p.timed(ctx, db); err != nil {
		return result, err
	}
	var failed error // of one table; the others are read all the same
	for _, of := range byTable(items) {
		if err := p.readBack(ctx, db, of, &result); err != nil {
			failed = err
		}
	}
	if failed != nil {
		return result, failed
	}
	if result.NotBefore == nil {
		err = p.rest(ctx, db, in.PlanID, len(items), &result)
	}
	return result, err
}

// rest asks for another look when items are left: those beyond this look, and
// those a download stored something of meanwhile.
func (p *Publishes) rest(ctx context.Context, db PublishStore, planID string, looked int, result *ReadBackResult) error {
	left, err := db.NeedReadBack(ctx, planID, 1)
	if err != nil {
		return fmt.Errorf("read back items of plan %s: %w", planID, err)
	}
	switch {
	case len(left) == 0:
	case looked == readBackAtOnce:
		result.at(p.Now())
	default:
		result.at(p.Now().Add(time.Second))
	}
	return nil
}

func byTable(items []models.Item) [][]models.Item {
	var groups [][]models.Item
	at := map[string]int{}
	for _, item := range items {
		i, seen := at[item.TableID]
		if !seen {
			i = len(groups)
			at[item.TableID] = i
			groups = append(groups, nil)
		}
		groups[i] = append(groups[i], item)
	}
	return groups
}

func (p *Publishes) readBack(ctx context.Context, db PublishStore, items []models.Item, result *ReadBackResult) (failed error) {
	table, err := db.Table(ctx, items[0].TableID)
	if err != nil {
		return fmt.Errorf("read back items of table %s: %w", items[0].TableID, err)
	}
	r, err := openTable(ctx, p.Open, db, table)
	if err != nil {
		return err
	}
	defer func() { r.close(ctx, failed) }()
	ids, records := make([]string, len(items)), make([]int64, len(items))
	for i, item := range items {
		ids[i], records[i] = item.RemoteID, item.RecordID
	}
	before, err := db.BaseHashes(ctx, table.ID, records)
	if err != nil {
		return fmt.Errorf("read back items of table %s: %w", table.ID, err)
	}
	found, missing, err := readByIDs(ctx, r, ids)
	if err != nil {
		return fmt.Errorf("read back items of table %s: %w", table.ID, err)
	}
	refs := &references{db: db, known: map[string]string{}}
	var settlements []store.Settlement
	for _, item := range items {
		caughtUp := p.Now()
		if item.SettledAt != nil {
			caughtUp = item.SettledAt.Add(r.definition.Limits.LookupLag + time.Second)
		}
		stale := p.Now().Before(caughtUp)
		done := store.Settlement{ItemID: item.ID, State: models.ItemApplied, ReadOver: before[item.RecordID]}
		record, there := found[item.RemoteID]
		if there {
			values, err := refs.resolve(ctx, r.schema.Columns, item.Values)
			if err != nil {
				return err
			}
			_, equal := differences(r.schema.Columns, prepared{item: item, values: values}, record)
			stale = stale && !equal
			stored := store.RemoteRecord(record)
			done.RemoteID, done.Stored = record.RemoteID, &stored
		}
		if stale {
			result.at(caughtUp)
			continue
		}
		if missing[item.RemoteID] {
			done.Note = "The service does not show it any more: it was removed after it was published."
		}
		settlements = append(settlements, done)
	}
	result.Read += int64(len(settlements))
	if len(settlements) == 0 {
		return nil
	}
	if err := db.SettleItems(ctx, settlements); err != nil {
		return fmt.Errorf("store what was read back of table %s: %w", table.ID, err)
	}
	return nil
}

func (r *ReadBackResult) at(when time.Time) {
	if r.NotBefore == nil || when.Before(*r.NotBefore) {
		r.NotBefore = &when
	}
}
