package accounts

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"fmt"
	"strings"

	"github.com/scratch-platform/scratch/internal/vault"
	"github.com/scratch-platform/scratch/models"
)

// Kind is what a key is for. It is the key's prefix and part of its hash, so a key
// of one kind is never taken for one of another.
type Kind string

// The kinds of keys.
const (
	APIToken   Kind = "scr" // a program's, until it is revoked or expires
	Session    Kind = "ses" // a browser's, in a cookie
	SignInLink Kind = "lnk" // in the link that the terminal shows, used once
	Ticket     Kind = "tkt" // opens one WebSocket, used once
)

const (
	secretSize   = 32 // 256 random bits: no guess comes near, so a plain hash is enough
	checksumSize = 4  // tells a mistyped or cut key from an unknown one, without a look-up
)

var keyEncoding = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

// Hash is what is stored of a key: SHA-256 over its kind and its random bits.
type Hash [sha256.Size]byte

// Key is a freshly minted key: Text is shown to its owner once, Hash is stored.
type Key struct {
	Text vault.Secret
	Hash Hash
}

// Mint makes a key with 256 bits of the operating system's randomness.
func Mint(kind Kind) Key {
	secret := make([]byte, secretSize)
	_, _ = rand.Read(secret) // it never fails: without randomness the runtime ends the process
	// Promise 10: what is stored cannot be turned back into the key.
	return Key{Text: vault.NewSecret(format(kind, secret)), Hash: hash(kind, secret)}
}

// Parse reads a key of the kind and returns the hash to look it up by. It fails
// with "account.key_malformed" when the text cannot be such a key, or with
// "account.key_mistyped" when it was cut or changed. Errors never quote the text.
func Parse(kind Kind, text string) (Hash, error) {
	body, ok := strings.CutPrefix(strings.TrimSpace(text), string(kind)+"_")
	if !ok {
		return Hash{}, keyProblem("account.key_malformed", fmt.Sprintf("it does not start with %s_", kind))
	}
	if len(body) > 2*(secretSize+checksumSize) { // not worth decoding
		return Hash{}, keyProblem("account.key_malformed", "it is too long")
	}
	raw, err := keyEncoding.DecodeString(body)
	if err != nil || len(raw) != secretSize+checksumSize {
		return Hash{}, keyProblem("account.key_mistyped", "it was cut short or holds a character too many")
	}
	secret, sum := raw[:secretSize], raw[secretSize:]
	if subtle.ConstantTimeCompare(sum, checksum(kind, secret)) != 1 {
		return Hash{}, keyProblem("account.key_mistyped", "a character of it was changed")
	}
	return hash(kind, secret), nil
}

func format(kind Kind, secret []byte) string {
	raw := append(append(make([]byte, 0, secretSize+checksumSize), secret...), checksum(kind, secret)...)
	return string(kind) + "_" + keyEncoding.EncodeToString(raw)
}

// hash is all that is stored of a key (Promise 10).
func hash(kind Kind, secret []byte) Hash {
	return sha256.Sum256(append([]byte("scratch "+string(kind)+":"), secret...))
}

func checksum(kind Kind, secret []byte) []byte {
	sum := sha256.Sum256(append([]byte("scratch checksum "+string(kind)+":"), secret...))
	return sum[:checksumSize]
}

func keyProblem(code, detail string) *models.Problem {
	return models.NewProblem(models.KindUnauthenticated, code, "the key cannot be read: "+detail,
		"Copy the whole key again, or make a new one. In local mode the API token is in the data folder's api-token file.")
}
