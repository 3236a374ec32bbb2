package store

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/models"
)

// apart runs a test with two stores on one PostgreSQL, the second in a process
// whose clock is an hour fast, and again an hour slow.
func apart(t *testing.T, test func(t *testing.T, right, wrong *Store)) {
	t.Helper()
	for name, off := range map[string]time.Duration{"an hour fast": time.Hour, "an hour slow": -time.Hour} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := postgresDatabase(t)
			right, wrong := openAt(t, url, 0), openAt(t, url, off)
			require.NoError(t, right.Migrate(t.Context()))
			test(t, right, wrong)
		})
	}
}

// misled lets a store go by its own clock alone, as one would whose reading of
// the server's clock is no good: what must be exact is so all the same.
func misled(s *Store) { s.shared.at.Store(nil) }

// Promise 5: breaks when who may send is judged by a process's own clock. One
// that is fast takes what another is sending, one that is slow goes on with what
// it holds no longer: either way an item is sent twice.
func TestWhoMaySendIsJudgedByTheServersClock(t *testing.T) {
	apart(t, func(t *testing.T, right, wrong *Store) {
		misled(wrong)
		ctx := t.Context()
		org, actor, table := edited(t, right)
		other := wrong.Org(org.ID())
		plan := build(t, org, actor, table)
		ids := []string{itemsByOp(t, org, plan.ID)[models.OpCreate].ID}
		start(t, org, actor, plan)
		for name, side := range map[string]struct{ holds, waits *Org }{"the right one": {org, other}, "the wrong one": {other, org}} {
			leased, err := side.holds.LeaseItems(ctx, ids, "holder", time.Minute)
			require.NoError(t, err)
			require.Len(t, leased, 1)
			taken, err := side.waits.LeaseItems(ctx, ids, "other", time.Minute)
			require.NoError(t, err)
			require.Empty(t, taken, "%s lost its lease", name)
			_, err = side.holds.LeaseItems(ctx, ids, "holder", 0)
			require.NoError(t, err)
			err = side.holds.MarkSending(ctx, ids, "holder", "create")
			require.True(t, models.HasCode(err, "item.lease_lost"), "%s sends without a lease: %v", name, err)
		}
		_, err := other.LeaseItems(ctx, ids, "holder", time.Minute)
		require.NoError(t, err)
		require.NoError(t, other.MarkSending(ctx, ids, "holder", "create"), "the wrong one may send too, while it holds the lease")
	})
}

// Promise 5: breaks when a record that a lost create made seems to have been here
// before it (the create would be sent again), or one that was here before seems
// to be what it made (another's record would be taken for it), because one of
// the two was stamped by a wrong clock.
func TestWhatACreateMadeIsNewerThanItsIntent(t *testing.T) {
	apart(t, func(t *testing.T, right, wrong *Store) {
		misled(wrong)
		ctx := t.Context()
		org, actor, table := edited(t, right)
		for name, side := range map[string]struct{ sends, downloads *Org }{
			"wrong sends":     {wrong.Org(org.ID()), org},
			"wrong downloads": {org, wrong.Org(org.ID())},
		} {
			create(t, org, table.ID, models.Fields{"title": []byte(`"New"`)})
			before := []RemoteRecord{remote("a", "title", `"A"`), remote("b", "title", `"B"`), remote("c", "title", `"C"`), remote("before "+name, "title", `"New"`)}
			download(t, side.downloads, table, job(t, org, 1), before...)
			plan := build(t, org, actor, table)
			start(t, org, actor, plan)
			item := itemsByOp(t, org, plan.ID)[models.OpCreate]
			send(t, side.sends, "holder", item.ID)
			download(t, side.downloads, table, job(t, org, 2), append(before, remote("made "+name, "title", `"New"`))...)

			flying, err := org.InFlight(ctx, plan.ID)
			require.NoError(t, err)
			require.Len(t, flying, 1)
			known, err := org.KnownRemoteIDs(ctx, table.ID, []string{"before " + name, "made " + name})
			require.NoError(t, err)
			require.True(t, known["before "+name].Before(*flying[0].SentAt), name)
			require.True(t, known["made "+name].After(*flying[0].SentAt), name)
			now, err := side.sends.Now(ctx)
			require.NoError(t, err)
			require.WithinDuration(t, time.Now(), now, time.Minute, "the shared clock is the server's")
			require.NoError(t, org.SettleItems(ctx, []Settlement{{ItemID: item.ID, State: models.ItemApplied, RemoteID: "made " + name}}))
			require.NoError(t, org.SkipPlanned(ctx, plan.ID, "enough"))
			require.NoError(t, org.FinishPlan(ctx, plan.ID, models.PlanApplied))
		}
	})
}

