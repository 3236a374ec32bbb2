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
		user, err := org.User(ctx, actor.UserID)
		require.NoError(t, err)
		y := s.System()
		require.NoError(t, y.CreateSignInLink(ctx, []byte("l"), user, s.now().Add(time.Minute)))
		got, err := y.RedeemSignInLink(ctx, []byte("l"))
		require.NoError(t, err)
		require.Equal(t, user, got)
		_, err = y.RedeemSignInLink(ctx, []byte("l"))
		require.True(t, models.HasCode(err, "auth.unknown"), "%v", err)
		require.NoError(t, y.CreateSignInLink(ctx, []byte("late"), user, s.now().Add(-time.Second)))
		_, err = y.RedeemSignInLink(ctx, []byte("late"))
		require.True(t, models.HasCode(err, "auth.unknown"), "%v", err)

		require.NoError(t, org.CreateTicket(ctx, []byte("t"), actor))
		who, err := y.RedeemTicket(ctx, []byte("t"))
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
		require.Equal(t, models.Actor{OrganizationID: org.ID(), UserID: actor.UserID, Name: actor.Name}, whose)
		require.NoError(t, y.DeleteSession(ctx, session.Hash))
		_, _, err = y.SessionByHash(ctx, session.Hash)
		require.True(t, models.HasCode(err, "auth.unknown"), "%v", err)
	})
}
