package activities

import (
	"context"
	"fmt"
	"slices"
	"time"

	"go.temporal.io/sdk/activity"

	"github.com/scratch-platform/scratch/connectors"
	"github.com/scratch-platform/scratch/models"
	"github.com/scratch-platform/scratch/models/store"
	"github.com/scratch-platform/scratch/workflows/contract"
)

// PublishStore is what Publishes needs of one organization's store.
type PublishStore interface {
	connectionStore
	Plan(ctx context.Context, id string) (models.Plan, error)
	PlanGroups(ctx context.Context, planID string) ([]store.PlanGroup, error)
	Table(ctx context.Context, id string) (models.Table, error)
	Record(ctx context.Context, tableID string, id int64) (models.Record, error)
	ItemsToSend(ctx context.Context, planID, tableID string, op models.Operation, limit int) ([]models.Item, error)
	LeaseItems(ctx context.Context, ids []string, holder string, ttl time.Duration) ([]models.Item, error)
	MarkSending(ctx context.Context, ids []string, holder, step string) error
	SettleItems(ctx context.Context, settlements []store.Settlement) error
	InFlight(ctx context.Context, planID string) ([]models.Item, error)
	OpenCreates(ctx context.Context, tableID string) ([]models.Item, error)
	KnownRemoteIDs(ctx context.Context, tableID string, ids []string) (map[string]time.Time, error)
	BaseHashes(ctx context.Context, tableID string, records []int64) (map[int64][]byte, error)
	NeedReadBack(ctx context.Context, planID string, limit int) ([]models.Item, error)
	SkipPlanned(ctx context.Context, planID, why string, tables ...string) error
	FinishPlan(ctx context.Context, planID string, state models.PlanState) error
	// Now is the clock that leases and outcomes are stamped by.
	Now(ctx context.Context) (time.Time, error)
	Alive(ctx context.Context, jobID string) error
}

// Publishes applies reviewed plans to services.
type Publishes struct {
	Store func(organizationID string) PublishStore
	Open  Opener
	// Now is this process's clock. It may be wrong: it measures how long things
	// take, and is never held against a stored time (timed).
	Now func() time.Time
	// Lease is how long a batch may start requests; 0 takes the default.
	Lease time.Duration
}

// timed gives p with a clock that runs as the one leases and outcomes are stamped
// by (Promise 5): a worker whose own clock is ahead would take the lease of a
// batch that is being sent for over, and look, and send again, too early. It is
// read once; from there on counts how much time passed here.
func (p *Publishes) timed(ctx context.Context, db PublishStore) (*Publishes, error) {
	shared, err := db.Now(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the database's clock: %w", err)
	}
	own, read := p.Now, p.Now() // Promise 5: afterwards, so rather late than early
	timed := *p
	timed.Now = func() time.Time { return shared.Add(own().Sub(read)) }
	return &timed, nil
}

// Group is the items of one operation on one table.
type Group struct {
	TableID string           `json:"table_id"`
	Op      models.Operation `json:"op"`
	// ConnectionID is the connection they go out through. It is empty in what
	// was recorded before groups named it.
	ConnectionID string `json:"connection_id,omitempty"`
}

// GroupsInput asks what is left to send.
type GroupsInput struct {
	contract.PublishInput
	// Stopped are connections through which nothing more is sent.
	Stopped []string `json:"stopped,omitempty"`
}

// maxGroups bounds what PlanGroups answers at once; the workflow asks again
// when those are through.
const maxGroups = 200

// GroupsResult is what is left to send, in the order it must go out.
type GroupsResult struct {
	Groups  []Group `json:"groups"`
	Planned int64   `json:"planned"`
}

// PlanGroups says which items are still to be sent, in their order: creates of
// referenced tables first, deletes last. Those of stopped connections are left
// out.
func (p *Publishes) PlanGroups(ctx context.Context, in GroupsInput) (GroupsResult, error) {
	db := p.Store(in.OrganizationID)
	planned, err := db.PlanGroups(ctx, in.PlanID)
	if err != nil {
		return GroupsResult{}, fmt.Errorf("group the items of plan %s: %w", in.PlanID, err)
	}
	tables := make(map[string]models.Table, len(planned))
	result, left := GroupsResult{}, planned[:0]
	for _, g := range planned {
		if _, known := tables[g.TableID]; !known {
			if tables[g.TableID], err = db.Table(ctx, g.TableID); err != nil {
				return GroupsResult{}, fmt.Errorf("group the items of plan %s: %w", in.PlanID, err)
			}
		}
		if slices.Contains(in.Stopped, tables[g.TableID].ConnectionID) {
			continue
		}
		result.Planned += g.Planned
		left = append(left, g)
	}
	result.Groups = ordered(left, tables)
	result.Groups = result.Groups[:min(len(result.Groups), maxGroups)]
	return result, nil
}

