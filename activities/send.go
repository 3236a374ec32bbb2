package activities

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/scratch-platform/scratch/connectors"
	"github.com/scratch-platform/scratch/models"
	"github.com/scratch-platform/scratch/models/store"
	"github.com/scratch-platform/scratch/workflows/contract"
)

const (
	// leaseFor is how long a batch may start requests. Whoever finds out what
	// became of a batch waits for its lease to end and for one request's
	// timeout, so it is short; a batch is small enough to fit.
	leaseFor = 20 * time.Second
	// maxBatch bounds a batch, and with it the window between the look at the
	// service and the write.
	maxBatch = 50
)

// SendInput is one turn of sending one group of a plan.
type SendInput struct {
	contract.PublishInput
	Group
	Turn time.Duration `json:"turn"`
	// GiveUp fails items that still wait for another record to be created,
	// because nothing creates it any more.
	GiveUp bool `json:"give_up,omitempty"`
}

// SendResult says how far a turn came.
type SendResult struct {
	Settled  int64 `json:"settled"`
	Waiting  int64 `json:"waiting"`   // for a record they refer to
	Leased   int64 `json:"leased"`    // another holder has them
	InFlight int64 `json:"in_flight"` // sent, outcome not known: to be resolved
	// Wait asks the workflow to go on later; nil: at once.
	Wait *Wait `json:"wait,omitempty"`
	// Stop says that sending anything more through this connection is useless
	// until a person acts.
	Stop *models.Problem `json:"stop,omitempty"`
	// Over says that the turn ended before the group did.
	Over bool `json:"over,omitempty"`
}

// SendItems sends a group's planned items in batches: lease, look, compare,
// commit the intent, send, settle. The engine never repeats it (Promise 5).
func (p *Publishes) SendItems(ctx context.Context, in SendInput) (SendResult, error) {
	db := p.Store(in.OrganizationID)
	life := beat(ctx, func(ctx context.Context) error { return db.Alive(ctx, in.JobID) })
	defer life.end()
	table, err := db.Table(ctx, in.TableID)
	if err != nil {
		return SendResult{}, fmt.Errorf("send items of plan %s: %w", in.PlanID, err)
	}
	r, err := openTable(ctx, p.Open, db, table)
	if err != nil {
		return SendResult{Stop: ProblemOf(err)}, nil //nolint:nilerr // told as the reason to stop
	}
	defer r.close(ctx, nil) // it hears of a refusal on the way
	s := &sending{
		db: db, remote: r, in: in, now: p.Now, holder: holder(ctx), over: p.Now().Add(in.Turn),
		references: &references{db: db, known: map[string]string{}}, set: map[string]bool{},
		noted: func(r SendResult) { life.note(r) }, leaseFor: cmp.Or(p.Lease, leaseFor),
	}
	return s.turn(ctx)
}

// sending is the state of one turn.
type sending struct {
	db         PublishStore
	remote     *remote
	in         SendInput
	now        func() time.Time
	over       time.Time
	holder     string
	leaseFor   time.Duration
	references *references
	set        map[string]bool // items set aside in this turn
	result     SendResult
	tries      int
	noted      func(SendResult)
}

// prepared is an item with the values to send.
type prepared struct {
	item   models.Item
	values models.Fields // references replaced
	marker string        // the service's version at the look before the write
}

// turn sends batch after batch until the group is through or something says to
// come back later.
func (s *sending) turn(ctx context.Context) (SendResult, error) {
	for {
		if s.isOver(ctx) {
			s.result.Over = true
			return s.result, ctx.Err()
		}
		items, err := s.next(ctx)
		if err != nil {
			return s.result, err
		}
		if len(items) == 0 {
			return s.result, nil
		}
		if err := s.batch(ctx, items); err != nil {
			return s.result, err
		}
		s.noted(s.result)
		if s.result.Wait != nil || s.result.Stop != nil {
			return s.result, nil
		}
	}
}

func (s *sending) isOver(ctx context.Context) bool {
	select {
	case <-stopping(ctx):
		return true
	case <-ctx.Done():
		return true
	default:
		return s.now().After(s.over)
	}
}

// next gives the next items that were not set aside in this turn.
func (s *sending) next(ctx context.Context) ([]models.Item, error) {
	size := s.size()
	items, err := s.db.ItemsToSend(ctx, s.in.PlanID, s.in.TableID, s.in.Op, size+len(s.set))
	if err != nil {
		return nil, fmt.Errorf("read items of plan %s: %w", s.in.PlanID, err)
	}
	items = slices.DeleteFunc(items, func(i models.Item) bool { return s.set[i.ID] })
	return items[:min(len(items), size)], nil
}

func (s *sending) size() int {
	l := s.remote.definition.Limits
	size := map[models.Operation]int{
		models.OpCreate: l.CreateBatch, models.OpUpdate: l.UpdateBatch, models.OpDelete: l.DeleteBatch,
	}[s.in.Op]
	if size < 1 {
		size = 1
	}
	return min(size, maxBatch)
}

