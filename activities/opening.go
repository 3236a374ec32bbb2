package activities

import (
	"context"
	"fmt"
	"slices"
	"time"

	"go.temporal.io/sdk/activity"

	"github.com/scratch-platform/scratch/connectors"
	"github.com/scratch-platform/scratch/models"
)

// Opener opens the connector of a stored connection with its credential.
type Opener interface {
	Open(ctx context.Context, organizationID, connectionID string) (connectors.Connector, connectors.Definition, error)
}

// connectionStore is what opening a service needs of one organization's store.
type connectionStore interface {
	Connection(ctx context.Context, id string) (models.Connection, error)
	ConnectionRefused(ctx context.Context, opened models.Connection, problem *models.Problem) error
}

// remote is a table with its service opened.
type remote struct {
	db         connectionStore
	connection models.Connection // as it was opened
	refusal    *models.Problem   // the service refused its credential
	table      models.Table
	connector  connectors.Connector
	definition connectors.Definition
	schema     connectors.Schema
}

// heard notes an error of the service that says that its credential is refused.
func (r *remote) heard(err error) {
	if refused, ok := connectors.AsError(err); ok && refused.Kind == connectors.KindAuth {
		r.refusal = refused.Problem()
	}
}

// close ends the work that failed with the given error, if with any. A credential
// that was refused shows at its connection, where a person can mend it.
func (r *remote) close(ctx context.Context, failed error) {
	if r.connector != nil {
		_ = r.connector.Close()
	}
	r.heard(failed)
	if r.refusal == nil {
		return
	}
	if err := r.db.ConnectionRefused(context.WithoutCancel(ctx), r.connection, r.refusal); err != nil {
		activity.GetLogger(ctx).Warn("a connection could not be shown as refused", "connection", r.connection.ID, "error", err)
	}
}

// openTable opens the service of a table. The caller closes it.
func openTable(ctx context.Context, opener Opener, db connectionStore, table models.Table) (*remote, error) {
	// Read before it is opened: a credential that was renewed in between is not
	// the one to be shown as refused.
	connection, err := db.Connection(ctx, table.ConnectionID)
	if err != nil {
		return nil, fmt.Errorf("open the service of table %s: %w", table.ID, err)
	}
	r := &remote{db: db, connection: connection, table: table, schema: schemaOf(table)}
	if r.connector, r.definition, err = opener.Open(ctx, table.OrganizationID, table.ConnectionID); err != nil {
		r.close(ctx, err)
		return nil, fmt.Errorf("open the service of table %s: %w", table.ID, err)
	}
	return r, nil
}

// schemaOf gives a stored table as connectors know it: the service's own
// columns that it still has.
func schemaOf(table models.Table) connectors.Schema {
	columns := slices.DeleteFunc(slices.Clone(table.Columns), func(c models.Column) bool { return !c.AtService() })
	return connectors.Schema{
		RemoteID: table.RemoteID, Name: table.Name, ReadOnly: table.ReadOnly, Why: table.ReadOnlyWhy,
		Columns: columns, Settings: table.Settings,
	}
}

// Wait tells a workflow to come back later: a rate limit, or a service that is
// away. It spends no attempts.
type Wait struct {
	For     time.Duration   `json:"for"`
	Problem *models.Problem `json:"problem"`
}

// waitFor reads a wait off an error that a later try may cure; ok is false for
// any other.
func waitFor(ctx context.Context, err error, tries int) (Wait, bool) {
	if ctx.Err() != nil {
		return Wait{}, false // the caller was stopped, not the service
	}
	refused, ok := connectors.AsError(err)
	if !ok || !refused.Retryable() {
		return Wait{}, false
	}
	wait := refused.Wait
	if wait <= 0 {
		wait = min(time.Second<<min(tries, 6), time.Minute) // 1, 2, 4 … 60 s
	}
	return Wait{For: wait, Problem: refused.Problem()}, true
}
