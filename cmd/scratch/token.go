package main

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/scratch-platform/scratch/internal/accounts"
	"github.com/scratch-platform/scratch/models"
	"github.com/scratch-platform/scratch/models/store"
)

func tokenCommand() *cobra.Command {
	f := &localFlags{}
	var name string
	create := &cobra.Command{
		Use:   "new",
		Short: "Make an API token of the installation's own account, with every right",
		Long: `Make an API token of the installation's own account, with every right: the first
one of a new installation. It is shown once. The account is made where there is
none. It works on the database itself, so it needs the server's environment; with
a token, make more of them over the API, with fewer rights.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return newToken(c, f, name) },
	}
	create.Flags().StringVar(&name, "name", "operator", "what the token is called in lists")
	c := parent("token", "API tokens, made on the server's own machine", create)
	f.bind(c)
	return c
}

// madeToken is what `token new --json` prints.
type madeToken struct {
	ID    string `json:"id"`
	Token string `json:"token"`
}

func newToken(c *cobra.Command, f *localFlags, name string) error {
	settings, err := f.settings()
	if err != nil {
		return err
	}
	return withStore(c.Context(), settings, func(s *store.Store) error {
		org, user, err := s.System().EnsureLocalAccount(c.Context())
		if err != nil {
			return withExit(exitEnvironment, err)
		}
		key := accounts.Mint(accounts.APIToken)
		token := models.APIToken{
			ID: models.NewID(models.PrefixAPIToken), OrganizationID: org.ID, UserID: user.ID,
			Name: name, Hash: key.Hash[:], Scopes: accounts.AllScopes().String(), CreatedAt: time.Now().UTC(),
		}
		if err := s.Org(org.ID).CreateToken(c.Context(), token); err != nil {
			return withExit(exitFailed, err)
		}
		return f.session(c).done(madeToken{token.ID, key.Text.Reveal()}, "%s", key.Text.Reveal())
	})
}
