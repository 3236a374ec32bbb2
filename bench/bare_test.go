package bench

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strconv"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
)

// Bare Go, written as well as we can: what a download is held against. It knows
// nothing of edits, hashes, what was seen, schemas, events, jobs or progress.

// bareRow is one row as the wire had it.
type bareRow struct {
	id   []byte
	json []byte
}

// parseRows splits a page into rows, validating it in the same pass.
func parseRows(body []byte) ([]bareRow, error) {
	decoder := jsontext.NewDecoder(bytes.NewBuffer(body), jsontext.AllowDuplicateNames(true))
	if _, err := decoder.ReadToken(); err != nil {
		return nil, err
	}
	rows := make([]bareRow, 0, sitePage)
	for decoder.PeekKind() == '{' {
		value, err := decoder.ReadValue()
		if err != nil {
			return nil, err
		}
		rest, ok := bytes.CutPrefix(value, []byte(`{"id":`))
		end := bytes.IndexByte(rest, ',')
		if !ok || end < 0 {
			return nil, errors.New("a row does not begin with its id")
		}
		rows = append(rows, bareRow{id: rest[:end], json: value})
	}
	return rows, nil
}

// fetchRows reads the site's pages in order, one ahead of whoever takes them.
func (s *site) fetchRows(ctx context.Context, n int, to chan<- []bareRow) error {
	defer close(to)
	for page := range (n + sitePage - 1) / sitePage {
		body, err := s.page(ctx, page)
		if err != nil {
			return err
		}
		rows, err := parseRows(body)
		if err != nil {
			return err
		}
		select {
		case to <- rows:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// binaryCopy writes rows in PostgreSQL's binary COPY format.
type binaryCopy struct{ b []byte }

func (w *binaryCopy) begin() {
	w.b = append(w.b[:0], "PGCOPY\n\xff\r\n\x00\x00\x00\x00\x00\x00\x00\x00\x00"...)
}

func (w *binaryCopy) row(r bareRow) {
	w.b = binary.BigEndian.AppendUint16(w.b, 2)
	w.b = binary.BigEndian.AppendUint32(w.b, uint32(len(r.id)))
	w.b = append(w.b, r.id...)
	w.b = binary.BigEndian.AppendUint32(w.b, uint32(len(r.json)+1))
	w.b = append(w.b, 1) // the version of jsonb's binary form
	w.b = append(w.b, r.json...)
}

func (w *binaryCopy) end() { w.b = append(w.b, 0xff, 0xff) }

const copyIncoming = "COPY incoming (remote_id, base) FROM STDIN (FORMAT binary)"

var bareSchema = []string{
	"DROP TABLE IF EXISTS bare, bare_mark",
	`CREATE TABLE bare (remote_id text COLLATE "C" PRIMARY KEY, base jsonb NOT NULL)`,
	"CREATE TABLE bare_mark (id int PRIMARY KEY, cursor text NOT NULL)",
	"INSERT INTO bare_mark VALUES (1, '')",
	`CREATE TEMP TABLE IF NOT EXISTS incoming (remote_id text COLLATE "C", base jsonb) ON COMMIT DELETE ROWS`,
}

func prepareBare(b testing.TB, conn *pgx.Conn) {
	b.Helper()
	for _, statement := range bareSchema {
		_, err := conn.Exec(b.Context(), statement)
		require.NoError(b, err)
	}
	_, err := conn.Exec(b.Context(), "CHECKPOINT")
	require.NoError(b, err)
}

// measured is how long something took and what CPU time it cost: that of the
// process that did it, and that of its database connections.
type measured struct {
	records  int
	took     time.Duration
	cpu      time.Duration
	database time.Duration
}

func (m measured) rate() float64 { return float64(m.records) / m.took.Seconds() }

func (m measured) String() string {
	return fmt.Sprintf("%.0f records/s (%d in %.2f s, %.2f CPU-s and %.2f in the database)",
		m.rate(), m.records, m.took.Seconds(), m.cpu.Seconds(), m.database.Seconds())
}

// measure times work that this process does over one database.
func measure(b testing.TB, d *database, records int, work func() error) measured {
	b.Helper()
	before, cpu, start := d.cpu(b), ownCPU(), time.Now()
	require.NoError(b, work())
	return measured{records: records, took: time.Since(start), cpu: ownCPU() - cpu, database: d.since(b, before)}
}

// bareLoad is L: fetch, parse and one COPY, side by side.
func bareLoad(b testing.TB, s *site, d *database, n int) measured {
	b.Helper()
	conn := d.conn(b)
	prepareBare(b, conn)
	return measure(b, d, n, func() error {
		group, ctx := errgroup.WithContext(b.Context())
		pages := make(chan []bareRow, 16)
		group.Go(func() error { return s.fetchRows(ctx, n, pages) })
		reader, writer := io.Pipe()
		group.Go(func() error {
			_, err := conn.PgConn().CopyFrom(ctx, reader, "COPY bare (remote_id, base) FROM STDIN (FORMAT binary)")
			_ = reader.CloseWithError(err)
			return err
		})
		group.Go(func() error {
			var w binaryCopy
			w.begin()
			for rows := range pages {
				for _, r := range rows {
					w.row(r)
				}
				if _, err := writer.Write(w.b); err != nil {
					return err
				}
				w.b = w.b[:0]
			}
			w.end()
			_, err := writer.Write(w.b)
			_ = writer.CloseWithError(err)
			return err
		})
		return group.Wait()
	})
}

// bareDownload is D: COPY to a temporary table, upsert and a checkpoint row, all
// committed per 1,000 rows, on one connection, while the next pages are fetched.
func bareDownload(b testing.TB, s *site, d *database, n int) measured {
	b.Helper()
	conn := d.conn(b)
	prepareBare(b, conn)
	return measure(b, d, n, func() error {
		group, ctx := errgroup.WithContext(b.Context())
		pages := make(chan []bareRow, 16)
		group.Go(func() error { return s.fetchRows(ctx, n, pages) })
		group.Go(func() error { return saveBare(ctx, conn, pages) })
		return group.Wait()
	})
}

// sequential is the loop that asks for one page after the other, and stores
// while it waits for the next.
func sequential(b testing.TB, s *site, d *database, n int) measured {
	b.Helper()
	conn := d.conn(b)
	prepareBare(b, conn)
	return measure(b, d, n, func() error {
		group, ctx := errgroup.WithContext(b.Context())
		pages := make(chan []bareRow, 1)
		group.Go(func() error { return s.fetchRows(ctx, n, pages) })
		group.Go(func() error { return saveBare(ctx, conn, pages) })
		return group.Wait()
	})
}

const bareBatch = 1000

func saveBare(ctx context.Context, conn *pgx.Conn, pages <-chan []bareRow) error {
	var w binaryCopy
	w.begin()
	held, seen := 0, 0
	for rows := range pages {
		for _, r := range rows {
			w.row(r)
		}
		held += len(rows)
		if held < bareBatch {
			continue
		}
		seen += held
		if err := commitBare(ctx, conn, &w, seen); err != nil {
			return err
		}
		w.begin()
		held = 0
	}
	if held == 0 {
		return ctx.Err()
	}
	return commitBare(ctx, conn, &w, seen+held)
}

func commitBare(ctx context.Context, conn *pgx.Conn, w *binaryCopy, seen int) error {
	w.end()
	if _, err := conn.Exec(ctx, "BEGIN"); err != nil {
		return err
	}
	if _, err := conn.PgConn().CopyFrom(ctx, bytes.NewReader(w.b), copyIncoming); err != nil {
		return err
	}
	var batch pgx.Batch // one round trip for the rest
	batch.Queue(`INSERT INTO bare SELECT remote_id, base FROM incoming ON CONFLICT (remote_id)
		DO UPDATE SET base = excluded.base WHERE bare.base IS DISTINCT FROM excluded.base`)
	batch.Queue("UPDATE bare_mark SET cursor = $1 WHERE id = 1", strconv.Itoa(seen))
	batch.Queue("COMMIT")
	return conn.SendBatch(ctx, &batch).Close()
}
