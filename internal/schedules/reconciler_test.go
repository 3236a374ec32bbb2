package schedules_test

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/robfig/cron/v3"
	"github.com/stretchr/testify/require"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"

	"github.com/scratch-platform/scratch/internal/locks"
	"github.com/scratch-platform/scratch/internal/schedules"
	"github.com/scratch-platform/scratch/internal/testkit"
	"github.com/scratch-platform/scratch/internal/vault"
	"github.com/scratch-platform/scratch/models"
	"github.com/scratch-platform/scratch/models/store"
	"github.com/scratch-platform/scratch/worker/codec"
	"github.com/scratch-platform/scratch/workflows/contract"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// stage is a reconciler over a real store and a real engine without a worker.
type stage struct {
	t        *testing.T
	db       *store.Store
	org      *store.Org
	engine   client.Client
	snapshot string
	look     *schedules.Reconciler
}

func newStage(t *testing.T) *stage {
	ctx := t.Context()
	db, err := store.Open(ctx, store.Config{URL: testkit.SQLite(t)})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	require.NoError(t, db.Migrate(ctx))
	keys, err := vault.Open(vault.Source{File: filepath.Join(t.TempDir(), "keyset"), Create: true})
	require.NoError(t, err)
	s := &stage{t: t, db: db}
	s.engine = testkit.TemporalClient(t, client.Options{DataConverter: codec.DataConverter(keys), FailureConverter: codec.FailureConverter(keys)})
	org, _, err := db.System().EnsureLocalAccount(ctx)
	require.NoError(t, err)
	s.org = db.Org(org.ID)
	s.snapshot = models.NewID(models.PrefixSnapshot)
	require.NoError(t, s.org.CreateSnapshot(ctx, models.Snapshot{ID: s.snapshot, Name: "Blog"}))
	s.look = s.reconciler(locks.NewProcess(time.Now), codec.DataConverter(keys))
	return s
}

func (s *stage) reconciler(locker locks.Locker, payloads converter.DataConverter) *schedules.Reconciler {
	return &schedules.Reconciler{
		System: s.db.System(), Org: func(id string) schedules.Org { return s.db.Org(id) }, Engine: s.engine,
		Payloads: payloads, Locks: locker, Log: slog.New(slog.DiscardHandler),
	}
}

// make stores a schedule; the engine's goes with the test.
func (s *stage) make(asked models.Schedule) models.Schedule {
	s.t.Helper()
	asked.SnapshotID = s.snapshot
	require.NoError(s.t, models.CheckSchedule(&asked))
	made, err := s.org.CreateSchedule(s.t.Context(), asked)
	require.NoError(s.t, err)
	s.t.Cleanup(func() { _ = s.handle(made).Delete(context.WithoutCancel(s.t.Context())) })
	return made
}

func (s *stage) handle(m models.Schedule) client.ScheduleHandle {
	return s.engine.ScheduleClient().GetHandle(context.WithoutCancel(s.t.Context()), contract.ScheduleID(m.ID))
}

func (s *stage) describe(m models.Schedule) *client.ScheduleDescription {
	s.t.Helper()
	d, err := s.handle(m).Describe(s.t.Context())
	require.NoError(s.t, err)
	return d
}

func (s *stage) read(m models.Schedule) models.Schedule {
	s.t.Helper()
	read, err := s.org.Schedule(s.t.Context(), m.ID)
	require.NoError(s.t, err)
	return read
}

func (s *stage) pass() {
	s.t.Helper()
	require.NoError(s.t, s.look.Pass(s.t.Context()))
}

// Breaks when the engine runs a schedule at other times than its text says: the
// engine's next times are held against those of the cron library, for texts of
// every form, in zones with and without summer time.
func TestTheEngineAgreesWithCron(t *testing.T) {
	s := newStage(t)
	for _, text := range []string{
		"* * * * *", "*/7 * * * *", "30 6 * * 1-5", "0 6 13 * 5", "0 0 29 2 *", "5,35 8-18/3 * jan,Jul MON-fri", "0 0 1,15 * *",
		"15 3 31 * *", "59 23 * * 0", "0 12 */10 * *", "0 12 */10 * 3", "@hourly", "@daily", "@weekly", "@monthly", "@yearly",
	} {
		for _, zone := range []string{"UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu"} {
			t.Run(text+" "+zone, func(t *testing.T) {
				made := s.make(models.Schedule{Cron: text, TimeZone: zone})
				applied, err := s.look.Apply(t.Context(), made)
				require.NoError(t, err)
				location, err := time.LoadLocation(zone)
				require.NoError(t, err)
				parsed, err := cron.ParseStandard(text)
				require.NoError(t, err)
				require.NotEmpty(t, applied.Sight.Next)
				last := applied.Sight.Next[0].In(location)
				for i, next := range applied.Sight.Next[1:] {
					want := parsed.Next(last)
					if last.Hour() != want.Hour() && offset(last) != offset(want) && next.In(location).Hour() < 4 {
						break // around a change of the clock the two may differ by an hour's runs
					}
					require.True(t, want.Equal(next), "time %d after %s: the engine says %s, cron %s", i+1, last, next.In(location), want)
					last = next.In(location)
				}
				require.NoError(t, s.org.DeleteSchedule(t.Context(), made.ID))
				_, err = s.look.Apply(t.Context(), made)
				require.NoError(t, err)
			})
		}
	}
}

