package store

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/models"
)

// Promise 5: breaks when an item can be sent without a valid lease, twice, or
// outside a plan that is being applied.
func TestLeasesGuardSending(t *testing.T) {
	eachStore(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		org, actor, table := edited(t, s)
		plan := build(t, org, actor, table)
		item := itemsByOp(t, org, plan.ID)[models.OpCreate]
		ids := []string{item.ID}
		_, err := org.LeaseItems(ctx, ids, "w1", time.Minute)
		require.NoError(t, err)
		err = org.MarkSending(ctx, ids, "w1", "create")
		require.True(t, models.HasCode(err, "plan.not_applying"), "%v", err)
		start(t, org, actor, plan)

		got, err := org.LeaseItems(ctx, ids, "w2", time.Minute)
		require.NoError(t, err)
		require.Empty(t, got, "w1 holds it")
		err = org.MarkSending(ctx, ids, "w2", "create")
		require.True(t, models.HasCode(err, "item.lease_lost"), "%v", err)
		_, err = org.LeaseItems(ctx, ids, "w1", 0)
		require.NoError(t, err)
		err = org.MarkSending(ctx, ids, "w1", "create")
		require.True(t, models.HasCode(err, "item.lease_lost"), "%v", err)
		got, err = org.LeaseItems(ctx, ids, "w2", time.Minute)
		require.NoError(t, err)
		require.Len(t, got, 1, "w1's lease ran out")
		// What a service reserved for the create is stored, and w2 keeps it.
		require.NoError(t, org.SettleItems(ctx, []Settlement{{ItemID: item.ID, State: models.ItemPlanned, Marker: "reserved"}}))
		require.NoError(t, org.MarkSending(ctx, ids, "w2", "create"))
		flying, err := org.InFlight(ctx, plan.ID)
		require.NoError(t, err)
		require.Len(t, flying, 1)
		require.Equal(t, "reserved", flying[0].Marker)
		require.Equal(t, "create", flying[0].Step)
		require.NotNil(t, flying[0].LeaseUntil)
		open, err := org.OpenCreates(ctx, table.ID)
		require.NoError(t, err)
		require.Len(t, open, 1)
		toSend, err := org.ItemsToSend(ctx, plan.ID, table.ID, models.OpCreate, 10)
		require.NoError(t, err)
		require.Empty(t, toSend)

		// Put back and sent again: the first intent still dates the create.
		require.NoError(t, org.SettleItems(ctx, []Settlement{{ItemID: item.ID, State: models.ItemPlanned}}))
		_, err = org.LeaseItems(ctx, ids, "w3", time.Minute)
		require.NoError(t, err)
		require.NoError(t, org.MarkSending(ctx, ids, "w3", "create"))
		again, err := org.Item(ctx, item.ID)
		require.NoError(t, err)
		require.Equal(t, *flying[0].SentAt, *again.SentAt)

		// Unknown: it enters no other plan, whatever became of its own.
		require.NoError(t, org.SettleItems(ctx, []Settlement{{ItemID: item.ID, State: models.ItemUnknown, Step: "create", StepState: models.ItemUnknown}}))
		require.NoError(t, org.SkipPlanned(ctx, plan.ID, "stopped"))
		require.NoError(t, org.FinishPlan(ctx, plan.ID, models.PlanStopped))
		checkCounts(t, org, plan.ID)
		next := build(t, org, actor, table)
		require.Zero(t, next.Counts.Creates)
		require.Equal(t, "plan.records_claimed", next.Problems[0].Code)

		// A person says what became of it.
		_, err = org.ResolveItem(ctx, item.ID, models.Resolution{Choice: "perhaps"}, actor)
		require.True(t, models.HasCode(err, "item.bad_choice"), "%v", err)
		_, err = org.ResolveItem(ctx, item.ID, models.Resolution{Choice: "happened"}, actor)
		require.True(t, models.HasCode(err, "item.remote_id_needed"), "%v", err)
		done, err := org.ResolveItem(ctx, item.ID, models.Resolution{Choice: "happened", RemoteID: "made"}, actor)
		require.NoError(t, err)
		require.Equal(t, models.ItemApplied, done.State)
		require.Contains(t, allRecords(t, org, table.ID), "made")
		_, err = org.ResolveItem(ctx, item.ID, models.Resolution{Choice: "did_not_happen"}, actor)
		require.True(t, models.HasCode(err, "item.not_unknown"), "%v", err)
		checkCounts(t, org, plan.ID)
	})
}

