package store

import (
	"encoding/json"
	"time"

	"github.com/scratch-platform/scratch/models"
)

// RemoteRecord is one record as its service gave it, free of the connectors'
// types. Fields is a canonical JSON object keyed by column id.
type RemoteRecord struct {
	RemoteID string
	Fields   json.RawMessage
	Marker   string
}

// PageWrite is what one transaction of a download stores: the records of one or
// more pages, and the place to go on from after them.
type PageWrite struct {
	Records []RemoteRecord
	// Deleted names records the service itself says are gone (incremental
	// reads only).
	Deleted []string
	// Cursor resumes right after these records; nil with Complete is the end.
	Cursor []byte
	// Watermark, when not nil, replaces the run's; the table takes it over when
	// the run completes.
	Watermark []byte
	// Complete says that the enumeration reached its end with these records.
	Complete bool
	// Total is the service's word on the whole enumeration, -1 when unknown.
	Total int64
	// AsOf is a PageResult.Version, or the run's AsOf, that was known before the
	// first of these records was asked for: what a publish stored of a record
	// after it may be newer than what the page says. 0 takes the run's. It is
	// the database's own count, so no two clocks are ever compared.
	AsOf int64
	// Warnings are kept with the table's outcome, bounded.
	Warnings []models.Problem
}

// PageResult counts what a page changed.
type PageResult struct {
	Created   int64
	Updated   int64
	Unchanged int64
	Deleted   int64
	// PassedOver counts, among the unchanged, the records that a publish settled
	// since the page was asked for; what is held of them was kept.
	PassedOver int64
	// Version counts the changes of the table's records, these included: what
	// is asked of the service from now on is newer than all of them.
	Version int64
}

// Missing counts the live remote records a complete enumeration did not see.
type Missing struct {
	Count      int64
	LiveRemote int64 // live records with a remote id, seen or not
}

// RecordRef names a record here and at its service.
type RecordRef struct {
	ID       int64
	RemoteID string
}

// SweepResult counts what became of records confirmed gone.
type SweepResult struct {
	Removed int64
	Kept    int64 // had edits or open suggestions: now remote_deleted
}

// Settlement is what became of one item of a plan, or of one of its steps.
//
// A RemoteID is always taken over into the record, whatever State says: the
// object exists, and the record must never be created a second time
// (Promise 5).
type Settlement struct {
	ItemID string
	// Holder, when not empty, is whose lease the outcome was learnt under. Once
	// another holds the item, only what a service confirmed is still taken: an
	// object that exists, a write that was applied.
	Holder string
	// State is the item's new state. ItemSending keeps it open while only a
	// step was settled; ItemPlanned puts it back, because it was shown not to
	// have been sent or not to have happened.
	State models.ItemState
	// Step and StepState add an outcome to the item's Steps, when Step is not
	// empty.
	Step      string
	StepState models.ItemState
	RemoteID  string
	// Stored is what the service now holds, nil where its answer did not say;
	// ReadBack then asks for a later look. An applied item whose ReadBack is
	// false and which is settled again with Stored has been read back.
	Stored   *RemoteRecord
	ReadBack bool
	// ReadOver, of a reading back, is the Org.BaseHashes of the record before
	// the service was asked. Where another base has been stored since, Stored
	// may be the older of the two: it is dropped, and the item stays to be read
	// back. nil stores it whatever was there.
	ReadOver []byte
	Problem  *models.Problem
	// Marker, when not empty, replaces the item's: what a service reserved for
	// a create, stored before the create is sent.
	Marker string
	Theirs models.Fields // conflict: what the service held
	Note   string        // what was done otherwise than asked
}

// ItemFilter chooses items of a plan; zero values choose all.
type ItemFilter struct {
	State   models.ItemState
	TableID string
	Op      models.Operation
}

// PlanGroup counts the items of a plan that are still planned, per table and
// operation: the answer of Org.PlanGroups(ctx, planID). (Beside it a publish
// asks Org.OpenCreates(ctx, tableID) for the creates of the same remote table,
// of any plan, that are sending or unknown, and Org.KnownRemoteIDs(ctx, tableID,
// ids) for since when the ids are known here.)
type PlanGroup struct {
	TableID string
	Op      models.Operation
	Planned int64
}

// JobChange is a change of a job's state, made only when the job is in one of
// From. Empty is every live state; a final one is left only when RunID names
// another run than the stored one (a reset continues the same job), and
// "queued" is come back to only from itself.
type JobChange struct {
	To           models.JobState // empty leaves the state
	From         []models.JobState
	RunID        string // empty leaves it
	EngineAway   bool   // the engine could not be asked; a change without it says that it could
	Problem      *models.Problem
	WaitingUntil *time.Time
	WaitingWhy   string
	// Outcome, when not nil, is upserted as the outcome of its table. One that
	// is final also ends the job's unfinished download run of that table, so
	// that a worker thought dead can write no more.
	Outcome *models.TableOutcome
}
