package store

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/models"
)

func TestPlanHoldsExactlyTheChanges(t *testing.T) {
	eachStore(t, func(t *testing.T, s *Store) {
		org, actor, table := edited(t, s)
		plan := build(t, org, actor, table)
		require.Equal(t, models.PlanCounts{Creates: 1, Updates: 1, Deletes: 1, Planned: 3}, plan.Counts)
		by := itemsByOp(t, org, plan.ID)
		require.Equal(t, models.Fields{"title": []byte(`"A2"`)}, by[models.OpUpdate].Values)
		require.Equal(t, models.Fields{"title": []byte(`"A"`)}, by[models.OpUpdate].EditBases)
		require.Equal(t, models.Fields{"title": []byte(`"B"`)}, by[models.OpDelete].EditBases)
		require.Equal(t, "New", by[models.OpCreate].Label)

		// The same changes give the same hash; the old plan gives way.
		again := build(t, org, actor, table)
		require.Equal(t, plan.Hash, again.Hash)
		old := checkCounts(t, org, plan.ID)
		require.Equal(t, models.PlanSuperseded, old.State)
		require.EqualValues(t, 3, old.Counts.Skipped)
		err := org.CheckPlan(t.Context(), plan.ID, plan.Hash)
		require.True(t, models.HasCode(err, "plan.superseded"), "%v", err)
		require.NoError(t, org.CheckPlan(t.Context(), again.ID, again.Hash))

		_, err = org.BuildPlan(t.Context(), table.SnapshotID, []string{"tbl_other"}, actor)
		require.True(t, models.HasCode(err, "table.not_found"), "%v", err)
		page, next, err := org.ListItems(t.Context(), again.ID, ItemFilter{State: models.ItemPlanned}, Page{Limit: 2})
		require.NoError(t, err)
		require.Len(t, page, 2)
		page, next, err = org.ListItems(t.Context(), again.ID, ItemFilter{State: models.ItemPlanned}, Page{Limit: 2, Cursor: next})
		require.NoError(t, err)
		require.Len(t, page, 1)
		require.Empty(t, next)
	})
}

// Promise 3: breaks when a plan can be applied that is not what was reviewed, or
// when a colleague who types elsewhere invalidates it.
func TestPlanGoesStaleByItsOwnItemsOnly(t *testing.T) {
	eachStore(t, func(t *testing.T, s *Store) {
		org, actor, table := edited(t, s)
		plan := build(t, org, actor, table)
		edit(t, org, table.ID, "c", "title", `"elsewhere"`)
		download(t, org, table, job(t, org, 2), remote("a", "title", `"A"`, "views", `"99"`), remote("b", "title", `"B"`), remote("c", "title", `"C"`))
		require.NoError(t, org.CheckPlan(t.Context(), plan.ID, plan.Hash), "neither typing elsewhere nor a download that changes no item")

		err := org.CheckPlan(t.Context(), plan.ID, "another")
		require.True(t, models.HasCode(err, "plan.stale"), "%v", err)
		edit(t, org, table.ID, "a", "title", `"A3"`)
		err = org.CheckPlan(t.Context(), plan.ID, plan.Hash)
		require.True(t, models.HasCode(err, "plan.stale"), "%v", err)
		p, _ := models.AsProblem(err)
		require.Len(t, p.Fields, 1)
		require.Equal(t, itemsByOp(t, org, plan.ID)[models.OpUpdate].ID, p.Fields[0].Field)
		err = org.StartApply(t.Context(), plan.ID, plan.Hash, nil, models.Job{ID: models.NewID(models.PrefixJob), WorkflowID: "w"}, actor)
		require.True(t, models.HasCode(err, "plan.stale"), "%v", err)
		edit(t, org, table.ID, "a", "title", `"A2"`)
		require.NoError(t, org.CheckPlan(t.Context(), plan.ID, plan.Hash), "put back as it was reviewed")

		// What is to be deleted changed at the service: it was not reviewed so.
		download(t, org, table, job(t, org, 3), remote("a", "title", `"A"`, "views", `"99"`), remote("b", "title", `"B9"`), remote("c", "title", `"C"`))
		err = org.CheckPlan(t.Context(), plan.ID, plan.Hash)
		require.True(t, models.HasCode(err, "plan.stale"), "%v", err)
	})
}

