package contract_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/activities"
	"github.com/scratch-platform/scratch/models"
	"github.com/scratch-platform/scratch/workflows/contract"
)

// Every input and result of a workflow or an activity stays under 64 KB in the
// history, also when it is as full as it may be: ids at their length, as many
// tables and groups as are taken, problems at their bounds.
func TestEverythingFitsAHistory(t *testing.T) {
	id := models.NewID(models.PrefixTable)
	tables := make([]string, contract.MaxTables)
	groups := make([]activities.Group, 200)
	for i := range tables {
		tables[i] = id
	}
	for i := range groups {
		groups[i] = activities.Group{TableID: id, Op: models.OpCreate}
	}
	long := strings.Repeat("é", models.MaxProblemText)
	problem := models.NewProblem(models.KindInvalid, strings.Repeat("c", 100), long, long)
	now, remove := time.Now(), true
	progress := models.Progress{Total: 1 << 60, Done: 1 << 60, Created: 1 << 60, Updated: 1 << 60, Deleted: 1 << 60, Step: "confirming"}
	download := contract.DownloadInput{OrganizationID: id, SnapshotID: id, JobID: id, TableID: id, Mode: models.DownloadIncremental}
	publish := contract.PublishInput{OrganizationID: id, SnapshotID: id, JobID: id, PlanID: id, ResolveOnly: true}
	run := activities.RunInput{DownloadInput: download, RunID: id}
	job := activities.JobRef{OrganizationID: id, JobID: id}
	warnings := []models.Problem{*problem, *problem}
	wait := &activities.Wait{For: time.Hour, Problem: problem}
	counts := models.PlanCounts{Creates: 1 << 60, Updates: 1 << 60, Deletes: 1 << 60, Planned: 1 << 60}
	result := contract.DownloadResult{RunID: id, State: models.JobCompletedWithFailures, Progress: progress, Problem: problem}
	for name, value := range map[string]any{
		"DownloadSnapshotInput":   contract.DownloadSnapshotInput{OrganizationID: id, SnapshotID: id, JobID: id, Tables: tables, Mode: models.DownloadIncremental},
		"DownloadSnapshotResult":  contract.DownloadSnapshotResult{State: models.JobCompletedWithFailures, Tables: 500, Failed: 500},
		"DownloadInput":           download,
		"DownloadResult":          result,
		"PublishInput":            publish,
		"PublishResult":           contract.PublishResult{State: models.JobCompletedWithFailures, Counts: counts},
		"ProgressReport":          contract.ProgressReport{State: models.JobCompletedWithFailures, Step: "confirming", Progress: progress},
		"TableState":              contract.TableState{TableID: id, State: models.JobWaiting, Until: &now, Why: long},
		"SweepDecision":           contract.SweepDecision{TableID: id, Remove: true, User: id},
		"BeginResult":             activities.BeginResult{RunID: id, Mode: models.DownloadIncremental, Warnings: warnings, Wait: wait},
		"CopyInput":               activities.CopyInput{RunInput: run, Turn: time.Hour},
		"CopyResult":              activities.CopyResult{Seen: 1 << 60, Progress: progress, Wait: wait},
		"ConfirmInput":            activities.ConfirmInput{RunInput: run, Remove: &remove},
		"ConfirmResult":           activities.ConfirmResult{NeedsDecision: true, Gone: 1 << 60, Warnings: warnings, Wait: wait},
		"FinishInput":             activities.FinishInput{RunInput: run, State: models.JobFailed, Problem: problem, Warnings: warnings},
		"ChangeJobInput":          activities.ChangeJobInput{JobRef: job, To: models.JobWaiting, Until: &now, Why: long, Problem: problem},
		"RecordTableInput":        activities.RecordTableInput{JobRef: job, TableID: id, State: models.JobFailed, Problem: problem},
		"FollowInput":             activities.FollowInput{JobRef: job, WorkflowID: contract.DownloadID(id)},
		"FollowResult":            activities.FollowResult{State: models.JobFailed, Result: result, Problem: problem},
		"GroupsResult":            activities.GroupsResult{Groups: groups, Planned: 1 << 60},
		"SendInput":               activities.SendInput{PublishInput: publish, Group: groups[0], Turn: time.Hour, GiveUp: true},
		"SendResult":              activities.SendResult{Settled: 1 << 60, Wait: wait, Stop: problem},
		"ResolveInput":            activities.ResolveInput{PublishInput: publish, GiveUp: true},
		"ResolveResult":           activities.ResolveResult{Resolved: 1 << 60, Left: 1 << 60, NotBefore: &now},
		"ReadBackResult":          activities.ReadBackResult{Read: 1 << 60, NotBefore: &now},
		"EndPublishInput":         activities.EndPublishInput{PublishInput: publish, State: models.JobFailed, Problem: problem},
		"ScheduledDownloadResult": contract.ScheduledDownloadResult{Outcome: models.ScheduleSkipped, JobID: id, State: models.JobCompletedWithFailures},
		"CleanupResult":           contract.CleanupResult{Rows: map[string]int64{"suggestions": 1 << 60}, Files: 1 << 60},
		"ScheduledInput":          activities.ScheduledInput{ScheduledDownloadInput: contract.ScheduledDownloadInput{OrganizationID: id, SnapshotID: id, ScheduleID: id}, At: now},
		"BeginScheduledResult":    activities.BeginScheduledResult{Outcome: models.ScheduleStarted, JobID: id},
		"EndScheduledInput":       activities.EndScheduledInput{Outcome: models.ScheduleFailed, JobID: id, State: models.JobFailed, Problem: problem},
	} {
		body, err := json.Marshal(value)
		require.NoError(t, err)
		require.Less(t, len(body), contract.MaxPayload, name)
	}
}

// An error travels through a history as its problem, bounded, and without the
// causes that are for the log alone.
func TestErrorsTravelAsProblems(t *testing.T) {
	refused := models.NewProblem(models.KindForbidden, "connector.auth", strings.Repeat("x", 100_000), "Connect again.").
		Because(errCanary)
	failure := activities.Failure(refused)
	require.Less(t, len(failure.Error()), activities.MaxFailureText+200)
	require.NotContains(t, failure.Error(), "canary")
	problem := contract.ProblemOf(failure)
	require.Equal(t, "connector.auth", problem.Code)
	require.Equal(t, "Connect again.", problem.Hint)
	require.Equal(t, "connector.auth", contract.ProblemOf(contract.Failure(refused)).Code)
}

type canaryError struct{}

func (canaryError) Error() string { return "canary" }

var errCanary error = canaryError{}
