package vault

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"log/slog"
	"strconv"

	"github.com/scratch-platform/scratch/models"
)

// KeyID names one key of a keyset. It is not secret.
type KeyID uint32

// String is the id as eight hex digits.
func (id KeyID) String() string { return fmt.Sprintf("%08x", uint32(id)) }

// ParseKeyID reads an id as String writes it.
func ParseKeyID(text string) (KeyID, error) {
	n, err := strconv.ParseUint(text, 16, 32)
	if err != nil || len(text) != 8 {
		return 0, fmt.Errorf("%q is no id of a key", models.Bound(text, 20))
	}
	return KeyID(n), nil
}

// Sealed is an encrypted value as it is stored:
//
//	1 byte   format version
//	4 bytes  id of the key that wrapped the data key, big endian
//	8 bytes  fingerprint of the associated data
//	rest     Tink envelope: wrapped data key, then the ciphertext
//
// The header is authenticated with the ciphertext. The fingerprint tells a value
// in the wrong place from a damaged one; associated data are ids, not secrets.
type Sealed []byte

const (
	formatVersion   = 1
	fingerprintSize = 8
	headerSize      = 1 + 4 + fingerprintSize
)

// KeyID returns the id of the key the value was encrypted with. It fails with
// ErrCorrupted when the value is not one of ours.
func (s Sealed) KeyID() (KeyID, error) {
	if len(s) <= headerSize || s[0] != formatVersion {
		return 0, corrupted("read a sealed value")
	}
	return KeyID(binary.BigEndian.Uint32(s[1:5])), nil
}

// LogValue keeps ciphertext out of logs.
func (s Sealed) LogValue() slog.Value { return slog.StringValue("[sealed]") }

func header(id KeyID, associatedData []byte) []byte {
	h := make([]byte, 0, headerSize)
	h = append(h, formatVersion)
	h = binary.BigEndian.AppendUint32(h, uint32(id))
	sum := sha256.Sum256(associatedData)
	return append(h, sum[:fingerprintSize]...)
}

// bound is the associated data given to the cipher: the header is of fixed size,
// so header and associated data cannot be shifted into one another.
func bound(header, associatedData []byte) []byte {
	out := make([]byte, 0, len(header)+len(associatedData))
	return append(append(out, header...), associatedData...)
}

// ConnectionContext is the associated data of a connection's credentials. It
// binds them to the organization and the connection they were stored for
// (Promise 11): copied into another tenant's row they do not open.
func ConnectionContext(organizationID, connectionID string) []byte {
	return joinParts("connection", organizationID, connectionID)
}

// joinParts joins parts with their lengths, so that no two lists of parts are alike.
func joinParts(parts ...string) []byte {
	var out []byte
	for _, part := range parts {
		out = binary.AppendUvarint(out, uint64(len(part)))
		out = append(out, part...)
	}
	return out
}
