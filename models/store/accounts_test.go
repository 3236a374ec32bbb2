package store

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/models"
)

func TestLocalAccountIsMadeOnce(t *testing.T) {
	eachStore(t, func(t *testing.T, s *Store) {
		org, user, err := s.System().EnsureLocalAccount(t.Context())
		require.NoError(t, err)
		again, sameUser, err := s.System().EnsureLocalAccount(t.Context())
		require.NoError(t, err)
		require.Equal(t, org, again)
		require.Equal(t, user, sameUser)
		require.True(t, models.ValidID(models.PrefixOrganization, org.ID))
		require.True(t, models.ValidID(models.PrefixUser, user.ID))
	})
}

func TestTokensByHash(t *testing.T) {
	eachStore(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		org, actor := newOrg(t, s)
		token := models.APIToken{ID: models.NewID(models.PrefixAPIToken), UserID: actor.UserID, Name: "ci", Hash: []byte("hash-1"), CreatedAt: s.now()}
		require.NoError(t, org.CreateToken(ctx, token))
		got, whose, err := s.System().TokenByHash(ctx, token.Hash)
		require.NoError(t, err)
		require.Equal(t, org.ID(), got.OrganizationID)
		require.Equal(t, models.Actor{OrganizationID: org.ID(), UserID: actor.UserID, Name: actor.Name}, whose)
		require.NotNil(t, got.LastUsedAt)
		list, _, err := org.ListTokens(ctx, Page{})
		require.NoError(t, err)
		require.Len(t, list, 1)

		past := s.now().Add(-time.Second)
		expired := models.APIToken{ID: models.NewID(models.PrefixAPIToken), UserID: actor.UserID, Hash: []byte("hash-2"), CreatedAt: s.now(), ExpiresAt: &past}
		require.NoError(t, org.CreateToken(ctx, expired))
		_, _, err = s.System().TokenByHash(ctx, expired.Hash)
		require.True(t, models.HasCode(err, "auth.unknown"), "%v", err)
		require.NoError(t, org.DeleteToken(ctx, token.ID))
		_, _, err = s.System().TokenByHash(ctx, token.Hash)
		require.True(t, models.HasCode(err, "auth.unknown"), "%v", err)
	})
}

// Breaks when a one-time link or ticket can be used twice or after its time.
func TestLinksAndTicketsWorkOnce(t *testing.T) {
	eachStore(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		org, actor := newOrg(t, s)
		y := s.System()
		link := SignInLink{Hash: []byte("l"), OrganizationID: org.ID(), UserID: actor.UserID, ExpiresAt: s.now().Add(time.Minute)}
		signIn := func(hash string) error {
			return y.SignIn(ctx, []byte(hash), func(l SignInLink) Session {
				return Session{Hash: []byte("of " + hash), OrganizationID: l.OrganizationID, UserID: l.UserID, ExpiresAt: s.now().Add(time.Hour)}
			})
		}
		require.NoError(t, y.CreateSignInLink(ctx, link))
		require.NoError(t, signIn("l"))
		_, who, err := y.SessionByHash(ctx, []byte("of l"))
		require.NoError(t, err)
		require.Equal(t, actor.UserID, who.UserID)
		require.True(t, models.HasCode(signIn("l"), "auth.unknown"), "a link was good twice")
		link.Hash, link.ExpiresAt = []byte("late"), s.now().Add(-time.Second)
		require.NoError(t, y.CreateSignInLink(ctx, link))
		require.True(t, models.HasCode(signIn("late"), "auth.unknown"), "a link was good after its time")
		events, _, err := org.ListAudit(ctx, Page{})
		require.NoError(t, err)
		require.Empty(t, events, "an operator's sign-in was noted where nobody may operate")

		require.NoError(t, org.CreateTicket(ctx, []byte("t"), actor))
		who, err = y.RedeemTicket(ctx, []byte("t"))
		require.NoError(t, err)
		require.Equal(t, actor, who)
		_, err = y.RedeemTicket(ctx, []byte("t"))
		require.True(t, models.HasCode(err, "auth.unknown"), "%v", err)
		require.NoError(t, org.CreateTicket(ctx, []byte("t2"), actor))
		real := s.now
		s.now = func() time.Time { return real().Add(TicketLife) }
		_, err = y.RedeemTicket(ctx, []byte("t2"))
		require.True(t, models.HasCode(err, "auth.unknown"), "%v", err)
		s.now = real

		session := Session{Hash: []byte("s"), OrganizationID: org.ID(), UserID: actor.UserID, ExpiresAt: s.now().Add(time.Hour)}
		require.NoError(t, y.CreateSession(ctx, session))
		found, whose, err := y.SessionByHash(ctx, session.Hash)
		require.NoError(t, err)
		require.Equal(t, actor.UserID, found.UserID)
		require.Nil(t, found.OperatesUntil)
		require.NoError(t, y.ExtendSession(ctx, session.Hash, s.now().Add(3*time.Hour)))
		extended, _, err := y.SessionByHash(ctx, session.Hash)
		require.NoError(t, err)
		require.WithinDuration(t, found.ExpiresAt.Add(2*time.Hour), extended.ExpiresAt, time.Minute)
		require.Equal(t, models.Actor{OrganizationID: org.ID(), UserID: actor.UserID, Name: actor.Name}, whose)
		require.NoError(t, y.DeleteSession(ctx, session.Hash))
		_, _, err = y.SessionByHash(ctx, session.Hash)
		require.True(t, models.HasCode(err, "auth.unknown"), "%v", err)
	})
}

// Breaks when an operator's link opens a session that may not operate, when its
// use is not in the audit log, or when a link is used up although no session came
// of it.
func TestAnOperatorSignsIn(t *testing.T) {
	eachStore(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		org, actor := newOrg(t, s)
		y := s.System()
		link := SignInLink{Hash: []byte("o"), OrganizationID: org.ID(), UserID: actor.UserID, Operator: true, ExpiresAt: s.now().Add(time.Minute)}
		require.NoError(t, y.CreateSignInLink(ctx, link))
		until := s.now().Add(time.Hour)
		open := func(user string) func(SignInLink) Session {
			return func(l SignInLink) Session {
				require.True(t, l.Operator)
				return Session{Hash: []byte("s"), OrganizationID: l.OrganizationID, UserID: user, ExpiresAt: s.now().Add(2 * time.Hour), OperatesUntil: &until}
			}
		}
		require.Error(t, y.SignIn(ctx, link.Hash, open(models.NewID(models.PrefixUser))), "a session of nobody")
		require.NoError(t, y.SignIn(ctx, link.Hash, open(actor.UserID)), "the link was used up by a sign-in that failed")
		session, _, err := y.SessionByHash(ctx, []byte("s"))
		require.NoError(t, err)
		require.NotNil(t, session.OperatesUntil)
		require.WithinDuration(t, until, *session.OperatesUntil, time.Millisecond)
		events, _, err := org.ListAudit(ctx, Page{})
		require.NoError(t, err)
		require.Len(t, events, 1)
		require.Equal(t, "operator.signed_in", events[0].Action)
		require.Equal(t, actor.UserID, events[0].UserID)
	})
}
