package connecting

import (
	"context"
	"encoding/json"
	"sync"
	"time"

	"github.com/scratch-platform/scratch/connectors"
	"github.com/scratch-platform/scratch/internal/vault"
	"github.com/scratch-platform/scratch/models"
)

// ownAge is for how long a look at a connection's own limits is good: what a
// person changes counts for requests that start so much later, also of jobs that
// run already.
const ownAge = 2 * time.Second

// ownLimits are one opened connection's own limits, looked up again and again
// while it is in use.
type ownLimits struct {
	opener     *Opener
	definition connectors.Definition

	mu         sync.Mutex
	connection models.Connection // as it was read last
	limits     connectors.OwnLimits
	looked     time.Time
}

// own gives what Dependencies.Own is, nil for services whose form has no limits.
func (o *Opener) own(connection models.Connection, definition connectors.Definition, credential json.RawMessage) func(context.Context) connectors.OwnLimits {
	if !connectors.TakesOwnLimits(definition) {
		return nil
	}
	own := &ownLimits{
		opener: o, definition: definition, connection: connection,
		limits: connectors.OwnLimitsOf(definition, credential), looked: o.Now(),
	}
	return own.now
}

// now gives the limits. One caller at a time looks; where the look fails, what
// was known counts on: the work itself will meet what is wrong.
func (l *ownLimits) now(ctx context.Context) connectors.OwnLimits {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.opener.Now()
	if l.opener.Connection == nil || now.Sub(l.looked) < ownAge {
		return l.limits
	}
	l.looked = now
	stored, err := l.opener.Connection(ctx, l.connection.OrganizationID, l.connection.ID)
	if err != nil || stored.Version == l.connection.Version {
		return l.limits
	}
	credential, err := l.opener.Vault.Decrypt(ctx, vault.Sealed(stored.Credential), vault.ConnectionContext(stored.OrganizationID, stored.ID))
	if err != nil {
		return l.limits
	}
	l.connection, l.limits = stored, connectors.OwnLimitsOf(l.definition, credential)
	return l.limits
}