// EndPublishInput ends the applying of a plan.
type EndPublishInput struct {
	contract.PublishInput
	// State is set when the run did not come to its end: cancelled, or failed
	// because of Problem. Empty: the items say how it went.
	State   models.JobState `json:"state,omitempty"`
	Problem *models.Problem `json:"problem,omitempty"`
	// Stopped says why nothing more was sent through a connection, by its id.
	Stopped map[string]models.Problem `json:"stopped,omitempty"`
}

// FinishPublish skips what was not sent, ends the plan and sums its items.
func (p *Publishes) FinishPublish(ctx context.Context, in EndPublishInput) (contract.PublishResult, error) {
	db := p.Store(in.OrganizationID)
	if err := skipStopped(ctx, db, in); err != nil {
		return contract.PublishResult{}, err
	}
	if err := db.SkipPlanned(ctx, in.PlanID, skippedWhy(in)); err != nil {
		return contract.PublishResult{}, fmt.Errorf("end plan %s: %w", in.PlanID, err)
	}
	plan, err := db.Plan(ctx, in.PlanID)
	if err != nil {
		return contract.PublishResult{}, fmt.Errorf("end plan %s: %w", in.PlanID, err)
	}
	ended := models.PlanApplied
	if in.State != "" || in.ResolveOnly || plan.Counts.Sending > 0 {
		ended = models.PlanStopped
	}
	if plan.State == models.PlanApplying || plan.State == models.PlanStopped {
		if err := db.FinishPlan(ctx, in.PlanID, ended); err != nil {
			return contract.PublishResult{}, fmt.Errorf("end plan %s: %w", in.PlanID, err)
		}
	}
	result := contract.PublishResult{State: outcomeOf(in.State, plan.Counts), Counts: plan.Counts}
	return result, nil
}

// skipStopped tells the items of each stopped connection their own reason
// (Promise 6).
func skipStopped(ctx context.Context, db PublishStore, in EndPublishInput) error {
	if len(in.Stopped) == 0 {
		return nil
	}
	planned, err := db.PlanGroups(ctx, in.PlanID)
	if err != nil {
		return fmt.Errorf("end plan %s: %w", in.PlanID, err)
	}
	for _, g := range planned {
		table, err := db.Table(ctx, g.TableID)
		if err != nil {
			continue // it was removed; its items are skipped with the rest
		}
		problem, stopped := in.Stopped[table.ConnectionID]
		if !stopped {
			continue
		}
		if err := db.SkipPlanned(ctx, in.PlanID, "Not sent: "+problem.Detail, g.TableID); err != nil {
			return fmt.Errorf("end plan %s: %w", in.PlanID, err)
		}
	}
	return nil
}

func skippedWhy(in EndPublishInput) string {
	switch {
	case in.ResolveOnly:
		return "The publish was stopped before this was sent."
	case in.State == models.JobCancelled:
		return "The publish was cancelled before this was sent."
	case in.Problem != nil:
		return "Not sent: " + in.Problem.Detail
	default:
		return "Not sent: the publish ended without getting to it."
	}
}

// outcomeOf sums the items: each has its own outcome, the job says whether all
// went well (Promise 6).
func outcomeOf(given models.JobState, c models.PlanCounts) models.JobState {
	bad := c.Failed + c.Conflicts + c.Unknown + c.Skipped + c.Sending
	switch {
	case given == models.JobFailed && c.Applied > 0:
		return models.JobCompletedWithFailures
	case given != "":
		return given
	case bad == 0:
		return models.JobCompleted
	case c.Applied == 0:
		return models.JobFailed
	default:
		return models.JobCompletedWithFailures
	}
}

// requestTimeout is how long one request of a service may take.
func requestTimeout(d connectors.Definition) time.Duration {
	if d.Limits.RequestTimeout > 0 {
		return d.Limits.RequestTimeout
	}
	return 30 * time.Second
}

// holder names one attempt of one activity as the holder of leases.
func holder(ctx context.Context) string {
	info := activity.GetInfo(ctx)
	return fmt.Sprintf("%s/%s/%d", info.WorkflowExecution.RunID, info.ActivityID, info.Attempt)
}
