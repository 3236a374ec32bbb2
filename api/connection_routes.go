package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/scratch-platform/scratch/connectors"
	"github.com/scratch-platform/scratch/internal/accounts"
	"github.com/scratch-platform/scratch/internal/vault"
	"github.com/scratch-platform/scratch/models"
)

// Connector is a service this server reaches.
type Connector struct {
	Service      string                  `json:"service"`
	Title        string                  `json:"title"`
	About        string                  `json:"about"`
	Credential   json.RawMessage         `json:"credential" doc:"JSON Schema of the credential; writeOnly properties are secret."`
	Settings     json.RawMessage         `json:"settings,omitempty" doc:"JSON Schema of a table's settings."`
	OAuth        bool                    `json:"oauth"`
	Capabilities connectors.Capabilities `json:"capabilities"`
	Limits       connectors.Limits       `json:"limits"`
	Cannot       []string                `json:"cannot" nullable:"false"`
}

// Connection is stored credentials for one service account, without the
// credentials.
type Connection struct {
	ID        string                 `json:"id"`
	Service   string                 `json:"service"`
	Name      string                 `json:"name"`
	State     models.ConnectionState `json:"state" enum:"ready,needs_reconnect,untested"`
	Account   string                 `json:"account,omitempty"`
	Hint      json.RawMessage        `json:"credential_hint,omitempty" doc:"The credential with its secrets masked."`
	Problem   *models.Problem        `json:"problem,omitempty"`
	CreatedAt time.Time              `json:"created_at"`
	UpdatedAt time.Time              `json:"updated_at"`
}

func showConnection(c models.Connection) Connection {
	return Connection{
		ID: c.ID, Service: c.Service, Name: c.Name, State: c.State, Account: c.Account,
		Hint: c.Hint, Problem: c.Problem, CreatedAt: c.CreatedAt, UpdatedAt: c.UpdatedAt,
	}
}

// ConnectionPath names a connection. Embedded, so exported: that is
// where huma looks.
type ConnectionPath struct {
	ID string `path:"id" maxLength:"64"`
}

type createConnection struct {
	Body struct {
		Service    string          `json:"service" maxLength:"64"`
		Name       string          `json:"name" minLength:"1" maxLength:"200"`
		Credential json.RawMessage `json:"credential"`
	}
}

type changeConnection struct {
	ConnectionPath
	Body struct {
		Name       string          `json:"name,omitempty" maxLength:"200"`
		Credential json.RawMessage `json:"credential,omitempty" doc:"In place of the stored one, as a whole. Limits that it does not name stay as they are; null takes one away."`
		Limits     json.RawMessage `json:"limits,omitempty" doc:"The credential's fields that limit requests, without the rest: requests_per_second, requests_at_once. One that is not named stays as it is; null takes it away."`
	}
}

// Check is the outcome of testing a connection.
type Check struct {
	OK      bool            `json:"ok"`
	Account string          `json:"account,omitempty"`
	Steps   []string        `json:"steps" nullable:"false"`
	Cannot  []string        `json:"cannot" nullable:"false"`
	Problem *models.Problem `json:"problem,omitempty"`
}

// RemoteTable is a table that can be added to a snapshot.
type RemoteTable struct {
	RemoteID string `json:"remote_id"`
	Name     string `json:"name"`
	Group    string `json:"group,omitempty"`
	ReadOnly bool   `json:"read_only"`
	Why      string `json:"why,omitempty"`
	Rows     *int64 `json:"rows,omitempty"`
}

