package activities

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/scratch-platform/scratch/connectors"
	"github.com/scratch-platform/scratch/models"
)

// Opener opens the connector of a stored connection with its credential.
type Opener interface {
	Open(ctx context.Context, organizationID, connectionID string) (connectors.Connector, connectors.Definition, error)
}

// remote is a table with its service opened.
type remote struct {
	table      models.Table
	connector  connectors.Connector
	definition connectors.Definition
	schema     connectors.Schema
}

func (r *remote) close() { _ = r.connector.Close() }

// openTable opens the service of a table. The caller closes it.
func openTable(ctx context.Context, opener Opener, table models.Table) (*remote, error) {
	connector, definition, err := opener.Open(ctx, table.OrganizationID, table.ConnectionID)
	if err != nil {
		return nil, fmt.Errorf("open the service of table %s: %w", table.ID, err)
	}
	return &remote{table: table, connector: connector, definition: definition, schema: schemaOf(table)}, nil
}

// schemaOf gives a stored table as connectors know it: the service's own
// columns that it still has.
func schemaOf(table models.Table) connectors.Schema {
	columns := slices.DeleteFunc(slices.Clone(table.Columns), func(c models.Column) bool { return c.Local || c.Removed })
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
