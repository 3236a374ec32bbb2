package bench

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func text(b testing.TB, v any) string {
	b.Helper()
	out, err := json.Marshal(v)
	require.NoError(b, err)
	return string(out)
}

// bareTimes are what bare Go takes for what a grid does.
type bareTimes struct{ list, update, bulk string }

// bareGrid is a table of jsonb with an expression index, read and written by
// prepared statements on one connection.
func bareGrid(b testing.TB, n int) bareTimes {
	b.Helper()
	conn := newDatabase(b).conn(b)
	for _, statement := range []string{
		"CREATE TABLE grid (id bigint PRIMARY KEY, base jsonb NOT NULL, edits jsonb)",
		fmt.Sprintf(`INSERT INTO grid SELECT i, jsonb_build_object('title', 'Row ' || lpad((i::bigint * 7919 %% 10000019)::text, 7, '0'),
			'status', (ARRAY['publish','draft','private'])[i %% 3 + 1], 'views', i %% 100000, 'body', repeat('Some text of a row. ', 40)) FROM generate_series(1, %d) i`, n),
		`CREATE INDEX ON grid ((coalesce(edits, base) ->> 'title') COLLATE "C", id)`,
		"ANALYZE grid",
	} {
		_, err := conn.Exec(b.Context(), statement)
		require.NoError(b, err)
	}
	timed := func(times int, statement string, args func(i int) []any) string {
		var took []time.Duration
		for i := range times {
			begun := time.Now()
			rows, err := conn.Query(b.Context(), statement, args(i)...)
			require.NoError(b, err)
			for rows.Next() {
				_, err := rows.Values()
				require.NoError(b, err)
			}
			require.NoError(b, rows.Err())
			took = append(took, time.Since(begun))
		}
		return number(milliseconds(quantile(took, 0.5))) + " ms p50"
	}
	return bareTimes{
		list: timed(samples, `SELECT id, base, edits FROM grid WHERE coalesce(edits, base) ->> 'status' = $1
			ORDER BY (coalesce(edits, base) ->> 'title') COLLATE "C", id LIMIT 100`, func(int) []any { return []any{"publish"} }),
		update: timed(samples, "UPDATE grid SET edits = jsonb_set(base, '{title}', $2) WHERE id = $1",
			func(i int) []any { return []any{i + 1, json.RawMessage(fmt.Sprintf(`"Edited %d"`, i))} }),
		bulk: timed(10, "UPDATE grid SET edits = jsonb_set(base, '{title}', $2) WHERE id BETWEEN $1 AND $1 + 999",
			func(i int) []any { return []any{i*1000 + 1, json.RawMessage(fmt.Sprintf(`"Bulk %d"`, i))} }),
	}
}
