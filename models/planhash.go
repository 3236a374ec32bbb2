package models

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"
)

// PlanHasher digests the items of a plan: record, operation, columns, values
// and edit bases of each, and nothing else. Colleagues who type elsewhere
// therefore never invalidate a plan, and a changed item always does
// (Promise 3).
//
// Items are added in the order of their Ordinal.
type PlanHasher struct {
	digest hash.Hash
}

// NewPlanHasher starts the hash of a plan.
func NewPlanHasher() *PlanHasher { return &PlanHasher{digest: sha256.New()} }

// Add takes in one item.
func (h *PlanHasher) Add(item *Item) {
	h.text(item.TableID)
	var id [8]byte
	binary.BigEndian.PutUint64(id[:], uint64(item.RecordID)) //nolint:gosec // ids are positive
	h.digest.Write(id[:])
	h.text(string(item.Op))
	h.text(item.RemoteID)
	h.text(string(item.Values.Object()))
	h.text(string(item.EditBases.Object()))
}

// text writes a text with its length, so that no two series of texts are alike.
func (h *PlanHasher) text(s string) {
	var n [8]byte
	binary.BigEndian.PutUint64(n[:], uint64(len(s)))
	h.digest.Write(n[:])
	h.digest.Write([]byte(s))
}

// Sum gives the hash as hexadecimal text.
func (h *PlanHasher) Sum() string { return hex.EncodeToString(h.digest.Sum(nil)) }

// SameItem reports whether two items would do the same: what the hash covers
// is equal.
func SameItem(a, b *Item) bool {
	first, second := NewPlanHasher(), NewPlanHasher()
	first.Add(a)
	second.Add(b)
	return first.Sum() == second.Sum()
}
