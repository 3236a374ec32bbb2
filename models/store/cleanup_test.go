package store

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/models"
)

func TestRemovedTablesAreDropped(t *testing.T) {
	eachStore(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		org, _, table := posts(t, s)
		download(t, org, table, job(t, org, 1), remote("a", "title", `"A"`))
		_, err := org.CreateView(ctx, models.View{TableID: table.ID, Name: "v"})
		require.NoError(t, err)
		n, err := s.System().DropRemoved(ctx, s.now().Add(time.Hour), 10)
		require.NoError(t, err)
		require.Zero(t, n, "it is in use")
		require.NoError(t, org.RemoveTable(ctx, table.ID))
		n, err = s.System().DropRemoved(ctx, s.now().Add(-time.Hour), 10)
		require.NoError(t, err)
		require.Zero(t, n, "removed only just now")
		n, err = s.System().DropRemoved(ctx, s.now().Add(time.Hour), 10)
		require.NoError(t, err)
		require.Equal(t, 1, n)
		require.Error(t, s.read.Exec("SELECT 1 FROM "+recordTable(table.Seq)).Error)
		require.Zero(t, count(t, s, "SELECT count(*) FROM tables"))
	})
}

func TestOldPlansAndCredentialsGo(t *testing.T) {
	eachStore(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		org, actor, table := edited(t, s)
		old := build(t, org, actor, table)
		kept := build(t, org, actor, table)
		start(t, org, actor, kept)
		left := build(t, org, actor, table)
		require.NoError(t, org.CreateTicket(ctx, []byte("t"), actor))
		n, err := s.System().PrunePlans(ctx, s.now().Add(time.Hour), 10)
		require.NoError(t, err)
		require.EqualValues(t, 2, n)
		for _, plan := range []models.Plan{old, left} {
			_, err = org.Plan(ctx, plan.ID)
			require.True(t, models.HasCode(err, "plan.not_found"), "%v", err)
		}
		_, err = org.Plan(ctx, kept.ID)
		require.NoError(t, err, "what was applied is the record of it")
		checkCounts(t, org, kept.ID)
		n, err = s.System().ExpireCredentials(ctx, 10)
		require.NoError(t, err)
		require.Zero(t, n)
		require.EqualValues(t, 1, count(t, s, "SELECT count(*) FROM ws_tickets"))
		for i := range byte(7) {
			require.NoError(t, org.CreateTicket(ctx, []byte{'t', i}, actor))
			require.NoError(t, s.System().CreateSignInLink(ctx, SignInLink{Hash: []byte{'l', i}, OrganizationID: org.ID(), UserID: actor.UserID, ExpiresAt: s.now().Add(time.Minute)}))
			require.NoError(t, s.System().CreateSession(ctx, Session{Hash: []byte{'s', i}, OrganizationID: org.ID(), UserID: actor.UserID, ExpiresAt: s.now().Add(time.Minute)}))
		}
		require.NoError(t, s.System().CreateSession(ctx, Session{Hash: []byte("long"), OrganizationID: org.ID(), UserID: actor.UserID, ExpiresAt: s.now().Add(24 * time.Hour)}))
		real := s.now
		s.now = func() time.Time { return real().Add(time.Hour) }
		var batches []int64
		for {
			n, err = s.System().ExpireCredentials(ctx, 4)
			require.NoError(t, err)
			if n == 0 {
				break
			}
			batches = append(batches, n)
		}
		require.Equal(t, []int64{12, 10}, batches, "in bounded batches")
		require.Zero(t, count(t, s, "SELECT count(*) FROM ws_tickets")+count(t, s, "SELECT count(*) FROM sign_in_links"))
		require.EqualValues(t, 1, count(t, s, "SELECT count(*) FROM sessions"), "one that is valid stays")
	})
}

