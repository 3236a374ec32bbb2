package store

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/models"
)

// BenchmarkPlan builds, checks and applies a plan of 100,000 updates: a run
// must stay within seconds, or a person waits for the review of a large change.
func BenchmarkPlan(b *testing.B) {
	for _, database := range []string{"postgres", "sqlite"} {
		b.Run(database, func(b *testing.B) {
			s := benchStore(b, database)
			org, actor, table := benchTable(b, s)
			const n = 100_000
			benchDownload(b, org, table, n, 1000, func(int) bool { return false })
			require.NoError(b, org.tx(b.Context(), func(tx *Tx) error {
				_, err := tx.exec("UPDATE "+recordTable(table.Seq)+" SET edits = ?, edit_bases = ?", `{"title":"\"X\""}`, `{"title":"\"Y\""}`)
				return err
			}))
			for b.Loop() {
				began := time.Now()
				plan, err := org.BuildPlan(b.Context(), table.SnapshotID, nil, actor)
				require.NoError(b, err)
				require.EqualValues(b, n, plan.Counts.Updates)
				b.ReportMetric(time.Since(began).Seconds(), "s/build")
				began = time.Now()
				require.NoError(b, org.CheckPlan(b.Context(), plan.ID, plan.Hash))
				b.ReportMetric(time.Since(began).Seconds(), "s/check")
				applyPart(b, org, actor, plan, table)
			}
		})
	}
}

// applyPart starts the plan and takes 5,000 of its items through lease, intent
// and outcome in batches of 50.
func applyPart(b *testing.B, org *Org, actor models.Actor, plan models.Plan, table models.Table) {
	b.Helper()
	began := time.Now()
	j := models.Job{ID: models.NewID(models.PrefixJob), Kind: models.JobPublish, WorkflowID: "publish:" + plan.ID}
	require.NoError(b, org.StartApply(b.Context(), plan.ID, plan.Hash, nil, j, actor))
	b.ReportMetric(time.Since(began).Seconds(), "s/start")
	began = time.Now()
	for range 100 {
		items, err := org.ItemsToSend(b.Context(), plan.ID, table.ID, models.OpUpdate, 50)
		require.NoError(b, err)
		ids, settled := make([]string, len(items)), make([]Settlement, len(items))
		for i, item := range items {
			ids[i], settled[i] = item.ID, Settlement{ItemID: item.ID, State: models.ItemApplied, Step: "update", StepState: models.ItemApplied}
		}
		_, err = org.LeaseItems(b.Context(), ids, "w", time.Minute)
		require.NoError(b, err)
		require.NoError(b, org.MarkSending(b.Context(), ids, "w", "update"))
		require.NoError(b, org.SettleItems(b.Context(), settled))
	}
	b.ReportMetric(time.Since(began).Seconds()*1000/100, "ms/batch")
	require.NoError(b, org.SkipPlanned(b.Context(), plan.ID, fmt.Sprint("done after ", 5000)))
	require.NoError(b, org.FinishPlan(b.Context(), plan.ID, models.PlanStopped))
}
