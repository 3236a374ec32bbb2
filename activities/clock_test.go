package activities

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/connectors"
	"github.com/scratch-platform/scratch/models"
)

// dated is a store that stamps by its own clock.
type dated struct {
	PublishStore
	now time.Time
}

func (d dated) Now(context.Context) (time.Time, error) { return d.now, nil }

// Promise 5: breaks when a worker whose clock is fast looks for what became of
// items while their requests may still be on their way, and when one whose clock
// is slow waits for ever.
func TestWhatIsInFlightIsTimedByTheStoresClock(t *testing.T) {
	stamped := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	for name, off := range map[string]time.Duration{"fast": time.Hour, "slow": -time.Hour} {
		t.Run(name, func(t *testing.T) {
			own := stamped.Add(off)
			p := &Publishes{Now: func() time.Time { return own }}
			timed, err := p.timed(t.Context(), dated{now: stamped})
			require.NoError(t, err)
			until := stamped.Add(20 * time.Second)
			free := freeAt(models.Item{LeaseUntil: &until, SentAt: &stamped}, connectors.Definition{})
			require.True(t, free.After(timed.Now()), "its lease runs")
			own = own.Add(20*time.Second + requestTimeout(connectors.Definition{}))
			require.False(t, free.After(timed.Now()), "its lease is over and its request has had its time")
			require.Equal(t, own, p.Now(), "the worker's own clock is left alone")
		})
	}
}

// Promise 5: a create that was sent before, put back and sent again is as young
// as its last request: breaks when lookups count as settled while that is on its
// way, and it is sent a third time.
func TestALostCreateIsAsYoungAsItsLastRequest(t *testing.T) {
	first := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	until := first.Add(time.Hour)
	require.Equal(t, until, lastStart(models.Item{SentAt: &first, LeaseUntil: &until}))
	require.Equal(t, first, lastStart(models.Item{SentAt: &first}))
}

// Promise 5: breaks when a record that came at about the time a create was sent,
// so that the two stamps may be in the wrong order, is taken for what the create
// made, or makes the create be sent again. A person decides.
func TestWhatCameShortlyBeforeIsDoubted(t *testing.T) {
	sent := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	items := []models.Item{{ID: "itm_1", Op: models.OpCreate, SentAt: &sent}}
	record := connectors.Record{RemoteID: "7", Fields: json.RawMessage(`{}`)}
	for _, c := range []struct {
		name    string
		since   time.Time
		exact   bool
		settled bool
		want    models.ItemState // empty: look again
	}{
		{"came since", sent.Add(time.Millisecond), false, true, models.ItemApplied},
		{"came just before", sent.Add(-time.Second), false, true, models.ItemUnknown},
		{"came just before, and lookups may lag", sent.Add(-time.Second), false, false, ""},
		{"came just before, with our key", sent.Add(-time.Second), true, true, models.ItemApplied},
		{"was here long before", sent.Add(-time.Hour), false, true, models.ItemPlanned},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &resolving{remote: &remote{connector: holds{}}, db: knowing{since: map[string]time.Time{"7": c.since}}}
			results := []connectors.FindResult{{Key: "itm_1", Settled: c.settled, Exact: c.exact, Candidates: []connectors.Record{record}}}
			fresh, doubted, err := s.unknownHere(t.Context(), items, results)
			require.NoError(t, err)
			settled := s.decide(items, results, fresh, doubted, nil)
			if c.want == "" {
				require.Empty(t, settled)
				return
			}
			require.Len(t, settled, 1)
			require.Equal(t, c.want, settled[0].State)
		})
	}
}
