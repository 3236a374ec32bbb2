package vault

import (
	"errors"
	"fmt"

	"github.com/scratch-platform/scratch/models"
)

// What can go wrong, for errors.Is. Every failure of this package that a person
// can act on is a *models.Problem that wraps one of these; none holds plaintext,
// ciphertext or key material.
var (
	// ErrUnknownKey: the value was encrypted with a key that is not in the keyset.
	ErrUnknownKey = errors.New("key not in the keyset")
	// ErrCorrupted: the value is not one of ours, or was changed after it was encrypted.
	ErrCorrupted = errors.New("value corrupted")
	// ErrWrongContext: the value belongs to another place (its associated data differs).
	ErrWrongContext = errors.New("value belongs elsewhere")
	// ErrKeyset: the keyset itself cannot be read, written or used.
	ErrKeyset = errors.New("keyset unusable")
)

func unknownKey(tried string, id KeyID) error {
	return models.NewProblem(models.KindInternal, "vault.unknown_key",
		fmt.Sprintf("cannot %s: key %s is not in the keyset", tried, id),
		"Start with the keyset that this data was written with (the keyset file in the data directory, or SCRATCH_VAULT_KEYSET); "+
			"if it is gone, the credentials must be entered again.").Because(ErrUnknownKey)
}

func corrupted(tried string) error {
	return models.NewProblem(models.KindInternal, "vault.corrupted",
		fmt.Sprintf("cannot %s: it was changed or cut short after it was encrypted", tried),
		"Restore the value from a backup, or enter the credential again.").Because(ErrCorrupted)
}

func wrongContext(tried string) error {
	return models.NewProblem(models.KindInternal, "vault.wrong_context",
		fmt.Sprintf("cannot %s: it was stored for another organization or connection", tried),
		"Encrypted values cannot be moved between rows. Enter the credential again.").Because(ErrWrongContext)
}

func keysetError(tried, hint string, cause error) error {
	return models.NewProblem(models.KindInternal, "vault.keyset",
		fmt.Sprintf("cannot %s: %v", tried, cause), hint).Because(fmt.Errorf("%w: %w", ErrKeyset, cause))
}
