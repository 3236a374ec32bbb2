package models

import (
	"encoding/json"
	"time"
)

// Snapshot is a user's workspace: tables from any number of connections.
type Snapshot struct {
	ID             string
	OrganizationID string
	Name           string
	CreatedAt      time.Time
	UpdatedAt      time.Time
}

// TableState says what may be done with a table now.
type TableState string

// The states of a table.
const (
	TableReady   TableState = "ready"   // readable; the last download, if any, has ended
	TableEmpty   TableState = "empty"   // added, never downloaded
	TableGone    TableState = "gone"    // the service no longer has it, as the last download found
	TableDeleted TableState = "deleted" // removed here; its records wait for clean-up
)

// Table is one remote table inside a snapshot.
type Table struct {
	ID             string
	OrganizationID string
	SnapshotID     string
	ConnectionID   string
	Service        string
	RemoteID       string // the service's own id of the table
	Name           string
	Seq            int64 // names the physical record table; unique in the database
	State          TableState
	ReadOnly       bool // the service or our rights permit no write
	ReadOnlyWhy    string
	Columns        []Column // in order; includes removed and local ones
	RecordCount    int64    // live records, maintained
	EditedCount    int64    // records with edits on remote columns, new or marked deleted
	Settings       json.RawMessage
	Watermark      []byte // opaque; where the next incremental download starts
	DownloadedAt   *time.Time
	SchemaVersion  int64
	CreatedAt      time.Time
}

// Column finds a column by id.
func (t *Table) Column(id string) (Column, bool) {
	for _, c := range t.Columns {
		if c.ID == id {
			return c, true
		}
	}
	return Column{}, false
}

// ColumnKind is the type of a column's values. Values are JSON; the kind says
// which.
type ColumnKind string

// The kinds of columns and the JSON of their values.
const (
	ColumnText        ColumnKind = "text"         // string
	ColumnLongText    ColumnKind = "long_text"    // string
	ColumnHTML        ColumnKind = "html"         // string, raw as the service stores it
	ColumnMarkdown    ColumnKind = "markdown"     // string
	ColumnNumber      ColumnKind = "number"       // string holding a decimal, so that no digit is lost
	ColumnInteger     ColumnKind = "integer"      // string holding a whole number
	ColumnBoolean     ColumnKind = "boolean"      // true or false
	ColumnDate        ColumnKind = "date"         // "2026-01-31"
	ColumnDateTime    ColumnKind = "datetime"     // RFC 3339 in UTC, or without zone when the service has none
	ColumnTime        ColumnKind = "time"         // "15:04:05"
	ColumnSelect      ColumnKind = "select"       // string: the option's id
	ColumnMultiSelect ColumnKind = "multi_select" // array of option ids
	ColumnReference   ColumnKind = "reference"    // string: a remote id in References, or "local:<table>/<record>" for one not yet created
	ColumnReferences  ColumnKind = "references"   // array of such
	ColumnURL         ColumnKind = "url"          // string
	ColumnEmail       ColumnKind = "email"        // string
	ColumnAttachment  ColumnKind = "attachment"   // object or array as the service gives it
	ColumnJSON        ColumnKind = "json"         // anything
)

// Comparison is how two values of a column are held equal. Conflict,
// unchanged-skip, pre-read and read-back all use the same one.
type Comparison string

// The comparisons.
const (
	CompareExact     Comparison = "exact"      // canonical JSON is equal
	CompareNumber    Comparison = "number"     // equal as decimals: "1.0" is "1"
	CompareSet       Comparison = "set"        // arrays without order or repeats
	CompareHTML      Comparison = "html"       // equal after white space and entity normalisation
	CompareURL       Comparison = "url"        // equal without an expiring query (signed links)
	CompareTrimmed   Comparison = "trimmed"    // strings without white space at the ends, one newline form
	CompareInstant   Comparison = "instant"    // the same moment, to the service's resolution
	CompareNullEmpty Comparison = "null_empty" // null, absent, "" and [] are one; else exact
	// CompareAttachment holds files equal by their "id" and "alt", in order;
	// one without an id by its "url". The rest of a file expires or is added by
	// the service later.
	CompareAttachment Comparison = "attachment"
)

// Column is one column of a table, keyed by the service's own id where it has
// one; names are labels.
type Column struct {
	ID         string     `json:"id"`
	Name       string     `json:"name"`
	Kind       ColumnKind `json:"kind"`
	Compare    Comparison `json:"compare"`
	ReadOnly   bool       `json:"read_only,omitempty"`
	Required   bool       `json:"required,omitempty"`
	Local      bool       `json:"local,omitempty"`   // a Scratch column: never published
	Removed    bool       `json:"removed,omitempty"` // the service no longer has it; edits are kept
	References string     `json:"references,omitempty"`
	Options    []Option   `json:"options,omitempty"`
	MaxLength  int        `json:"max_length,omitempty"` // in characters; 0 is none known
	Hint       string     `json:"hint,omitempty"`
	Position   int        `json:"position"`
}

// AtService reports whether the service has the column now. Edits on others are
// kept and enter no plan.
func (c Column) AtService() bool { return !c.Local && !c.Removed }

// Option is one choice of a select column.
type Option struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// View is a saved filter, sort and choice of columns on a table.
type View struct {
	ID             string
	OrganizationID string
	TableID        string
	Name           string
	Query          Query
	Columns        []string // shown, in order; empty shows all
	Version        int64
	CreatedAt      time.Time
}

// SchemaChange is one difference between what a table's columns were and what
// the service said at a download.
type SchemaChange struct {
	ID             string
	OrganizationID string
	TableID        string
	Kind           string // "column_added", "column_removed", "column_renamed", "column_retyped"
	Column         string
	From           string
	To             string
	At             time.Time
}
