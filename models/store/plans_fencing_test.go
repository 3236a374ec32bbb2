package store

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/models"
)

// Promise 5: breaks when a worker that slept past its lease wakes up, finds that
// it sent nothing, and puts back what another worker is sending: its answer
// lost, it would be sent a second time.
func TestASleeperSaysNothingAboutWhatAnotherSends(t *testing.T) {
	eachStore(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		org, actor, table := edited(t, s)
		plan := build(t, org, actor, table)
		item := itemsByOp(t, org, plan.ID)[models.OpCreate]
		start(t, org, actor, plan)
		send(t, org, "sleeper", item.ID)
		// Whoever found out says that it was not made, and another sends it.
		require.NoError(t, org.SettleItems(ctx, []Settlement{{ItemID: item.ID, Holder: "sleeper", State: models.ItemPlanned}}))
		send(t, org, "second", item.ID)
		for _, state := range []models.ItemState{models.ItemPlanned, models.ItemFailed, models.ItemConflict, models.ItemUnknown} {
			require.NoError(t, org.SettleItems(ctx, []Settlement{{ItemID: item.ID, Holder: "sleeper", State: state}}))
			now, err := org.Item(ctx, item.ID)
			require.NoError(t, err)
			require.Equal(t, models.ItemSending, now.State, "after a late %q", state)
			require.Equal(t, "second", now.Lease)
		}
		// What it made after all is believed, and never made again.
		require.NoError(t, org.SettleItems(ctx, []Settlement{{ItemID: item.ID, Holder: "sleeper", State: models.ItemPlanned, RemoteID: "n"}}))
		record, err := org.Record(ctx, table.ID, item.RecordID)
		require.NoError(t, err)
		require.Equal(t, "n", record.RemoteID)
		now, err := org.Item(ctx, item.ID)
		require.NoError(t, err)
		require.Equal(t, "n", now.RemoteID, "another's lookup must know what made it")
		require.NoError(t, org.SettleItems(ctx, []Settlement{{ItemID: item.ID, Holder: "second", State: models.ItemApplied}}))
		now, err = org.Item(ctx, item.ID)
		require.NoError(t, err)
		require.Equal(t, models.ItemApplied, now.State)
		checkCounts(t, org, plan.ID)
	})
}

// Breaks when a batch in which a service made one object of two creates (two
// terms of one name) cannot be settled, and with it none of its outcomes.
func TestTwoCreatesThatBecameOneObjectAreOneRecord(t *testing.T) {
	eachStore(t, func(t *testing.T, s *Store) {
		org, actor, table := posts(t, s)
		create(t, org, table.ID, models.Fields{"title": []byte(`"News"`)})
		create(t, org, table.ID, models.Fields{"title": []byte(`"News"`), "views": []byte(`"3"`)})
		plan := build(t, org, actor, table)
		start(t, org, actor, plan)
		items, _, err := org.ListItems(t.Context(), plan.ID, ItemFilter{}, Page{Limit: 10})
		require.NoError(t, err)
		require.Len(t, items, 2)
		send(t, org, "w1", items[0].ID, items[1].ID)
		stored := remote("7", "title", `"News"`)
		require.NoError(t, org.SettleItems(t.Context(), []Settlement{
			{ItemID: items[0].ID, State: models.ItemApplied, RemoteID: "7", Stored: &stored},
			{ItemID: items[1].ID, State: models.ItemApplied, RemoteID: "7", Stored: &stored},
		}))
		records := allRecords(t, org, table.ID)
		require.Len(t, records, 1)
		require.Equal(t, models.RecordLive, records["7"].State)
		after := checkCounts(t, org, plan.ID)
		require.EqualValues(t, 2, after.Counts.Applied)
		now, err := org.Table(t.Context(), table.ID)
		require.NoError(t, err)
		require.EqualValues(t, 1, now.RecordCount)
		require.Zero(t, now.EditedCount)
	})
}

