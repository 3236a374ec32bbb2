package store

import (
	"context"
	"database/sql/driver"
	"fmt"
	"strconv"
	"time"

	"github.com/scratch-platform/scratch/models"
)

type planRow struct {
	ID             string
	OrganizationID string
	SnapshotID     string
	State          models.PlanState
	Hash           string
	Counts         jsonOf[models.PlanCounts]
	Problems       jsonOf[[]models.Problem]
	CreatedBy      string
	JobID          string
	RetryOf        string
	CreatedAt      time.Time
	AppliedAt      *time.Time
}

func (planRow) TableName() string { return "plans" }

func (r planRow) plan() models.Plan {
	return models.Plan{
		ID: r.ID, OrganizationID: r.OrganizationID, SnapshotID: r.SnapshotID, State: r.State, Hash: r.Hash, Counts: r.Counts.V,
		Problems: r.Problems.V, CreatedBy: r.CreatedBy, JobID: r.JobID, RetryOf: r.RetryOf, CreatedAt: r.CreatedAt, AppliedAt: r.AppliedAt,
	}
}

// cells is a column of canonical JSON that is kept byte by byte, because a hash
// covers it: text on both databases. NULL and no cells are one.
type cells models.Fields

// Value implements driver.Valuer.
func (c cells) Value() (driver.Value, error) {
	if len(c) == 0 {
		return nil, nil
	}
	return string(models.Fields(c).Object()), nil
}

// Scan implements sql.Scanner.
func (c *cells) Scan(source any) error {
	switch v := source.(type) {
	case nil:
		*c = nil
	case string:
		*c = cells(models.CellsOf([]byte(v)))
	case []byte:
		*c = cells(models.CellsOf(append([]byte(nil), v...)))
	default:
		return fmt.Errorf("cells hold a %T", source)
	}
	return nil
}

// GormDataType tells GORM (and the drift test) the family of the column.
func (cells) GormDataType() string { return "text" }

type itemRow struct {
	ID             string
	OrganizationID string
	PlanID         string
	TableID        string
	RecordID       int64
	Ordinal        int64
	RowVersion     int64 // the record's version when the item was made
	Op             models.Operation
	State          models.ItemState
	RemoteID       string
	Cells          cells
	EditBases      cells
	Marker         string
	Label          string
	Override       bool
	Blocked        bool
	Step           string
	Steps          jsonOf[[]models.StepOutcome]
	Problem        jsonOf[*models.Problem]
	Theirs         cells
	Note           string
	Lease          string
	LeaseUntil     *time.Time
	SentAt         *time.Time
	SettledAt      *time.Time
	ReadBack       bool
	SettledVersion int64 // tables.records_version when it last changed what is held of its record
}

func (itemRow) TableName() string { return "items" }

func (r itemRow) item() models.Item {
	return models.Item{
		ID: r.ID, OrganizationID: r.OrganizationID, PlanID: r.PlanID, TableID: r.TableID, RecordID: r.RecordID, RemoteID: r.RemoteID,
		Op: r.Op, Values: models.Fields(r.Cells), EditBases: models.Fields(r.EditBases), Marker: r.Marker, Label: r.Label, State: r.State,
		Override: r.Override, Blocked: r.Blocked, Step: r.Step, Steps: r.Steps.V, Problem: r.Problem.V, Theirs: models.Fields(r.Theirs),
		Note: r.Note, Lease: r.Lease, LeaseUntil: r.LeaseUntil, SentAt: r.SentAt, SettledAt: r.SettledAt, ReadBack: r.ReadBack, Ordinal: r.Ordinal,
	}
}

func itemsOf(rows []itemRow) []models.Item {
	items := make([]models.Item, len(rows))
	for i, r := range rows {
		items[i] = r.item()
	}
	return items
}

// Plan gives a plan, or "plan.not_found".
func (o *Org) Plan(ctx context.Context, id string) (models.Plan, error) {
	var row planRow
	if err := o.rows(ctx, &row).Where("id = ?", id).Take(&row).Error; err != nil {
		return models.Plan{}, o.s.one(ctx, "plan", id, err)
	}
	return row.plan(), nil
}

