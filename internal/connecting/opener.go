package connecting

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/scratch-platform/scratch/connectors"
	"github.com/scratch-platform/scratch/internal/telemetry/traces"
	"github.com/scratch-platform/scratch/internal/vault"
	"github.com/scratch-platform/scratch/models"
)

// Opener opens connectors. All fields are needed but Log and those that say so; it is safe for use
// by several goroutines and never changed after it was made.
type Opener struct {
	Registry *connectors.Registry
	// Connection reads a stored connection of an organization, or fails with
	// "connection.not_found".
	Connection func(ctx context.Context, organizationID, connectionID string) (models.Connection, error)
	Vault      *vault.Vault
	// Transport carries every request; it holds the dial-time guard.
	Transport http.RoundTripper
	// Trusted carries requests to services whose host no user chooses; nil
	// takes Transport for them too.
	Trusted http.RoundTripper
	// Dial reaches services that do not speak HTTP, with the same guard.
	Dial    func(ctx context.Context, network, address string) (net.Conn, error)
	Limiter connectors.Limiter
	// Files opens an organization's uploads.
	Files func(organizationID string) connectors.Files
	// Hide is told each secret that was decrypted, so that nothing it appears in
	// is logged; nil tells nobody.
	Hide func(secrets ...string)
	// Meter counts requests to services and waits for their limits; nil counts
	// nothing.
	Meter Meter
	// Spans traces them; nil traces nothing.
	Spans *traces.Traces
	Now   func() time.Time
	Log   *slog.Logger
}

// Open makes the connector of a connection. The caller closes it. Errors are
// *models.Problem or *connectors.Error and hold nothing of the credential
// (Promise 10).
func (o *Opener) Open(ctx context.Context, organizationID, connectionID string) (connectors.Connector, connectors.Definition, error) {
	connection, err := o.Connection(ctx, organizationID, connectionID)
	if err != nil {
		return nil, connectors.Definition{}, fmt.Errorf("open connection %s: %w", connectionID, err)
	}
	return o.OpenConnection(ctx, connection)
}

// OpenConnection is Open for a connection the caller has at hand, stored or
// about to be.
func (o *Opener) OpenConnection(ctx context.Context, connection models.Connection) (connectors.Connector, connectors.Definition, error) {
	definition, ok := o.Registry.Definition(connection.Service)
	if !ok {
		return nil, connectors.Definition{}, models.NewProblem(models.KindInvalid, "connection.unknown_service",
			fmt.Sprintf("There is no connector for %q.", models.Bound(connection.Service, 64)),
			"Ask GET /api/v1/connectors for the services this server reaches.")
	}
	// The credential is bound to this organization and connection: one copied
	// into another tenant's row does not open (Promise 11).
	credential, err := o.Vault.Decrypt(ctx, vault.Sealed(connection.Credential),
		vault.ConnectionContext(connection.OrganizationID, connection.ID))
	if err != nil {
		return nil, connectors.Definition{}, fmt.Errorf("decrypt the credential of connection %s: %w", connection.ID, err)
	}
	if o.Hide != nil { // Promise 10: whatever quotes it, no log line shows it
		o.Hide(connectors.SecretsOf(definition, credential)...)
	}
	connector, err := definition.Open(o.dependencies(connection, definition, credential), credential)
	if err != nil {
		return nil, connectors.Definition{}, fmt.Errorf("open connection %s: %w", connection.ID, err)
	}
	return connector, definition, nil
}

func (o *Opener) dependencies(connection models.Connection, definition connectors.Definition, credential json.RawMessage) connectors.Dependencies {
	log := o.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	transport := o.Transport
	if !definition.HostChosenByUser && o.Trusted != nil {
		transport = o.Trusted
	}
	return connectors.Dependencies{
		ConnectionID: connection.ID,
		Transport:    gated{next: o.watched(transport, definition.Service), service: definition.Service},
		Dial:         gatedDial(o.Dial, definition.Service),
		MayStart:     MayStart,
		Watch:        o.watch(definition.Service),
		Limiter:      o.waiting(definition.Service),
		Own:          o.own(connection, definition, credential),
		Files:        o.Files(connection.OrganizationID),
		Now:          o.Now,
		Log:          log.With("connection", connection.ID, "service", definition.Service),
	}
}

// watched has the requests of a service counted and traced.
func (o *Opener) watched(next http.RoundTripper, service string) http.RoundTripper {
	if o.Meter == nil && o.Spans == nil {
		return next
	}
	return watched{next: next, service: service, meter: o.Meter, spans: o.Spans, now: o.Now}
}

// waiting has its waits counted and traced.
func (o *Opener) waiting(service string) connectors.Limiter {
	if o.Limiter == nil || o.Meter == nil && o.Spans == nil {
		return o.Limiter
	}
	return waiting{next: o.Limiter, service: service, meter: o.Meter, spans: o.Spans, now: o.Now}
}

// watch has the exchanges of a service that does not speak HTTP counted and
// traced.
func (o *Opener) watch(service string) func(context.Context, string) (context.Context, func(error)) {
	if o.Meter == nil && o.Spans == nil {
		return nil
	}
	return func(ctx context.Context, what string) (context.Context, func(error)) {
		begun := o.Now()
		ctx, endSpan := o.Spans.Exchange(ctx, service, what)
		return ctx, func(err error) {
			outcome := exchanged(err)
			endSpan(outcome, err != nil)
			if o.Meter != nil {
				o.Meter.Requested(service, outcome, o.Now().Sub(begun))
			}
		}
	}
}
