package models

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"strings"
	"time"

	"github.com/google/uuid"
)

// Prefixes of identifiers, one per kind of thing, so that an id in a log or a
// URL says what it names.
const (
	PrefixOrganization = "org"
	PrefixUser         = "usr"
	PrefixAPIToken     = "tok"
	PrefixConnection   = "con"
	PrefixSnapshot     = "snp"
	PrefixTable        = "tbl"
	PrefixView         = "viw"
	PrefixSuggestion   = "sug"
	PrefixJob          = "job"
	PrefixPlan         = "pln"
	PrefixItem         = "itm"
	PrefixUpload       = "upl"
	PrefixEvent        = "evt"
	PrefixOperation    = "opn"
	PrefixRun          = "run"
	PrefixSchedule     = "sch"
)

var idEncoding = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

// NewID returns a fresh identifier: the prefix, an underscore and 26 characters
// that sort by time of creation (a version 7 UUID in base 32).
func NewID(prefix string) string {
	id, err := uuid.NewV7()
	if err != nil {
		// The operating system's random source failed; going on could give
		// two things one name, which no promise survives.
		panic("models: no randomness for a new id: " + err.Error())
	}
	return prefix + "_" + idEncoding.EncodeToString(id[:])
}

// IDAt returns the identifier of something that happens once, at a moment, and
// whose maker may have to begin again: the same prefix, moment and name always
// give the same one. It sorts among those of NewID by its moment.
func IDAt(prefix string, at time.Time, name string) string {
	sum := sha256.Sum256([]byte(name))
	var id uuid.UUID
	copy(id[:], sum[:])
	var milliseconds [8]byte
	binary.BigEndian.PutUint64(milliseconds[:], uint64(at.UnixMilli()))
	copy(id[:6], milliseconds[2:])
	id[6] = id[6]&0x0f | 0x70 // version 7
	id[8] = id[8]&0x3f | 0x80 // RFC 9562
	return prefix + "_" + idEncoding.EncodeToString(id[:])
}

// ValidID reports whether id has the form NewID gives for the prefix. It is the
// check at the border, before an id from outside reaches a query or a
// workflow id.
func ValidID(prefix, id string) bool {
	body, ok := strings.CutPrefix(id, prefix+"_")
	if !ok || len(body) != 26 {
		return false
	}
	_, err := idEncoding.DecodeString(body)
	return err == nil
}