func (s *server) connectionRoutes() {
	serve(s, route{method: http.MethodGet, path: "/api/v1/connectors", id: "list-connectors", summary: "The services this server reaches"}, s.listConnectors)
	serve(s, route{method: http.MethodGet, path: "/api/v1/connections", id: "list-connections", summary: "Your connections"}, s.listConnections)
	serve(s, route{method: http.MethodPost, path: "/api/v1/connections", id: "create-connection", scope: accounts.ScopeConnect, summary: "Connect a service account; it is tested at once", status: http.StatusCreated}, s.createConnection)
	serve(s, route{method: http.MethodGet, path: "/api/v1/connections/{id}", id: "get-connection", summary: "One connection"}, s.getConnection)
	serve(s, route{method: http.MethodPatch, path: "/api/v1/connections/{id}", id: "change-connection", scope: accounts.ScopeConnect, summary: "Rename, replace the credential, or change its limits"}, s.changeConnection)
	serve(s, route{method: http.MethodDelete, path: "/api/v1/connections/{id}", id: "delete-connection", scope: accounts.ScopeConnect, summary: "Forget a connection that no snapshot uses", status: noContent}, s.deleteConnection)
	serve(s, route{method: http.MethodPost, path: "/api/v1/connections/{id}/test", id: "test-connection", summary: "Test the credential"}, s.testConnection)
	serve(s, route{method: http.MethodGet, path: "/api/v1/connections/{id}/tables", id: "list-remote-tables", summary: "The tables this connection can see"}, s.listRemoteTables)
}

func (s *server) listConnectors(context.Context, *struct{}) (*body[list[Connector]], error) {
	return answer(list[Connector]{Items: ShowConnectors(s.Registry.Definitions())}), nil
}

// ShowConnectors gives services as the API shows them.
func ShowConnectors(definitions []connectors.Definition) []Connector {
	shown := make([]Connector, 0, len(definitions))
	for _, d := range definitions {
		shown = append(shown, Connector{
			Service: d.Service, Title: d.Title, About: d.About, Credential: d.Credential, Settings: d.Settings,
			OAuth: d.OAuth != nil, Capabilities: d.Capabilities, Limits: d.Limits, Cannot: append([]string{}, d.Cannot...),
		})
	}
	return shown
}

func (s *server) listConnections(ctx context.Context, in *Paging) (*body[list[Connection]], error) {
	items, next, err := s.org(ctx).ListConnections(ctx, in.page())
	if err != nil {
		return nil, err
	}
	return listOf(items, next, showConnection), nil
}

