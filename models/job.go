package models

import (
	"encoding/json"
	"time"
)

// JobKind is what a job does.
type JobKind string

// The kinds of jobs.
const (
	JobDownload JobKind = "download"
	JobPublish  JobKind = "publish"
)

// JobState is what the user sees of one run. It follows the engine's truth:
// a run cancelled or terminated with Temporal's own tools shows as such
// (Promise 9).
type JobState string

// The states of a job: seven live ones, then seven final ones.
const (
	JobQueued                JobState = "queued"
	JobRunning               JobState = "running"
	JobWaiting               JobState = "waiting" // until WaitingUntil, because WaitingWhy
	JobPaused                JobState = "paused"
	JobCancelling            JobState = "cancelling"
	JobStalled               JobState = "stalled" // no sign of life for a while
	JobCompleted             JobState = "completed"
	JobCompletedWithFailures JobState = "completed_with_failures"
	JobFailed                JobState = "failed"
	JobCancelled             JobState = "cancelled"
	JobTerminated            JobState = "terminated"
	JobTimedOut              JobState = "timed_out"
	JobLost                  JobState = "lost" // the engine no longer knows the run
)

// Final reports whether the job has ended.
func (s JobState) Final() bool {
	switch s {
	case JobCompleted, JobCompletedWithFailures, JobFailed, JobCancelled, JobTerminated, JobTimedOut, JobLost:
		return true
	default:
		return false
	}
}

// Job is what the user sees of one run.
type Job struct {
	ID             string
	OrganizationID string
	SnapshotID     string
	PlanID         string // publishes
	Kind           JobKind
	State          JobState
	WorkflowID     string
	RunID          string // the latest run; a reset continues the same job
	Input          json.RawMessage
	Progress       Progress
	Problem        *Problem
	WaitingUntil   *time.Time
	WaitingWhy     string
	EngineAway     bool // the engine could not be asked at the last look
	RetryOf        string
	ScheduleID     string // the schedule that started it
	CreatedBy      string
	CreatedAt      time.Time
	StartedAt      *time.Time
	EndedAt        *time.Time
	AliveAt        *time.Time // last sign of life from an activity
	Version        int64
}

// Progress counts over all tables of a job. Total is -1 while unknown.
type Progress struct {
	Total     int64  `json:"total"`
	Done      int64  `json:"done"`
	Created   int64  `json:"created"`
	Updated   int64  `json:"updated"`
	Deleted   int64  `json:"deleted"`
	Unchanged int64  `json:"unchanged"`
	Failed    int64  `json:"failed"`
	Conflicts int64  `json:"conflicts"`
	Unknown   int64  `json:"unknown"`
	Skipped   int64  `json:"skipped"`
	Step      string `json:"step,omitempty"` // "reading", "confirming", "publishing", …
}

// TableOutcome is what a job did to one table.
type TableOutcome struct {
	JobID     string
	TableID   string
	State     JobState
	Progress  Progress
	Problem   *Problem
	Warnings  []Problem // what the user should know though it worked
	StartedAt *time.Time
	EndedAt   *time.Time
}

// DownloadMode is how a table is downloaded.
type DownloadMode string

// The modes of a download.
const (
	DownloadFull        DownloadMode = "full"
	DownloadIncremental DownloadMode = "incremental"
)

// DownloadRun is the stored state of one download of one table: the checkpoint
// that a killed worker's successor goes on from (Promise 7).
type DownloadRun struct {
	ID             string
	OrganizationID string
	JobID          string
	TableID        string
	Mode           DownloadMode
	Attempt        int    // grows when another worker takes over; an older attempt may write no more
	Cursor         []byte // opaque; nil is the beginning
	Complete       bool   // the enumeration reached its end
	Spanned        bool   // resumed, so the enumeration spans more than one look at the service
	Watermark      []byte // taken over into the table on completion only
	HadRecords     int64  // live remote records when it began
	// AsOf counts the changes of the table's records here, as they stood when
	// the run was begun, taken up or restarted. A page asked for after that is
	// newer than all of them.
	AsOf      int64
	Seen      int64
	Progress  Progress
	State     JobState
	CreatedAt time.Time
	EndedAt   *time.Time
}

// MayMiss reports whether a complete enumeration of this run can say anything
// about records that it did not show: there were some when it began, and it read
// the whole table (Promise 2).
func (r *DownloadRun) MayMiss() bool { return r.Mode == DownloadFull && r.HadRecords > 0 }
