package activities

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/connectors"
	"github.com/scratch-platform/scratch/models"
)

// knowing answers since when remote ids are known, and nothing else.
type knowing struct {
	PublishStore
	since map[string]time.Time
}

func (k knowing) KnownRemoteIDs(context.Context, string, []string) (map[string]time.Time, error) {
	return k.since, nil
}

// Promise 5: breaks when the object of a lost create, which a download brought
// in before anybody looked, counts as known: the create would be sent again.
func TestWhatADownloadBroughtInSinceStaysACandidate(t *testing.T) {
	sent := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	items := []models.Item{{ID: "itm_1", SentAt: &sent}}
	results := []connectors.FindResult{{Key: "itm_1", Settled: true, Candidates: []connectors.Record{{RemoteID: "old"}, {RemoteID: "new"}, {RemoteID: "made"}}}}
	s := &resolving{remote: &remote{}, db: knowing{since: map[string]time.Time{
		"old": sent.Add(-time.Hour), "new": sent.Add(time.Second), "made": {}, // by another create
	}}}
	fresh, doubted, err := s.unknownHere(t.Context(), items, results)
	require.NoError(t, err)
	require.Equal(t, []connectors.Record{{RemoteID: "new"}}, fresh["itm_1"])
	require.Empty(t, doubted)
	settled := s.decide(items, results, fresh, doubted, nil)
	require.Len(t, settled, 1)
	require.Equal(t, models.ItemApplied, settled[0].State)
	require.Equal(t, "new", settled[0].RemoteID)
}

// Promise 5: breaks when an error that nobody typed, after which anything may be
// on its way, lets a batch be sent again.
func TestAnUntypedErrorLeavesTheOutcomeUnknown(t *testing.T) {
	require.Equal(t, connectors.Unknown, unanswered("itm_1", errors.New("connection reset")).Outcome)
	require.Equal(t, connectors.Unknown, unanswered("itm_1", nil).Outcome)
	require.Equal(t, connectors.NotSent, unanswered("itm_1", &connectors.Error{Kind: connectors.KindRateLimited}).Outcome)
}

// Promise 5: breaks when a create that was applied, and not said as which
// record, settles: the record would have no id there and be created again.
func TestACreateWithoutAnIDIsLookedFor(t *testing.T) {
	s := &sending{remote: &remote{}}
	create := prepared{item: models.Item{ID: "itm_1", Op: models.OpCreate}}
	_, known := s.settlement(t.Context(), "create", create, connectors.WriteResult{Key: "itm_1", Outcome: connectors.Applied})
	require.False(t, known)
	settled, known := s.settlement(t.Context(), "create", create, connectors.WriteResult{Key: "itm_1", Outcome: connectors.Applied, RemoteID: "7"})
	require.True(t, known)
	require.Equal(t, models.ItemApplied, settled.State)
}