// Breaks when a time that the change to summer time leaves out runs all the same,
// at another hour, or one that comes twice runs twice: what docs/operations.md says.
func TestTheClockIsChanged(t *testing.T) {
	s := newStage(t)
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	day := time.Now().In(berlin)
	var missing, twice time.Time // days on which 02:30 does not come, or comes twice
	for range 366 {
		day = time.Date(day.Year(), day.Month(), day.Day()+1, 12, 0, 0, 0, berlin)
		morning := day.Sub(time.Date(day.Year(), day.Month(), day.Day(), 0, 0, 0, 0, berlin))
		if morning == 11*time.Hour {
			missing = day
		}
		if morning == 13*time.Hour {
			twice = day
		}
	}
	next := func(day time.Time) []time.Time {
		made := s.make(models.Schedule{Cron: fmt.Sprintf("30 2 %d %d *", day.Day(), day.Month()), TimeZone: "Europe/Berlin"})
		applied, err := s.look.Apply(t.Context(), made)
		require.NoError(t, err)
		for i, at := range applied.Sight.Next {
			applied.Sight.Next[i] = at.In(berlin)
			require.Equal(t, "02:30", at.In(berlin).Format("15:04"))
		}
		return applied.Sight.Next
	}
	require.NotEqual(t, missing.Year(), next(missing)[0].Year(), "02:30 does not come on %s", missing)
	times := next(twice)
	require.Equal(t, twice.Format(time.DateOnly), times[0].Format(time.DateOnly))
	require.NotEqual(t, twice.Year(), times[1].Year(), "02:30 comes twice on %s, and runs once", twice)
}

func offset(at time.Time) int { _, seconds := at.Zone(); return seconds }

func TestIntervalsCountFromTheirMakingAtTheEngine(t *testing.T) {
	s := newStage(t)
	made := s.make(models.Schedule{Every: 90 * time.Minute})
	applied, err := s.look.Apply(t.Context(), made)
	require.NoError(t, err)
	require.True(t, made.CreatedAt.Truncate(time.Second).Add(made.Every).Equal(applied.Sight.Next[0]), "%s then %s", made.CreatedAt, applied.Sight.Next[0])
}

// Breaks when the engine is not told of what a person did.
func TestTheEngineFollowsTheStore(t *testing.T) {
	s := newStage(t)
	ctx := t.Context()
	made := s.make(models.Schedule{Cron: "@daily", Overlap: models.OverlapBufferOne, Note: "nightly"})
	s.pass()
	d := s.describe(made)
	require.False(t, d.Schedule.State.Paused)
	require.Equal(t, "nightly", d.Schedule.State.Note)
	require.EqualValues(t, 2, d.Schedule.Policy.Overlap)
	require.Equal(t, s.read(made).Version, s.read(made).AppliedVersion)

	changed := s.read(made)
	changed.Cron, changed.Every, changed.Overlap = "", time.Hour, models.OverlapAllowAll
	changed, err := s.org.UpdateSchedule(ctx, changed)
	require.NoError(t, err)
	_, err = s.org.PauseSchedule(ctx, made.ID, true, "holidays")
	require.NoError(t, err)
	s.pass()
	d = s.describe(made)
	require.Len(t, d.Schedule.Spec.Intervals, 1)
	require.Empty(t, d.Schedule.Spec.Calendars)
	require.True(t, d.Schedule.State.Paused)
	require.Equal(t, "holidays", d.Schedule.State.Note)

	at := d.Info.LastUpdateAt
	s.pass()
	require.Equal(t, at, s.describe(made).Info.LastUpdateAt, "nothing was new")

	require.NoError(t, s.org.DeleteSchedule(ctx, made.ID))
	s.pass()
	_, err = s.handle(made).Describe(ctx)
	var gone *serviceerror.NotFound
	require.ErrorAs(t, err, &gone)
	_, err = s.org.ScheduleToApply(ctx, made.ID)
	require.True(t, models.HasCode(err, "schedule.not_found"), "%v", err)
	_ = changed
}

