package vault

import (
	"crypto/subtle"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"log/slog"
)

// redacted is what a Secret shows wherever it is printed.
const redacted = "[redacted]"

// ErrSecretNotStorable answers an attempt to write a Secret to a database in
// plain text. Encrypt it with a Vault, or store a hash of it.
var ErrSecretNotStorable = errors.New("vault: a secret must be encrypted or hashed before it is stored")

// Secret is a string that no print, log, JSON or database write shows (Promise
// 10). Only Reveal gives the text back. The zero value is the empty secret.
//
// The text sits behind a pointer because fmt reads unexported struct fields by
// reflection, past every method of theirs: a struct that holds a Secret then
// prints an address and not the text.
type Secret struct{ text *string }

// NewSecret wraps text.
func NewSecret(text string) Secret {
	if text == "" {
		return Secret{}
	}
	return Secret{text: &text}
}

// Reveal returns the text. Call it where the secret is used and nowhere else.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// IsZero reports whether there is no secret.
func (s Secret) IsZero() bool { return s.text == nil }

// Equal compares in constant time.
func (s Secret) Equal(other Secret) bool {
	return subtle.ConstantTimeCompare([]byte(s.Reveal()), []byte(other.Reveal())) == 1
}

// shown is what every print comes to (Promise 10).
func (s Secret) shown() string {
	if s.IsZero() {
		return ""
	}
	return redacted
}

// String shows that there is a secret, never which.
func (s Secret) String() string { return s.shown() }

// GoString is String for %#v.
func (s Secret) GoString() string { return s.shown() }

// Format answers every verb alike; without it %d or %x would reach the fields.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.shown()) }

// LogValue is what slog sees.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.shown()) }

// MarshalText is what JSON, YAML and URL encoders see.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.shown()), nil }

// UnmarshalText takes a secret in from the environment or a JSON string.
func (s *Secret) UnmarshalText(text []byte) error {
	*s = NewSecret(string(text))
	return nil
}

// Value refuses to become a database value: it fails with ErrSecretNotStorable.
func (s Secret) Value() (driver.Value, error) { return nil, ErrSecretNotStorable }