// ListPlans lists a snapshot's plans, newest first.
func (o *Org) ListPlans(ctx context.Context, snapshotID string, page Page) ([]models.Plan, string, error) {
	rows, next, err := pageByID(o.rows(ctx, &planRow{}).Where("snapshot_id = ?", snapshotID), page, models.PrefixPlan, true,
		func(r *planRow) string { return r.ID })
	if err != nil {
		return nil, "", o.s.explain(ctx, err)
	}
	plans := make([]models.Plan, len(rows))
	for i, r := range rows {
		plans[i] = r.plan()
	}
	return plans, next, nil
}

// ListItems lists a plan's items in their order. An unknown plan is
// "plan.not_found".
func (o *Org) ListItems(ctx context.Context, planID string, filter ItemFilter, page Page) ([]models.Item, string, error) {
	if _, err := o.Plan(ctx, planID); err != nil {
		return nil, "", err
	}
	q := o.rows(ctx, &itemRow{}).Where("plan_id = ?", planID)
	if filter.State != "" {
		q = q.Where("state = ?", filter.State)
	}
	if filter.TableID != "" {
		q = q.Where("table_id = ?", filter.TableID)
	}
	if filter.Op != "" {
		q = q.Where("op = ?", filter.Op)
	}
	if page.Cursor != "" {
		after, err := strconv.ParseInt(page.Cursor, 10, 64)
		if err != nil {
			return nil, "", models.NewProblem(models.KindInvalid, "list.bad_cursor", "the cursor is not one this list gave", "start again without a cursor")
		}
		q = q.Where("ordinal > ?", after)
	}
	var rows []itemRow
	if err := q.Order("ordinal").Limit(page.size() + 1).Find(&rows).Error; err != nil {
		return nil, "", o.s.explain(ctx, err)
	}
	next := ""
	if len(rows) > page.size() {
		rows = rows[:page.size()]
		next = strconv.FormatInt(rows[len(rows)-1].Ordinal, 10)
	}
	return itemsOf(rows), next, nil
}

// Item gives one item of any plan, or "item.not_found".
func (o *Org) Item(ctx context.Context, id string) (models.Item, error) {
	var row itemRow
	if err := o.rows(ctx, &row).Where("id = ?", id).Take(&row).Error; err != nil {
		return models.Item{}, o.s.one(ctx, "item", id, err)
	}
	return row.item(), nil
}

// lockPlan reads a plan and locks it.
func (tx *Tx) lockPlan(id string) (planRow, error) {
	var row planRow
	err := tx.rows(&row).Clauses(forUpdate).Where("id = ?", id).Take(&row).Error
	return row, tx.s.one(tx.ctx, "plan", id, err)
}

// savePlan writes what changes of a plan, and tells its snapshot.
func (tx *Tx) savePlan(row *planRow) error {
	err := tx.rows(&planRow{}).Where("id = ?", row.ID).Updates(map[string]any{
		"state": row.State, "hash": row.Hash, "counts": row.Counts, "problems": row.Problems, "job_id": row.JobID, "applied_at": row.AppliedAt,
	}).Error
	if err != nil {
		return err
	}
	return tx.emit(models.SnapshotTopic(row.SnapshotID), models.EventPlanChanged, tx.origin(),
		models.PlanChanged{PlanID: row.ID, State: row.State, Counts: row.Counts.V})
}

// countOf is the counter of a state; nil for one that is not counted.
func countOf(c *models.PlanCounts, state models.ItemState) *int64 {
	switch state {
	case models.ItemPlanned:
		return &c.Planned
	case models.ItemSending:
		return &c.Sending
	case models.ItemApplied:
		return &c.Applied
	case models.ItemFailed:
		return &c.Failed
	case models.ItemConflict:
		return &c.Conflicts
	case models.ItemUnknown:
		return &c.Unknown
	case models.ItemSkipped:
		return &c.Skipped
	default:
		return nil
	}
}

// moveCount counts an item out of one state and into another.
func moveCount(c *models.PlanCounts, from, to models.ItemState, n int64) {
	if of := countOf(c, from); of != nil {
		*of -= n
	}
	if of := countOf(c, to); of != nil {
		*of += n
	}
}

// countItem counts a new item.
func countItem(c *models.PlanCounts, item *models.Item) {
	switch item.Op {
	case models.OpCreate:
		c.Creates++
	case models.OpUpdate:
		c.Updates++
	case models.OpDelete:
		c.Deletes++
	default: // a plan has no other
	}
	if item.Blocked {
		c.Blocked++
	}
	moveCount(c, "", item.State, 1)
}
