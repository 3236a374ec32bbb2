package bench

import (
	"context"
	"fmt"
	"io"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
)

// shopTable has 14 columns of usual kinds, about 300 bytes a row.
const shopTable = `(id bigint PRIMARY KEY, title text, status text, author int, views bigint, price numeric(10,2), rating double precision, active boolean,
	born timestamptz, updated timestamptz, day date, token uuid, data jsonb, body text)`

const fillShop = `INSERT INTO shop SELECT n, 'Title of row ' || n, (ARRAY['publish','draft','private'])[1 + n % 3], n % 500, n * 31::bigint % 100000, n % 100000 / 100.0, n / 7.0,
	n % 2 = 0, '2026-01-01'::timestamptz + n * interval '1 second', '2026-02-01'::timestamptz + n * interval '1.5 second', '2020-01-01'::date + n % 2000,
	md5(n::text)::uuid, jsonb_build_object('n', n, 'tag', 't' || n % 10), repeat('Some text of a row. ', 6) || n FROM generate_series(1, $1::int) n`

// newShop makes a user's database of n rows.
func newShop(b testing.TB, n int) *database {
	b.Helper()
	d := newDatabase(b)
	conn := d.conn(b)
	d.exec(b, "CREATE TABLE shop "+shopTable)
	_, err := conn.Exec(b.Context(), fillShop, n)
	require.NoError(b, err)
	d.exec(b, "VACUUM ANALYZE shop")
	return d
}

func (d *database) exec(b testing.TB, statements ...string) {
	b.Helper()
	for _, statement := range statements {
		_, err := d.conn(b).Exec(b.Context(), statement)
		require.NoError(b, err)
	}
}

// pipe is COPY … TO STDOUT | COPY … FROM STDIN as text, and then what merges the
// rows into their table, if anything does.
func pipe(b testing.TB, from, to *database, n int, into, merge string) measured {
	b.Helper()
	return measure(b, to, n, func() error {
		return pgx.BeginFunc(b.Context(), to.conn(b), func(tx pgx.Tx) error {
			if err := stream(b.Context(), from.conn(b), tx.Conn(), into); err != nil || merge == "" {
				return err
			}
			_, err := tx.Exec(b.Context(), merge)
			return err
		})
	})
}

func stream(ctx context.Context, from, to *pgx.Conn, into string) error {
	read, write := io.Pipe()
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		_, err := from.PgConn().CopyTo(ctx, write, "COPY shop TO STDOUT")
		_ = write.CloseWithError(err)
		return err
	})
	group.Go(func() error {
		_, err := to.PgConn().CopyFrom(ctx, read, "COPY "+into+" FROM STDIN")
		_ = read.CloseWithError(err)
		return err
	})
	return group.Wait()
}

const mergeShop = `INSERT INTO shop SELECT * FROM incoming ON CONFLICT (id) DO UPDATE SET title = excluded.title, status = excluded.status, author = excluded.author,
	views = excluded.views, price = excluded.price, rating = excluded.rating, active = excluded.active, born = excluded.born, updated = excluded.updated,
	day = excluded.day, token = excluded.token, data = excluded.data, body = excluded.body`

// BenchmarkPostgres moves a table of a PostgreSQL database into the product's
// own: first, then with every row changed, then with one in a hundred.
func BenchmarkPostgres(b *testing.B) {
	for _, size := range []int{100_000, 1_000_000} {
		n := sized(size)
		subject := fmt.Sprintf("PostgreSQL → PostgreSQL, %d rows of 14 columns", n)
		source, bare, own := newShop(b, n), newDatabase(b), newDatabase(b)
		p := startProduct(b, own)
		connection := p.connect(b, "postgres", map[string]any{"url": source.url})
		table := p.addTable(b, connection, "public.shop", nil)

		bare.exec(b, "CREATE TABLE shop "+shopTable, "CREATE TEMP TABLE incoming (LIKE shop)", "CHECKPOINT")
		first := pipe(b, source, bare, n, "shop", "")
		own.exec(b, "CHECKPOINT")
		got := p.download(b, table)
		require.EqualValues(b, n, got.job.Progress.Created)
		figures.note(subject, "text COPY | COPY", first.String())
		figures.note(subject, "Scratch, first load", got.String())
		figures.atLeast(subject, "rows a second, of the pipe's", got.rate()/first.rate(), 0.45, "")
		figures.atMost(subject, "memory at its highest", got.peak, 200, " MB RSS")

		source.exec(b, "UPDATE shop SET views = views + 1", "VACUUM shop", "CHECKPOINT")
		upsert := pipe(b, source, bare, n, "incoming", mergeShop)
		own.exec(b, "CHECKPOINT")
		all := p.download(b, table)
		require.EqualValues(b, n, all.job.Progress.Updated)
		figures.note(subject, "COPY | COPY into a temporary table and upsert", upsert.String())
		figures.note(subject, "Scratch, every row changed", all.String())
		figures.atLeast(subject, "rows a second, of pipe and upsert", all.rate()/upsert.rate(), 0.5, "")

		source.exec(b, "UPDATE shop SET views = views + 1 WHERE id % 100 = 0", "VACUUM shop", "CHECKPOINT")
		few := p.download(b, table)
		require.EqualValues(b, n/100, few.job.Progress.Updated)
		figures.note(subject, "Scratch, 1 % changed", few.String())
		figures.atMost(subject, "time with 1 % changed, of the first", few.took.Seconds()/got.took.Seconds(), 1, "")
	}
}
