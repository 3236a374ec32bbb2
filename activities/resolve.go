package activities

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/scratch-platform/scratch/connectors"
	"github.com/scratch-platform/scratch/models"
	"github.com/scratch-platform/scratch/models/store"
	"github.com/scratch-platform/scratch/workflows/contract"
)

// ResolveInput asks what became of items whose outcome was lost.
type ResolveInput struct {
	contract.PublishInput
	// GiveUp leaves to a person what still cannot be known.
	GiveUp bool `json:"give_up,omitempty"`
}

// ResolveResult says what is known now.
type ResolveResult struct {
	Resolved int64 `json:"resolved"` // settled; not those planned again
	Left     int64 `json:"left"`
	// NotBefore is when to ask again; nil when nothing is left.
	NotBefore *time.Time `json:"not_before,omitempty"`
	// Away says that the service could not be asked.
	Away bool `json:"away,omitempty"`
}

// ResolveItems finds out at the service what became of items that were sent and
// never settled: applied, planned again because it is certain that they were
// not, or unknown. Promise 5: nothing is sent here.
func (p *Publishes) ResolveItems(ctx context.Context, in ResolveInput) (ResolveResult, error) {
	db := p.Store(in.OrganizationID)
	life := beat(ctx, func(ctx context.Context) error { return db.Alive(ctx, in.JobID) })
	defer life.end()
	items, err := db.InFlight(ctx, in.PlanID)
	if err != nil {
		return ResolveResult{}, fmt.Errorf("find out about items of plan %s: %w", in.PlanID, err)
	}
	if p, err = p.timed(ctx, db); err != nil {
		return ResolveResult{}, err
	}
	result := ResolveResult{}
	for _, of := range byGroup(items) {
		if err := p.resolveGroup(ctx, db, in, of, &result); err != nil {
			return result, err
		}
	}
	return result, nil
}

// byGroup splits items by table, operation and step: one look serves each.
func byGroup(items []models.Item) [][]models.Item {
	var groups [][]models.Item
	at := map[[3]string]int{}
	for _, item := range items {
		key := [3]string{item.TableID, string(item.Op), item.Step}
		i, seen := at[key]
		if !seen {
			i = len(groups)
			at[key] = i
			groups = append(groups, nil)
		}
		groups[i] = append(groups[i], item)
	}
	return groups
}

func (p *Publishes) resolveGroup(ctx context.Context, db PublishStore, in ResolveInput, items []models.Item, result *ResolveResult) error {
	table, err := db.Table(ctx, items[0].TableID)
	if models.HasCode(err, "table.not_found") {
		return p.removed(ctx, db, in, items, err, result)
	}
	if err != nil {
		return fmt.Errorf("find out about items of plan %s: %w", in.PlanID, err)
	}
	r, err := openTable(ctx, p.Open, db, table)
	if err != nil {
		return p.unresolved(ctx, db, in, items, err, result)
	}
	defer r.close(ctx, nil) // it hears of a refusal on the way
	ready := p.atRest(items, r.definition, result)
	if len(ready) == 0 {
		return nil
	}
	s := &resolving{db: db, remote: r, in: in, now: p.Now, references: &references{db: db, known: map[string]string{}}}
	settlements, err := s.look(ctx, ready)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		r.heard(err)
		return p.unresolved(ctx, db, in, ready, err, result)
	}
	return s.store(ctx, ready, settlements, result)
}

// atRest gives the items of which nothing can be on its way any more; the others
// are looked at later.
func (p *Publishes) atRest(items []models.Item, d connectors.Definition, result *ResolveResult) []models.Item {
	ready := make([]models.Item, 0, len(items))
	for _, item := range items {
		if free := freeAt(item, d); free.After(p.Now()) {
			result.later(free)
			continue
		}
		ready = append(ready, item)
	}
	return ready
}

