package connectors

import (
	"context"
	"encoding/json"
	"time"

	"github.com/scratch-platform/scratch/models"
)

// Connector is one service account, opened with its credential. It is safe for
// use by several goroutines, holds no state that a restart would miss, and is
// closed when the piece of work it was opened for ends.
//
// What it can do beyond that is said by the capability interfaces it
// implements; the block of assertions in each connector's package is its
// support matrix.
type Connector interface {
	// Service is the registry name, such as "wordpress".
	Service() string
	Close() error
}

// Validator checks that the credential works, in named steps a person can
// follow (reach, authenticate, read).
type Validator interface {
	Validate(ctx context.Context) (Account, error)
}

// Account is who the credential belongs to, in the service's words.
type Account struct {
	Name string // "Ana (editor) at blog.example"
	// Realm names what the credential reaches: the same text for every credential
	// that reaches the same objects, and never for one that reaches others. What
	// one connection knows of a realm then counts for all (Promise 5). Empty when
	// the service does not tell; no part of it is a secret.
	Realm string
	Steps []string // what was checked, in order
	// Cannot names what this account's rights exclude, in words.
	Cannot []string
}

// TableLister lists the tables the credential can see, at most a few thousand.
type TableLister interface {
	ListTables(ctx context.Context) ([]TableInfo, error)
}

// TableInfo is a table as a person chooses it.
type TableInfo struct {
	RemoteID string // stable; kept in models.Table.RemoteID
	Name     string
	Group    string // base, site, schema, channel: how a picker groups tables
	ReadOnly bool
	Why      string // of ReadOnly
	Rows     int64  // -1 when the service does not say cheaply
}

// Describer reads a table's columns.
type Describer interface {
	// Describe fails with ErrNotFound when the table is gone.
	Describe(ctx context.Context, remoteID string, settings json.RawMessage) (Schema, error)
}

// Outliner describes a table at once where Describe reads all of it, for a person
// who waits: from its beginning, so that kinds may change and columns may be
// added when Describe comes to it.
type Outliner interface {
	// Outline fails as Describe does.
	Outline(ctx context.Context, remoteID string, settings json.RawMessage) (Schema, error)
}

// Schema is a table as its service describes it now. It is handed back to every
// reading and writing call, so that connectors keep no cache of their own.
type Schema struct {
	RemoteID string
	Name     string
	ReadOnly bool
	Why      string
	Columns  []models.Column
	// TitleColumn is what a person calls a record by; may be empty.
	TitleColumn string
	// Rows is how many records were counted on the way, 0 when none were: what a
	// download that begins now will come to.
	Rows int64
	// Settings are the table's own choices (identity columns of a CSV, the
	// column an incremental read goes by), as stored with models.Table.
	Settings json.RawMessage
}

// Record is one record as the service holds it now.
type Record struct {
	RemoteID string
	// Fields is a canonical JSON object (models.Canonical) keyed by column id.
	Fields json.RawMessage
	// Marker is the service's own version of the record (etag, revision,
	// modified time), or empty.
	Marker string
}

// Page is a run of records and the place to go on from after it.
type Page struct {
	Records []Record
	// Deleted names records the service says are gone (incremental reads only).
	Deleted []string
	// Cursor resumes right after this page, in this process or another.
	Cursor []byte
	// Watermark, when not nil, is where the next incremental read may start
	// once this enumeration has completed.
	Watermark []byte
	// AsOf is what ReadRequest.AsOf said before the page's first request went
	// out. 0, of a connector that does not ask it, is taken for what it said when
	// the enumeration began.
	AsOf int64
	// Total is the service's word on the whole enumeration, -1 when unknown.
	Total int64
	// Bytes is about what the page weighs in memory.
	Bytes int
	// Warnings are facts a person should know (ragged CSV lines, values cut by
	// the service); at most a few per page.
	Warnings []models.Problem
}

// Pages is an enumeration under way. It is owned by one goroutine.
type Pages interface {
	// Next gives the next page. io.EOF, and nothing else, says that the
	// enumeration is complete; any other error leaves it incomplete, and a
	// caller must not conclude anything from what it has not seen (Promise 2).
	Next(ctx context.Context) (Page, error)
	Close() error
}

// ReadRequest asks for an enumeration.
type ReadRequest struct {
	Schema Schema
	// Cursor is nil to begin, or a Page.Cursor to go on.
	Cursor []byte
	// Since is the watermark of the last completed download; incremental reads
	// only.
	Since []byte
	// Budget bounds the bytes of pages fetched ahead and not yet taken.
	Budget int
	// AsOf, when not nil, says how many changes of the table are known here by
	// now. A connector that reads ahead asks it before each page's request, so
	// that what a publish settles meanwhile is not taken for older than the page.
	// It answers at once and may be called from several goroutines.
	AsOf func() int64
}

// AllReader enumerates every record of a table.
//
// A record that exists from beginning to end of an uninterrupted enumeration
// is given at least once; it may be given twice (writes are idempotent). A
// cursor that has expired at the service fails with ErrCursorExpired: the
// caller begins again.
type AllReader interface {
	ReadAll(ctx context.Context, req ReadRequest) (Pages, error)
}

// SinceReader enumerates what changed since a watermark, never missing a
// change (it may repeat records).
type SinceReader interface {
	ReadSince(ctx context.Context, req ReadRequest) (Pages, error)
}

// IDLister enumerates the ids of a table alone: the second look that confirms
// a record is gone, for services that cannot be asked by id.
type IDLister interface {
	ListIDs(ctx context.Context, req ReadRequest) (IDPages, error)
}

// IDPages is an enumeration of ids; as Pages.
type IDPages interface {
	Next(ctx context.Context) (ids []string, cursor []byte, err error)
	Close() error
}

