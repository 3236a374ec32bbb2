package store

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/models"
)

// Breaks when a run whose credential a service refused leaves the connection
// looking ready, tells it again with every activity, or condemns a credential
// that was renewed while it ran.
func TestARefusedCredentialShows(t *testing.T) {
	eachStore(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		org, actor := newOrg(t, s)
		_, connection := newSnapshot(t, org)
		opened, err := org.Connection(ctx, connection.ID)
		require.NoError(t, err)
		refusal := models.NewProblem(models.KindForbidden, "connector.auth", "the password is not taken", "enter it again")
		told := func() int {
			relayAll(t, s)
			events, _, err := org.Events(ctx, models.UserTopic(actor.UserID), "", 100)
			require.NoError(t, err)
			n := 0
			for _, e := range events {
				if e.Type == models.EventConnectionChanged {
					n++
				}
			}
			return n
		}
		before := told()
		for range 2 {
			require.NoError(t, org.ConnectionRefused(ctx, opened, refusal))
		}
		require.Equal(t, before+1, told())
		now, err := org.Connection(ctx, connection.ID)
		require.NoError(t, err)
		require.Equal(t, models.ConnectionNeedsReconnect, now.State)
		require.Equal(t, refusal.Code, now.Problem.Code)
		require.Equal(t, opened.Credential, now.Credential, "it is kept: the service may have been wrong")

		now.State, now.Problem, now.Credential = models.ConnectionReady, nil, []byte("sealed anew")
		require.NoError(t, org.UpdateConnection(ctx, now))
		require.NoError(t, org.ConnectionRefused(ctx, opened, refusal))
		now, err = org.Connection(ctx, connection.ID)
		require.NoError(t, err)
		require.Equal(t, models.ConnectionReady, now.State, "the run was opened with the credential before")
	})
}
