package main

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/internal/accounts"
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
	s := &system{store: db}
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
}
