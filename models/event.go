package models

// SnapshotTopic is the topic of what happens in one snapshot.
func SnapshotTopic(snapshotID string) string { return "snapshot:" + snapshotID }

// JobTopic is the topic of one job.
func JobTopic(jobID string) string { return "job:" + jobID }

// UserTopic is the topic of what concerns one person: the lists of snapshots
// and connections.
func UserTopic(userID string) string { return "user:" + userID }

// Event types. Each has a payload type of its own below.
const (
	EventRecordsChanged     = "records.changed"     // RecordsChanged
	EventRecordsCreated     = "records.created"     // RecordsChanged
	EventRecordsDeleted     = "records.deleted"     // RecordsChanged
	EventSuggestionsCreated = "suggestions.created" // SuggestionsChanged
	EventSuggestionsDecided = "suggestions.decided" // SuggestionsChanged
	EventTableChanged       = "table.changed"       // TableChanged
	EventSchemaChanged      = "table.schema_changed"
	EventViewChanged        = "view.changed"
	EventSnapshotChanged    = "snapshot.changed"
	EventScheduleChanged    = "schedule.changed"
	EventPlanChanged        = "plan.changed"
	EventJobChanged         = "job.changed"
	EventJobProgressed      = "job.progressed"
	EventConnectionChanged  = "connection.changed"
)

// MaxEventRecords bounds the records one event names; a change of more says
// More, and clients read again what they show.
const MaxEventRecords = 200

// RecordsChanged says which records of a table changed.
type RecordsChanged struct {
	TableID string          `json:"table_id"`
	Records []RecordChanged `json:"records"`
	Count   int64           `json:"count"`          // of all changed records
	More    bool            `json:"more,omitempty"` // Records does not name them all
	By      string          `json:"by,omitempty"`   // user id; empty for a job
}

// RecordChanged names one changed record.
type RecordChanged struct {
	ID      int64    `json:"id,string"`
	Version int64    `json:"version"`
	Columns []string `json:"columns,omitempty"` // empty: any may have changed
}

// SuggestionsChanged says which records' suggestions changed.
type SuggestionsChanged struct {
	TableID string   `json:"table_id"`
	Records []string `json:"records"` // record ids
	Count   int64    `json:"count"`
	More    bool     `json:"more,omitempty"`
}

// Change words of the payloads below.
const (
	ChangeCreated = "created"
	ChangeUpdated = "updated"
	ChangeDeleted = "deleted"
)

// TableChanged says that a table was added, removed or changed.
type TableChanged struct {
	TableID     string     `json:"table_id"`
	Change      string     `json:"change"`
	State       TableState `json:"state,omitempty"`
	RecordCount int64      `json:"record_count"`
	EditedCount int64      `json:"edited_count"`
}

// SchemaChanged says that a table's columns changed.
type SchemaChanged struct {
	TableID       string   `json:"table_id"`
	SchemaVersion int64    `json:"schema_version"`
	Columns       []string `json:"columns"`
}

// ViewChanged says that a view was added, removed or changed.
type ViewChanged struct {
	TableID string `json:"table_id"`
	ViewID  string `json:"view_id"`
	Change  string `json:"change"`
}

// SnapshotChanged says that a snapshot was added, removed or renamed.
type SnapshotChanged struct {
	SnapshotID string `json:"snapshot_id"`
	Change     string `json:"change"`
	Name       string `json:"name,omitempty"`
}

// PlanChanged says where a plan and its items stand.
type PlanChanged struct {
	PlanID string     `json:"plan_id"`
	State  PlanState  `json:"state"`
	Counts PlanCounts `json:"counts"`
}

// JobChanged says that a job's state changed.
type JobChanged struct {
	JobID        string   `json:"job_id"`
	Kind         JobKind  `json:"kind"`
	State        JobState `json:"state"`
	PlanID       string   `json:"plan_id,omitempty"`
	WaitingWhy   string   `json:"waiting_why,omitempty"`
	WaitingUntil string   `json:"waiting_until,omitempty"` // RFC 3339
	Problem      *Problem `json:"problem,omitempty"`
	EngineAway   bool     `json:"engine_away,omitempty"`
}

// JobProgressed carries a job's counters, over all tables and of one.
type JobProgressed struct {
	JobID    string    `json:"job_id"`
	Progress Progress  `json:"progress"`
	TableID  string    `json:"table_id,omitempty"`
	Table    *Progress `json:"table,omitempty"`
}

// ConnectionChanged says that a connection was added, removed or changed.
type ConnectionChanged struct {
	ConnectionID string          `json:"connection_id"`
	Change       string          `json:"change"`
	State        ConnectionState `json:"state,omitempty"`
}

// ScheduleChanged says that a schedule of a snapshot was added, removed or
// changed, or that one of its times came.
type ScheduleChanged struct {
	ScheduleID string `json:"schedule_id"`
	Change     string `json:"change"`
}