// removed leaves to a person the items of a table that is not in the snapshot
// any more: there is no way left to ask its service, and asking again would go
// on for ever.
func (p *Publishes) removed(ctx context.Context, db PublishStore, in ResolveInput, items []models.Item, cause error, result *ResolveResult) error {
	ready := p.atRest(items, connectors.Definition{}, result) // whose service cannot be told any more
	if len(ready) == 0 {
		return nil
	}
	in.GiveUp = true
	return p.unresolved(ctx, db, in, ready, cause, result)
}

// freeAt is when nothing of an item can be on its way any more: its lease has
// ended, so nothing starts, and what had started has had its time.
func freeAt(item models.Item, d connectors.Definition) time.Time {
	return lastStart(item).Add(requestTimeout(d))
}

// lastStart is when the last request for an item may have started: the end of
// its lease (Promise 5). A create that was sent before, and put back, keeps its first intent.
func lastStart(item models.Item) time.Time {
	last := time.Time{}
	if item.LeaseUntil != nil {
		last = *item.LeaseUntil
	}
	if item.SentAt != nil && item.SentAt.After(last) {
		last = *item.SentAt
	}
	return last
}

func (r *ResolveResult) later(at time.Time) {
	r.Left++
	if r.NotBefore == nil || at.Before(*r.NotBefore) {
		r.NotBefore = &at
	}
}

// unresolved handles a service that cannot be asked: again later, and in the
// end a person.
func (p *Publishes) unresolved(ctx context.Context, db PublishStore, in ResolveInput, items []models.Item, cause error, result *ResolveResult) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if !in.GiveUp {
		wait, soon := waitFor(ctx, cause, shortTries)
		if !soon {
			wait.For = 5 * time.Second
		}
		at := p.Now().Add(wait.For)
		result.Away = true
		for range items {
			result.later(at)
		}
		return nil
	}
	settlements := make([]store.Settlement, len(items))
	for i, item := range items {
		settlements[i] = unknown(item, ProblemOf(cause).Detail)
		settlements[i].Holder = item.Lease
	}
	result.Resolved += int64(len(items))
	if err := db.SettleItems(ctx, settlements); err != nil {
		return fmt.Errorf("settle items of plan %s: %w", in.PlanID, err)
	}
	return nil
}

func unknown(item models.Item, why string) store.Settlement {
	return store.Settlement{
		ItemID: item.ID, State: models.ItemUnknown, Step: item.Step, StepState: models.ItemUnknown,
		Problem: models.NewProblem(models.KindConflict, "publish.outcome_unknown",
			"It was sent, and whether it was applied cannot be known: "+why,
			"Look at the service, then say on this item whether it happened. Nothing of this record is sent until then."),
	}
}

// resolving is one look at the service about items of one table, operation and
// step.
type resolving struct {
	db         PublishStore
	remote     *remote
	in         ResolveInput
	now        func() time.Time
	references *references
}

func (s *resolving) look(ctx context.Context, items []models.Item) ([]store.Settlement, error) {
	switch op := items[0].Op; {
	case items[0].Step != "" && items[0].Step != string(op):
		return s.lookAtStep(ctx, items)
	case op == models.OpCreate:
		return s.lookForCreated(ctx, items)
	default:
		return s.lookAtRecords(ctx, items)
	}
}

// store settles what is known and leaves the rest for a later look.
func (s *resolving) store(ctx context.Context, items []models.Item, settlements []store.Settlement, result *ResolveResult) error {
	settled := make(map[string]bool, len(settlements))
	for _, done := range settlements {
		settled[done.ItemID] = true
	}
	again := s.now().Add(max(s.remote.definition.Limits.LookupLag/2, 2*time.Second))
	for _, item := range items {
		switch {
		case settled[item.ID]:
		case s.in.GiveUp:
			settlements = append(settlements, unknown(item, "the service's answers do not say."))
		default:
			result.later(again)
		}
	}
	// What was found out concerns the sending that was looked at: where another
	// has taken the item since, it says nothing (Promise 5).
	holders := make(map[string]string, len(items))
	for _, item := range items {
		holders[item.ID] = item.Lease
	}
	for i, done := range settlements {
		settlements[i].Holder = holders[done.ItemID]
		if done.State != models.ItemPlanned {
			result.Resolved++
		}
	}
	if len(settlements) == 0 {
		return nil
	}
	if err := s.db.SettleItems(ctx, settlements); err != nil {
		return fmt.Errorf("settle items of plan %s: %w", s.in.PlanID, err)
	}
	return nil
}