func (s *server) getConnection(ctx context.Context, in *ConnectionPath) (*body[Connection], error) {
	c, err := s.org(ctx).Connection(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return answer(showConnection(c)), nil
}

// createConnection stores the credential sealed, then tests it: a connection
// that fails its test is kept with the reason, so that nothing typed is lost.
func (s *server) createConnection(ctx context.Context, in *createConnection) (*body[Connection], error) {
	actor := actorOf(ctx)
	c := models.Connection{
		ID: models.NewID(models.PrefixConnection), OrganizationID: actor.OrganizationID,
		Service: in.Body.Service, Name: in.Body.Name, State: models.ConnectionUntested,
	}
	if err := s.seal(ctx, &c, in.Body.Credential); err != nil {
		return nil, err
	}
	if err := s.org(ctx).CreateConnection(ctx, c); err != nil {
		return nil, err
	}
	if _, err := s.check(ctx, c.ID); err != nil {
		return nil, err
	}
	return s.getConnection(ctx, &ConnectionPath{ID: c.ID})
}

func (s *server) changeConnection(ctx context.Context, in *changeConnection) (*body[Connection], error) {
	c, err := s.org(ctx).Connection(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	if in.Body.Name != "" {
		c.Name = in.Body.Name
	}
	renewed := len(in.Body.Credential) > 0
	if renewed || len(in.Body.Limits) > 0 {
		if err := s.reseal(ctx, &c, in.Body.Credential, in.Body.Limits); err != nil {
			return nil, err
		}
	}
	if renewed {
		// Promise 5: it may name another site, whose objects have ids of their own.
		c.State, c.Problem, c.Realm = models.ConnectionUntested, nil, ""
	}
	if err := s.org(ctx).UpdateConnection(ctx, c); err != nil {
		return nil, err
	}
	if renewed {
		if _, err := s.check(ctx, c.ID); err != nil {
			return nil, err
		}
	}
	return s.getConnection(ctx, &in.ConnectionPath)
}

func (s *server) deleteConnection(ctx context.Context, in *ConnectionPath) (*nothing, error) {
	return nil, s.org(ctx).DeleteConnection(ctx, in.ID)
}

func (s *server) testConnection(ctx context.Context, in *ConnectionPath) (*body[Check], error) {
	check, err := s.check(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return answer(check), nil
}

func (s *server) listRemoteTables(ctx context.Context, in *ConnectionPath) (*body[list[RemoteTable]], error) {
	ctx, cancel := context.WithTimeout(ctx, MaxServiceWait)
	defer cancel()
	c, _, err := s.Connecting.Open(ctx, actorOf(ctx).OrganizationID, in.ID)
	if err != nil {
		return nil, err
	}
	defer closeQuietly(ctx, s.Log, c)
	lister, err := connectors.As[connectors.TableLister](c, "list tables")
	if err != nil {
		return nil, err
	}
	tables, err := lister.ListTables(ctx)
	if err != nil {
		return nil, err
	}
	return listOf(tables, "", func(t connectors.TableInfo) RemoteTable {
		shown := RemoteTable{RemoteID: t.RemoteID, Name: t.Name, Group: t.Group, ReadOnly: t.ReadOnly, Why: t.Why}
		if t.Rows >= 0 {
			shown.Rows = &t.Rows
		}
		return shown
	}), nil
}

// seal checks the credential's form by opening a connector with it, then keeps
// only its ciphertext and a masked hint (Promise 10).
func (s *server) seal(ctx context.Context, c *models.Connection, credential json.RawMessage) error {
	definition, ok := s.Registry.Definition(c.Service)
	if !ok {
		return models.NewProblem(models.KindInvalid, "connection.unknown_service",
			"There is no connector for this service.", "Ask GET /api/v1/connectors for the services this server reaches.").
			WithFields(models.FieldProblem{Field: "service", Detail: "unknown: " + models.Bound(c.Service, 64)})
	}
	hint, err := connectors.CheckCredential(definition, credential)
	if err != nil {
		return err
	}
	sealed, err := s.Vault.Encrypt(ctx, credential, vault.ConnectionContext(c.OrganizationID, c.ID))
	if err != nil {
		return err
	}
	c.Credential, c.Hint, c.UploadID = sealed, hint, connectors.UploadOf(definition, credential)
	return nil
}

// reseal puts another credential, or other limits, in place of the stored ones.
// Limits alone leave the site and its secret as they are, and need no test.
func (s *server) reseal(ctx context.Context, c *models.Connection, credential, limits json.RawMessage) error {
	stored, err := s.Vault.Decrypt(ctx, vault.Sealed(c.Credential), vault.ConnectionContext(c.OrganizationID, c.ID))
	switch {
	case len(credential) > 0: // it helps also where the stored one does not open
	case err != nil:
		return fmt.Errorf("decrypt the credential of connection %s: %w", c.ID, err)
	default:
		credential = stored
	}
	whole, err := connectors.WithOwnLimits(credential, stored, limits)
	if err != nil {
		return err
	}
	return s.seal(ctx, c, whole)
}

// check tests a connection's credential and stores what came of it.
func (s *server) check(ctx context.Context, id string) (Check, error) {
	c, err := s.org(ctx).Connection(ctx, id)
	if err != nil {
		return Check{}, err
	}
	account, err := s.validate(ctx, c)
	check := Check{OK: err == nil, Account: account.Name, Steps: append([]string{}, account.Steps...), Cannot: append([]string{}, account.Cannot...)}
	c.Account, c.State, c.Problem = account.Name, models.ConnectionReady, nil
	if err == nil {
		c.Realm = account.Realm
	} else {
		refused, ok := connectors.AsError(err)
		if !ok {
			return check, err
		}
		check.Problem = refused.Problem()
		c.State, c.Problem = models.ConnectionUntested, check.Problem
		if refused.Kind == connectors.KindAuth {
			c.State = models.ConnectionNeedsReconnect
		}
	}
	return check, s.org(ctx).UpdateConnection(ctx, c)
}

func (s *server) validate(ctx context.Context, c models.Connection) (connectors.Account, error) {
	ctx, cancel := context.WithTimeout(ctx, MaxServiceWait)
	defer cancel()
	opened, _, err := s.Connecting.Open(ctx, c.OrganizationID, c.ID)
	if err != nil {
		return connectors.Account{}, err
	}
	defer closeQuietly(ctx, s.Log, opened)
	validator, err := connectors.As[connectors.Validator](opened, "test the connection")
	if err != nil {
		return connectors.Account{}, err
	}
	return validator.Validate(ctx)
}
