package connectors

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/scratch-platform/scratch/models"
)

// Limits is what a service permits, from its fact sheet. The shared client
// keeps the rate over all workers; plans are checked against lengths before
// the first write.
type Limits struct {
	RequestsPerSecond float64 `json:"requests_per_second"` // 0: the service states none
	Burst             int     `json:"burst"`
	InFlight          int     `json:"in_flight"`   // requests side by side per connection
	PageSize          int     `json:"page_size"`   // records per page
	PagesAhead        int     `json:"pages_ahead"` // pages the service permits side by side; 1 is sequential
	ReadByIDs         int     `json:"read_by_ids"` // ids per call
	CreateBatch       int     `json:"create_batch"`
	UpdateBatch       int     `json:"update_batch"`
	DeleteBatch       int     `json:"delete_batch"`
	// RequestTimeout is how long one request may take; whoever resolves an
	// unanswered write waits for the lease and this long (DESIGN §6).
	RequestTimeout time.Duration `json:"request_timeout"`
	// LookupLag is how long the service's lookups may trail its writes.
	LookupLag time.Duration `json:"lookup_lag"`
}

// Definition is what the registry knows of a service.
type Definition struct {
	Service string // name in the API: "wordpress"
	Title   string // name for people: "WordPress"
	About   string // one sentence
	// Credential is the JSON Schema of the credential form. Properties with
	// "writeOnly": true are secret: stored sealed, never answered.
	Credential json.RawMessage
	// Settings is the JSON Schema of a table's own settings, nil for none.
	Settings json.RawMessage
	// OAuth says how access is granted, nil for services without.
	OAuth  *OAuth
	Limits Limits
	// Capabilities are read off the connector's type with CapabilitiesOf.
	Capabilities Capabilities
	// Cannot says in words what the service or this connector does not do.
	Cannot []string
	// HostChosenByUser puts the dial-time guard in front of every connection.
	HostChosenByUser bool
	// Open makes the connector. It does no input or output beyond parsing the
	// credential; a malformed one fails with KindInvalid.
	Open func(deps Dependencies, credential json.RawMessage) (Connector, error)
}

// Dependencies are handed to a connector when it is opened.
type Dependencies struct {
	// ConnectionID keys the rate limits shared by all workers.
	ConnectionID string
	// Transport carries every request; it has the guard and the tracing.
	Transport http.RoundTripper
	// Dial reaches services that do not speak HTTP; it has the guard too.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// MayStart reports whether a request may still start under a context: not
	// once the lease of what it writes is over or its run was stopped. Transport
	// and Dial ask by themselves; a connector that keeps connections asks before
	// each write on one. nil: always.
	MayStart func(ctx context.Context) bool
	// Watch is told of each exchange with a service that does not speak HTTP
	// (Transport tells of its own): in a word or two what it is, never a value.
	// The context is for the exchange; end takes its error, typed where that is
	// known. nil tells nobody.
	Watch   func(ctx context.Context, what string) (_ context.Context, end func(error))
	Limiter Limiter
	// Own gives the limits that a person set for this connection, as they are by
	// now; a running enumeration heeds a change from its next request on. It
	// answers at once, or after one look into the store, and may be called from
	// several goroutines. nil: none are set.
	Own func(ctx context.Context) OwnLimits
	// Ledger and Tokens are nil where no service needs them.
	Ledger Ledger
	Tokens TokenSource
	Files  Files
	Now    func() time.Time
	Log    *slog.Logger
}

// OAuth is how a service's grants are had: the rows of the OAuth table that
// differ between services, for one token manager.
type OAuth struct {
	Grant        string            `json:"grant"` // "authorization_code" or "client_credentials"
	AuthorizeURL string            `json:"authorize_url,omitempty"`
	TokenURL     string            `json:"token_url"`
	RevokeURL    string            `json:"revoke_url,omitempty"`
	Scopes       []string          `json:"scopes,omitempty"`
	Params       map[string]string `json:"params,omitempty"` // more of the authorize URL
	PKCE         bool              `json:"pkce"`             // S256 is sent
	JSON         bool              `json:"json"`             // the token call's body is JSON, not a form
	Basic        bool              `json:"basic"`            // the client's secret goes into a Basic header, not the body
	Rotates      bool              `json:"rotates"`          // a refresh replaces the refresh token
}

// TokenSource gives the access token of a connection that has OAuth. One
// refresher per connection stands behind it, over all workers.
type TokenSource interface {
	// Token gives a token that should work now. refused is the one the service
	// just answered 401 to, or empty: unless another has been stored since, it
	// is refreshed, once. A dead grant fails with KindAuth.
	Token(ctx context.Context, refused string) (string, error)
}