func TestApplyAPlan(t *testing.T) {
	eachStore(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		org, actor, table := edited(t, s)
		plan := build(t, org, actor, table)
		by := itemsByOp(t, org, plan.ID)
		j := start(t, org, actor, plan, by[models.OpUpdate].ID)
		require.EqualValues(t, 3, j.Progress.Total)
		err := org.StartApply(ctx, plan.ID, plan.Hash, nil, j, actor)
		require.True(t, models.HasCode(err, "plan.not_ready"), "%v", err)
		groups, err := org.PlanGroups(ctx, plan.ID)
		require.NoError(t, err)
		require.Len(t, groups, 3)
		update, err := org.Item(ctx, by[models.OpUpdate].ID)
		require.NoError(t, err)
		require.True(t, update.Override)
		other, err := org.Item(ctx, by[models.OpCreate].ID)
		require.NoError(t, err)
		require.False(t, other.Override, "the user said so of one record (Promise 4)")

		send(t, org, "w1", by[models.OpUpdate].ID, by[models.OpCreate].ID, by[models.OpDelete].ID)
		checkCounts(t, org, plan.ID)
		// The colleague types on while the request is under way.
		edit(t, org, table.ID, "a", "title", `"A3"`)
		change(t, org, table.ID, "remote_id IS NULL", func(r *models.Record) {
			r.Edits = models.Fields{"title": r.Edits["title"], "views": []byte(`"5"`)}
		})
		stored := remote("a", "title", `"A2"`, "views", `"2"`)
		made := remote("n", "title", `"New"`, "views", `"0"`)
		require.NoError(t, org.SettleItems(ctx, []Settlement{
			{ItemID: by[models.OpUpdate].ID, State: models.ItemApplied, Stored: &stored},
			{ItemID: by[models.OpCreate].ID, State: models.ItemApplied, RemoteID: "n", Stored: &made, Note: "with another slug"},
			{ItemID: by[models.OpDelete].ID, State: models.ItemApplied},
		}))
		records := allRecords(t, org, table.ID)
		require.Len(t, records, 3)
		require.NotContains(t, records, "b")
		a, n := records["a"], records["n"]
		require.Equal(t, `"A3"`, string(a.Edits["title"]))
		require.Equal(t, `"A2"`, string(a.EditBases["title"]), "the edit begins from what the service now has")
		require.Equal(t, models.RecordLive, n.State)
		require.Equal(t, models.Fields{"views": []byte(`"5"`)}, n.Edits, "what was typed since is kept")
		require.Equal(t, models.Fields{"views": []byte(`"0"`)}, n.EditBases, "over what the service made of it")
		require.Empty(t, models.ConflictsOf(table.Columns, &n))
		require.JSONEq(t, string(made.Fields), string(n.Base))

		after := checkCounts(t, org, plan.ID)
		require.EqualValues(t, 3, after.Counts.Applied)
		got, err := org.Item(ctx, by[models.OpCreate].ID)
		require.NoError(t, err)
		require.Equal(t, "n", got.RemoteID)
		require.Equal(t, "with another slug", got.Note)
		require.NoError(t, org.FinishPlan(ctx, plan.ID, models.PlanApplied))
		outcomes, err := org.JobOutcomes(ctx, j.ID)
		require.NoError(t, err)
		require.Equal(t, models.Progress{Total: 3, Done: 3, Created: 1, Updated: 1, Deleted: 1, Step: "publishing"}, outcomes[0].Progress)

		// Only what was typed since is left.
		next := build(t, org, actor, table)
		require.Equal(t, models.PlanCounts{Updates: 2, Planned: 2}, next.Counts)
	})
}

