package models

import (
	"encoding/json"
	"time"
)

// Fields are cell values by column id. A key that is absent, one that is null
// and one that is empty are three different things.
type Fields map[string]json.RawMessage

// RecordState is what becomes of a record at the next publish.
type RecordState int16

// The states of a record. They are stored: numbers never change their meaning.
const (
	RecordLive          RecordState = 0 // at the service and here
	RecordNew           RecordState = 1 // made here, not yet at the service
	RecordDeleted       RecordState = 2 // marked deleted here, still at the service
	RecordRemoteDeleted RecordState = 3 // gone at the service, kept here for its edits or suggestions
)

// String gives the state's word in the API.
func (s RecordState) String() string {
	switch s {
	case RecordLive:
		return "live"
	case RecordNew:
		return "new"
	case RecordDeleted:
		return "deleted"
	case RecordRemoteDeleted:
		return "remote_deleted"
	default:
		return "unknown"
	}
}

// Record is one row. The value shown is Base overlaid by Edits.
type Record struct {
	ID        int64
	RemoteID  string // empty until it exists at the service
	Base      json.RawMessage
	Edits     Fields // a person's or accepted values; null clears a cell
	EditBases Fields // what Base held when each edit began; absent means the base had no such key
	Marker    string // the service's version marker, where it has one
	State     RecordState
	Version   int64 // grows with each change here
	UpdatedAt time.Time
}

// MaxRecordBytes bounds one record's JSON; a larger one is refused with
// "records.too_large" where it enters.
const MaxRecordBytes = 32 << 20

// Operation is a change to a record.
type Operation string

// The operations.
const (
	OpCreate  Operation = "create"
	OpUpdate  Operation = "update"
	OpDelete  Operation = "delete"
	OpRestore Operation = "restore" // undo a delete mark
	OpRevert  Operation = "revert"  // drop the edits of the named cells, or of all
)

// RecordWrite is one operation a person asks for. Seen holds, per cell, the
// value it replaces as the writer saw it; the server compares per cell.
type RecordWrite struct {
	Op     Operation
	ID     int64 // 0 for create
	Fields Fields
	Seen   Fields
	Cells  []string // revert: which cells; empty is all
}

// CellConflict is a cell that both sides changed: the service (Theirs, since
// the edit began at Base) and a person (Mine).
type CellConflict struct {
	Column string          `json:"column"`
	Mine   json.RawMessage `json:"mine"`
	Theirs json.RawMessage `json:"theirs"`
	Base   json.RawMessage `json:"base"`
}

// Change is one entry of a record's history: who changed which cell from what
// to what.
type Change struct {
	ID          int64
	TableID     string
	RecordID    int64
	OperationID string // groups chunks into one undo
	Actor       Actor
	Op          Operation
	Column      string
	From        json.RawMessage // nil: there was no edit
	To          json.RawMessage // nil: the edit was removed
	FromBase    json.RawMessage // the edit's base before, for a faithful undo
	At          time.Time
}

// SuggestionState is what became of a suggestion.
type SuggestionState string

// The states of a suggestion.
const (
	SuggestionOpen     SuggestionState = "open"
	SuggestionAccepted SuggestionState = "accepted"
	SuggestionRejected SuggestionState = "rejected"
	SuggestionReplaced SuggestionState = "replaced" // a newer one for the same cell came
)

// Suggestion is a proposed value for a cell, or a proposed new or deleted
// record, with author, reason and run.
type Suggestion struct {
	ID             string
	OrganizationID string
	SnapshotID     string
	TableID        string
	RecordID       int64     // 0 for a proposed new record
	Op             Operation // OpUpdate (a cell), OpCreate or OpDelete (a record)
	Column         string    // OpUpdate only
	Value          json.RawMessage
	Seen           json.RawMessage // what the author saw in the cell
	Author         string
	Reason         string
	RunID          string
	State          SuggestionState
	CreatedAt      time.Time
	DecidedAt      *time.Time
	DecidedBy      string
}
