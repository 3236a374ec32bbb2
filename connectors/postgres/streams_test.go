package postgres_test

import (
	"context"
	"encoding/json"
	"errors"
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

// Breaks when what a slow view has given is kept back until a page is full: a run
// that is ended meanwhile would wait for all of it again.
func TestASlowViewGivesWhatItHas(t *testing.T) {
	d := newDatabase(t)
	// Rows of more than the server's send buffer, which it would else fill first;
	// found one by one in their order, since it may not sort.
	d.exec(`CREATE TABLE wide (id int PRIMARY KEY, body text);
		INSERT INTO wide SELECT n, repeat(n::text, 20000) FROM generate_series(1, 6) n;
		CREATE FUNCTION slowly(int) RETURNS bool LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.3); RETURN true; END';
		CREATE VIEW slow AS SELECT id, body FROM wide WHERE slowly(id)`)
	d.grant("slow")
	role := pgx.Identifier{d.role}.Sanitize()
	for _, way := range []string{"sort", "seqscan", "bitmapscan"} {
		d.exec(`ALTER ROLE ` + role + ` SET enable_` + way + ` = off`)
	}
	c := d.direct()
	c.GivesPagesAfter(500 * time.Millisecond)
	schema, err := c.Describe(t.Context(), "public.slow", json.RawMessage(`{"identity":["id"]}`))
	require.NoError(t, err)
	pages, err := c.ReadAll(t.Context(), connectors.ReadRequest{Schema: schema})
	require.NoError(t, err)
	defer func() { require.NoError(t, pages.Close()) }()
	var given int
	var ids []string
	for {
		page, err := pages.Next(t.Context())
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		given++
		for _, r := range page.Records {
			ids = append(ids, r.RemoteID)
		}
	}
	require.Equal(t, []string{"1", "2", "3", "4", "5", "6"}, ids)
	require.Greater(t, given, 1, "the rows came in one piece")
}
