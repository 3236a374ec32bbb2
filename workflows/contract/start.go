package contract

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/scratch-platform/scratch/models"
)

// ExecutionTimeout ends a run nobody came back to. A paused download may wait
// for a person over a holiday; one that waits longer than this shows as timed
// out, and its checkpoints are kept.
const ExecutionTimeout = 30 * 24 * time.Hour

// Priorities of runs, where the server has priority switched on: smaller runs
// first, 3 is the server's own default.
const (
	PriorityInteractive = 2 // somebody looks at a progress bar
	PriorityBackground  = 4 // schedules and clean-up
)

// OutcomeRunning is the value of AttributeOutcome until a run ends; then it is
// the job's final state.
const OutcomeRunning = "running"

// MemoJob is the memo's key for the job a run does; it stays with the run over
// resets.
const MemoJob = "job"

// MemoResolves is the memo's key for the ended job whose changes in flight a
// run finds out about: such a run does no job, and says nothing about its state.
const MemoResolves = "resolves"

// StartOptions are what operators see of a run and how it competes. None of it
// may hold a secret; it passes through the payload codec except Services.
type StartOptions struct {
	Title      string   // what people call the snapshot
	Services   []string // registry names of the services involved
	By         string   // user id of who asked
	Background bool     // nobody waits for it
}

// Started names the run that began.
type Started struct {
	WorkflowID string
	RunID      string
}

// AlreadyRunningError says that a run of that workflow id is open; RunID is it.
type AlreadyRunningError struct {
	WorkflowID string
	RunID      string
}

// Error names the run in the way.
func (e *AlreadyRunningError) Error() string {
	return fmt.Sprintf("workflow %s is already running as %s", e.WorkflowID, e.RunID)
}

// StartDownloadSnapshot begins the download of a snapshot's tables. The job
// must be stored first. It fails with *AlreadyRunningError when the snapshot's
// download runs, and with the Temporal client's errors otherwise.
func StartDownloadSnapshot(ctx context.Context, c client.Client, input DownloadSnapshotInput, options StartOptions) (Started, error) {
	summary := fmt.Sprintf("Download %s of “%s”", tables(len(input.Tables)), options.Title)
	return startPatiently(ctx, c, DownloadSnapshotID(input.SnapshotID), WorkflowDownloadSnapshot, input, launch{
		StartOptions: options, summary: summary, kind: models.JobDownload, memo: MemoJob,
		organization: input.OrganizationID, snapshot: input.SnapshotID, job: input.JobID,
	})
}

// StartPublish begins the applying of a plan, or, with ResolveOnly, finds out
// what became of the items a stopped run left in flight. Errors are as for
// StartDownloadSnapshot.
func StartPublish(ctx context.Context, c client.Client, input PublishInput, options StartOptions) (Started, error) {
	summary := fmt.Sprintf("Publish the reviewed changes of “%s”", options.Title)
	if input.ResolveOnly {
		summary = fmt.Sprintf("Find out what became of changes in flight of “%s”", options.Title)
	}
	begin, memo := startPatiently, MemoJob
	if input.ResolveOnly {
		begin, memo = start, MemoResolves // whoever runs does the same
	}
	return begin(ctx, c, PublishID(input.PlanID), WorkflowPublish, input, launch{
		StartOptions: options, summary: summary, kind: models.JobPublish, memo: memo,
		organization: input.OrganizationID, snapshot: input.SnapshotID, job: input.JobID,
	})
}

// launch is what start needs beside the input.
type launch struct {
	StartOptions
	summary                     string
	kind                        models.JobKind
	memo                        string // the key under which the memo names the job
	organization, snapshot, job string
}

const (
	// A job is stored as ended a moment before its run closes; a starter that
	// comes in between waits for that, and no longer: nothing else of its id
	// can be running by rights.
	closing      = 2 * time.Second
	closingAgain = 25 * time.Millisecond
)

