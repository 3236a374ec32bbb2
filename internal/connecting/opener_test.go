package connecting

import (
	"context"
	"encoding/json"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/connectors"
	"github.com/scratch-platform/scratch/internal/vault"
	"github.com/scratch-platform/scratch/models"
)

type opened struct{ credential string }

func (*opened) Service() string { return "blog" }
func (*opened) Close() error    { return nil }

func TestOpenDecryptsForItsOwnTenantOnly(t *testing.T) {
	keys, err := vault.Open(vault.Source{File: filepath.Join(t.TempDir(), "keyset"), Create: true})
	require.NoError(t, err)
	registry, err := connectors.NewRegistry(connectors.Definition{
		Service: "blog", HostChosenByUser: true,
		Open: func(d connectors.Dependencies, credential json.RawMessage) (connectors.Connector, error) {
			require.Equal(t, "con_1", d.ConnectionID)
			require.IsType(t, gated{}, d.Transport, "every request passes the gate")
			return &opened{credential: string(credential)}, nil
		},
	})
	require.NoError(t, err)
	sealed, err := keys.Encrypt(t.Context(), []byte(`{"password":"canary"}`), vault.ConnectionContext("org_1", "con_1"))
	require.NoError(t, err)
	row := models.Connection{ID: "con_1", OrganizationID: "org_1", Service: "blog", Credential: sealed}
	o := &Opener{
		Registry:   registry,
		Connection: func(context.Context, string, string) (models.Connection, error) { return row, nil },
		Vault:      keys, Transport: http.DefaultTransport, Now: time.Now,
		Files: func(string) connectors.Files { return nil },
	}

	c, definition, err := o.Open(t.Context(), "org_1", "con_1")
	require.NoError(t, err)
	require.Equal(t, "blog", definition.Service)
	require.JSONEq(t, `{"password":"canary"}`, c.(*opened).credential)

	row.OrganizationID = "org_2"
	_, _, err = o.Open(t.Context(), "org_2", "con_1")
	require.ErrorIs(t, err, vault.ErrWrongContext)
	require.NotContains(t, err.Error(), "canary")

	row.Service = "gone"
	_, _, err = o.Open(t.Context(), "org_2", "con_1")
	require.True(t, models.HasCode(err, "connection.unknown_service"))
}