// Promises 4 and 6: breaks when a conflict is written over, hides the service's
// value, or one item's outcome touches another's.
func TestConflictsFailuresAndReadBack(t *testing.T) {
	eachStore(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		org, actor, table := edited(t, s)
		edit(t, org, table.ID, "c", "title", `"C2"`)
		plan := build(t, org, actor, table)
		items, _, err := org.ListItems(ctx, plan.ID, ItemFilter{Op: models.OpUpdate}, Page{})
		require.NoError(t, err)
		require.Len(t, items, 2)
		a, c := items[0], items[1]
		start(t, org, actor, plan)
		send(t, org, "w1", a.ID, c.ID)
		theirs := remote("a", "title", `"Theirs"`)
		require.NoError(t, org.SettleItems(ctx, []Settlement{
			{ItemID: a.ID, State: models.ItemConflict, Stored: &theirs, Theirs: models.Fields{"title": []byte(`"Theirs"`)}, Problem: models.NewProblem(models.KindConflict, "publish.changed_elsewhere", "x", "")},
			{ItemID: c.ID, State: models.ItemApplied, ReadBack: true},
		}))
		records := allRecords(t, org, table.ID)
		ra, rc := records["a"], records["c"]
		require.Equal(t, []models.CellConflict{{Column: "title", Mine: []byte(`"A2"`), Theirs: []byte(`"Theirs"`), Base: []byte(`"A"`)}}, models.ConflictsOf(table.Columns, &ra))
		require.Equal(t, `"C2"`, string(rc.BaseCell("title")))
		require.Equal(t, models.Fields{"note": []byte(`"never published"`)}, rc.Edits)
		need, err := org.NeedReadBack(ctx, plan.ID, 10)
		require.NoError(t, err)
		require.Len(t, need, 1)
		read := remote("c", "title", `"C2 (sic)"`)
		require.NoError(t, org.SettleItems(ctx, []Settlement{{ItemID: c.ID, State: models.ItemApplied, Stored: &read}}))
		require.NoError(t, org.SettleItems(ctx, []Settlement{{ItemID: c.ID, State: models.ItemApplied, Stored: &theirs}}), "told again: nothing")
		records = allRecords(t, org, table.ID)
		rc = records["c"]
		require.Equal(t, `"C2 (sic)"`, string(rc.BaseCell("title")))
		need, err = org.NeedReadBack(ctx, plan.ID, 10)
		require.NoError(t, err)
		require.Empty(t, need)

		// A settled item keeps its outcome, but a late "applied" is believed.
		require.NoError(t, org.SettleItems(ctx, []Settlement{{ItemID: a.ID, State: models.ItemFailed}}))
		got, err := org.Item(ctx, a.ID)
		require.NoError(t, err)
		require.Equal(t, models.ItemConflict, got.State)
		require.Equal(t, `"Theirs"`, string(got.Theirs["title"]))
		after := checkCounts(t, org, plan.ID)
		require.EqualValues(t, 1, after.Counts.Conflicts)
		require.NoError(t, org.SettleItems(ctx, []Settlement{{ItemID: a.ID, State: models.ItemApplied}}))
		after = checkCounts(t, org, plan.ID)
		require.EqualValues(t, 2, after.Counts.Applied)
		_, err = org.RetryFailedPlan(ctx, plan.ID, actor)
		require.True(t, models.HasCode(err, "plan.applying"), "%v", err)
		require.NoError(t, org.SkipPlanned(ctx, plan.ID, "cancelled"))
		require.NoError(t, org.FinishPlan(ctx, plan.ID, models.PlanStopped))
		_, err = org.RetryFailedPlan(ctx, plan.ID, actor)
		require.True(t, models.HasCode(err, "plan.nothing_failed"), "%v", err)
		checkCounts(t, org, plan.ID)
	})
}

