package store

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/models"
)

func relayAll(t *testing.T, s *Store) {
	t.Helper()
	for {
		numbered, err := s.System().Relay(t.Context(), 100)
		require.NoError(t, err)
		if len(numbered) == 0 && count(t, s, "SELECT count(*) FROM outbox") == 0 {
			return
		}
	}
}

func TestEventsAreNumberedPerTopic(t *testing.T) {
	eachStore(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		org, _ := newOrg(t, s)
		snapshot := models.Snapshot{ID: models.NewID(models.PrefixSnapshot), Name: "A"}
		require.NoError(t, org.CreateSnapshot(WithActor(ctx, models.Actor{Tab: "tab-9"}), snapshot))
		for range 3 {
			require.NoError(t, org.RenameSnapshot(ctx, snapshot.ID, "B"))
		}
		topic := models.SnapshotTopic(snapshot.ID)
		events, reset, err := org.Events(ctx, topic, "", 10)
		require.NoError(t, err)
		require.False(t, reset)
		require.Empty(t, events, "nothing is shown before it is numbered")
		relayAll(t, s)
		events, reset, err = org.Events(ctx, topic, "", 3)
		require.NoError(t, err)
		require.False(t, reset)
		require.Len(t, events, 3)
		require.Equal(t, "tab-9", events[0].Origin)
		require.True(t, strings.HasSuffix(events[2].ID, "-3"))
		require.JSONEq(t, `{"snapshot_id":"`+snapshot.ID+`","change":"created","name":"A"}`, string(events[0].Data))
		more, _, err := org.Events(ctx, topic, events[2].ID, 10)
		require.NoError(t, err)
		require.Len(t, more, 1)
		latest, err := org.LatestEventID(ctx, topic)
		require.NoError(t, err)
		require.Equal(t, more[0].ID, latest)

		moved, err := s.System().Moved(ctx, map[string]string{topic: events[0].ID})
		require.NoError(t, err)
		require.Equal(t, []string{topic}, moved)
		moved, err = s.System().Moved(ctx, map[string]string{topic: latest})
		require.NoError(t, err)
		require.Empty(t, moved)
	})
}

// Breaks when a client whose place in the log is gone is not told to read again.
func TestEventsReset(t *testing.T) {
	eachStore(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		org, _ := newOrg(t, s)
		snapshot, _ := newSnapshot(t, org)
		topic := models.SnapshotTopic(snapshot.ID)
		for range 3 {
			require.NoError(t, org.RenameSnapshot(ctx, snapshot.ID, "B"))
		}
		relayAll(t, s)
		events, _, err := org.Events(ctx, topic, "", 10)
		require.NoError(t, err)
		epoch, _, _ := strings.Cut(events[0].ID, "-")
		for _, after := range []string{"other-1", epoch + "-99", epoch + "-x", "nonsense", epoch + "--1"} {
			_, reset, err := org.Events(ctx, topic, after, 10)
			require.NoError(t, err)
			require.True(t, reset, after)
		}
		real := s.now
		s.now = func() time.Time { return real().Add(time.Hour) }
		require.NoError(t, org.RenameSnapshot(ctx, snapshot.ID, "C"))
		relayAll(t, s)
		n, err := s.System().TrimEvents(ctx, real().Add(time.Minute), 1000)
		require.NoError(t, err)
		require.Greater(t, n, int64(3))
		_, reset, err := org.Events(ctx, topic, events[0].ID, 10)
		require.NoError(t, err)
		require.True(t, reset)
		kept, reset, err := org.Events(ctx, topic, events[len(events)-1].ID, 10)
		require.NoError(t, err)
		require.False(t, reset)
		require.Len(t, kept, 1)
		// Another hour of silence: the topic is forgotten, and comes back as another.
		s.now = func() time.Time { return real().Add(3 * time.Hour) }
		_, err = s.System().TrimEvents(ctx, real().Add(2*time.Hour), 1000)
		require.NoError(t, err)
		_, reset, err = org.Events(ctx, topic, kept[0].ID, 10)
		require.NoError(t, err)
		require.True(t, reset)
		require.NoError(t, org.RenameSnapshot(ctx, snapshot.ID, "D"))
		relayAll(t, s)
		latest, err := org.LatestEventID(ctx, topic)
		require.NoError(t, err)
		require.False(t, strings.HasPrefix(latest, epoch), latest)
	})
}

// Breaks when a transaction that commits late has its event numbered below what
// a reader has already seen: the reader would never get it.
func TestLateCommitIsNotMissed(t *testing.T) {
	s := openStore(t, postgresDatabase(t)) // SQLite has one writer at a time
	ctx := t.Context()
	org, _ := newOrg(t, s)
	began, finish := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		err := org.tx(ctx, func(tx *Tx) error {
			tx.events = append(tx.events, models.Event{OrganizationID: org.id, Topic: "snapshot:x", Type: "late", At: tx.now})
			if err := tx.writeOutbox(); err != nil {
				return err
			}
			tx.events = nil
			var seq int64 // it takes its seq now …
			if err := tx.sql.QueryRowContext(tx.ctx, "SELECT seq FROM outbox WHERE type = 'late'").Scan(&seq); err != nil {
				return err
			}
			close(began)
			<-finish // … and commits later
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	})
	<-began
	require.NoError(t, org.tx(ctx, func(tx *Tx) error { return tx.emit("snapshot:x", "early", "", nil) }))
	relayAllVisible(t, s)
	first, _, err := org.Events(ctx, "snapshot:x", "", 10)
	require.NoError(t, err)
	require.Len(t, first, 1)
	close(finish)
	wg.Wait()
	relayAllVisible(t, s)
	second, reset, err := org.Events(ctx, "snapshot:x", first[0].ID, 10)
	require.NoError(t, err)
	require.False(t, reset)
	require.Len(t, second, 1)
	require.Equal(t, "late", second[0].Type)
}

