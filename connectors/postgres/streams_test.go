package postgres_test

import (
	"context"
	"encoding/json"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/connectors"
	"github.com/scratch-platform/scratch/connectors/postgres"
	"github.com/scratch-platform/scratch/internal/limits"
)

// Breaks when tables that are being read to their end keep a look at the same
// server waiting, or when more are read at a time than it should take.
func TestStreamsKeepNobodyWaiting(t *testing.T) {
	d := newDatabase(t)
	d.exec(`CREATE TABLE long (id int PRIMARY KEY); INSERT INTO long SELECT generate_series(1, 20000)`)
	d.grant("long")
	raw, err := json.Marshal(d.credential())
	require.NoError(t, err)
	opened, err := postgres.Definition().Open(connectors.Dependencies{ConnectionID: "con_test", Dial: dial, Now: time.Now, Limiter: limits.New(time.Now)}, raw)
	require.NoError(t, err)
	c, ok := opened.(*postgres.Connector)
	require.True(t, ok)
	defer func() { require.NoError(t, c.Close()) }()
	schema, err := c.Describe(t.Context(), "public.long", nil)
	require.NoError(t, err)
	open := func(ctx context.Context) (connectors.Pages, error) {
		pages, err := c.ReadAll(ctx, connectors.ReadRequest{Schema: schema})
		if err == nil {
			_, err = pages.Next(ctx)
		}
		return pages, err
	}
	var streams []connectors.Pages
	for range 4 {
		pages, err := open(t.Context())
		require.NoError(t, err)
		streams = append(streams, pages)
	}
	found, err := c.ReadByIDs(t.Context(), schema, []string{"7"})
	require.NoError(t, err)
	require.Len(t, found.Found, 1)
	waits, cancel := context.WithCancel(t.Context())
	outcome := make(chan error, 1)
	go func() {
		pages, err := open(waits)
		_ = pages.Close()
		outcome <- err
	}()
	select {
	case err := <-outcome:
		t.Fatalf("a fifth table is read at the same time: %v", err)
	case <-time.After(100 * time.Millisecond):
	}
	cancel()
	require.Error(t, <-outcome)
	for _, pages := range streams {
		require.NoError(t, pages.Close())
	}
	pages, err := open(t.Context())
	require.NoError(t, err)
	require.NoError(t, pages.Close())
}

// Breaks when a connection that nobody uses counts at the server, where a person
// has said how many it may be: the role is let in no more than that often.
func TestNoMoreConnectionsThanAPersonPermits(t *testing.T) {
	d := newDatabase(t)
	d.exec(`CREATE TABLE long (id int PRIMARY KEY); INSERT INTO long SELECT generate_series(1, 3000)`)
	d.grant("long")
	d.exec(`ALTER ROLE ` + pgx.Identifier{d.role}.Sanitize() + ` CONNECTION LIMIT 2`)
	raw, err := json.Marshal(with(d.credential(), "requests_at_once", 2))
	require.NoError(t, err)
	limiter := limits.New(time.Now)
	var wg sync.WaitGroup
	for range 6 { // processes, or tables of one
		wg.Go(func() {
			opened, err := postgres.Definition().Open(connectors.Dependencies{
				ConnectionID: "con_test", Dial: dial, Now: time.Now, Limiter: limiter,
				Own: func(context.Context) connectors.OwnLimits { return connectors.OwnLimitsOf(postgres.Definition(), raw) },
			}, raw)
			if !assert.NoError(t, err) {
				return
			}
			c, _ := opened.(*postgres.Connector)
			defer func() { assert.NoError(t, c.Close()) }()
			for range 3 {
				schema, err := c.Describe(t.Context(), "public.long", nil)
				if !assert.NoError(t, err) {
					return
				}
				pages, err := c.ReadAll(t.Context(), connectors.ReadRequest{Schema: schema})
				assert.NoError(t, err)
				for err == nil {
					_, err = pages.Next(t.Context())
				}
				assert.ErrorIs(t, err, io.EOF)
				assert.NoError(t, pages.Close())
				_, err = c.ReadByIDs(t.Context(), schema, []string{"7"})
				assert.NoError(t, err)
			}
		})
	}
	wg.Wait()
}
