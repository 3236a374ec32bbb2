package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/scratch-platform/scratch/internal/config"
	"github.com/scratch-platform/scratch/internal/vault"
	"github.com/scratch-platform/scratch/models"
	"github.com/scratch-platform/scratch/models/store"
)

func vaultCommand() *cobra.Command {
	f := &localFlags{}
	c := parent("vault", "The keys that credentials and workflow payloads are encrypted with",
		vaultNewCommand(f), vaultStageCommand(f), vaultPromoteCommand(f),
		&cobra.Command{
			Use:   "rotate",
			Short: "Make a new key in the keyset file and seal the credentials again with it",
			Long: `Make a new key in the keyset file of this machine's data folder and seal the
stored credentials again with it. Older keys stay: workflow histories still need
them. A keyset that is configured (SCRATCH_VAULT_KEYSET) is rotated with
'scratch vault stage' and 'scratch vault promote' instead.`,
			Args: cobra.NoArgs,
			RunE: func(c *cobra.Command, _ []string) error { return rotate(c.Context(), f, f.session(c)) },
		},
		&cobra.Command{
			Use:   "rewrap",
			Short: "Seal stored credentials again with the newest key",
			Args:  cobra.NoArgs,
			RunE:  func(c *cobra.Command, _ []string) error { return rewrap(c.Context(), f, f.session(c)) },
		},
	)
	f.bind(c)
	return c
}

// newKeyset is what `vault new`, `stage` and `promote` print with --json.
type newKeyset struct {
	Keyset string `json:"keyset"`
	KeyID  string `json:"key_id,omitempty"`
}

// keyset hands out key material: on standard output for a secret store to take
// in, or into a file only its owner reads.
func (s *session) keyset(secret vault.Secret, id, output, next string) error {
	text := secret.Reveal()
	if output != "" {
		file, err := os.OpenFile(output, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return badInput("vault.file", fmt.Sprintf("Cannot make %s: %v.", plain(output), errors.Unwrap(err)), "Name a file that does not exist yet.")
		}
		_, err = file.WriteString(text + "\n")
		if err := errors.Join(err, file.Close()); err != nil {
			return withExit(exitEnvironment, fmt.Errorf("write the keyset: %w", err))
		}
		text = ""
	}
	if s.json {
		return s.show(newKeyset{text, id}, nil)
	}
	if text != "" {
		fmt.Fprintln(s.out, text)
	}
	if id != "" {
		s.say("Key %s.", id)
	}
	s.say("%s", next)
	return nil
}

func outputFlag(c *cobra.Command, output *string) *cobra.Command {
	c.Flags().StringVarP(output, "output", "o", "", "write the keyset into this new file, readable by its owner only")
	return c
}

func vaultNewCommand(f *localFlags) *cobra.Command {
	var output string
	return outputFlag(&cobra.Command{
		Use: "new", Short: "Make a keyset for SCRATCH_VAULT_KEYSET", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			secret, err := vault.NewKeyset()
			if err != nil {
				return withExit(exitEnvironment, err)
			}
			return f.session(c).keyset(secret, "", output,
				"Keep it where your other secrets are, and a copy elsewhere: without it no stored credential can be read. Every process takes it as SCRATCH_VAULT_KEYSET, or as a file by SCRATCH_VAULT_KEYSET_FILE.")
		},
	}, &output)
}

// configuredKeyset takes the keyset from an argument (@file or -) or the
// environment.
func configuredKeyset(f *localFlags, s *session, given string) (vault.Secret, error) {
	if given != "" {
		text, err := secretArgument(given, s.in)
		return vault.NewSecret(text), err
	}
	settings, err := f.settings()
	if err != nil {
		return vault.Secret{}, err
	}
	if settings.VaultKeyset.IsZero() {
		return vault.Secret{}, badInput("vault.no_keyset", "No keyset is configured.",
			"Set SCRATCH_VAULT_KEYSET or SCRATCH_VAULT_KEYSET_FILE, or give --keyset @file. A keyset file in the data folder is rotated with 'scratch vault rotate'.")
	}
	return settings.VaultKeyset, nil
}

func vaultStageCommand(f *localFlags) *cobra.Command {
	var output, given string
	c := outputFlag(&cobra.Command{
		Use: "stage", Short: "Add a key to the configured keyset without using it yet: a rotation's first step", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			s := f.session(c)
			configured, err := configuredKeyset(f, s, given)
			if err != nil {
				return err
			}
			staged, id, err := vault.StageKey(configured)
			if err != nil {
				return withExit(exitBadInput, err)
			}
			return s.keyset(staged, id.String(), output,
				"Give this keyset to every process and restart them all; then run 'scratch vault promote "+id.String()+"' with it.")
		},
	}, &output)
	c.Flags().StringVar(&given, "keyset", "", "the keyset: @file, or - to read it from standard input (else the configured one)")
	return c
}