// startPatiently starts once the run before has closed. Where the time is up in
// the middle of a call, what the calls before it heard still holds: a run is in
// the way, and the engine is not away (Promise 9).
func startPatiently(ctx context.Context, c client.Client, id, workflow string, input any, l launch) (Started, error) {
	patient, cancel := context.WithTimeout(ctx, closing)
	defer cancel()
	var inTheWay *AlreadyRunningError
	for {
		started, err := start(patient, c, id, workflow, input, l)
		running := errors.As(err, &inTheWay)
		switch {
		case err == nil:
			return started, nil
		case !running && inTheWay != nil && patient.Err() != nil && ctx.Err() == nil:
			return Started{}, inTheWay
		case !running:
			return Started{}, err
		}
		select {
		case <-patient.Done():
			return Started{}, inTheWay
		case <-time.After(closingAgain):
		}
	}
}

// start is the one place where a run gets its id, queue, policies, priority and
// search attributes.
func start(ctx context.Context, c client.Client, id, workflow string, input any, l launch) (Started, error) {
	run, err := c.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID:        id,
		TaskQueue: QueueSync,
		// One run per id at a time; a later one may use the id again. The
		// starter hears of a run in its way instead of silently joining it.
		WorkflowIDConflictPolicy:                 enumspb.WORKFLOW_ID_CONFLICT_POLICY_FAIL,
		WorkflowIDReusePolicy:                    enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		WorkflowExecutionErrorWhenAlreadyStarted: true,
		WorkflowExecutionTimeout:                 ExecutionTimeout,
		TypedSearchAttributes:                    Attributes(string(l.kind), l.organization, l.snapshot, l.Services),
		Memo:                                     map[string]any{l.memo: l.job, "by": l.By, "about": l.summary},
		StaticSummary:                            models.Bound(l.summary, 200),
		StaticDetails:                            "Job " + l.job,
		Priority:                                 Priority(l.organization, l.Background),
	}, workflow, input)
	if already := (*serviceerror.WorkflowExecutionAlreadyStarted)(nil); errors.As(err, &already) {
		return Started{}, &AlreadyRunningError{WorkflowID: id, RunID: already.RunId}
	}
	if err != nil {
		return Started{}, fmt.Errorf("start %s %s: %w", workflow, id, err)
	}
	return Started{WorkflowID: run.GetID(), RunID: run.GetRunID()}, nil
}

// AttributeNone is the value of a search attribute of a run that concerns none
// of what it names: every run has all five, so that a query leaves none out.
const AttributeNone = "none"

// Attributes are the search attributes every run begins with. What is empty is
// AttributeNone.
func Attributes(kind, organization, snapshot string, services []string) temporal.SearchAttributes {
	if len(services) == 0 {
		services = []string{AttributeNone}
	}
	return temporal.NewSearchAttributes(
		AttributeOrganization.ValueSet(cmp.Or(organization, AttributeNone)),
		AttributeSnapshot.ValueSet(cmp.Or(snapshot, AttributeNone)),
		AttributeJobKind.ValueSet(kind),
		AttributeOutcome.ValueSet(OutcomeRunning),
		AttributeConnectors.ValueSet(services),
	)
}

// Inherited are the search attributes of a run that another run starts: the
// parent's own, with the outcome still open.
func Inherited(parent temporal.SearchAttributes) temporal.SearchAttributes {
	updates := []temporal.SearchAttributeUpdate{AttributeOutcome.ValueSet(OutcomeRunning)}
	for _, key := range []temporal.SearchAttributeKeyKeyword{AttributeOrganization, AttributeSnapshot, AttributeJobKind} {
		if value, ok := parent.GetKeyword(key); ok {
			updates = append(updates, key.ValueSet(value))
		}
	}
	if services, ok := parent.GetKeywordList(AttributeConnectors); ok {
		updates = append(updates, AttributeConnectors.ValueSet(services))
	}
	return temporal.NewSearchAttributes(updates...)
}

// Priority makes the organization the fairness key, so that one tenant's
// thousand tables do not hold up another's one. It takes effect where the
// server has priority and fairness switched on.
func Priority(organization string, background bool) temporal.Priority {
	key := PriorityInteractive
	if background {
		key = PriorityBackground
	}
	return temporal.Priority{PriorityKey: key, FairnessKey: organization, FairnessWeight: 1}
}

func tables(n int) string {
	if n == 1 {
		return "1 table"
	}
	return fmt.Sprintf("%d tables", n)
}
