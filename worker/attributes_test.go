package worker

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/converter"

	"github.com/scratch-platform/scratch/internal/testkit"
	"github.com/scratch-platform/scratch/models"
	"github.com/scratch-platform/scratch/worker/codec"
	"github.com/scratch-platform/scratch/workflows/contract"
)

// Breaks when an operator who lists runs by what they are about misses one: each
// kind of run that the product starts, by a person's word, by a schedule, as a
// child, for what a dead publish left, and for clean-up, has all five search
// attributes, and says in words what it is for.
func TestEveryRunIsFoundByAllItsAttributes(t *testing.T) {
	s := newStack(t, testkit.SQLite(t), testkit.OwnTemporal(t))
	s.reconciling()
	require.NoError(t, s.times.Pass(t.Context())) // clean-up runs at its making
	plan, job := s.publishing("posts", 3)         // a download and a publish, as the API starts them
	require.NoError(t, s.engine.TerminateWorkflow(t.Context(), job.WorkflowID, "", "test"))
	s.atRest(plan) // a run found out what was in flight
	s.settled()
	schedule := s.scheduled(models.OverlapSkip, s.only())
	s.comes(schedule)
	s.runs(schedule, models.ScheduleEnded)

	organization, snapshot, services := s.org.ID(), s.snapshot.ID, "[memory]"
	want := map[string][4]string{
		contract.WorkflowDownloadSnapshot:  {organization, snapshot, "download", services},
		contract.WorkflowDownload:          {organization, snapshot, "download", services},
		contract.WorkflowPublish:           {organization, snapshot, "publish", services},
		contract.WorkflowScheduledDownload: {organization, snapshot, contract.KindSchedule, services},
		contract.WorkflowCleanup:           {contract.AttributeNone, contract.AttributeNone, contract.KindCleanup, "[none]"},
	}
	seen := map[string]int{}
	for _, run := range s.allRuns(8) {
		kind := run.GetType().GetName()
		fields := run.GetSearchAttributes().GetIndexedFields()
		var is [4]string
		for i, name := range []string{"ScratchOrg", "ScratchSnapshot", "ScratchJobKind", "ScratchConnector"} {
			is[i] = shownAs(t, fields[name])
		}
		expected, ours := want[kind]
		if !ours {
			continue // the engine's own: what carries schedules
		}
		seen[kind]++
		require.Equal(t, expected, is, kind)
		require.NotEmpty(t, shownAs(t, fields["ScratchOutcome"]), kind)
		var about string
		require.NoError(t, codec.DataConverter(s.keys).FromPayload(run.GetMemo().GetFields()["about"], &about), kind)
		require.Greater(t, len(about), 10, kind)
		require.NotContains(t, about, "canary-secret")
	}
	for kind := range want {
		require.Positive(t, seen[kind], "no run of %s was listed", kind)
	}
	require.Equal(t, 2, seen[contract.WorkflowPublish], "the publish, and the run that found out")
}

// allRuns lists every run of the namespace, once at least n are visible.
func (s *stack) allRuns(n int) []*workflowpb.WorkflowExecutionInfo {
	s.t.Helper()
	var runs []*workflowpb.WorkflowExecutionInfo
	require.Eventually(s.t, func() bool {
		page, err := s.engine.ListWorkflow(s.t.Context(), &workflowservice.ListWorkflowExecutionsRequest{PageSize: 1000})
		require.NoError(s.t, err)
		runs = page.GetExecutions()
		return len(runs) >= n
	}, 20*time.Second, 50*time.Millisecond, "the engine lists fewer than %d runs", n)
	return runs
}

// shownAs gives a search attribute's value as text; "" where there is none.
func shownAs(t *testing.T, payload *commonpb.Payload) string {
	t.Helper()
	if payload == nil {
		return ""
	}
	var value any
	require.NoError(t, converter.GetDefaultDataConverter().FromPayload(payload, &value))
	return fmt.Sprint(value)
}
