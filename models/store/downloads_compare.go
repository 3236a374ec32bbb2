package store

import (
	"bytes"
	"context"
	"encoding/binary"

	"github.com/jackc/pgx/v5"

	"github.com/scratch-platform/scratch/models"
)

// stateOf is what compare needs of a stored record.
type stateOf struct {
	id    int64 // 0: it is not here
	plain bool  // no edits, and live
	same  bool  // the page says what is stored
	mark  bool  // and its marker is the stored one
	place tid
}

// tid is where PostgreSQL keeps a row, until the row is next changed.
type tid [6]byte

// carefulRecord is one that is edited or not live: it is read whole, under the
// table's lock, before it is written.
type carefulRecord struct {
	id  int64
	now RemoteRecord
}

// compare finds which of a page's records are here, which of those changed, and
// which must be looked at with care.
func (p *pageSave) compare() error {
	known, err := p.known()
	if err != nil {
		return err
	}
	p.unknown = nil
	for i, r := range p.records.list {
		was := &known[i]
		if was.id != 0 {
			p.seen.Add(uint64(was.id)) //nolint:gosec // ids are positive
		}
		// Promise 4: an older base under a settled record would pass for a change
		// made elsewhere, and bring back what was just deleted.
		if p.newer[r.RemoteID] {
			p.result.PassedOver++
			continue
		}
		switch {
		case was.id == 0:
			p.unknown = append(p.unknown, r)
		case was.same && was.plain && was.mark:
			p.result.Unchanged++
		case was.plain:
			p.changed = append(p.changed, models.Record{ID: was.id, RemoteID: r.RemoteID, Base: r.Fields, Marker: r.Marker})
			p.places = append(p.places, was.place)
			p.note(was.id, was.same)
		default:
			p.careful = append(p.careful, carefulRecord{id: was.id, now: r})
		}
	}
	return nil
}

// known says of each of the page's records, in their order, what is stored.
func (p *pageSave) known() ([]stateOf, error) {
	ids := make([]string, len(p.records.list))
	for i, r := range p.records.list {
		ids[i] = r.RemoteID
	}
	known := make([]stateOf, len(ids))
	const columns = "id, remote_id, base_hash, coalesce(marker, ''), edits IS NULL AND state = 0"
	from := " FROM " + p.c.records + " WHERE " + p.tx.in("remote_id")
	if p.tx.s.dialect.name() == "postgres" {
		err := p.tx.pgx(func(ctx context.Context, conn *pgx.Conn) error {
			return p.knownByWire(ctx, conn, "SELECT "+columns+", ctid"+from, ids, known)
		})
		return known, err
	}
	rows, err := p.tx.query("SELECT "+columns+from, listOf(p.tx.s.dialect, ids))
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var remote, marker string
		var hash []byte
		var was stateOf
		if err := rows.Scan(&was.id, &remote, &hash, &marker, &was.plain); err != nil {
			return nil, err
		}
		p.match(known, was, []byte(remote), hash, []byte(marker))
	}
	return known, rows.Err()
}

// knownByWire reads the rows as the wire has them: of millions of unchanged
// records this is most of what a download costs here.
func (p *pageSave) knownByWire(ctx context.Context, conn *pgx.Conn, query string, ids []string, known []stateOf) error {
	binaryForm := pgx.QueryResultFormats{pgx.BinaryFormatCode, pgx.TextFormatCode, pgx.BinaryFormatCode, pgx.TextFormatCode, pgx.BinaryFormatCode, pgx.BinaryFormatCode}
	rows, err := conn.Query(ctx, p.tx.s.dialect.bind(query), binaryForm, ids)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		row := rows.RawValues()
		was := stateOf{id: int64(binary.BigEndian.Uint64(row[0])), plain: row[4][0] != 0, place: tid(row[5])} //nolint:gosec // ids are positive
		p.match(known, was, row[1], row[2], row[3])
	}
	return rows.Err()
}

// match holds a stored record against the page's.
func (p *pageSave) match(known []stateOf, was stateOf, remote, hash, marker []byte) {
	at, ok := p.records.at[string(remote)]
	if !ok {
		return
	}
	r := &p.records.list[at]
	now := models.HashOf(r.Fields)
	was.same, was.mark = bytes.Equal(hash, now[:]), string(marker) == r.Marker
	known[at] = was
}

// rebase puts what the service says under edited records (Promise 1), and takes
// those back that were thought gone.
func (p *pageSave) rebase() error {
	if len(p.careful) == 0 {
		return nil
	}
	ids := make([]int64, len(p.careful))
	for i, r := range p.careful {
		ids[i] = r.id
	}
	stored, err := p.c.byID(ids)
	if err != nil {
		return err
	}
	for _, r := range p.careful {
		before := stored[r.id]
		after := models.Rebase(p.c.columns(), before, r.now.Fields)
		after.Marker = r.now.Marker
		if after.State == models.RecordRemoteDeleted {
			after.State = models.RecordLive
		}
		same := bytes.Equal(before.Base, r.now.Fields)
		if len(models.ConflictsOf(p.c.columns(), &after)) > 0 {
			p.conflicts++
		}
		if same && before.State == after.State && before.Marker == after.Marker && len(before.Edits) == len(after.Edits) {
			p.result.Unchanged++
			continue
		}
		p.c.countEdited(&before, &after)
		p.changed = append(p.changed, after)
		p.note(r.id, same && before.State == after.State)
	}
	return nil
}

// note counts a written record. One whose content is the same, and only its
// marker is new, is no change to anybody.
func (p *pageSave) note(id int64, same bool) {
	if same {
		p.result.Unchanged++
		return
	}
	p.result.Updated++
	p.told = append(p.told, models.RecordChanged{ID: id})
}
