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

// Promise 10: breaks when a credential is opened and the log is not told what of
// it must never show.
func TestOpenTellsTheLogWhatToHide(t *testing.T) {
	keys, err := vault.Open(vault.Source{File: filepath.Join(t.TempDir(), "keyset"), Create: true})
	require.NoError(t, err)
	registry, err := connectors.NewRegistry(connectors.Definition{
		Service: "blog", HostChosenByUser: true,
		Credential: json.RawMessage(`{"type":"object","properties":{"site":{"type":"string"},"password":{"type":"string","writeOnly":true}}}`),
		Open:       func(connectors.Dependencies, json.RawMessage) (connectors.Connector, error) { return &opened{}, nil },
	})
	require.NoError(t, err)
	sealed, err := keys.Encrypt(t.Context(), []byte(`{"site":"https://blog.example","password":"canary"}`), vault.ConnectionContext("org_1", "con_1"))
	require.NoError(t, err)
	var hidden []string
	o := &Opener{
		Registry: registry, Vault: keys, Transport: http.DefaultTransport, Now: time.Now,
		Files: func(string) connectors.Files { return nil },
		Hide:  func(secrets ...string) { hidden = append(hidden, secrets...) },
	}
	_, _, err = o.OpenConnection(t.Context(), models.Connection{ID: "con_1", OrganizationID: "org_1", Service: "blog", Credential: sealed})
	require.NoError(t, err)
	require.Equal(t, []string{"canary"}, hidden)
}

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
