package store

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/scratch-platform/scratch/models"
)

// recording gives a context whose span is kept, or one whose trace is not, and
// what was recorded.
func recording(ctx context.Context, kept bool) (context.Context, *tracetest.SpanRecorder, trace.Span) {
	recorder := tracetest.NewSpanRecorder()
	sampler := sdktrace.NeverSample()
	if kept {
		sampler = sdktrace.AlwaysSample()
	}
	provider := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(recorder), sdktrace.WithSampler(sampler))
	ctx, root := provider.Tracer("test").Start(ctx, "root")
	return ctx, recorder, root
}

// spansOf gives the names of ended spans and, of each, its statement.
func spansOf(recorder *tracetest.SpanRecorder) map[string][]string {
	out := map[string][]string{}
	for _, span := range recorder.Ended() {
		text := ""
		for _, a := range span.Attributes() {
			if a.Key == "db.query.text" {
				text = a.Value.AsString()
			}
		}
		out[span.Name()] = append(out[span.Name()], text)
	}
	return out
}

func eachTracedStore(t *testing.T, test func(t *testing.T, s *Store)) {
	t.Helper()
	for name, address := range map[string]func(*testing.T) string{
		"sqlite": func(t *testing.T) string { return filepath.Join(t.TempDir(), "scratch.db") }, "postgres": func(t *testing.T) string { return postgresDatabase(t) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, err := Open(t.Context(), Config{URL: address(t), Spans: true})
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, s.Close()) })
			require.NoError(t, s.Migrate(t.Context()))
			test(t, s)
		})
	}
}

// Breaks when a statement under a kept span is not seen (GORM's, raw, prepared,
// in a transaction), when one of a trace that is not kept is, or when a value
// stands in a span (Promise 10).
func TestStatementsAreSpansAndHoldNoValues(t *testing.T) {
	eachTracedStore(t, func(t *testing.T, s *Store) {
		org, actor := newOrg(t, s)
		for _, kept := range []bool{true, false} {
			ctx, recorder, root := recording(WithActor(t.Context(), actor), kept)
			snapshot := models.Snapshot{ID: models.NewID(models.PrefixSnapshot), OrganizationID: org.ID(), Name: "canary name", CreatedAt: s.now(), UpdatedAt: s.now()}
			require.NoError(t, org.CreateSnapshot(ctx, snapshot))
			read, err := org.Snapshot(ctx, snapshot.ID)
			require.NoError(t, err)
			require.Equal(t, "canary name", read.Name)
			require.NoError(t, org.tx(ctx, func(tx *Tx) error {
				rows, err := tx.query("SELECT name FROM snapshots WHERE id = ?", snapshot.ID)
				if err != nil {
					return err
				}
				defer func() { _ = rows.Close() }()
				for rows.Next() {
					var name string
					if err := rows.Scan(&name); err != nil {
						return err
					}
				}
				return rows.Err()
			}))
			root.End()
			if !kept {
				require.Empty(t, recorder.Ended())
				continue
			}
			spans := spansOf(recorder)
			require.Len(t, spans["transaction"], 2)
			require.NotEmpty(t, spans["INSERT snapshots"])
			require.NotEmpty(t, spans["SELECT snapshots"])
			require.Contains(t, strings.Join(spans["SELECT snapshots"], "\n"), "SELECT name FROM snapshots WHERE id = ")
			for _, span := range recorder.Ended() {
				for _, a := range span.Attributes() {
					require.NotContains(t, a.Value.String(), "canary")
					require.NotContains(t, a.Value.String(), snapshot.ID, "a value stands in %s", span.Name())
				}
			}
		}
	})
}

// Breaks when a statement that fails looks well, when what the database said,
// which can quote a value, is in a span, or when a failed transaction does not
// show.
func TestRefusedStatementsShow(t *testing.T) {
	eachTracedStore(t, func(t *testing.T, s *Store) {
		org, _ := newOrg(t, s)
		ctx, recorder, root := recording(t.Context(), true)
		err := org.tx(ctx, func(tx *Tx) error {
			_, err := tx.exec("INSERT INTO no_such_table (a) VALUES (?)", "canary")
			return err
		})
		require.Error(t, err)
		root.End()
		failed := map[string]bool{}
		for _, span := range recorder.Ended() {
			if span.Status().Code == codes.Error {
				failed[span.Name()] = true
				require.NotContains(t, span.Status().Description, "no_such_table")
			}
		}
		require.Equal(t, map[string]bool{"INSERT no_such_table": true, "transaction": true}, failed)
	})
}

// Breaks when what is done a thousand times fills a trace.
func TestATransactionHasFewSpans(t *testing.T) {
	eachTracedStore(t, func(t *testing.T, s *Store) {
		org, _ := newOrg(t, s)
		ctx, recorder, root := recording(t.Context(), true)
		require.NoError(t, org.tx(ctx, func(tx *Tx) error {
			statement, err := tx.sql.PrepareContext(tx.ctx, tx.s.dialect.bind("UPDATE counters SET value = value + 1 WHERE name = ?"))
			if err != nil {
				return err
			}
			defer func() { _ = statement.Close() }()
			for range 500 {
				if _, err := statement.ExecContext(tx.ctx, "table_seq"); err != nil {
					return err
				}
			}
			return nil
		}))
		root.End()
		require.Less(t, len(recorder.Ended()), 60)
		require.NotEmpty(t, spansOf(recorder)["UPDATE counters"])
		for _, span := range recorder.Ended() {
			if span.Name() == "transaction" {
				for _, a := range span.Attributes() {
					if a.Key == "scratch.statements" {
						require.GreaterOrEqual(t, a.Value.AsInt64(), int64(500))
					}
				}
			}
		}
	})
}

