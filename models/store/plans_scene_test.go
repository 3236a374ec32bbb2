package store

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/models"
)

// change edits the records a condition names.
func change(t *testing.T, org *Org, tableID, condition string, alter func(r *models.Record)) {
	t.Helper()
	require.NoError(t, org.tx(t.Context(), func(tx *Tx) error {
		c, err := tx.changeRecords(tableID)
		if err != nil {
			return err
		}
		found, err := c.find(condition)
		if err != nil {
			return err
		}
		for i := range found {
			before := found[i]
			alter(&found[i])
			c.countEdited(&before, &found[i])
		}
		if err := c.saveEdits(found); err != nil {
			return err
		}
		return c.finish()
	}))
}

// create adds a new record.
func create(t *testing.T, org *Org, tableID string, fields models.Fields) (id int64) {
	t.Helper()
	require.NoError(t, org.tx(t.Context(), func(tx *Tx) error {
		c, err := tx.changeRecords(tableID)
		if err != nil {
			return err
		}
		if id, err = c.newIDs(1); err != nil {
			return err
		}
		r := models.Record{ID: id, Base: json.RawMessage(`{}`), Edits: fields, State: models.RecordNew}
		c.countEdited(nil, &r)
		if err := c.insert([]models.Record{r}); err != nil {
			return err
		}
		return c.finish()
	}))
	return id
}

// edited is a table with an update (a), a delete (b), a create, and an
// untouched record (c).
func edited(t *testing.T, s *Store) (*Org, models.Actor, models.Table) {
	t.Helper()
	org, actor, table := posts(t, s)
	download(t, org, table, job(t, org, 1), remote("a", "title", `"A"`, "views", `"1"`), remote("b", "title", `"B"`), remote("c", "title", `"C"`))
	edit(t, org, table.ID, "a", "title", `"A2"`)
	edit(t, org, table.ID, "c", "note", `"never published"`)
	change(t, org, table.ID, "remote_id = 'b'", func(r *models.Record) { r.State = models.RecordDeleted })
	create(t, org, table.ID, models.Fields{"title": []byte(`"New"`)})
	return org, actor, table
}

func build(t *testing.T, org *Org, actor models.Actor, table models.Table, checks ...ItemCheck) models.Plan {
	t.Helper()
	plan, err := org.BuildPlan(t.Context(), table.SnapshotID, nil, actor, checks...)
	require.NoError(t, err)
	require.Equal(t, models.PlanReady, plan.State)
	return plan
}

func itemsByOp(t *testing.T, org *Org, planID string) map[models.Operation]models.Item {
	t.Helper()
	items, _, err := org.ListItems(t.Context(), planID, ItemFilter{}, Page{Limit: 500})
	require.NoError(t, err)
	by := map[models.Operation]models.Item{}
	for _, item := range items {
		by[item.Op] = item
	}
	return by
}

// start applies a plan.
func start(t *testing.T, org *Org, actor models.Actor, plan models.Plan, overrides ...string) models.Job {
	t.Helper()
	j := models.Job{ID: models.NewID(models.PrefixJob), Kind: models.JobPublish, WorkflowID: "publish:" + plan.ID}
	require.NoError(t, org.StartApply(t.Context(), plan.ID, plan.Hash, overrides, j, actor))
	stored, err := org.Job(t.Context(), j.ID)
	require.NoError(t, err)
	return stored
}

// send takes items through lease and intent.
func send(t *testing.T, org *Org, holder string, ids ...string) {
	t.Helper()
	leased, err := org.LeaseItems(t.Context(), ids, holder, time.Minute)
	require.NoError(t, err)
	require.Len(t, leased, len(ids))
	require.NoError(t, org.MarkSending(t.Context(), ids, holder, ""))
}

// checkCounts holds a plan's counters to a count of its items.
func checkCounts(t *testing.T, org *Org, planID string) models.Plan {
	t.Helper()
	plan, err := org.Plan(t.Context(), planID)
	require.NoError(t, err)
	items, _, err := org.ListItems(t.Context(), planID, ItemFilter{}, Page{Limit: 500})
	require.NoError(t, err)
	want := models.PlanCounts{}
	for i := range items {
		countItem(&want, &items[i])
	}
	require.Equal(t, want, plan.Counts)
	return plan
}
