package bench

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/internal/testkit"
)

// newDatabase makes an empty PostgreSQL database that goes with the benchmark.
func newDatabase(b testing.TB) string {
	b.Helper()
	return testkit.Postgres(b)
}

// connect opens one connection to a database of its own.
func connect(b testing.TB) *pgx.Conn {
	b.Helper()
	conn, err := pgx.Connect(b.Context(), newDatabase(b))
	require.NoError(b, err)
	b.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_ = conn.Close(ctx)
	})
	return conn
}