// Promise 9: what an operator does with `temporal schedule` shows, or is put
// right.
func TestOperatorsHands(t *testing.T) {
	s := newStage(t)
	ctx := t.Context()
	made := s.make(models.Schedule{Cron: "@daily"})
	s.pass()

	require.NoError(t, s.handle(made).Pause(ctx, client.SchedulePauseOptions{Note: "maintenance"}))
	s.pass()
	read := s.read(made)
	require.True(t, read.Paused, "a pause is taken over")
	require.Equal(t, "maintenance", read.PausedWhy)
	require.True(t, s.describe(made).Schedule.State.Paused, "and not undone")
	require.NoError(t, s.handle(made).Unpause(ctx, client.ScheduleUnpauseOptions{}))
	s.pass()
	require.False(t, s.read(made).Paused)

	require.NoError(t, s.handle(made).Update(ctx, client.ScheduleUpdateOptions{
		DoUpdate: func(in client.ScheduleUpdateInput) (*client.ScheduleUpdate, error) {
			changed := in.Description.Schedule
			changed.Spec = &client.ScheduleSpec{Intervals: []client.ScheduleIntervalSpec{{Every: time.Minute}}}
			return &client.ScheduleUpdate{Schedule: &changed}, nil
		},
	}))
	s.pass()
	require.Empty(t, s.describe(made).Schedule.Spec.Intervals, "another spec is put right")

	require.NoError(t, s.handle(made).Delete(ctx))
	s.pass()
	require.NotEmpty(t, s.describe(made).Info.NextActionTimes, "a deleted schedule comes back")

	cleanup := s.engine.ScheduleClient().GetHandle(ctx, contract.CleanupScheduleID)
	require.NoError(t, cleanup.Pause(ctx, client.SchedulePauseOptions{Note: "not now"}))
	s.pass()
	d, err := cleanup.Describe(ctx)
	require.NoError(t, err)
	require.True(t, d.Schedule.State.Paused)
	require.NoError(t, cleanup.Delete(ctx))
	s.pass()
	d, err = cleanup.Describe(ctx)
	require.NoError(t, err)
	require.Equal(t, contract.CleanupEvery, d.Schedule.Spec.Intervals[0].Every)
	require.NoError(t, cleanup.Delete(ctx))
}

// Breaks when a scheduled run is not found by the services of its tables, as they
// are now, or an operator's edit of the attributes stays.
func TestRunsAreFoundByTheServicesOfTheirTables(t *testing.T) {
	s := newStage(t)
	ctx := t.Context()
	made := s.make(models.Schedule{Cron: "@daily"})
	attributes := func() []string {
		s.t.Helper()
		s.pass()
		action := s.describe(made).Schedule.Action.(*client.ScheduleWorkflowAction)
		services, ok := action.TypedSearchAttributes.GetKeywordList(contract.AttributeConnectors)
		require.True(t, ok)
		return services
	}
	require.Equal(t, []string{contract.AttributeNone}, attributes(), "no table yet")
	posts := s.table("wordpress", "posts")
	require.Equal(t, []string{"wordpress"}, attributes())
	s.table("csv", "people")
	require.Equal(t, []string{"csv", "wordpress"}, attributes(), "a table of another service joined")

	require.NoError(t, s.handle(made).Update(ctx, client.ScheduleUpdateOptions{
		DoUpdate: func(in client.ScheduleUpdateInput) (*client.ScheduleUpdate, error) {
			action := in.Description.Schedule.Action.(*client.ScheduleWorkflowAction)
			action.TypedSearchAttributes = contract.Attributes("schedule", "another", "", nil)
			action.RetryPolicy = &temporal.RetryPolicy{MaximumAttempts: 3}
			return &client.ScheduleUpdate{Schedule: &in.Description.Schedule}, nil
		},
	}))
	require.Equal(t, []string{"csv", "wordpress"}, attributes())
	require.Nil(t, s.describe(made).Schedule.Action.(*client.ScheduleWorkflowAction).RetryPolicy, "a scheduled run is tried once")

	narrow := s.read(made)
	narrow.Tables = []string{posts}
	_, err := s.org.UpdateSchedule(ctx, narrow)
	require.NoError(t, err)
	require.Equal(t, []string{"wordpress"}, attributes(), "only the tables it names")
	require.NoError(t, s.handle(made).Pause(ctx, client.SchedulePauseOptions{Note: "x"}))
	require.Equal(t, []string{"wordpress"}, attributes(), "also when a pause is taken over")
}

// table adds a table of a service to the snapshot.
func (s *stage) table(service, name string) string {
	s.t.Helper()
	conn := models.Connection{ID: models.NewID(models.PrefixConnection), OrganizationID: s.org.ID(), Service: service, Name: service, State: models.ConnectionReady}
	require.NoError(s.t, s.org.CreateConnection(s.t.Context(), conn))
	table, err := s.org.AddTable(s.t.Context(), models.Table{SnapshotID: s.snapshot, ConnectionID: conn.ID, Service: service, RemoteID: name, Name: name})
	require.NoError(s.t, err)
	return table.ID
}

// Breaks when two processes that apply one schedule undo each other's, or a
// change made meanwhile is lost.
func TestManyApplyAtOnce(t *testing.T) {
	s := newStage(t)
	ctx := t.Context()
	made := s.make(models.Schedule{Cron: "@daily"})
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			if i == 4 {
				_, err := s.org.PauseSchedule(ctx, made.ID, true, "mine")
				require.NoError(t, err)
			}
			_, err := s.look.Apply(ctx, made)
			require.NoError(t, err)
		})
	}
	all.Wait()
	read := s.read(made)
	require.True(t, read.Paused)
	require.Equal(t, "mine", read.PausedWhy)
	require.True(t, s.describe(made).Schedule.State.Paused)
	require.Equal(t, read.Version, read.AppliedVersion)
}