// Breaks when a job that ended is not told, or told although nothing was
// committed.
func TestAnEndedJobIsToldOnce(t *testing.T) {
	var told []EndedJob
	s, err := Open(t.Context(), Config{URL: filepath.Join(t.TempDir(), "scratch.db"), JobEnded: func(j EndedJob) { told = append(told, j) }})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	require.NoError(t, s.Migrate(t.Context()))
	org, _ := newOrg(t, s)
	job, created, err := org.CreateJob(t.Context(), models.Job{ID: models.NewID(models.PrefixJob), Kind: models.JobDownload, WorkflowID: "w"})
	require.NoError(t, err)
	require.True(t, created)
	backlog, err := s.System().Backlog(t.Context())
	require.NoError(t, err)
	require.Equal(t, []LiveJobs{{Kind: models.JobDownload, State: models.JobQueued, N: 1}}, backlog.Jobs)
	boom := errors.New("boom")
	require.ErrorIs(t, org.tx(t.Context(), func(tx *Tx) error {
		if _, err := tx.setJobState(job.ID, JobChange{To: models.JobFailed}); err != nil {
			return err
		}
		return boom
	}), boom)
	require.Empty(t, told)
	for range 2 {
		_, err = org.SetJobState(t.Context(), job.ID, JobChange{To: models.JobCompleted})
		require.NoError(t, err)
	}
	require.Len(t, told, 1)
	require.Equal(t, models.JobCompleted, told[0].State)
	backlog, err = s.System().Backlog(t.Context())
	require.NoError(t, err)
	require.Empty(t, backlog.Jobs)
	require.Positive(t, backlog.Oldest, "the events were not relayed")
	require.Len(t, s.Pools(), 2)
}

// Breaks when what became of an item is not counted, because the publish ended
// before it or a person settled it, or is counted twice, because it was told twice.
func TestAnItemsOutcomeIsCountedOnce(t *testing.T) {
	eachStore(t, func(t *testing.T, s *Store) {
		told := map[SettledItems]int64{}
		s.itemsSettled = func(items SettledItems) {
			n := items.N
			items.N = 0
			told[items] += n
		}
		org, actor, table := edited(t, s)
		build(t, org, actor, table)
		plan := build(t, org, actor, table) // the first is superseded: nothing became of its items
		require.Empty(t, told)
		start(t, org, actor, plan)
		items := itemsByOp(t, org, plan.ID)
		send(t, org, "one", items[models.OpCreate].ID)
		unknown := Settlement{ItemID: items[models.OpCreate].ID, State: models.ItemUnknown, Holder: "one"}
		for range 2 {
			require.NoError(t, org.SettleItems(t.Context(), []Settlement{unknown}))
			require.NoError(t, org.SkipPlanned(t.Context(), plan.ID, "stopped"))
		}
		count := func(op models.Operation, state models.ItemState) int64 {
			return told[SettledItems{Service: table.Service, Op: op, State: state}]
		}
		require.EqualValues(t, 1, count(models.OpCreate, models.ItemUnknown))
		require.EqualValues(t, 1, count(models.OpUpdate, models.ItemSkipped))
		require.EqualValues(t, 1, count(models.OpDelete, models.ItemSkipped))
		_, err := org.ResolveItem(t.Context(), items[models.OpCreate].ID, models.Resolution{Choice: "happened", RemoteID: "made"}, actor)
		require.NoError(t, err)
		require.EqualValues(t, 1, count(models.OpCreate, models.ItemApplied), "a person's word")
		require.Len(t, told, 4)
		require.NotEmpty(t, table.Service)
	})
}

// What tracing costs a statement: switched off, on with a trace that is not kept,
// and kept.
func BenchmarkSpans(b *testing.B) {
	for _, c := range []struct {
		name        string
		spans, kept bool
	}{{"off", false, false}, {"not_kept", true, false}, {"kept", true, true}} {
		b.Run(c.name, func(b *testing.B) {
			s, err := Open(b.Context(), Config{URL: filepath.Join(b.TempDir(), "scratch.db"), Spans: c.spans})
			require.NoError(b, err)
			defer func() { _ = s.Close() }()
			require.NoError(b, s.Migrate(b.Context()))
			provider := sdktrace.NewTracerProvider(sdktrace.WithSampler(sdktrace.NeverSample()))
			if c.kept {
				provider = sdktrace.NewTracerProvider(sdktrace.WithSampler(sdktrace.AlwaysSample()))
			}
			ctx, root := provider.Tracer("bench").Start(b.Context(), "root")
			defer root.End()
			pool, err := s.read.DB()
			require.NoError(b, err)
			b.ReportAllocs()
			for b.Loop() {
				var n int64
				if err := pool.QueryRowContext(ctx, "SELECT value FROM counters WHERE name = ?", "table_seq").Scan(&n); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
