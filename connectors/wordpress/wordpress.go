package wordpress

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/scratch-platform/scratch/connectors"
)

// Service is the connector's name in the registry and the API.
const Service = "wordpress"

// Sizes the service sets, and what a site bears: core has no rate limit, but
// its hosts answer 429 and 503 to more than a few requests side by side.
const (
	pageSize   = 100 // core's per_page maximum
	pagesAhead = 4
	batchSize  = 25 // core's default limit of batch/v1
)

// limits is what a plan, a page reader and the shared client go by.
var limits = connectors.Limits{
	InFlight: pagesAhead, PageSize: pageSize, PagesAhead: pagesAhead, ReadByIDs: pageSize,
	CreateBatch: batchSize, UpdateBatch: batchSize, DeleteBatch: batchSize,
	RequestTimeout: 30 * time.Second,
	// Replicas and object caches in front of a site's database.
	LookupLag: 6 * time.Second,
}

//nolint:gosec // a form with a field named password, no password
const credentialForm = `{
  "type": "object",
  "title": "WordPress site",
  "required": ["site", "username", "password"],
  "additionalProperties": false,
  "properties": {
    "site": {"type": "string", "title": "Site address", "minLength": 4, "maxLength": 2000,
      "description": "As a browser shows it, such as https://blog.example or https://example.org/blog."},
    "username": {"type": "string", "title": "User name or e-mail", "minLength": 1, "maxLength": 200},
    "password": {"type": "string", "title": "Application password", "minLength": 1, "maxLength": 200, "writeOnly": true,
      "description": "Made under Users → Profile → Application Passwords; not the password you sign in with."},
    "requests_per_second": {"type": "number", "title": "Requests a second, at most", "minimum": 0.5, "maximum": 100,
      "description": "Where the site's host or firewall has a limit. They are sent evenly, by all of Scratch together. No limit when left out."},
    "requests_at_once": {"type": "integer", "title": "Requests at once, at most", "minimum": 1, "maximum": 4,
      "description": "4 when left out. A small site is slowed down less by 1 or 2."}
  }
}`

// Definition is the service as the registry knows it.
func Definition() connectors.Definition {
	return connectors.Definition{
		Service:      Service,
		Title:        "WordPress",
		About:        "Posts, pages, categories and tags of a WordPress site, with the block editor's own text.",
		Credential:   json.RawMessage(credentialForm),
		Limits:       limits,
		Capabilities: connectors.CapabilitiesOf(&Connector{}),
		Cannot: []string{
			"WordPress.com sites without application passwords",
			"change users or media; both are read as references",
			"keep two people from saving one post at the same moment: WordPress has no precondition on writes, so a record is read again just before it is written",
		},
		HostChosenByUser: true,
		Open:             Open,
	}
}

// Connector is one account at one site.
type Connector struct {
	deps   connectors.Dependencies
	cred   credential
	client *connectors.HTTPClient

	mu   sync.Mutex
	site *site // once found

	noBatch  atomic.Bool // the site refused batch/v1
	noDelete atomic.Bool // the host refused DELETE
}

// What the connector can do.
var (
	_ connectors.Connector     = (*Connector)(nil)
	_ connectors.Validator     = (*Connector)(nil)
	_ connectors.TableLister   = (*Connector)(nil)
	_ connectors.Describer     = (*Connector)(nil)
	_ connectors.AllReader     = (*Connector)(nil)
	_ connectors.SinceReader   = (*Connector)(nil)
	_ connectors.IDLister      = (*Connector)(nil)
	_ connectors.IDReader      = (*Connector)(nil)
	_ connectors.Checker       = (*Connector)(nil)
	_ connectors.Creator       = (*Connector)(nil)
	_ connectors.Updater       = (*Connector)(nil)
	_ connectors.Deleter       = (*Connector)(nil)
	_ connectors.CreatedFinder = (*Connector)(nil)
)

type credential struct {
	Site     string `json:"site"`
	Username string `json:"username"`
	Password string `json:"password"`
}

// Open makes the connector of one account. It does no input or output.
func Open(deps connectors.Dependencies, raw json.RawMessage) (connectors.Connector, error) {
	var cred credential
	if err := json.Unmarshal(raw, &cred); err != nil {
		return nil, invalidCredential("the credential is not the form's JSON", "")
	}
	address, err := siteAddress(cred.Site)
	if err != nil {
		return nil, err
	}
	cred.Site = address
	if cred.Username == "" || strings.TrimSpace(cred.Password) == "" {
		return nil, invalidCredential("user name or application password is empty", "")
	}
	if strings.Contains(cred.Username, ":") {
		// Basic authentication cannot carry a colon in the name.
		return nil, invalidCredential("the user name holds a colon", "Use the account's e-mail address in place of its name.")
	}
	if deps.Now == nil {
		deps.Now = time.Now
	}
	c := &Connector{deps: deps, cred: cred}
	c.client, err = connectors.NewHTTPClient(connectors.HTTPConfig{
		Service: Service, Transport: deps.Transport, Limiter: deps.Limiter, Own: deps.Own, Now: deps.Now,
		Claims:  []connectors.Claim{{Key: deps.ConnectionID, Rate: connectors.Rate{InFlight: limits.InFlight}}},
		Timeout: limits.RequestTimeout, MaxBody: 64 << 20,
		Secrets: []string{cred.Password},
		Explain: explain,
		Authorize: func(_ context.Context, r *http.Request) error {
			r.SetBasicAuth(cred.Username, cred.Password)
			return nil
		},
	})
	if err != nil {
		return nil, err
	}
	return c, nil
}

func invalidCredential(reason, hint string) error {
	return &connectors.Error{Kind: connectors.KindInvalid, Service: Service, Tried: "read the credential", Code: "credential_invalid", Reason: reason, Hint: hint}
}

// Service names the registry entry.
func (c *Connector) Service() string { return Service }

// Close gives up nothing: connections belong to the shared transport.
func (c *Connector) Close() error { return nil }

// do sends a request to a route of the API, such as "wp/v2/posts".
func (c *Connector) do(ctx context.Context, route string, req connectors.HTTPRequest) (*connectors.HTTPAnswer, error) {
	s, err := c.find(ctx)
	if err != nil {
		return nil, err
	}
	req.URL = s.address(route)
	return c.client.Do(ctx, req)
}