// Promise 5: breaks when a record whose create was answered, but whose later
// steps failed, would be created again; and when the object that a download
// brought in meanwhile stays as a second record.
func TestACreateIsAdoptedWhateverBecomesOfIt(t *testing.T) {
	eachStore(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		org, actor, table := edited(t, s)
		plan := build(t, org, actor, table)
		item := itemsByOp(t, org, plan.ID)[models.OpCreate]
		start(t, org, actor, plan)
		send(t, org, "w1", item.ID)
		// A download sees the new object before its answer is stored, and a
		// colleague edits what it brought.
		download(t, org, table, job(t, org, 2), remote("a", "title", `"A"`), remote("b", "title", `"B"`), remote("c", "title", `"C"`), remote("n", "title", `"New"`))
		edit(t, org, table.ID, "n", "views", `"7"`)
		require.Len(t, allRecords(t, org, table.ID), 5)
		require.NoError(t, org.SettleItems(ctx, []Settlement{{
			ItemID: item.ID, State: models.ItemFailed, RemoteID: "n", Step: "publish", StepState: models.ItemFailed,
			Problem: models.NewProblem(models.KindForbidden, "connector.permission", "may not publish", ""),
		}}))
		records := allRecords(t, org, table.ID)
		require.Len(t, records, 4, "one object, one record")
		n := records["n"]
		require.Equal(t, item.RecordID, n.ID)
		require.Equal(t, models.RecordLive, n.State)
		require.Equal(t, models.Fields{"views": []byte(`"7"`)}, n.Edits, "what the service agrees with is no change")
		require.Empty(t, models.ConflictsOf(table.Columns, &n))
		got, err := org.Item(ctx, item.ID)
		require.NoError(t, err)
		require.Equal(t, models.ItemFailed, got.State)
		require.Equal(t, []string{"publish"}, []string{got.Steps[0].Step})

		require.NoError(t, org.SkipPlanned(ctx, plan.ID, "stopped"))
		require.NoError(t, org.FinishPlan(ctx, plan.ID, models.PlanStopped))
		retry, err := org.RetryFailedPlan(ctx, plan.ID, actor)
		require.NoError(t, err)
		require.Equal(t, plan.ID, retry.RetryOf)
		require.Equal(t, models.PlanCounts{Updates: 1, Planned: 1}, retry.Counts, "only what failed, and never as a create")
	})
}

// Breaks when a record somebody wanted back is lost because its delete was
// already on its way.
func TestRestoredWhileItsDeleteWasSent(t *testing.T) {
	eachStore(t, func(t *testing.T, s *Store) {
		org, actor, table := edited(t, s)
		plan := build(t, org, actor, table)
		item := itemsByOp(t, org, plan.ID)[models.OpDelete]
		start(t, org, actor, plan)
		send(t, org, "w1", item.ID)
		change(t, org, table.ID, "remote_id = 'b'", func(r *models.Record) { r.State = models.RecordLive })
		require.NoError(t, org.SettleItems(t.Context(), []Settlement{{ItemID: item.ID, State: models.ItemApplied}}))
		require.Equal(t, models.RecordRemoteDeleted, allRecords(t, org, table.ID)["b"].State)
	})
}

// Breaks when a table or snapshot can be taken away while what was sent of it is
// still being found out: nobody could ask its service any more, and the items
// would stay in flight for ever (Promise 5).
func TestWhatIsInFlightKeepsItsTable(t *testing.T) {
	eachStore(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		org, actor, table := edited(t, s)
		plan := build(t, org, actor, table)
		job := start(t, org, actor, plan)
		items := itemsByOp(t, org, plan.ID)
		busy := func(why string) {
			t.Helper()
			require.True(t, models.HasCode(org.RemoveTable(ctx, table.ID), "table.busy"), why)
			require.True(t, models.HasCode(org.DeleteSnapshot(ctx, table.SnapshotID), "snapshot.busy"), why)
		}
		send(t, org, "w1", items[models.OpCreate].ID)
		busy("it is being applied")
		_, err := org.SetJobState(ctx, job.ID, JobChange{To: models.JobTerminated})
		require.NoError(t, err)
		busy("its job was terminated: items are planned in a plan nobody ended")
		require.NoError(t, org.SkipPlanned(ctx, plan.ID, "stopped"))
		require.NoError(t, org.FinishPlan(ctx, plan.ID, models.PlanStopped))
		busy("one item is in flight")
		require.NoError(t, org.SettleItems(ctx, []Settlement{{ItemID: items[models.OpCreate].ID, State: models.ItemUnknown}}))
		require.NoError(t, org.RemoveTable(ctx, table.ID), "an item that waits for a person keeps nothing")
		require.NoError(t, org.DeleteSnapshot(ctx, table.SnapshotID))
		_, err = org.ResolveItem(ctx, items[models.OpCreate].ID, models.Resolution{Choice: "did_not_happen"}, actor)
		require.NoError(t, err, "its item can still be settled")
	})
}

func TestBlockedItemsAreNeverSent(t *testing.T) {
	eachStore(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		org, actor, table := edited(t, s)
		plan := build(t, org, actor, table, func(_ models.Table, item *models.Item) {
			if item.Op == models.OpDelete {
				item.Blocked, item.Problem = true, models.NewProblem(models.KindForbidden, "item.test", "may not", "")
			}
		})
		require.EqualValues(t, 1, plan.Counts.Blocked)
		require.Equal(t, "plan.items_blocked", plan.Problems[0].Code)
		start(t, org, actor, plan)
		after := checkCounts(t, org, plan.ID)
		require.EqualValues(t, 1, after.Counts.Failed)
		toSend, err := org.ItemsToSend(ctx, plan.ID, table.ID, models.OpDelete, 10)
		require.NoError(t, err)
		require.Empty(t, toSend)
		known, err := org.KnownRemoteIDs(ctx, table.ID, []string{"a", "x"})
		require.NoError(t, err)
		require.Len(t, known, 1)
		require.False(t, known["a"].IsZero())
	})
}
