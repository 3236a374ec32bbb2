package conformance

import (
	"encoding/json"

	"github.com/scratch-platform/scratch/connectors"
	"github.com/scratch-platform/scratch/models"
)

// Subject is a connector under test, the values to try it with, and the hands
// that reach the service behind it.
type Subject struct {
	Definition connectors.Definition
	// Open opens the connector anew, as another process would, on the same
	// account of the same service.
	Open func() (connectors.Connector, error)
	// Table is the remote id of the table to work on, with its Settings.
	Table    string
	Settings json.RawMessage
	// Canary is a secret part of the credential. The fake quotes it where
	// FaultQuote strikes; the suite looks for it in every error it meets.
	Canary string
	// PageSize is how many records the service gives in a page. The suite works
	// with a little more than three pages.
	PageSize int

	// Sample gives the values of the n-th record to create, all different from
	// one another and from what Reset made. Every column named must be read
	// back equal under its comparison.
	Sample func(n int) models.Fields
	// Change gives new values for two or more columns of a record, but not all.
	Change func(n int) models.Fields
	// Clear holds, per column that can be emptied, the value that empties it.
	Clear models.Fields
	// Refused holds the values of a create that the service refuses; nil when
	// it refuses none.
	Refused models.Fields

	Service Service
	// Lacks says, per fault or hook that this service cannot have, why.
	Lacks map[Fault]string
}

// Service is the fake, seen from behind. Its functions panic on a mistake of
// the test's own; those that do not apply are nil and their Hook is in Lacks.
type Service struct {
	// Reset makes the table hold exactly that many records and forgets faults
	// and counts.
	Reset func(records int)
	// Insert adds one record, as another program would.
	Insert func() (remoteID string)
	// Delete removes one record, as another program would.
	Delete func(remoteID string)
	// Touch changes one record so that it counts as changed from now on.
	Touch func(remoteID string)
	// Count is how many records there are.
	Count func() int
	// Writes is how many times a writing request was carried out since Reset:
	// one for each record created, changed or deleted.
	Writes func() int
	// Inject arms a fault for the next request that it fits.
	Inject func(Fault)
	// Hung waits until FaultHang holds a request. nil: the first request is the
	// one, and a moment is long enough.
	Hung func()
}

// Fault is something that goes wrong at a service.
type Fault string

// The faults. Each strikes once.
const (
	FaultRateLimit    Fault = "rate_limit"    // the next request is turned away with 429 and Retry-After: 7
	FaultUnavailable  Fault = "unavailable"   // the next reading request gets a 503
	FaultSecondPage   Fault = "second_page"   // the second page asked for from now gets a 503
	FaultHTML         Fault = "html"          // the next reading request gets a web page with status 502
	FaultUnauthorized Fault = "unauthorized"  // the next request gets the service's "bad credential"
	FaultQuote        Fault = "quote"         // the next request is refused with an error that quotes the credential
	FaultHang         Fault = "hang"          // the next request is not answered until the client gives up; nothing is done
	FaultLost         Fault = "lost"          // the next write is carried out, its answer is not
	FaultNothing      Fault = "nothing"       // the next write is not carried out, the connection breaks after it was received
	FaultCursor       Fault = "cursor"        // the next page asked for with a cursor of the service's is refused: expired
	FaultShort        Fault = "short"         // the next full page has fewer records than asked for, none of them lost
	FaultDuplicate    Fault = "duplicate"     // the next page repeats a record
	HookChange        Fault = "hook: change"  // Insert, Delete and Touch: others change the service
	HookMissing       Fault = "hook: missing" // a table that does not exist can be asked for
)
