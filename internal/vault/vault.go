package vault

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"sync"

	"github.com/tink-crypto/tink-go/v2/keyset"
)

// Source says where the keyset comes from. Configured wins over File.
type Source struct {
	// Configured is a keyset from the environment (see NewKeyset). The vault never
	// changes it.
	Configured Secret
	// File is a path. It is created, readable by its owner only, when it is missing
	// and Create is set.
	File   string
	Create bool
}

// Vault encrypts and decrypts. It is safe for use by many goroutines.
type Vault struct {
	source Source

	mu     sync.RWMutex
	ring   *keyring
	loaded fs.FileInfo // the keyset file as it was read; nil when configured
}

// Open loads the keyset. It fails with ErrKeyset when there is none or it cannot
// be used.
func Open(source Source) (*Vault, error) {
	v := &Vault{source: source}
	if source.Configured.IsZero() && source.File == "" {
		return nil, keysetError("open the vault", keysetHint, errors.New("no keyset is configured"))
	}
	if source.Configured.IsZero() && source.Create {
		if _, err := os.Stat(source.File); errors.Is(err, fs.ErrNotExist) {
			if err := createFile(source.File); err != nil {
				return nil, err
			}
		}
	}
	if err := v.load(); err != nil {
		return nil, err
	}
	return v, nil
}

// Encrypt seals plaintext for the place that associatedData names. The same
// associatedData must be given to Decrypt.
func (v *Vault) Encrypt(ctx context.Context, plaintext, associatedData []byte) (Sealed, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	ring := v.current()
	head := header(ring.primary, associatedData)
	body, err := ring.envelope.Encrypt(plaintext, bound(head, associatedData))
	if err != nil {
		return nil, keysetError("encrypt a value", fileHint, err)
	}
	return append(head, body...), nil
}

// Decrypt opens a sealed value. It fails with ErrUnknownKey, ErrWrongContext or
// ErrCorrupted.
func (v *Vault) Decrypt(ctx context.Context, sealed Sealed, associatedData []byte) ([]byte, error) {
	const tried = "decrypt a value"
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	id, err := sealed.KeyID()
	if err != nil {
		return nil, err
	}
	ring, err := v.ringWith(id)
	if err != nil {
		return nil, err
	}
	if !ring.known[id] {
		return nil, unknownKey(tried, id)
	}
	// Promise 11: what was stored for one organization opens for no other.
	head := header(id, associatedData)
	if string(head) != string(sealed[:headerSize]) {
		return nil, wrongContext(tried)
	}
	plaintext, err := ring.envelope.Decrypt(sealed[headerSize:], bound(head, associatedData))
	if err != nil {
		return nil, corrupted(tried)
	}
	return plaintext, nil
}

// PrimaryKeyID is the id of the key that new values are encrypted with.
func (v *Vault) PrimaryKeyID() KeyID { return v.current().primary }

// Has reports whether the keyset holds the key and may use it.
func (v *Vault) Has(id KeyID) bool { return v.current().known[id] }

// NeedsRewrap reports whether a value was encrypted with another key than the
// primary one, and should be rewrapped after a rotation.
func (v *Vault) NeedsRewrap(sealed Sealed) bool {
	id, err := sealed.KeyID()
	return err != nil || id != v.PrimaryKeyID()
}

// Rewrap seals a value again with the primary key, for the same place.
func (v *Vault) Rewrap(ctx context.Context, sealed Sealed, associatedData []byte) (Sealed, error) {
	plaintext, err := v.Decrypt(ctx, sealed, associatedData)
	if err != nil {
		return nil, err
	}
	return v.Encrypt(ctx, plaintext, associatedData)
}

// Rotate adds a key to the keyset file and makes it the primary one; the older
// keys still decrypt. Other processes on the same file pick the key up when they
// first meet a value of it. A configured keyset cannot be rotated from inside: it
// fails with ErrKeyset (use StageKey and PromoteKey).
func (v *Vault) Rotate() (KeyID, error) {
	if !v.source.Configured.IsZero() {
		return 0, keysetError("rotate the keys", "Run `scratch vault stage`, deploy its keyset everywhere, then `scratch vault promote`.",
			errors.New("the keyset comes from configuration"))
	}
	unlock, err := lockFile(v.source.File)
	if err != nil {
		return 0, err
	}
	defer unlock()
	// Read again: the file may hold keys that this process has not met yet.
	handle, err := readFile(v.source.File)
	if err != nil {
		return 0, err
	}
	next, id, err := withNewKey(handle, true)
	if err != nil {
		return 0, keysetError("rotate the keys", fileHint, err)
	}
	if err := replaceFile(v.source.File, next); err != nil {
		return 0, err
	}
	return id, v.load()
}

func (v *Vault) current() *keyring {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return v.ring
}

// ringWith returns the keyring, read again when it lacks the key and the file has
// changed since: another process may have rotated.
func (v *Vault) ringWith(id KeyID) (*keyring, error) {
	v.mu.RLock()
	ring, loaded := v.ring, v.loaded
	v.mu.RUnlock()
	if ring.known[id] || loaded == nil {
		return ring, nil
	}
	info, err := os.Stat(v.source.File)
	if err != nil || os.SameFile(info, loaded) && info.ModTime().Equal(loaded.ModTime()) {
		return ring, nil //nolint:nilerr // the caller reports the unknown key, which is what the reader must act on
	}
	if err := v.load(); err != nil {
		return nil, err
	}
	return v.current(), nil
}

func (v *Vault) load() error {
	var handle *keyset.Handle
	var info fs.FileInfo
	var err error
	if v.source.Configured.IsZero() {
		// Stat before the read: a file replaced in between is only read once more.
		if info, err = os.Stat(v.source.File); err == nil {
			handle, err = readFile(v.source.File)
		} else {
			err = keysetError("open the keyset file "+v.source.File, fileHint, err)
		}
	} else {
		handle, err = parseConfigured(v.source.Configured)
	}
	if err != nil {
		return err
	}
	ring, err := newKeyring(handle)
	if err != nil {
		return keysetError("load the keyset", keysetHint, err)
	}
	v.mu.Lock()
	v.ring, v.loaded = ring, info
	v.mu.Unlock()
	return nil
}
