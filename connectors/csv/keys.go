package csv

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"strconv"

	"github.com/zeebo/xxh3"

	"github.com/scratch-platform/scratch/connectors"
	"github.com/scratch-platform/scratch/models"
)

// maxKeys is how many keys are held at once: a file with more is read again for
// the rest, so that memory stays bounded at any size (24 MB).
const maxKeys = 3 << 19

// keys looks for rows whose identity is the same, or empty. It holds digests of
// 64 bits: over ten million rows, the chance that two different keys are taken
// for one is 3 in a million.
type keys struct {
	places []int
	part   uint64 // of parts: which keys this pass looks at
	parts  uint64
	hashes []uint64 // open addressing; 0 is free
	at     []int64  // the line each stands on
	used   int
	double []models.FieldProblem
	empty  lines
	buf    []byte
	more   bool // other parts are left
}

func newKeys(places []int) *keys {
	k := &keys{places: places, parts: 1}
	if len(places) > 0 {
		k.resize(1 << 12)
	}
	return k
}

func (k *keys) resize(size int) {
	hashes, at := k.hashes, k.at
	k.hashes, k.at, k.used = make([]uint64, size), make([]int64, size), 0
	for i, h := range hashes {
		if h != 0 && h%k.parts == k.part {
			k.put(h, at[i])
		}
	}
}

// put gives the line on which the key stood before, or 0.
func (k *keys) put(h uint64, line int64) int64 {
	mask := uint64(len(k.hashes)) - 1
	// The high bits choose the place: the low ones choose the part.
	for i := h >> 20 & mask; ; i = (i + 1) & mask {
		switch k.hashes[i] {
		case 0:
			k.hashes[i], k.at[i] = h, line
			k.used++
			return 0
		case h:
			return k.at[i]
		}
	}
}

// see looks at a row's key.
func (k *keys) see(r *rows) {
	if len(k.places) == 0 {
		return
	}
	k.buf = appendKey(k.buf[:0], r.cells, k.places)
	if len(k.buf) == 0 {
		if k.part == 0 {
			k.empty.add(r.record)
		}
		return
	}
	h := max(xxh3.Hash(k.buf), 1)
	if h%k.parts != k.part {
		return
	}
	if before := k.put(h, r.record); before != 0 && len(k.double) < shownLines {
		k.double = append(k.double, models.FieldProblem{
			Field: fmt.Sprintf("line %d", r.record), Code: "duplicate_key",
			Detail: fmt.Sprintf("has the same identity as line %d: %s", before, models.Bound(string(k.buf), 200)),
		})
	}
	switch {
	case k.used < len(k.hashes)*3/4:
	case k.used < maxKeys:
		k.resize(2 * len(k.hashes))
	default:
		k.parts, k.more = 2*k.parts, true
		k.resize(len(k.hashes))
	}
}

// finish reads the file again for keys not looked at yet, and tells what was
// found.
func (k *keys) finish(ctx context.Context, file connectors.File, f form) error {
	for k.part = 1; k.part < k.parts && len(k.double) == 0; k.part++ {
		clear(k.hashes)
		k.used = 0
		if err := k.again(ctx, file, f); err != nil {
			return err
		}
	}
	if k.empty.count > 0 {
		return fault(connectors.KindInvalid, "identity_empty", k.empty.String()+": the identity columns are empty",
			"Choose identity columns that every row has, or fill them in.")
	}
	if len(k.double) > 0 {
		e := fault(connectors.KindInvalid, "identity_duplicate", "the identity columns do not tell all rows apart: "+k.double[0].Field+" "+k.double[0].Detail,
			"Choose more or other identity columns, or take the double rows out of the file.")
		e.Fields = k.double
		return e
	}
	return nil
}

func (k *keys) again(ctx context.Context, file connectors.File, f form) error {
	r := newRows(f.text(file, file.Size()), f)
	for n := 0; ; n++ {
		if n%1024 == 0 && ctx.Err() != nil {
			return stopped(ctx)
		}
		if err := r.next(); err != nil {
			if isEnd(err) {
				return nil
			}
			return err
		}
		if n > 0 || !f.header {
			k.see(r)
		}
	}
}

// appendKey appends the identity of a row: the cell itself, or, of several, a
// JSON array of them. It appends nothing when all are empty.
func appendKey(dst []byte, cells [][]byte, places []int) []byte {
	cell := func(i int) []byte {
		if i < len(cells) {
			return bytes.TrimSpace(cells[i])
		}
		return nil
	}
	if len(places) == 1 {
		return append(dst, cell(places[0])...)
	}
	empty := true
	began := len(dst)
	for n, i := range places {
		dst = append(dst, "[,"[min(n, 1)])
		dst = models.AppendJSONString(dst, string(cell(i)))
		empty = empty && len(cell(i)) == 0
	}
	if empty {
		return dst[:began]
	}
	return append(dst, ']')
}

// rowID is the id of a row without identity: the file it is in and its number,
// so that another file's rows are never taken for it.
func rowID(dst []byte, upload string, n int64) []byte {
	tag := xxh3.HashString(upload) & math.MaxUint32
	dst = strconv.AppendUint(dst, tag, 36)
	return strconv.AppendInt(append(dst, '-'), n, 10)
}
