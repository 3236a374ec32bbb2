package main

import (
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/internal/accounts"
	"github.com/scratch-platform/scratch/internal/config"
	"github.com/scratch-platform/scratch/models"
	"github.com/scratch-platform/scratch/models/store"
)

// Promise 11: breaks when a token without the scope to operate decodes payloads,
// which are every organization's.
func TestOnlyOperatorsDecodePayloads(t *testing.T) {
	db, err := store.Open(t.Context(), store.Config{URL: filepath.Join(t.TempDir(), "scratch.db")})
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	require.NoError(t, db.Migrate(t.Context()))
	org, user, err := db.System().EnsureLocalAccount(t.Context())
	require.NoError(t, err)
	s := &system{store: db, settings: config.Settings{PublicURL: "https://scratch.example"}}
	for scopes, may := range map[string]bool{
		accounts.AllScopes().String(): true, accounts.AllScopes().Without(accounts.ScopeOperate).String(): false,
	} {
		key := accounts.Mint(accounts.APIToken)
		require.NoError(t, db.Org(org.ID).CreateToken(t.Context(), models.APIToken{
			ID: models.NewID(models.PrefixAPIToken), OrganizationID: org.ID, UserID: user.ID, Name: "t", Hash: key.Hash[:], Scopes: scopes, CreatedAt: time.Now(),
		}))
		err := s.checkOperator(t.Context(), key.Text.Reveal())
		require.Equal(t, may, err == nil, "%s: %v", scopes, err)
	}

	later, before := db.Now().Add(time.Hour), db.Now().Add(-time.Second)
	for name, c := range map[string]struct {
		until *time.Time
		may   bool
	}{"an operator's session": {&later, true}, "one that was an operator's": {&before, false}, "an ordinary session": {nil, false}} {
		secret, session := accounts.NewSession(org.ID, user.ID, db.Now())
		require.NoError(t, db.System().CreateSession(t.Context(), store.Session{
			Hash: session.Hash[:], OrganizationID: org.ID, UserID: user.ID, ExpiresAt: session.ExpiresAt, OperatesUntil: c.until,
		}))
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "https://scratch.example/codec/decode", nil)
		require.Error(t, s.checkOperatorSession(r), "nobody is signed in")
		r.AddCookie(accounts.CookieFor(r, s.settings.PublicURL).Set(secret, session.ExpiresAt))
		err := s.checkOperatorSession(r)
		require.Equal(t, c.may, err == nil, "%s: %v", name, err)
	}
}

func TestWhereTemporalsWebUIIs(t *testing.T) {
	for address, want := range map[string][2]string{
		"":                                 {"", ""},
		"http://127.0.0.1:8233":            {"http://127.0.0.1:8233", "http://127.0.0.1:8233/namespaces/scratch"},
		"https://ops.example.com/temporal": {"https://ops.example.com", "https://ops.example.com/temporal/namespaces/scratch"},
	} {
		origin, page := temporalUI(address, "scratch")
		require.Equal(t, want, [2]string{origin, page}, address)
	}
}