// Ledger counts what a service bills in units per period, over every worker and
// connection that shares the key (an app's daily quota).
type Ledger interface {
	// Spend books units against limit in the period that ends at resets, or
	// books nothing and fails with KindQuota.
	Spend(ctx context.Context, key string, units, limit int64, resets time.Time) error
}

// Limiter keeps one connection's rate over all workers. The in-process and the
// Redis implementation live elsewhere.
type Limiter interface {
	// Wait blocks until a request of that key may start, or the context ends.
	// release must be called when the answer is in.
	Wait(ctx context.Context, key string, rate Rate) (release func(), err error)
	// Penalize makes every user of the key wait until then.
	Penalize(key string, until time.Time)
}

// Rate is a limit for one key.
type Rate struct {
	PerSecond float64 // 0: none
	Burst     int
	InFlight  int // 0: none
}

// Files opens what users uploaded; the CSV connector reads through it.
type Files interface {
	Open(ctx context.Context, uploadID string) (File, error)
}

// File is an upload opened for reading at any place.
type File interface {
	io.ReadSeekCloser
	io.ReaderAt
	Size() int64
	Name() string
}

// Registry is the set of services this process can reach. It is made once, in
// main, and never changed.
type Registry struct {
	definitions map[string]Definition
}

// NewRegistry refuses two definitions of one name.
func NewRegistry(definitions ...Definition) (*Registry, error) {
	r := &Registry{definitions: make(map[string]Definition, len(definitions))}
	for _, d := range definitions {
		if _, twice := r.definitions[d.Service]; twice {
			return nil, fmt.Errorf("register connector %q: the name is taken", d.Service)
		}
		r.definitions[d.Service] = d
	}
	return r, nil
}

// Definition finds a service by name.
func (r *Registry) Definition(service string) (Definition, bool) {
	d, ok := r.definitions[service]
	return d, ok
}

// Definitions gives every service, sorted by name.
func (r *Registry) Definitions() []Definition {
	all := make([]Definition, 0, len(r.definitions))
	for _, d := range r.definitions {
		all = append(all, d)
	}
	slices.SortFunc(all, func(a, b Definition) int { return strings.Compare(a.Service, b.Service) })
	return all
}

// Open makes the connector of a service, or says that there is none.
func (r *Registry) Open(service string, deps Dependencies, credential json.RawMessage) (Connector, error) {
	d, ok := r.definitions[service]
	if !ok {
		return nil, models.NewProblem(models.KindInvalid, "connection.unknown_service",
			fmt.Sprintf("There is no connector for %q.", service),
			"Ask GET /api/v1/connectors for the services this server reaches.")
	}
	return d.Open(deps, credential)
}

// Capabilities are the words for what a connector can do, as the API and
// docs/connectors.md show them.
type Capabilities struct {
	Validate    bool `json:"validate"`
	ListTables  bool `json:"list_tables"`
	Describe    bool `json:"describe"`
	ReadAll     bool `json:"read_all"`
	ReadSince   bool `json:"read_since"`
	ReadByIDs   bool `json:"read_by_ids"`
	ListIDs     bool `json:"list_ids"`
	Check       bool `json:"check"`
	Prepare     bool `json:"prepare"`
	Create      bool `json:"create"`
	Update      bool `json:"update"`
	Delete      bool `json:"delete"`
	Steps       bool `json:"steps"`
	FindCreated bool `json:"find_created"`
}

// CapabilitiesOf reads them off the interfaces a connector implements.
func CapabilitiesOf(c Connector) Capabilities {
	return Capabilities{
		Validate:    can[Validator](c),
		ListTables:  can[TableLister](c),
		Describe:    can[Describer](c),
		ReadAll:     can[AllReader](c),
		ReadSince:   can[SinceReader](c),
		ReadByIDs:   can[IDReader](c),
		ListIDs:     can[IDLister](c),
		Check:       can[Checker](c),
		Prepare:     can[Preparer](c),
		Create:      can[Creator](c),
		Update:      can[Updater](c),
		Delete:      can[Deleter](c),
		Steps:       can[Stepper](c),
		FindCreated: can[CreatedFinder](c),
	}
}

func can[T any](c Connector) bool {
	_, ok := c.(T)
	return ok
}

// As gives the capability, or a typed error that says the service lacks it.
func As[T any](c Connector, tried string) (T, error) {
	capability, ok := c.(T)
	if !ok {
		return capability, &Error{
			Kind: KindUnsupported, Service: c.Service(), Tried: tried,
			Hint: "This service cannot do that; see GET /api/v1/connectors for what it can.",
		}
	}
	return capability, nil
}
