package store

import (
	"bytes"
	"context"
	"encoding/binary"
	"sync"

	"github.com/jackc/pgx/v5"

	"github.com/scratch-platform/scratch/models"
)

// copyBuffers are reused: a page of a download is about a megabyte.
var copyBuffers = sync.Pool{New: func() any { return new(copyBuffer) }}

// maxKeptBuffer bounds a buffer that is kept for the next page.
const maxKeptBuffer = 16 << 20

// copyBuffer holds rows in PostgreSQL's binary COPY format
// (https://www.postgresql.org/docs/15/sql-copy.html, "Binary Format").
type copyBuffer struct{ b []byte }

// copyRecords loads records by one COPY on the transaction's own connection:
// the fastest way in, some three times that of INSERT.
func copyRecords(ctx context.Context, conn *pgx.Conn, table string, records []models.Record, now int64) error {
	buffer := copyBuffers.Get().(*copyBuffer)
	defer func() {
		if cap(buffer.b) <= maxKeptBuffer {
			copyBuffers.Put(buffer)
		}
	}()
	buffer.begin()
	for i := range records {
		buffer.record(&records[i], now)
	}
	buffer.end()
	_, err := conn.PgConn().CopyFrom(ctx, bytes.NewReader(buffer.b), "COPY "+table+
		" (id, created_at, updated_at, state, base_hash, remote_id, marker, base, edits, edit_bases) FROM STDIN (FORMAT binary)")
	return err
}

func (w *copyBuffer) begin() {
	w.b = append(w.b[:0], "PGCOPY\n\xff\r\n\x00\x00\x00\x00\x00\x00\x00\x00\x00"...)
}

func (w *copyBuffer) end() { w.b = append(w.b, 0xff, 0xff) }

func (w *copyBuffer) record(r *models.Record, now int64) {
	w.b = binary.BigEndian.AppendUint16(w.b, 10)
	w.int64(r.ID)
	w.int64(now)
	w.int64(now)
	w.b = binary.BigEndian.AppendUint32(w.b, 2)
	w.b = binary.BigEndian.AppendUint16(w.b, uint16(r.State)) //nolint:gosec // states are small
	if r.State == models.RecordNew {
		w.null()
	} else {
		hash := models.HashOf(r.Base)
		w.bytes(hash[:])
	}
	w.text(r.RemoteID)
	w.text(r.Marker)
	w.jsonb(r.Base)
	w.fields(r.Edits)
	w.fields(r.EditBases)
}

func (w *copyBuffer) null() { w.b = append(w.b, 0xff, 0xff, 0xff, 0xff) }

func (w *copyBuffer) int64(v int64) {
	w.b = binary.BigEndian.AppendUint32(w.b, 8)
	w.b = binary.BigEndian.AppendUint64(w.b, uint64(v)) //nolint:gosec // the bits are what is wanted
}

func (w *copyBuffer) bytes(v []byte) {
	w.b = binary.BigEndian.AppendUint32(w.b, uint32(len(v))) //nolint:gosec // a record is bounded
	w.b = append(w.b, v...)
}

// text writes a text, empty as NULL.
func (w *copyBuffer) text(v string) {
	if v == "" {
		w.null()
		return
	}
	w.b = binary.BigEndian.AppendUint32(w.b, uint32(len(v))) //nolint:gosec // a record is bounded
	w.b = append(w.b, v...)
}

// jsonb writes JSON with the version byte jsonb's binary form begins with.
func (w *copyBuffer) jsonb(v []byte) {
	w.b = binary.BigEndian.AppendUint32(w.b, uint32(len(v)+1)) //nolint:gosec // a record is bounded
	w.b = append(w.b, 1)
	w.b = append(w.b, v...)
}

func (w *copyBuffer) fields(f models.Fields) {
	if len(f) == 0 {
		w.null()
		return
	}
	w.jsonb(f.Object())
}
