package connecting

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/connectors"
	"github.com/scratch-platform/scratch/internal/vault"
	"github.com/scratch-platform/scratch/models"
)

// Breaks when a running job does not heed a limit that a person lowers, when it
// asks the store before each request, or when a store that is away lifts the
// limit.
func TestALimitCountsForWhatRunsAlready(t *testing.T) {
	keys, err := vault.Open(vault.Source{File: filepath.Join(t.TempDir(), "keyset"), Create: true})
	require.NoError(t, err)
	seal := func(credential string) []byte {
		sealed, err := keys.Encrypt(t.Context(), []byte(credential), vault.ConnectionContext("org_1", "con_1"))
		require.NoError(t, err)
		return sealed
	}
	var given connectors.Dependencies
	definition := connectors.Definition{
		Service: "blog", Credential: json.RawMessage(`{"properties":{"requests_at_once":{"type":"integer"}}}`),
		Open: func(d connectors.Dependencies, _ json.RawMessage) (connectors.Connector, error) {
			given = d
			return &opened{}, nil
		},
	}
	plain := definition
	plain.Service, plain.Credential = "plain", json.RawMessage(`{"properties":{}}`)
	registry, err := connectors.NewRegistry(definition, plain)
	require.NoError(t, err)
	row := models.Connection{ID: "con_1", OrganizationID: "org_1", Service: "blog", Credential: seal(`{"requests_at_once":3}`), Version: 1}
	looks, away, now := 0, error(nil), time.Unix(1e9, 0)
	o := &Opener{
		Registry: registry, Vault: keys, Transport: http.DefaultTransport, Now: func() time.Time { return now },
		Files: func(string) connectors.Files { return nil },
		Connection: func(_ context.Context, organization, _ string) (models.Connection, error) {
			require.Equal(t, "org_1", organization)
			looks++
			return row, away
		},
	}
	_, _, err = o.OpenConnection(t.Context(), row)
	require.NoError(t, err)
	atOnce := func() int { return given.Own(t.Context()).AtOnce }
	require.Equal(t, 3, atOnce())
	row.Credential, row.Version = seal(`{"requests_at_once":1}`), 2
	require.Equal(t, 3, atOnce())
	require.Zero(t, looks, "the store is not asked before each request")
	now = now.Add(ownAge)
	require.Equal(t, 1, atOnce())
	away = errors.New("the store is away")
	row.Credential, row.Version = seal(`{}`), 3
	now = now.Add(ownAge)
	require.Equal(t, 1, atOnce())
	away, now = nil, now.Add(ownAge)
	require.Zero(t, atOnce(), "it was taken away")
	require.Equal(t, 3, looks)

	row.Service = "plain"
	_, _, err = o.OpenConnection(t.Context(), row)
	require.NoError(t, err)
	require.Nil(t, given.Own, "a service that takes none is not looked up for them")
}
