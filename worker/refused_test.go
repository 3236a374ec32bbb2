package worker

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/connectors"
	"github.com/scratch-platform/scratch/models"
)

// Breaks when a run fails because the service refuses the credential and the
// connection goes on looking ready.
func TestARunShowsThatItsCredentialIsRefused(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s *stack) {
		table := s.downloaded(5)
		refused := &connectors.Error{Kind: connectors.KindAuth, Service: "memory", Tried: "sign in", Hint: "Enter the password again."}
		shows := func(state models.ConnectionState) models.Connection {
			now, err := s.org.Connection(t.Context(), s.conn.ID)
			require.NoError(t, err)
			require.Equal(t, state, now.State)
			return now
		}
		mend := func() {
			now := shows(models.ConnectionNeedsReconnect)
			require.Equal(t, "connector.auth", now.Problem.Code)
			require.Equal(t, refused.Hint, now.Problem.Hint)
			now.State, now.Problem = models.ConnectionReady, nil
			require.NoError(t, s.org.UpdateConnection(t.Context(), now))
		}
		shows(models.ConnectionReady)

		s.service.with(func(f *faults) { f.failPages = []error{refused} })
		s.until(s.download(models.DownloadFull, table), 30*time.Second, models.JobFailed)
		mend()

		var writes []models.RecordWrite
		for _, r := range s.records(table) {
			writes = append(writes, update(r, "New "+r.RemoteID))
		}
		s.write(table, writes...)
		s.service.with(func(f *faults) { f.lookErr = refused })
		plan := s.plan()
		s.until(s.publish(plan), 30*time.Second, models.JobFailed)
		mend()
		require.Equal(t, map[models.ItemState]int{models.ItemSkipped: 5}, s.states(plan), "nothing was sent")
	})
}
