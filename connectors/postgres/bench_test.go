package postgres_test

import (
	"errors"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/connectors"
)

// wide is a table of 14 columns of usual kinds, 300 bytes a row.
const wide = `CREATE TABLE wide (id bigint PRIMARY KEY, title text, status text, author int, views bigint, price numeric(10,2), rating double precision,
	active boolean, born timestamptz, updated timestamptz, day date, token uuid, data jsonb, body text)`

const fillWide = `INSERT INTO wide SELECT n, 'Title of row ' || n, (ARRAY['publish','draft','private'])[1 + n % 3], n % 500, n * 31 % 100000, n % 100000 / 100.0, n / 7.0,
	n % 2 = 0, '2026-01-01'::timestamptz + n * interval '1 second', '2026-02-01'::timestamptz + n * interval '1.5 second', '2020-01-01'::date + n % 2000,
	md5(n::text)::uuid, jsonb_build_object('n', n, 'tag', 't' || n % 10), repeat('Some text of a row. ', 6) || n FROM generate_series(1, $1::int) n`

// BenchmarkRead is the connector's reading alone, its records thrown away.
// ns/op is for the whole table; rows/s is what counts.
func BenchmarkRead(b *testing.B) {
	const rows = 100_000
	d := newDatabase(b)
	d.exec(wide)
	d.exec(fillWide, rows)
	d.exec(`VACUUM ANALYZE wide`)
	d.grant("wide")
	c := d.direct()
	schema, err := c.Describe(b.Context(), "public.wide", nil)
	require.NoError(b, err)
	b.ReportAllocs()
	for b.Loop() {
		pages, err := c.ReadAll(b.Context(), connectors.ReadRequest{Schema: schema, Budget: 8 << 20})
		require.NoError(b, err)
		n, weight := 0, 0
		for {
			page, err := pages.Next(b.Context())
			if errors.Is(err, io.EOF) {
				break
			}
			require.NoError(b, err)
			n += len(page.Records)
			weight += page.Bytes
		}
		require.NoError(b, pages.Close())
		require.Equal(b, rows, n)
		b.SetBytes(int64(weight))
	}
	b.ReportMetric(float64(rows)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}