func relayAllVisible(t *testing.T, s *Store) {
	t.Helper()
	for {
		numbered, err := s.System().Relay(t.Context(), 100)
		require.NoError(t, err)
		if len(numbered) == 0 {
			return
		}
	}
}

// Breaks when several relays at once number an event twice or leave a gap.
func TestRelaysSideBySide(t *testing.T) {
	eachStore(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		org, _ := newOrg(t, s)
		relaying, stop := context.WithCancel(ctx)
		var relays, writers sync.WaitGroup
		for range 3 {
			relays.Go(func() {
				for relaying.Err() == nil {
					if _, err := s.System().Relay(ctx, 7); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		for range 4 {
			writers.Go(func() {
				for i := range 25 {
					if err := org.tx(ctx, func(tx *Tx) error { return tx.emit("snapshot:x", strconv.Itoa(i), "", nil) }); err != nil {
						t.Error(err)
					}
				}
			})
		}
		writers.Wait()
		stop()
		relays.Wait()
		relayAllVisible(t, s)
		events, reset, err := org.Events(ctx, "snapshot:x", "", 1000)
		require.NoError(t, err)
		require.False(t, reset)
		require.Len(t, events, 100)
		for i, e := range events {
			require.True(t, strings.HasSuffix(e.ID, "-"+strconv.Itoa(i+1)), e.ID)
		}
	})
}

func TestLeases(t *testing.T) {
	eachStore(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		y := s.System()
		fence, ok, err := y.Lease(ctx, "reconcile", "a", time.Minute)
		require.NoError(t, err)
		require.True(t, ok)
		_, ok, err = y.Lease(ctx, "reconcile", "b", time.Minute)
		require.NoError(t, err)
		require.False(t, ok)
		again, ok, err := y.Lease(ctx, "reconcile", "a", time.Minute)
		require.NoError(t, err)
		require.True(t, ok)
		require.Equal(t, fence, again)
		// As if two minutes had passed.
		require.NoError(t, y.tx(ctx, func(tx *Tx) error {
			return tx.db.Model(&leaseRow{}).Where("name = ?", "reconcile").Update("until", stored(time.Now().Add(-time.Minute))).Error
		}))
		ok, err = y.RenewLease(ctx, "reconcile", "a", fence, time.Minute)
		require.NoError(t, err)
		require.False(t, ok, "a lease that ran out is not renewed")
		later, ok, err := y.Lease(ctx, "reconcile", "b", time.Minute)
		require.NoError(t, err)
		require.True(t, ok)
		require.Greater(t, later, fence)
		ok, err = y.ReleaseLease(ctx, "reconcile", "b", later)
		require.NoError(t, err)
		require.True(t, ok)
		third, ok, err := y.Lease(ctx, "reconcile", "a", time.Minute)
		require.NoError(t, err)
		require.True(t, ok)
		require.Greater(t, third, later)
	})
}

// Breaks when a process whose clock is wrong takes the leases of others: two
// would hold one name.
func TestALeaseIsTimedByTheServer(t *testing.T) {
	url := postgresDatabase(t)
	right, fast, slow := openAt(t, url, 0), openAt(t, url, time.Hour), openAt(t, url, -time.Hour)
	require.NoError(t, right.Migrate(t.Context()))
	for name, holder := range map[string]*Store{"right": right, "fast": fast, "slow": slow} {
		_, ok, err := holder.System().Lease(t.Context(), name, "holder", time.Minute)
		require.NoError(t, err)
		require.True(t, ok)
		for _, other := range []*Store{right, fast, slow} {
			_, ok, err := other.System().Lease(t.Context(), name, "other", time.Minute)
			require.NoError(t, err)
			require.False(t, ok, "the lease of the process that is %s was taken", name)
		}
		ok, err = holder.System().RenewLease(t.Context(), name, "holder", 1, time.Minute)
		require.NoError(t, err)
		require.True(t, ok, "the process that is %s lost its own lease", name)
	}
}

// openAt opens a store in a process whose clock is off.
func openAt(t *testing.T, url string, off time.Duration) *Store {
	s, err := Open(t.Context(), Config{URL: url, Now: func() time.Time { return time.Now().Add(off) }})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

// Promise 11: breaks when a topic of another user, or of another tenant, can be
// followed.
func TestWhichTopicsCanBeRead(t *testing.T) {
	eachStore(t, func(t *testing.T, s *Store) {
		org, actor := newOrg(t, s)
		other, stranger := newOrg(t, s)
		snapshot, _ := newSnapshot(t, org)
		job := newJob(t, org, snapshot.ID)
		for topic, readable := range map[string]bool{
			"user:" + actor.UserID: true, "user:" + stranger.UserID: false, "user:": false, "nothing:" + actor.UserID: false,
			models.SnapshotTopic(snapshot.ID): true, models.JobTopic(job.ID): true, models.JobTopic("job_none"): false,
		} {
			got, err := org.CanRead(t.Context(), actor.UserID, topic)
			require.NoError(t, err)
			require.Equal(t, readable, got, topic)
		}
		for _, topic := range []string{models.SnapshotTopic(snapshot.ID), models.JobTopic(job.ID), "user:" + actor.UserID} {
			got, err := other.CanRead(t.Context(), stranger.UserID, topic)
			require.NoError(t, err)
			require.False(t, got, topic)
		}
	})
}