// Breaks when a process whose clock is wrong ends other people's sessions and
// tickets, lives on ones that are over, or cleans up what is young.
func TestAWrongClockEndsNothingEarlyOrLate(t *testing.T) {
	apart(t, func(t *testing.T, right, wrong *Store) {
		ctx := t.Context()
		org, actor, table := posts(t, right)
		stores := map[string]*Store{"right": right, "wrong": wrong}
		for by, made := range stores {
			for at, used := range stores {
				hash := []byte("hash made " + by + " used " + at)
				require.NoError(t, made.Org(org.ID()).CreateTicket(ctx, append(hash, 't'), actor))
				_, err := used.System().RedeemTicket(ctx, append(hash, 't'))
				require.NoError(t, err, "a ticket made by the %s one, at the %s one", by, at)
				require.NoError(t, made.System().CreateSignInLink(ctx, SignInLink{
					Hash: append(hash, 'l'), OrganizationID: org.ID(), UserID: actor.UserID, ExpiresAt: made.Now().Add(10 * time.Minute),
				}))
				err = used.System().SignIn(ctx, append(hash, 'l'), func(l SignInLink) Session {
					return Session{Hash: append(hash, 'i'), OrganizationID: l.OrganizationID, UserID: l.UserID, ExpiresAt: used.Now().Add(time.Hour)}
				})
				require.NoError(t, err, "a link made by the %s one, at the %s one", by, at)
				require.NoError(t, made.System().CreateSession(ctx, Session{
					Hash: append(hash, 's'), OrganizationID: org.ID(), UserID: actor.UserID, ExpiresAt: made.Now().Add(10 * time.Minute),
				}))
				require.NoError(t, made.System().CreateSession(ctx, Session{
					Hash: append(hash, 'o'), OrganizationID: org.ID(), UserID: actor.UserID, ExpiresAt: made.Now().Add(-10 * time.Minute),
				}))
				_, _, err = used.System().SessionByHash(ctx, append(hash, 'o'))
				require.Error(t, err, "a session that is over, made by the %s one, at the %s one", by, at)
			}
		}
		require.NoError(t, org.RemoveTable(ctx, table.ID))
		_, err := wrong.System().CleanUp(ctx)
		require.NoError(t, err)
		for by := range stores {
			for at, used := range stores {
				_, _, err := used.System().SessionByHash(ctx, append([]byte("hash made "+by+" used "+at), 's'))
				require.NoError(t, err, "a session made by the %s one, at the %s one, after a clean-up", by, at)
			}
		}
		var left int64
		require.NoError(t, right.read.Raw("SELECT count(*) FROM "+recordTable(seqOf(t, right, table.ID))).Scan(&left).Error, "a table removed a moment ago was dropped")
	})
}

func seqOf(t *testing.T, s *Store, tableID string) int64 {
	t.Helper()
	var row tableRow
	require.NoError(t, s.read.Where("id = ?", tableID).Take(&row).Error)
	return row.Seq
}

// Breaks when a clock that goes wrong while the process runs is never noticed.
func TestAClockThatGoesWrongIsMeasuredAgain(t *testing.T) {
	url := postgresDatabase(t)
	s, off := openAt(t, url, 0), time.Duration(0)
	c := newSharedClock(func() time.Time { return time.Now().Add(off) }, s.log)
	pool, err := s.read.DB()
	require.NoError(t, err)
	require.NoError(t, c.measure(t.Context(), pool))
	require.WithinDuration(t, s.Now(), c.now(), time.Minute)
	off = -time.Hour
	require.NoError(t, c.measure(t.Context(), pool))
	require.WithinDuration(t, s.Now(), c.now(), time.Minute)
}
