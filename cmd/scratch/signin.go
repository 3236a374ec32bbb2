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
	c := &cobra.Command{
		Use:   "sign-in",
		Short: "Make a one-time link that signs a browser in to the installation's own account",
		Long: `Make a one-time link that signs a browser in to the installation's own account,
which is made where there is none. The link leads to SCRATCH_PUBLIC_URL, works once
and for twelve hours; whoever opens it first is in, so hand it over with care. It
works on the database itself, so it needs the server's environment; 'scratch dev'
prints such a link by itself.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return newSignIn(c, f) },
	}
	f.bind(c)
	return c
}

// madeLink is what `sign-in --json` prints.
type madeLink struct {
	Link      string    `json:"link"`
	ExpiresAt time.Time `json:"expires_at"`
}

func newSignIn(c *cobra.Command, f *localFlags) error {
	settings, err := f.settings()
	if err != nil {
		return err
	}
	return withStore(c.Context(), settings, func(s *store.Store) error {
		made, err := signInLink(c.Context(), s, settings.BaseURL())
		if err != nil {
			return withExit(exitEnvironment, err)
		}
		return f.session(c).done(made, "%s", made.Link)
	})
}

// signInLink makes a link of the installation's own account, at the address
// users reach the server under.
func signInLink(ctx context.Context, s *store.Store, base string) (madeLink, error) {
	org, user, err := s.System().EnsureLocalAccount(ctx)
	if err != nil {
		return madeLink{}, err
	}
	secret, once := accounts.NewSignInLink(org.ID, user.ID, s.Now())
	if err := s.System().CreateSignInLink(ctx, once.Hash[:], user, once.ExpiresAt); err != nil {
		return madeLink{}, err
	}
	return madeLink{Link: base + "/sign-in?key=" + secret.Reveal(), ExpiresAt: once.ExpiresAt.UTC()}, nil
}
