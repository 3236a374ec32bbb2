package activities

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/connectors"
	"github.com/scratch-platform/scratch/models"
	"github.com/scratch-platform/scratch/models/store"
)

// Promise 5: breaks when what was found out about one sending is told without
// saying of which: another that has taken the item since would be settled by it,
// and sent again.
func TestWhatIsFoundOutConcernsTheSendingLookedAt(t *testing.T) {
	db := &settles{}
	s := &resolving{db: db, remote: &remote{connector: holds{}, definition: connectors.Definition{}}, now: time.Now, in: ResolveInput{GiveUp: true}}
	items := []models.Item{{ID: "itm_1", Op: models.OpCreate, Lease: "w1"}, {ID: "itm_2", Op: models.OpCreate, Lease: "w2"}}
	var result ResolveResult
	require.NoError(t, s.store(t.Context(), items, []store.Settlement{{ItemID: "itm_1", State: models.ItemPlanned}}, &result))
	holders := map[string]string{}
	for _, settled := range db.got {
		holders[settled.ItemID] = settled.Holder
	}
	require.Equal(t, map[string]string{"itm_1": "w1", "itm_2": "w2"}, holders)
}

// Promise 6: breaks when a publish counts as completed of which some records were
// not published, whatever kept them from it, or as failed of which some were.
func TestAJobSaysWhetherAllWentWell(t *testing.T) {
	for name, c := range map[string]struct {
		given  models.JobState
		counts models.PlanCounts
		want   models.JobState
	}{
		"all":                  {"", models.PlanCounts{Applied: 2}, models.JobCompleted},
		"one failed":           {"", models.PlanCounts{Applied: 1, Failed: 1}, models.JobCompletedWithFailures},
		"one in conflict":      {"", models.PlanCounts{Applied: 1, Conflicts: 1}, models.JobCompletedWithFailures},
		"one not known":        {"", models.PlanCounts{Applied: 1, Unknown: 1}, models.JobCompletedWithFailures},
		"one not sent":         {"", models.PlanCounts{Applied: 1, Skipped: 1}, models.JobCompletedWithFailures},
		"one still on its way": {"", models.PlanCounts{Applied: 1, Sending: 1}, models.JobCompletedWithFailures},
		"none":                 {"", models.PlanCounts{Failed: 2}, models.JobFailed},
		"broken off":           {models.JobFailed, models.PlanCounts{Applied: 1, Skipped: 1}, models.JobCompletedWithFailures},
		"broken off at once":   {models.JobFailed, models.PlanCounts{Skipped: 2}, models.JobFailed},
		"cancelled":            {models.JobCancelled, models.PlanCounts{Applied: 1, Skipped: 1}, models.JobCancelled},
	} {
		require.Equal(t, c.want, outcomeOf(c.given, c.counts), name)
	}
}