// batch takes items through one lease.
func (s *sending) batch(ctx context.Context, items []models.Item) error {
	ready, err := s.prepare(ctx, items)
	if err != nil || len(ready) == 0 {
		return err
	}
	step := nextStep(s.remote, ready[0].item)
	ready = slices.DeleteFunc(ready, func(r prepared) bool { return nextStep(s.remote, r.item) != step }) // theirs is the next batch
	// By our own clock, and measured from before the lease begins: whatever that
	// clock shows, the last request starts before the lease ends (Promise 5).
	until := s.now().Add(s.leaseFor)
	if ready, err = s.lease(ctx, ready); err != nil || len(ready) == 0 {
		return err
	}
	if step == string(s.in.Op) {
		if ready, err = s.look(ctx, ready); err != nil || len(ready) == 0 {
			return err
		}
	}
	if step == string(models.OpCreate) {
		if ready, err = s.reserve(ctx, ready); err != nil || len(ready) == 0 {
			return err
		}
	}
	// Promise 5: the intent is on disk before the request is on its way. It
	// fails when the lease was lost meanwhile.
	if err := s.db.MarkSending(ctx, ids(ready), s.holder, step); err != nil {
		return fmt.Errorf("mark %d items of plan %s as sending: %w", len(ready), s.in.PlanID, err)
	}
	results, sent := s.send(ctx, step, ready, until)
	return s.settle(context.WithoutCancel(ctx), step, ready, results, sent)
}

// prepare replaces references, sets aside what waits for another record, and
// skips what the plan marked as failing.
func (s *sending) prepare(ctx context.Context, items []models.Item) ([]prepared, error) {
	var settlements []store.Settlement
	ready := make([]prepared, 0, len(items))
	for _, item := range items {
		if item.Blocked {
			settlements = append(settlements, store.Settlement{ItemID: item.ID, State: models.ItemSkipped, Problem: item.Problem})
			continue
		}
		values, err := s.references.resolve(ctx, s.remote.schema.Columns, item.Values)
		var waits *waitError
		switch {
		case err == nil:
			ready = append(ready, prepared{item: item, values: values, marker: item.Marker})
		case !errors.As(err, &waits):
			return nil, err
		case s.in.GiveUp:
			settlements = append(settlements, store.Settlement{ItemID: item.ID, State: models.ItemFailed, Problem: neverCreated(waits)})
		default:
			s.set[item.ID] = true
			s.result.Waiting++
		}
	}
	return ready, s.keep(ctx, settlements) // nobody holds these
}

func neverCreated(w *waitError) *models.Problem {
	return models.NewProblem(models.KindConflict, "publish.reference_not_created",
		"It refers to a record that was not created at the service ("+w.reference+").",
		"Publish that record first, or change the reference, then retry what failed.")
}

// lease takes the right to send; what another holder has is set aside.
func (s *sending) lease(ctx context.Context, ready []prepared) ([]prepared, error) {
	leased, err := s.db.LeaseItems(ctx, ids(ready), s.holder, s.leaseFor)
	if err != nil {
		return nil, fmt.Errorf("lease items of plan %s: %w", s.in.PlanID, err)
	}
	mine := make(map[string]bool, len(leased))
	for _, item := range leased {
		mine[item.ID] = true
	}
	kept := ready[:0]
	for _, r := range ready {
		if mine[r.item.ID] {
			kept = append(kept, r)
		} else {
			s.set[r.item.ID] = true
			s.result.Leased++
		}
	}
	return kept, nil
}

// reserve asks services that can for what makes a create's outcome certain, and
// stores it before anything is sent (Promise 5).
func (s *sending) reserve(ctx context.Context, ready []prepared) ([]prepared, error) {
	preparer, can := s.remote.connector.(connectors.Preparer)
	if !can {
		return ready, nil
	}
	markers, err := preparer.Prepare(ctx, s.remote.schema, writeItems(ready))
	if err != nil {
		return nil, s.lookFailed(ctx, ready, err)
	}
	settlements := make([]store.Settlement, 0, len(ready))
	for i, r := range ready {
		ready[i].marker = markers[r.item.ID]
		settlements = append(settlements, store.Settlement{ItemID: r.item.ID, State: models.ItemPlanned, Marker: ready[i].marker})
	}
	return ready, s.record(ctx, settlements)
}

// record settles items under this turn's leases.
func (s *sending) record(ctx context.Context, settlements []store.Settlement) error {
	for i := range settlements {
		settlements[i].Holder = s.holder
	}
	return s.keep(ctx, settlements)
}

func (s *sending) keep(ctx context.Context, settlements []store.Settlement) error {
	if len(settlements) == 0 {
		return nil
	}
	if err := s.db.SettleItems(ctx, settlements); err != nil {
		return fmt.Errorf("settle %d items of plan %s: %w", len(settlements), s.in.PlanID, err)
	}
	for _, settled := range settlements {
		if settled.State != models.ItemPlanned {
			s.result.Settled++
		}
	}
	return nil
}

func ids(ready []prepared) []string {
	out := make([]string, len(ready))
	for i, r := range ready {
		out[i] = r.item.ID
	}
	return out
}

// send hands the batch to the connector. No request starts after the lease
// ended or the run was cancelled; one under way gets a moment to come to an
// answer, so that as little as possible has to be found out later.
func (s *sending) send(ctx context.Context, step string, ready []prepared, until time.Time) ([]connectors.WriteResult, error) {
	gated, end := behindGate(ctx, until, requestTimeout(s.remote.definition), s.now)
	defer end()
	return write(gated, s.remote, s.in.Op, step, writeItems(ready))
}

func writeItems(ready []prepared) []connectors.WriteItem {
	items := make([]connectors.WriteItem, len(ready))
	for i, r := range ready {
		items[i] = connectors.WriteItem{Key: r.item.ID, RemoteID: r.item.RemoteID, Values: r.values, Marker: r.marker}
	}
	return items
}
