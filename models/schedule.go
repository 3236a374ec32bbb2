package models

import "time"

// OverlapPolicy says what a scheduled download does while a download of its
// snapshot is still under way. The words are Temporal's, so that `temporal
// schedule describe` and Scratch say the same.
type OverlapPolicy string

// The overlap policies. One download of a snapshot runs at a time, whatever the
// policy: it decides between leaving out, waiting, replacing and sharing.
const (
	// OverlapSkip leaves the scheduled download out; the next time comes.
	OverlapSkip OverlapPolicy = "skip"
	// OverlapBufferOne lets one scheduled download wait, and run when the one
	// under way has ended; further ones are left out.
	OverlapBufferOne OverlapPolicy = "buffer_one"
	// OverlapCancelOther stops this schedule's earlier download and runs anew. A
	// download that a person started is never stopped: it is waited for.
	OverlapCancelOther OverlapPolicy = "cancel_other"
	// OverlapAllowAll leaves nothing out: a download under way that brings the
	// same tables is shared, for any other the scheduled one waits its turn.
	OverlapAllowAll OverlapPolicy = "allow_all"
)

// Schedule downloads a snapshot, or some of its tables, at set times.
type Schedule struct {
	ID             string
	OrganizationID string
	SnapshotID     string
	Cron           string        // five fields or @daily and the like; empty when Every is set
	Every          time.Duration // whole seconds, counted from CreatedAt; 0 when Cron is set
	TimeZone       string        // IANA name; cron texts are read in it
	Overlap        OverlapPolicy
	Mode           DownloadMode
	Tables         []string // table ids; none is all there are at the time
	// Services are the registry names of the services that its tables are of now,
	// sorted; the store reads them where the engine is told of the schedule.
	Services  []string
	Note      string // a person's word on it
	Paused    bool
	PausedWhy string
	Runs      []ScheduleRun // the latest MaxScheduleRuns, newest first
	CreatedBy string
	CreatedAt time.Time
	UpdatedAt time.Time
	Version   int64
	// AppliedVersion is the version the engine was last told: below Version,
	// the engine does not know of the last change yet.
	AppliedVersion int64
	Removed        bool // removed here; it goes when the engine has let go of it
}

// Limits of schedules.
const (
	// MaxSchedules bounds the schedules of one snapshot.
	MaxSchedules = 20
	// MaxScheduleRuns bounds the runs kept with a schedule.
	MaxScheduleRuns = 20
	// MinEvery is the shortest time between two scheduled downloads: cron's own
	// grain. MaxEvery is a leap year.
	MinEvery = time.Minute
	MaxEvery = 366 * 24 * time.Hour
	// MaxCron bounds a cron text in bytes.
	MaxCron = 200
)

// ScheduleOutcome says what came of one scheduled time.
type ScheduleOutcome string

// The outcomes of a scheduled time.
const (
	ScheduleQueued  ScheduleOutcome = "queued"  // its time has come, and no worker has taken it up yet
	ScheduleStarted ScheduleOutcome = "started" // its download is under way
	ScheduleWaiting ScheduleOutcome = "waiting" // for a download under way to end
	ScheduleEnded   ScheduleOutcome = "ended"   // its download has ended; the job says how
	ScheduleShared  ScheduleOutcome = "shared"  // a download under way brought the same
	ScheduleSkipped ScheduleOutcome = "skipped" // left out, because a download was under way
	ScheduleFailed  ScheduleOutcome = "failed"  // no download could be started
)

// ScheduleRun is what came of one scheduled time.
type ScheduleRun struct {
	At      time.Time       `json:"at"` // the scheduled time, or when it was triggered
	Outcome ScheduleOutcome `json:"outcome"`
	JobID   string          `json:"job_id,omitempty"` // its own job, or the one in its way
	State   JobState        `json:"state,omitempty"`  // of the job, once it has ended
	Problem *Problem        `json:"problem,omitempty"`
}
