package models

import (
	"encoding/json"
	"time"
)

// PlanState is the life of a publish plan.
type PlanState string

// The states of a plan.
const (
	PlanBuilding   PlanState = "building"   // items are being written
	PlanReady      PlanState = "ready"      // may be looked at and applied
	PlanApplying   PlanState = "applying"   // a publish runs
	PlanApplied    PlanState = "applied"    // every item is settled
	PlanStopped    PlanState = "stopped"    // the publish ended early; items left may need a person
	PlanSuperseded PlanState = "superseded" // a newer plan took its records, nothing was applied
)

// Plan is the exact set of creates, updates and deletes that a publish will
// apply; nothing outside it is ever sent (Promise 3).
type Plan struct {
	ID             string
	OrganizationID string
	SnapshotID     string
	State          PlanState
	Hash           string // over record, operation, columns, values, edit bases of every item
	Counts         PlanCounts
	Problems       []Problem // why items would fail: shown before anything is sent
	CreatedBy      string
	JobID          string // the job that applies it
	RetryOf        string // plan whose failed items this one repeats
	CreatedAt      time.Time
	AppliedAt      *time.Time
}

// PlanCounts sums a plan's items by operation and by state.
type PlanCounts struct {
	Creates   int64 `json:"creates"`
	Updates   int64 `json:"updates"`
	Deletes   int64 `json:"deletes"`
	Planned   int64 `json:"planned"`
	Sending   int64 `json:"sending"`
	Applied   int64 `json:"applied"`
	Failed    int64 `json:"failed"`
	Conflicts int64 `json:"conflicts"`
	Unknown   int64 `json:"unknown"`
	Skipped   int64 `json:"skipped"`
	Blocked   int64 `json:"blocked"` // would fail: values the service does not take
}

// ItemState is the life of one item: planned → sending → one of the rest.
type ItemState string

// The states of an item.
const (
	ItemPlanned  ItemState = "planned"
	ItemSending  ItemState = "sending" // the intent is on disk; the request may be on its way
	ItemApplied  ItemState = "applied"
	ItemFailed   ItemState = "failed"
	ItemConflict ItemState = "conflict" // the service's value changed; not written (Promise 4)
	ItemUnknown  ItemState = "unknown"  // sent, outcome not to be known without a person
	ItemSkipped  ItemState = "skipped"
)

// Open reports whether the item still claims its record: a record has at most
// one open item, whatever became of the run that sent it (Promise 5).
func (s ItemState) Open() bool {
	return s == ItemPlanned || s == ItemSending || s == ItemUnknown
}

// Item is one create, update or delete of a plan.
type Item struct {
	ID             string
	OrganizationID string
	PlanID         string
	TableID        string
	RecordID       int64
	RemoteID       string // updates and deletes; creates once known
	Op             Operation
	Values         Fields // exactly what will be sent, by column
	EditBases      Fields // what the service must still hold for each column
	Marker         string // the version marker at plan time
	Label          string // what a person calls the record, for lists
	State          ItemState
	Override       bool // the user said: over whatever the service holds now
	Blocked        bool // would fail by what the service declares; not sent
	Step           string
	Steps          []StepOutcome
	Problem        *Problem
	Theirs         Fields // conflict: what the service held
	Note           string // what was done otherwise than asked
	Lease          string // who may send it
	LeaseUntil     *time.Time
	SentAt         *time.Time
	SettledAt      *time.Time
	ReadBack       bool // applied, but what the service stored is still to be read
	Ordinal        int64
}

// StepOutcome is the outcome of one request of an item that takes several.
type StepOutcome struct {
	Step    string     `json:"step"`
	State   ItemState  `json:"state"`
	Problem *Problem   `json:"problem,omitempty"`
	At      *time.Time `json:"at,omitempty"`
}

// Resolution is a person's word on an item whose outcome is not known.
type Resolution struct {
	// Choice: "happened" (it was applied; RemoteID names the object of a
	// create), "did_not_happen" (it was not; the record may be planned again).
	Choice   string `json:"choice"`
	RemoteID string `json:"remote_id,omitempty"`
}

// Event is one entry of a topic's durable log. Data is small: ids and changed
// cells, never tables.
type Event struct {
	OrganizationID string
	Topic          string // "snapshot:<id>", "job:<id>", "agent:<id>", "user:<id>"
	ID             string // "<epoch>-<n>", n numbered per topic in commit order
	Type           string
	Origin         string // the tab that caused it
	Data           json.RawMessage
	At             time.Time
}