// IDReader reads records by id: before a write (has it changed?), after one
// (what was stored?), and to confirm that one is gone.
type IDReader interface {
	// ReadByIDs gives the records that exist and, in Missing, those the service
	// says do not. An id in neither is not known: the caller concludes nothing.
	ReadByIDs(ctx context.Context, schema Schema, ids []string) (ByIDs, error)
}

// ByIDs is the answer of ReadByIDs.
type ByIDs struct {
	Found   []Record
	Missing []string
}

// Checker says, without asking the service, why it would refuse a write: lengths
// counted its way, characters it does not take, values that exclude one another.
// Plans are checked with it before anything is sent.
type Checker interface {
	// Check gives one error per cell that would be refused (KindInvalid or
	// KindTooLarge, with Column), none when the item looks right.
	Check(op models.Operation, schema Schema, item WriteItem) []*Error
}

// Preparer is for services where something asked for beforehand makes the
// outcome of a create certain: a reserved key, a transaction's id, an upload
// session. What it gives is stored before the create is sent (Promise 5).
type Preparer interface {
	// Prepare gives, per item's Key, the marker that Create and FindCreated get
	// for it. It makes nothing that anyone would see at the service.
	Prepare(ctx context.Context, schema Schema, items []WriteItem) (map[string]string, error)
}

// Creator makes records.
//
// These hold for every writing call (Create, Update, Delete, Step):
//   - At most the batch of Limits comes in one call, and each item is sent at
//     most once, unless the service has said no to it: a batch refused whole,
//     of which nothing was written, may be sent again in parts to find the item
//     at fault. A request whose answer was lost is never repeated (Promise 5).
//   - No request starts once ctx is done.
//   - A nil error comes with a result per item; one that has none is Unknown.
//     An error says that no item was written and nothing is on its way: all are
//     NotSent. Cancelled or turned away half-way is told per item.
type Creator interface {
	Create(ctx context.Context, schema Schema, items []WriteItem) ([]WriteResult, error)
}

// Updater changes named cells and no others.
type Updater interface {
	Update(ctx context.Context, schema Schema, items []WriteItem) ([]WriteResult, error)
}

// Deleter removes records; one that is already gone is applied.
type Deleter interface {
	Delete(ctx context.Context, schema Schema, items []WriteItem) ([]WriteResult, error)
}

// Stepper is for services where one write takes several requests (create then
// publish, properties then content). The first step is Create or Update
// itself; the rest are done here, each recorded before and after.
type Stepper interface {
	// Steps names the steps after the first that an item needs, in order; the
	// same names each time for the same item. One step is one writing request.
	Steps(op models.Operation, schema Schema, item WriteItem) []string
	// Step sends one step for items whose RemoteID is known, at most
	// Limits.UpdateBatch of them.
	Step(ctx context.Context, step string, schema Schema, items []WriteItem) ([]WriteResult, error)
	// StepDone looks whether a step, whose answer was lost, took effect.
	StepDone(ctx context.Context, step string, schema Schema, items []WriteItem) ([]WriteResult, error)
}

// CreatedFinder looks for what a create with a lost answer may have made.
type CreatedFinder interface {
	// FindCreated gives, per item, the records at the service that could be the
	// one: made not before After (the service's clock, with its error allowed
	// for) and equal in the planned values. The caller decides; it adopts only
	// where exactly one stands that it did not know before (Promise 5).
	FindCreated(ctx context.Context, schema Schema, items []FindItem) ([]FindResult, error)
}

// FindItem asks for one lost create.
type FindItem struct {
	Key    string
	Values models.Fields
	// After is when the intent was stored, by the database's clock: it may be
	// off from the service's, and from this process's.
	After time.Time
	// Ago is how long ago the last request of it may have started, which a create
	// that was sent before may have done long after its first intent. It is
	// counted without this process's wall clock, and is what tells whether
	// lookups have settled.
	Ago    time.Duration
	Marker string // what Prepare gave
}

// FindResult holds the candidates for one lost create.
type FindResult struct {
	Key        string
	Candidates []Record
	// Exact says that the service kept our Key, so that a candidate is proof
	// and the absence of one, after Settled, proof of the contrary.
	Exact bool
	// Settled says that the service's own lookups reflect all it has accepted
	// by now.
	Settled bool
}

// WriteItem is one record to write.
type WriteItem struct {
	// Key is the plan item's id: unique for ever, the same on each attempt. A
	// service that takes an idempotency key or can keep a marker gets it.
	Key      string
	RemoteID string // empty for creates
	// Values are the cells to write. References are remote ids: the caller has
	// put the real id where a plan said "local:…".
	Values models.Fields
	// Marker is the service's version at the pre-read, for services with
	// preconditions (the caller has compared the cells already); of creates,
	// what Prepare gave.
	Marker string
}

// Outcome is what became of one written item.
type Outcome string

// The outcomes. There is no silent one: an item without a result in an answer
// is unknown.
const (
	Applied  Outcome = "applied"  // the service said so
	Failed   Outcome = "failed"   // the service said no; nothing changed
	Conflict Outcome = "conflict" // a precondition of the service's did not hold; nothing changed
	Unknown  Outcome = "unknown"  // the answer was lost or does not say
	// NotSent: nothing reached the service, or it turned the request away for
	// now (a rate limit); nothing changed and the item is still planned.
	NotSent Outcome = "not_sent"
)

// WriteResult is the outcome of one item.
type WriteResult struct {
	Key      string
	Outcome  Outcome
	RemoteID string // creates, once known
	// Stored is what the service answered that it now holds; nil where the
	// answer is incomplete, and the caller reads back.
	Stored *Record
	Err    *Error // of every outcome but Applied
	// Note says what was done otherwise than asked, such as a slug with a
	// suffix, or an existing term adopted.
	Note string
}