// Promise 5: breaks when what a download brought in after a create was sent
// counts as known before it (the record would be created again), and when what
// another snapshot's create made may be taken for this one's.
func TestKnownSince(t *testing.T) {
	eachStore(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		org, actor, table := edited(t, s)
		other := models.Snapshot{ID: models.NewID(models.PrefixSnapshot), Name: "Winter"}
		require.NoError(t, org.CreateSnapshot(ctx, other))
		twin, err := org.AddTable(ctx, models.Table{
			SnapshotID: other.ID, ConnectionID: table.ConnectionID, Service: table.Service, RemoteID: table.RemoteID, Name: "Posts", Columns: table.Columns,
		})
		require.NoError(t, err)
		plan := build(t, org, actor, table)
		item := itemsByOp(t, org, plan.ID)[models.OpCreate]
		start(t, org, actor, plan)
		send(t, org, "w1", item.ID)
		open, err := org.OpenCreates(ctx, twin.ID)
		require.NoError(t, err)
		require.Len(t, open, 1, "a create of the same remote table, in another snapshot")
		sent := *open[0].SentAt

		create(t, org, twin.ID, models.Fields{"title": []byte(`"Theirs"`)})
		theirs := build(t, org, actor, twin)
		start(t, org, actor, theirs)
		made := itemsByOp(t, org, theirs.ID)[models.OpCreate]
		send(t, org, "w2", made.ID)
		require.NoError(t, org.SettleItems(ctx, []Settlement{{ItemID: made.ID, State: models.ItemApplied, RemoteID: "9"}}))
		download(t, org, table, job(t, org, 2), remote("a", "title", `"A"`), remote("b", "title", `"B"`), remote("c", "title", `"C"`), remote("n", "title", `"New"`), remote("9", "title", `"Theirs"`))

		known, err := org.KnownRemoteIDs(ctx, table.ID, []string{"a", "n", "9", "nobody"})
		require.NoError(t, err)
		require.Len(t, known, 3)
		require.True(t, known["a"].Before(sent))
		require.True(t, known["n"].After(sent))
		require.True(t, known["9"].IsZero(), "another create made it")

		// Breaks when a slip of a person's dissolves a record that was here
		// before into the new one.
		require.NoError(t, org.SettleItems(ctx, []Settlement{{ItemID: item.ID, State: models.ItemUnknown}}))
		open, err = org.OpenCreates(ctx, twin.ID)
		require.NoError(t, err)
		require.Len(t, open, 1, "it waits for a person, and may have made what another's lookup finds")
		_, err = org.ResolveItem(ctx, item.ID, models.Resolution{Choice: "happened", RemoteID: "a"}, actor)
		require.True(t, models.HasCode(err, "item.remote_id_known"), "%v", err)
		require.Contains(t, allRecords(t, org, table.ID), "a")
		resolved, err := org.ResolveItem(ctx, item.ID, models.Resolution{Choice: "happened", RemoteID: "n"}, actor)
		require.NoError(t, err)
		require.Equal(t, models.ItemApplied, resolved.State)
		require.Equal(t, item.RecordID, allRecords(t, org, table.ID)["n"].ID)
		require.WithinDuration(t, time.Now(), *resolved.SettledAt, time.Minute)
	})
}

// Promise 5: breaks when what one connection knows of a site says nothing to
// another connection of the same organization to it (a lost create is then taken
// to have made what a colleague's made), and when another site's or another
// tenant's objects of the same ids count as known (a lost create that did make
// its object is then sent a second time).
func TestKnownOverTwoConnectionsToOneSite(t *testing.T) {
	eachStore(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		org, actor, table := posts(t, s)
		setRealm := func(of *Org, connectionID, realm string) {
			c, err := of.Connection(ctx, connectionID)
			require.NoError(t, err)
			c.Realm = realm
			require.NoError(t, of.UpdateConnection(ctx, c))
		}
		// second gives a table of posts over a connection of its own.
		second := func(of *Org, realm string) models.Table {
			snapshot, connection := newSnapshot(t, of)
			setRealm(of, connection.ID, realm)
			added, err := of.AddTable(ctx, models.Table{
				SnapshotID: snapshot.ID, ConnectionID: connection.ID, Service: table.Service, RemoteID: table.RemoteID, Name: "Posts", Columns: table.Columns,
			})
			require.NoError(t, err)
			return added
		}
		setRealm(org, table.ConnectionID, "blog.example/")
		colleague, elsewhere, untested := second(org, "blog.example/"), second(org, "shop.example/"), second(org, "")
		stranger, _ := newOrg(t, s)
		strange := second(stranger, "blog.example/")

		create(t, org, colleague.ID, models.Fields{"title": []byte(`"New"`)})
		plan := build(t, org, actor, colleague)
		start(t, org, actor, plan)
		made := itemsByOp(t, org, plan.ID)[models.OpCreate]
		send(t, org, "w1", made.ID)
		for of, want := range map[string]int{table.ID: 1, elsewhere.ID: 0, untested.ID: 0} {
			open, err := org.OpenCreates(ctx, of)
			require.NoError(t, err)
			require.Len(t, open, want)
		}
		require.NoError(t, org.SettleItems(ctx, []Settlement{{ItemID: made.ID, State: models.ItemApplied, RemoteID: "9"}}))
		download(t, org, colleague, job(t, org, 1), remote("9", "title", `"New"`), remote("8", "title", `"Old"`))

		known := func(of *Org, tableID string) map[string]time.Time {
			found, err := of.KnownRemoteIDs(ctx, tableID, []string{"8", "9"})
			require.NoError(t, err)
			return found
		}
		mine := known(org, table.ID)
		require.Len(t, mine, 2)
		require.True(t, mine["9"].IsZero(), "the colleague's create made it")
		require.False(t, mine["8"].IsZero())
		require.Empty(t, known(org, elsewhere.ID), "another site counts its objects from 1 too")
		require.Empty(t, known(org, untested.ID), "it is not known to be the same site")
		require.Empty(t, known(stranger, strange.ID), "another tenant's")
		// A connection that is gone still made what it made.
		require.NoError(t, org.RemoveTable(ctx, colleague.ID))
		require.NoError(t, org.DeleteConnection(ctx, colleague.ConnectionID))
		require.Len(t, known(org, table.ID), 2)
	})
}