func vaultPromoteCommand(f *localFlags) *cobra.Command {
	var output, given string
	c := outputFlag(&cobra.Command{
		Use: "promote <key id>", Short: "Make a staged key the one new values are encrypted with: a rotation's second step", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			s := f.session(c)
			id, err := strconv.ParseUint(args[0], 16, 32)
			if err != nil {
				return badInput("vault.key_id", fmt.Sprintf("%q is not a key id.", fit(args[0], 40)), "'scratch vault stage' printed it: eight hexadecimal digits.")
			}
			configured, err := configuredKeyset(f, s, given)
			if err != nil {
				return err
			}
			promoted, err := vault.PromoteKey(configured, vault.KeyID(id))
			if err != nil {
				return withExit(exitBadInput, err)
			}
			return s.keyset(promoted, args[0], output,
				"Give this keyset to every process and restart them all; then run 'scratch vault rewrap' with it. Keep the older keys in it: workflow histories still need them.")
		},
	}, &output)
	c.Flags().StringVar(&given, "keyset", "", "the keyset: @file, or - to read it from standard input (else the configured one)")
	return c
}

// rotation is what `vault rotate` and `vault rewrap` print with --json.
type rotation struct {
	KeyID   string `json:"key_id"`
	Sealed  int    `json:"sealed"` // connections sealed again
	Current int    `json:"current"`
	Left    bool   `json:"left,omitempty"` // a server holds the store; rewrap later
}

func rotate(ctx context.Context, f *localFlags, s *session) error {
	settings, err := f.settings()
	if err != nil {
		return err
	}
	keys, err := openVault(settings)
	if err != nil {
		return err
	}
	id, err := keys.Rotate()
	if err != nil {
		return withExit(exitBadInput, err)
	}
	done := rotation{KeyID: id.String()}
	err = withStore(ctx, settings, func(db *store.Store) error { return sealAgain(ctx, db, keys, &done) })
	if models.HasCode(err, "store.in_use") {
		done.Left = true
		return s.done(done, "New values are encrypted with key %s. A running Scratch holds the store: stop it and run 'scratch vault rewrap' for the stored credentials.", done.KeyID)
	}
	if err != nil {
		return err
	}
	return s.done(done, "New values are encrypted with key %s; %s sealed again.", done.KeyID, counted(int64(done.Sealed), "credential"))
}

func rewrap(ctx context.Context, f *localFlags, s *session) error {
	settings, err := f.settings()
	if err != nil {
		return err
	}
	keys, err := openVault(settings)
	if err != nil {
		return err
	}
	done := rotation{KeyID: keys.PrimaryKeyID().String()}
	if err := withStore(ctx, settings, func(db *store.Store) error { return sealAgain(ctx, db, keys, &done) }); err != nil {
		return err
	}
	return s.done(done, "%s sealed again with key %s; %s were already.", counted(int64(done.Sealed), "credential"), done.KeyID, grouped(int64(done.Current)))
}

// openVault opens the keys that are there; it makes none, or a mistyped folder
// would get a key that nothing was ever encrypted with.
func openVault(settings config.Settings) (*vault.Vault, error) {
	source := settings.VaultSource()
	source.Create = false
	keys, err := vault.Open(source)
	return keys, withExit(exitEnvironment, err)
}

// sealedPage is how many connections are looked at at once.
const sealedPage = 200

// sealAgain seals every stored credential that an older key sealed with the
// newest one (Promise 10: the ciphertext moves, the text never leaves the
// vault). One that was changed meanwhile is looked at again; one that does not
// open is named and the others are done.
func sealAgain(ctx context.Context, db *store.Store, keys *vault.Vault, done *rotation) error {
	var failed error
	after := ""
	for {
		page, err := db.System().ConnectionsAfter(ctx, after, sealedPage)
		if err != nil {
			return withExit(exitEnvironment, err)
		}
		if len(page) == 0 {
			return withExit(exitFailed, failed)
		}
		for _, c := range page {
			after = c.ID
			switch again, err := sealConnection(ctx, db, keys, c); {
			case err != nil:
				failed = errors.Join(failed, fmt.Errorf("connection %s: %w", c.ID, err))
			case again:
				done.Sealed++
			default:
				done.Current++
			}
		}
	}
}

func sealConnection(ctx context.Context, db *store.Store, keys *vault.Vault, c models.Connection) (bool, error) {
	const tries = 5
	for range tries {
		sealed := vault.Sealed(c.Credential)
		if len(sealed) == 0 || !keys.NeedsRewrap(sealed) {
			return false, nil
		}
		fresh, err := keys.Rewrap(ctx, sealed, vault.ConnectionContext(c.OrganizationID, c.ID))
		if err != nil {
			return false, err
		}
		replaced, err := db.System().ReplaceSealed(ctx, c, fresh)
		if err != nil || replaced {
			return replaced, err
		}
		c, err = db.Org(c.OrganizationID).Connection(ctx, c.ID)
		if missing(err) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
	}
	return false, errors.New("it changed each time it was to be sealed; run 'scratch vault rewrap' again")
}
