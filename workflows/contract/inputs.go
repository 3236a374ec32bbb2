package contract

import "github.com/scratch-platform/scratch/models"

// MaxPayload bounds every input and result in bytes; records never pass
// through history. A test holds every type here to it.
const MaxPayload = 64 << 10

// MaxTables bounds the tables of one download, so that its input stays small.
const MaxTables = 500

// DownloadSnapshotInput starts a download of some or all tables of a snapshot.
type DownloadSnapshotInput struct {
	OrganizationID string              `json:"organization_id"`
	SnapshotID     string              `json:"snapshot_id"`
	JobID          string              `json:"job_id"`
	Tables         []string            `json:"tables"` // table ids, at most MaxTables
	Mode           models.DownloadMode `json:"mode"`
}

// DownloadSnapshotResult sums the tables' outcomes; the details are stored.
type DownloadSnapshotResult struct {
	State  models.JobState `json:"state"`
	Tables int             `json:"tables"`
	Failed int             `json:"failed"`
}

// DownloadInput starts the download of one table.
type DownloadInput struct {
	OrganizationID string              `json:"organization_id"`
	SnapshotID     string              `json:"snapshot_id"`
	JobID          string              `json:"job_id"`
	TableID        string              `json:"table_id"`
	Mode           models.DownloadMode `json:"mode"`
}

// DownloadResult is one table's outcome, in counts.
type DownloadResult struct {
	RunID    string          `json:"run_id"`
	State    models.JobState `json:"state"`
	Progress models.Progress `json:"progress"`
	Problem  *models.Problem `json:"problem,omitempty"`
}

// PublishInput starts the applying of a plan, or, with ResolveOnly, the
// finding out of what became of items a stopped run left in flight.
type PublishInput struct {
	OrganizationID string `json:"organization_id"`
	SnapshotID     string `json:"snapshot_id"`
	JobID          string `json:"job_id"`
	PlanID         string `json:"plan_id"`
	ResolveOnly    bool   `json:"resolve_only,omitempty"`
}

// PublishResult sums the items' outcomes.
type PublishResult struct {
	State  models.JobState   `json:"state"`
	Counts models.PlanCounts `json:"counts"`
}

// ScheduledDownloadInput names the schedule whose time has come; all else is read
// from the store at that time.
type ScheduledDownloadInput struct {
	OrganizationID string `json:"organization_id"`
	SnapshotID     string `json:"snapshot_id"`
	ScheduleID     string `json:"schedule_id"`
}

// ScheduledDownloadResult says what came of a scheduled time. JobID is its own
// job, or the one in its way.
type ScheduledDownloadResult struct {
	Outcome models.ScheduleOutcome `json:"outcome"`
	JobID   string                 `json:"job_id,omitempty"`
	State   models.JobState        `json:"state,omitempty"`
}

// CleanupResult counts what a clean-up deleted.
type CleanupResult struct {
	Rows  map[string]int64 `json:"rows"` // by what they were
	Files int              `json:"files"`
}

// Whose names the organization and the job that a run works for; lines that are
// logged under it carry both. The inputs of activities have it by embedding these.
func (i DownloadSnapshotInput) Whose() (organization, job string) { return i.OrganizationID, i.JobID }

// Whose names the organization and the job.
func (i DownloadInput) Whose() (organization, job string) { return i.OrganizationID, i.JobID }

// Whose names the organization and the job.
func (i PublishInput) Whose() (organization, job string) { return i.OrganizationID, i.JobID }

// Whose names the organization; the job is not known yet.
func (i ScheduledDownloadInput) Whose() (organization, job string) { return i.OrganizationID, "" }

// ProgressReport answers QueryProgress.
type ProgressReport struct {
	State    models.JobState `json:"state"`
	Paused   bool            `json:"paused"`
	Step     string          `json:"step"`
	Progress models.Progress `json:"progress"`
}
