package vault

import (
	"bytes"
	"encoding/base64"
	"errors"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// The keyset's keys only ever wrap data keys. XChaCha20-Poly1305 has 192-bit
// nonces, so the number of values is not bounded by chance collisions as it is
// with AES-GCM (2^32 per key). Each data key encrypts one value.
var (
	wrappingKey = aead.XChaCha20Poly1305KeyTemplate()
	dataKey     = aead.AES256GCMKeyTemplate()
)

// keyring is one loaded keyset, ready for use. It never changes.
type keyring struct {
	handle   *keyset.Handle
	primary  KeyID
	known    map[KeyID]bool
	envelope tink.AEAD
}

func newKeyring(handle *keyset.Handle) (*keyring, error) {
	primary, err := handle.Primary()
	if err != nil {
		return nil, err
	}
	wrap, err := aead.New(handle)
	if err != nil {
		return nil, err
	}
	ring := &keyring{
		handle:   handle,
		primary:  KeyID(primary.KeyID()),
		known:    make(map[KeyID]bool, handle.Len()),
		envelope: aead.NewKMSEnvelopeAEAD2(dataKey, wrap),
	}
	for i := range handle.Len() {
		entry, err := handle.Entry(i)
		if err != nil {
			return nil, err
		}
		ring.known[KeyID(entry.KeyID())] = entry.KeyStatus() == keyset.Enabled
	}
	return ring, nil
}

func freshHandle() (*keyset.Handle, error) { return keyset.NewHandle(wrappingKey) }

// withNewKey adds a key; as primary, new values are encrypted with it at once.
func withNewKey(handle *keyset.Handle, primary bool) (*keyset.Handle, KeyID, error) {
	manager := keyset.NewManagerFromHandle(handle)
	id, err := manager.Add(wrappingKey)
	if err != nil {
		return nil, 0, err
	}
	if primary {
		if err := manager.SetPrimary(id); err != nil {
			return nil, 0, err
		}
	}
	next, err := manager.Handle()
	return next, KeyID(id), err
}

func encodeKeyset(handle *keyset.Handle) ([]byte, error) {
	var buf bytes.Buffer
	err := insecurecleartextkeyset.Write(handle, keyset.NewJSONWriter(&buf))
	return buf.Bytes(), err
}

// parseKeyset hides Tink's own parse error: it can quote the input, which is key
// material.
func parseKeyset(raw []byte) (*keyset.Handle, error) {
	handle, err := insecurecleartextkeyset.Read(keyset.NewJSONReader(bytes.NewReader(raw)))
	if err != nil {
		return nil, errors.New("not a Tink keyset in JSON")
	}
	return handle, nil
}

const keysetHint = "Set SCRATCH_VAULT_KEYSET to a keyset made with `scratch vault new`, unchanged and on one line."

func parseConfigured(configured Secret) (*keyset.Handle, error) {
	raw, err := base64.StdEncoding.DecodeString(configured.Reveal())
	if err != nil {
		return nil, keysetError("read the configured keyset", keysetHint, errors.New("not base64"))
	}
	handle, err := parseKeyset(raw)
	if err != nil {
		return nil, keysetError("read the configured keyset", keysetHint, err)
	}
	return handle, nil
}

func formatConfigured(handle *keyset.Handle) (Secret, error) {
	raw, err := encodeKeyset(handle)
	if err != nil {
		return Secret{}, keysetError("write a keyset", keysetHint, err)
	}
	return NewSecret(base64.StdEncoding.EncodeToString(raw)), nil
}

// NewKeyset makes a keyset with one fresh key in the form that configuration
// takes (base64 of Tink's JSON).
func NewKeyset() (Secret, error) {
	handle, err := freshHandle()
	if err != nil {
		return Secret{}, keysetError("make a keyset", keysetHint, err)
	}
	return formatConfigured(handle)
}

// StageKey adds a key to a configured keyset without using it for new values.
// Processes started with the result can read what the new key will write: the
// first step of a rotation across several processes. PromoteKey is the second.
func StageKey(configured Secret) (Secret, KeyID, error) {
	handle, err := parseConfigured(configured)
	if err != nil {
		return Secret{}, 0, err
	}
	next, id, err := withNewKey(handle, false)
	if err != nil {
		return Secret{}, 0, keysetError("add a key", keysetHint, err)
	}
	encoded, err := formatConfigured(next)
	return encoded, id, err
}

// PromoteKey makes a staged key the primary one. Deploy StageKey's result to
// every process first, or those without it cannot read new values.
func PromoteKey(configured Secret, id KeyID) (Secret, error) {
	handle, err := parseConfigured(configured)
	if err != nil {
		return Secret{}, err
	}
	manager := keyset.NewManagerFromHandle(handle)
	if err := manager.SetPrimary(uint32(id)); err != nil {
		return Secret{}, unknownKey("promote a key", id)
	}
	next, err := manager.Handle()
	if err != nil {
		return Secret{}, keysetError("promote a key", keysetHint, err)
	}
	return formatConfigured(next)
}
