package worker

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	sdk "go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/scratch-platform/scratch/internal/testkit"
	"github.com/scratch-platform/scratch/workflows/contract"
)

// turns notes in which order queued work gets its turn.
type turns struct {
	mu         sync.Mutex
	runs       []string // organizations, by the beginning of their runs
	activities []string
	children   []temporal.Priority
	within     []temporal.Priority // of the activities
}

func (o *turns) note(do func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	do()
}

// run stands in for a workflow: what is tested is when the engine lets it begin,
// and what it hands on to what it starts.
func (o *turns) run(ctx workflow.Context, input contract.PublishInput) error {
	o.note(func() { o.runs = append(o.runs, input.OrganizationID) })
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: time.Minute, DisableEagerExecution: true})
	if err := workflow.ExecuteActivity(ctx, "turn", input.OrganizationID).Get(ctx, nil); err != nil {
		return err
	}
	return workflow.ExecuteChildWorkflow(ctx, "child").Get(ctx, nil)
}

func (o *turns) child(ctx workflow.Context) error {
	o.note(func() { o.children = append(o.children, workflow.GetInfo(ctx).Priority) })
	return nil
}

func (o *turns) turn(ctx context.Context, organization string) error {
	o.note(func() {
		o.activities = append(o.activities, organization)
		o.within = append(o.within, activity.GetInfo(ctx).Priority)
	})
	return nil
}

// Breaks when one organization's many runs hold up another's one, when work that
// nobody waits for goes before work somebody watches, or when what a run starts
// competes under another name than the run.
func TestQueuedWorkTakesTurns(t *testing.T) {
	engine := testkit.Dial(t, testkit.OwnTemporal(t), client.Options{})
	const many = 200
	start := func(organization string, n int, background bool) {
		for i := range n {
			input := contract.PublishInput{OrganizationID: organization, SnapshotID: "snp", JobID: "job", PlanID: fmt.Sprintf("%s-%v-%d", organization, background, i)}
			_, err := contract.StartPublish(t.Context(), engine, input, contract.StartOptions{Title: "Blog", Services: []string{"memory"}, Background: background})
			require.NoError(t, err)
		}
	}
	start("scheduled", many, true)
	start("large", many, false)
	start("small", 1, false) // asked last, behind four hundred

	o := &turns{}
	w := sdk.New(engine, contract.QueueSync, sdk.Options{MaxConcurrentWorkflowTaskExecutionSize: 2, MaxConcurrentActivityExecutionSize: 1})
	w.RegisterWorkflowWithOptions(o.run, workflow.RegisterOptions{Name: contract.WorkflowPublish})
	w.RegisterWorkflowWithOptions(o.child, workflow.RegisterOptions{Name: "child"})
	w.RegisterActivityWithOptions(o.turn, activity.RegisterOptions{Name: "turn"})
	require.NoError(t, w.Start())
	t.Cleanup(w.Stop)
	for _, id := range []string{"small-false-0", fmt.Sprintf("large-false-%d", many-1), fmt.Sprintf("scheduled-true-%d", many-1)} {
		require.NoError(t, engine.GetWorkflow(t.Context(), contract.PublishID(id), "").Get(t.Context(), nil))
	}

	o.note(func() {
		// In the order they were asked for it would be the 401st. The queue's parts
		// are worked on side by side, so a few of each may come before it.
		require.Less(t, slices.Index(o.runs, "small"), many/4, "%v", o.runs)
		require.Less(t, slices.Index(o.activities, "small"), many/2, "%v", o.activities)
		late := 0
		for _, organization := range o.runs[:many/2] {
			if organization == "scheduled" {
				late++
			}
		}
		require.Less(t, late, many/10, "work nobody waits for went first: %v", o.runs[:many/2])
		for _, p := range slices.Concat(o.children, o.within) {
			require.Contains(t, []string{"small", "large", "scheduled"}, p.FairnessKey)
			want := contract.PriorityInteractive
			if p.FairnessKey == "scheduled" {
				want = contract.PriorityBackground
			}
			require.Equal(t, want, p.PriorityKey, "%s", p.FairnessKey)
		}
	})
}