// Breaks when two plans claim one record, or a plan that lost its place is taken
// for ready.
func TestPlansBuiltAtOnce(t *testing.T) {
	eachStore(t, func(t *testing.T, s *Store) {
		org, actor, table := edited(t, s)
		var wg sync.WaitGroup
		for range 6 {
			wg.Go(func() {
				_, err := org.BuildPlan(t.Context(), table.SnapshotID, nil, actor)
				if err != nil && !models.HasCode(err, "plan.superseded") {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		plans, _, err := org.ListPlans(t.Context(), table.SnapshotID, Page{})
		require.NoError(t, err)
		require.Len(t, plans, 6)
		ready := 0
		for _, plan := range plans {
			if plan.State == models.PlanReady {
				ready++
				require.EqualValues(t, 3, plan.Counts.Planned)
			}
			checkCounts(t, org, plan.ID)
		}
		require.Equal(t, 1, ready)
	})
}

// Breaks when two people who apply one plan start two publishes, or a table
// goes away under one.
func TestAppliedOnceAtATime(t *testing.T) {
	eachStore(t, func(t *testing.T, s *Store) {
		org, actor, table := edited(t, s)
		plan := build(t, org, actor, table)
		var wg sync.WaitGroup
		var started atomic.Int64
		for range 4 {
			wg.Go(func() {
				err := org.StartApply(t.Context(), plan.ID, plan.Hash, nil, models.Job{ID: models.NewID(models.PrefixJob), Kind: models.JobPublish, WorkflowID: "publish:" + plan.ID}, actor)
				switch {
				case err == nil:
					started.Add(1)
				case !models.HasCode(err, "plan.not_ready"):
					t.Error(err)
				}
			})
		}
		wg.Wait()
		require.EqualValues(t, 1, started.Load())
		err := org.RemoveTable(t.Context(), table.ID)
		require.True(t, models.HasCode(err, "table.busy"), "%v", err)
		require.NoError(t, org.SkipPlanned(t.Context(), plan.ID, "stopped"))
		require.NoError(t, org.RemoveTable(t.Context(), table.ID))
	})
}

func TestEmptyPlan(t *testing.T) {
	eachStore(t, func(t *testing.T, s *Store) {
		org, actor, table := posts(t, s)
		plan := build(t, org, actor, table)
		err := org.StartApply(t.Context(), plan.ID, plan.Hash, nil, models.Job{ID: models.NewID(models.PrefixJob), WorkflowID: "w"}, actor)
		require.True(t, models.HasCode(err, "plan.empty"), "%v", err)
	})
}

// Breaks when a large plan is cut at a batch's end, or building one takes long.
func TestLargePlan(t *testing.T) {
	eachStore(t, func(t *testing.T, s *Store) {
		org, actor, table := posts(t, s)
		const n = 2*buildBatch + 500
		records := make([]RemoteRecord, n)
		for i := range records {
			records[i] = remote(fmt.Sprint("r", i), "title", fmt.Sprintf("%q", fmt.Sprint("Title ", i)))
		}
		download(t, org, table, job(t, org, 1), records...)
		change(t, org, table.ID, "1 = 1", func(r *models.Record) {
			r.Edits, r.EditBases = models.Fields{"title": []byte(`"X"`)}, models.Fields{"title": r.BaseCell("title")}
		})
		began := time.Now()
		plan := build(t, org, actor, table)
		t.Logf("built %d items in %s", n, time.Since(began))
		require.EqualValues(t, n, plan.Counts.Updates)
		began = time.Now()
		require.NoError(t, org.CheckPlan(t.Context(), plan.ID, plan.Hash))
		t.Logf("checked in %s", time.Since(began))
		start(t, org, actor, plan)
		began = time.Now()
		items, err := org.ItemsToSend(t.Context(), plan.ID, table.ID, models.OpUpdate, 1000)
		require.NoError(t, err)
		for from := 0; from < 1000; from += 50 {
			ids, settled := []string{}, []Settlement{}
			for _, item := range items[from : from+50] {
				stored := remote(item.RemoteID, "title", `"X"`)
				ids, settled = append(ids, item.ID), append(settled, Settlement{ItemID: item.ID, State: models.ItemApplied, Stored: &stored, Step: "update", StepState: models.ItemApplied})
			}
			send(t, org, "w", ids...)
			require.NoError(t, org.SettleItems(t.Context(), settled))
		}
		t.Logf("sent and settled 1000 in batches of 50 in %s", time.Since(began))
		after, err := org.Plan(t.Context(), plan.ID)
		require.NoError(t, err)
		require.EqualValues(t, 1000, after.Counts.Applied)
	})
}