// Breaks when what nobody needs any more stays for ever, or what is needed goes.
func TestCleanUp(t *testing.T) {
	eachStore(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		org, actor, table := edited(t, s)
		build(t, org, actor, table)
		applied := build(t, org, actor, table)
		start(t, org, actor, applied)
		relayAll(t, s)
		rows := func(name string) int64 { return count(t, s, "SELECT count(*) FROM "+name) }
		_, err := s.System().CleanUp(ctx)
		require.NoError(t, err)
		require.EqualValues(t, 2, rows("plans"))
		require.NotZero(t, rows("events"))
		real := s.now
		s.now = func() time.Time { return real().Add(40 * 24 * time.Hour) }
		gone, err := s.System().CleanUp(ctx)
		require.NoError(t, err)
		require.EqualValues(t, 1, gone["plans"])
		require.NotZero(t, gone["events"])
		require.EqualValues(t, 1, rows("plans"))
		require.Zero(t, rows("events"))
		require.Zero(t, rows("topics"))
		_, err = org.Plan(ctx, applied.ID)
		require.NoError(t, err)
		require.Len(t, allRecords(t, org, table.ID), 4)
	})
}

// Breaks when a decided suggestion can be undone no longer than a moment, or is
// kept for ever; when one that nobody decided goes; or when a repeated request is
// carried out a second time within its week.
func TestDecidedSuggestionsGoAfterAMonth(t *testing.T) {
	eachStore(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		org, actor, table := posts(t, s)
		download(t, org, table, job(t, org, 1), remote("a", "title", `"A"`), remote("b", "title", `"B"`))
		propose := func(record int64) models.Suggestion {
			made, err := org.CreateSuggestions(ctx, table.ID, actor, []models.Suggestion{{Op: models.OpUpdate, RecordID: record, Column: "title", Value: []byte(`"new"`)}})
			require.NoError(t, err)
			return made[0]
		}
		decided, open := propose(1), propose(2)
		_, err := org.AcceptSuggestions(ctx, table.ID, actor, models.NewID(models.PrefixOperation), SuggestionSelector{IDs: []string{decided.ID}})
		require.NoError(t, err)
		real := s.now
		after := func(days int) (suggestions, answers int64) {
			s.now = func() time.Time { return real().Add(time.Duration(days) * 24 * time.Hour) }
			_, err := s.System().CleanUp(ctx)
			require.NoError(t, err)
			return count(t, s, "SELECT count(*) FROM suggestions"), count(t, s, "SELECT count(*) FROM operation_answers")
		}
		suggestions, answers := after(6)
		require.EqualValues(t, 2, suggestions)
		require.Positive(t, answers)
		suggestions, answers = after(29)
		require.EqualValues(t, 2, suggestions)
		require.Zero(t, answers)
		suggestions, _ = after(31)
		require.EqualValues(t, 1, suggestions)
		left, _, err := org.ListSuggestions(ctx, table.ID, SuggestionFilter{State: models.SuggestionOpen}, Page{})
		require.NoError(t, err)
		require.Equal(t, open.ID, left[0].ID)
	})
}

// Breaks when a file that somebody needs goes, or one that nobody needs stays.
func TestUnusedUploadsGo(t *testing.T) {
	eachStore(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		org, _ := newOrg(t, s)
		upload := func(name string) models.Upload {
			u := models.Upload{ID: models.NewID(models.PrefixUpload), Name: name, Path: name}
			require.NoError(t, org.CreateUpload(ctx, u))
			return u
		}
		connect := func(u models.Upload) models.Connection {
			c := models.Connection{ID: models.NewID(models.PrefixConnection), Service: "csv", Name: "x", State: models.ConnectionReady, UploadID: u.ID}
			require.NoError(t, org.CreateConnection(ctx, c))
			return c
		}
		unused, used, left, guide := upload("Unused.csv"), upload("used.csv"), upload("left.csv"), upload("Guide.MD")
		connect(used)
		require.NoError(t, org.DeleteConnection(ctx, connect(left).ID))
		n, err := s.System().PruneUploads(ctx, s.now().Add(-time.Hour), 100)
		require.NoError(t, err)
		require.Zero(t, n, "they are young")
		n, err = s.System().PruneUploads(ctx, s.now().Add(time.Hour), 100)
		require.NoError(t, err)
		require.EqualValues(t, 2, n)
		known, err := s.System().KnownUploads(ctx, org.ID(), []string{unused.ID, used.ID, left.ID, guide.ID})
		require.NoError(t, err)
		require.ElementsMatch(t, []string{used.ID, guide.ID}, known)
		there, err := s.System().HasOrganization(ctx, org.ID())
		require.NoError(t, err)
		require.True(t, there)
		there, err = s.System().HasOrganization(ctx, "org_other")
		require.NoError(t, err)
		require.False(t, there)
	})
}
