package bench

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/internal/testkit"
)

// database is a PostgreSQL database of its own, that goes with the benchmark.
type database struct {
	url   string
	watch *pgx.Conn // looks at the others
	bare  *pgx.Conn
}

func newDatabase(b testing.TB) *database {
	b.Helper()
	d := &database{url: testkit.Postgres(b)}
	d.watch = d.dial(b)
	return d
}

func (d *database) dial(b testing.TB) *pgx.Conn {
	b.Helper()
	conn, err := pgx.Connect(b.Context(), d.url)
	require.NoError(b, err)
	b.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_ = conn.Close(ctx)
	})
	return conn
}

// conn is the one connection bare Go works on.
func (d *database) conn(b testing.TB) *pgx.Conn {
	b.Helper()
	if d.bare == nil {
		d.bare = d.dial(b)
	}
	return d.bare
}

// cpu is the CPU time that each open connection has used; nothing for a server
// on another machine.
func (d *database) cpu(b testing.TB) map[int]time.Duration {
	b.Helper()
	rows, err := d.watch.Query(b.Context(), "SELECT pid FROM pg_stat_activity WHERE datname = current_database()")
	require.NoError(b, err)
	pids, err := pgx.CollectRows(rows, pgx.RowTo[int])
	require.NoError(b, err)
	used := make(map[int]time.Duration, len(pids))
	for _, pid := range pids {
		used[pid] = cpuOf(pid)
	}
	return used
}

// since is the CPU time used after an earlier look, but by connections that
// ended meanwhile.
func (d *database) since(b testing.TB, before map[int]time.Duration) time.Duration {
	b.Helper()
	var sum time.Duration
	for pid, used := range d.cpu(b) {
		sum += used - before[pid]
	}
	return sum
}
