package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/scratch-platform/scratch/internal/accounts"
	"github.com/scratch-platform/scratch/models/store"
)

func signInCommand() *cobra.Command {
	f := &localFlags{}
	var operator bool
	c := &cobra.Command{
		Use:   "sign-in",
		Short: "Make a one-time link that signs a browser in to the installation's own account",
		Long: `Make a one-time link that signs a browser in to the installation's own account,
which is made where there is none. The link leads to SCRATCH_PUBLIC_URL, works once
and for twelve hours; whoever opens it first is in, so hand it over with care. It
works on the database itself, so it needs the server's environment; 'scratch dev'
prints such a link by itself.

With --operator, Temporal's Web UI shows what workflows were given and answered, of
every organization, in the browser that opens the link, for twelve hours.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return newSignIn(c, f, operator) },
	}
	f.bind(c)
	c.Flags().BoolVar(&operator, "operator", false, "let that browser read workflows' payloads in Temporal's Web UI for twelve hours")
	return c
}

// madeLink is what `sign-in --json` prints.
type madeLink struct {
	Link      string    `json:"link"`
	ExpiresAt time.Time `json:"expires_at"`
	Operator  bool      `json:"operator"`
}

func newSignIn(c *cobra.Command, f *localFlags, operator bool) error {
	settings, err := f.settings()
	if err != nil {
		return err
	}
	return withStore(c.Context(), settings, func(s *store.Store) error {
		made, err := signInLink(c.Context(), s, settings.BaseURL(), operator)
		if err != nil {
			return withExit(exitEnvironment, err)
		}
		return f.session(c).done(made, "%s", made.Link)
	})
}

// signInLink makes a link of the installation's own account, at the address
// users reach the server under.
func signInLink(ctx context.Context, s *store.Store, base string, operator bool) (madeLink, error) {
	org, user, err := s.System().EnsureLocalAccount(ctx)
	if err != nil {
		return madeLink{}, err
	}
	key, expires := accounts.NewSignInLink(s.Now())
	link := store.SignInLink{Hash: key.Hash[:], OrganizationID: org.ID, UserID: user.ID, Operator: operator, ExpiresAt: expires}
	if err := s.System().CreateSignInLink(ctx, link); err != nil {
		return madeLink{}, err
	}
	return madeLink{Link: base + "/sign-in?key=" + key.Text.Reveal(), ExpiresAt: expires.UTC(), Operator: operator}, nil
}
