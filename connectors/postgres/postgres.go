package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/scratch-platform/scratch/connectors"
)

// Service is the connector's name in the registry and the API.
const Service = "postgres"

const (
	// A page is full at either bound; the store's transactions are of the same
	// size, so a page is one of them.
	pageRows  = 1000
	pageBytes = 4 << 20

	batchSize = 50
	lookSize  = 1000

	// requestTimeout bounds a batch from its first word to COMMIT's answer.
	requestTimeout = 30 * time.Second
	// commitBy is when a batch that has not come to its COMMIT gives up: what is
	// left of requestTimeout is for the COMMIT itself.
	commitBy = 20 * time.Second
)

var limits = connectors.Limits{
	// Small servers take some twenty connections in all.
	InFlight: 8,
	PageSize: pageRows,
	// One stream of one query is what a server sends fastest per unit of its
	// work; ranges side by side would each pay for a plan and a connection.
	PagesAhead: 1,
	ReadByIDs:  lookSize, CreateBatch: batchSize, UpdateBatch: batchSize, DeleteBatch: batchSize,
	RequestTimeout: requestTimeout,
}

const settingsForm = `{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "type": "object",
  "title": "How the table is read",
  "additionalProperties": false,
  "properties": {
    "identity": {
      "type": "array", "items": {"type": "string"}, "maxItems": 10, "uniqueItems": true, "title": "Identity columns",
      "description": "Of a view, or a table without a key: columns that together tell the rows apart. Without, such a table is read-only and a row that changes counts as another one."
    },
    "changed_column": {
      "type": "string", "title": "Column of changes",
      "description": "A date, time or whole number that grows whenever a row changes, such as updated_at. With it, incremental downloads read only what changed."
    },
    "overlap": {
      "type": "integer", "minimum": 0, "maximum": 31536000, "title": "Overlap",
      "description": "How far an incremental download reaches back before the last one, for transactions that commit late: seconds (600 when absent), or, where the column is a number, its units (1000 when absent)."
    }
  }
}`

// Definition is the service as the registry knows it.
func Definition() connectors.Definition {
	return connectors.Definition{
		Service:      Service,
		Title:        "PostgreSQL",
		About:        "Tables and views of a PostgreSQL database of your own.",
		Credential:   json.RawMessage(credentialForm),
		Settings:     json.RawMessage(settingsForm),
		Limits:       limits,
		Capabilities: connectors.CapabilitiesOf(&Connector{}),
		Cannot: []string{
			"write to a table without a primary key or a unique index over columns that are never null, unless identity columns are chosen for it",
			"change the key of a row that exists: create a new row and delete the old one",
			"create rows where a trigger gives them another key than they were inserted with",
			"tell a JSON null from no value, or keep the spacing and repeated keys of the type json",
			"tell a row that was deleted from one that row security hides: rows of such a table that are no longer shown are kept here",
			"see deletions in an incremental download: the next full one finds them",
			"read a row of more than 32 MB: it is left out, and named in a warning",
			"servers older than PostgreSQL 12, Unix sockets, and sign-in by Kerberos or client certificate",
		},
		HostChosenByUser: true,
		Open:             Open,
	}
}

// Connector is one role at one database. A connection that a call is done with
// is kept for the next one, until Close.
type Connector struct {
	deps   connectors.Dependencies
	config *pgconn.Config
	target credential
	secret *connectors.Redactor
	// pageTime is when a page that has rows is given though it is not full.
	pageTime time.Duration

	mu     sync.Mutex
	idle   []*pgconn.PgConn
	closed bool
}

// What the connector can do.
var (
	_ connectors.Connector     = (*Connector)(nil)
	_ connectors.Validator     = (*Connector)(nil)
	_ connectors.TableLister   = (*Connector)(nil)
	_ connectors.Describer     = (*Connector)(nil)
	_ connectors.Outliner      = (*Connector)(nil)
	_ connectors.AllReader     = (*Connector)(nil)
	_ connectors.SinceReader   = (*Connector)(nil)
	_ connectors.IDReader      = (*Connector)(nil)
	_ connectors.Preparer      = (*Connector)(nil)
	_ connectors.Creator       = (*Connector)(nil)
	_ connectors.Updater       = (*Connector)(nil)
	_ connectors.Deleter       = (*Connector)(nil)
	_ connectors.CreatedFinder = (*Connector)(nil)
)

// Open makes the connector of one database. It does no input or output.
func Open(deps connectors.Dependencies, raw json.RawMessage) (connectors.Connector, error) {
	target, err := readCredential(raw)
	if err != nil {
		return nil, err
	}
	if deps.Dial == nil {
		return nil, &connectors.Error{Kind: connectors.KindInternal, Service: Service, Tried: "open the connection", Code: "no_dial", Reason: "this process has no way to reach databases"}
	}
	if deps.Now == nil {
		deps.Now = time.Now
	}
	c := &Connector{deps: deps, target: target, secret: connectors.NewRedactor(target.secrets()...), pageTime: pageTime}
	if c.config, err = c.configure(); err != nil {
		return nil, c.fault(context.Background(), "read the credential", "", err)
	}
	return c, nil
}

// Service names the registry entry.
func (c *Connector) Service() string { return Service }

// Close ends the connections that were kept.
func (c *Connector) Close() error {
	c.mu.Lock()
	idle := c.idle
	c.idle, c.closed = nil, true
	c.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), closeTime)
	defer cancel()
	for _, conn := range idle {
		_ = conn.Close(ctx) // it is given up either way
	}
	return nil
}

// errNoSelect is for a table of which no column may be read.
var errNoSelect = errors.New("no column may be read")