// lookAtRecords holds updates and deletes against the records: what holds the
// planned values was applied. The rest is planned again; the look before the
// next write decides about conflicts.
func (s *resolving) lookAtRecords(ctx context.Context, items []models.Item) ([]store.Settlement, error) {
	ids := make([]string, len(items))
	for i, item := range items {
		ids[i] = item.RemoteID
	}
	found, missing, err := readByIDs(ctx, s.remote, ids)
	if err != nil {
		return nil, err
	}
	var settlements []store.Settlement
	for _, item := range items {
		record, there := found[item.RemoteID]
		done := store.Settlement{ItemID: item.ID, State: models.ItemPlanned}
		switch {
		case item.Op == models.OpDelete && missing[item.RemoteID]:
			done = applied(item)
		case missing[item.RemoteID]:
			done.State, done.Problem = models.ItemConflict, goneElsewhere()
		case !there:
			continue // not known: look again
		case item.Op == models.OpUpdate:
			values, err := s.references.resolve(ctx, s.remote.schema.Columns, item.Values)
			var waits *waitError
			if errors.As(err, &waits) {
				continue // what was sent is not known any more: a person's matter, in the end
			}
			if err != nil {
				return nil, err
			}
			if _, equal := differences(s.remote.schema.Columns, prepared{item: item, values: values}, record); equal {
				done = s.appliedAs(item, record)
			}
		}
		settlements = append(settlements, done)
	}
	return settlements, nil
}

func applied(item models.Item) store.Settlement {
	return store.Settlement{ItemID: item.ID, State: models.ItemApplied, Step: string(item.Op), StepState: models.ItemApplied}
}

// appliedAs settles an item's operation as applied, with what the service holds;
// further steps follow.
func (s *resolving) appliedAs(item models.Item, record connectors.Record) store.Settlement {
	stored := store.RemoteRecord(record)
	done := applied(item)
	done.RemoteID, done.Stored = record.RemoteID, &stored
	if !lastStep(s.remote, item, string(item.Op)) {
		done.State = models.ItemPlanned
	}
	return done
}

// lookAtStep asks the connector whether a later step took effect.
func (s *resolving) lookAtStep(ctx context.Context, items []models.Item) ([]store.Settlement, error) {
	step := items[0].Step
	stepper, err := connectors.As[connectors.Stepper](s.remote.connector, "look at step "+step)
	if err != nil {
		return nil, err
	}
	asked := make([]connectors.WriteItem, 0, len(items))
	for _, item := range items {
		values, err := s.references.resolve(ctx, s.remote.schema.Columns, item.Values)
		var waits *waitError
		if errors.As(err, &waits) {
			continue // as above
		}
		if err != nil {
			return nil, err
		}
		asked = append(asked, connectors.WriteItem{Key: item.ID, RemoteID: item.RemoteID, Values: values, Marker: item.Marker})
	}
	results, err := stepper.StepDone(ctx, step, s.remote.schema, asked)
	if err != nil {
		return nil, err
	}
	byID := make(map[string]models.Item, len(items))
	for _, item := range items {
		byID[item.ID] = item
	}
	var settlements []store.Settlement
	for _, r := range results {
		item, asked := byID[r.Key]
		if !asked {
			continue
		}
		done := store.Settlement{ItemID: item.ID, State: models.ItemPlanned}
		switch r.Outcome {
		case connectors.Applied:
			done.State, done.Step, done.StepState = models.ItemApplied, step, models.ItemApplied
			if !lastStep(s.remote, item, step) {
				done.State = models.ItemPlanned
			}
			done.ReadBack = true
		case connectors.Failed, connectors.NotSent:
		case connectors.Conflict, connectors.Unknown:
			continue // look again
		}
		settlements = append(settlements, done)
	}
	return settlements, nil
}
