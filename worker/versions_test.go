package worker

import (
	"context"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"github.com/scratch-platform/scratch/internal/testkit"
	"github.com/scratch-platform/scratch/models"
	"github.com/scratch-platform/scratch/worker/deployment"
	"github.com/scratch-platform/scratch/workflows/contract"
)

// build starts a worker of one build of the deployment, over a client of its own
// as a process has it.
func (s *stack) build(id string) {
	s.t.Helper()
	w := New(Config{
		Client: testkit.Dial(s.t, s.server, ClientOptions(client.Options{Identity: "worker of " + id}, s.keys, nil)),
		Store:  s.db, Open: s.opener, Now: time.Now, Lease: 2 * time.Second, Log: slog.New(slog.DiscardHandler),
		Deployment: "scratch", BuildID: id,
	})
	require.NoError(s.t, w.Start())
	s.t.Cleanup(w.Stop)
}

// ranOn is the build a run is pinned to.
func (s *stack) ranOn(workflowID string) string {
	s.t.Helper()
	described, err := s.engine.DescribeWorkflowExecution(s.t.Context(), workflowID, "")
	require.NoError(s.t, err)
	return described.GetWorkflowExecutionInfo().GetVersioningInfo().GetDeploymentVersion().GetBuildId()
}

// held makes the next download stand still at its first page, until let go.
func (s *stack) held() (reached, letGo chan struct{}) {
	reached, letGo = make(chan struct{}), make(chan struct{})
	var first atomic.Bool
	s.service.with(func(f *faults) {
		f.onPage = func(string, int) {
			if first.CompareAndSwap(false, true) {
				close(reached)
				<-letGo
			}
		}
	})
	return reached, letGo
}

func (s *stack) readiness() error {
	queues, err := deployment.Queues(s.t.Context(), s.engine, s.server.Namespace())
	require.NoError(s.t, err)
	return deployment.Ready(queues)
}

// Breaks when a run that began on one build is carried on by another (its code
// may differ, and the run would fail), when new runs do not go to the build that
// was put into service, or when there is no way back.
func TestTwoBuildsSideBySide(t *testing.T) {
	s := newStack(t, testkit.SQLite(t), testkit.OwnTemporal(t))
	s.rest()
	deploy := &deployment.Deployment{Engine: s.engine, Namespace: s.server.Namespace(), Name: "scratch"}
	quiet := func([]string) {}
	s.service.fill("posts", 50)
	table := s.table("posts")

	s.build("old")
	look, err := deploy.Await(t.Context(), "old", quiet)
	require.NoError(t, err)
	require.Empty(t, look.Current)
	require.True(t, models.HasCode(s.readiness(), "engine.no_current_version"), "a deployment without a current version is reported: %v", s.readiness())
	require.NoError(t, deploy.Promote(t.Context(), look, "old"))
	require.NoError(t, s.readiness())

	reached, letGo := s.held()
	begun := s.download(models.DownloadFull, table)
	begunIn := s.snapshot.ID
	<-reached

	s.build("new")
	look, err = deploy.Await(t.Context(), "new", quiet)
	require.NoError(t, err)
	require.NoError(t, deploy.Promote(t.Context(), look, "new"))
	require.Error(t, deploy.Promote(t.Context(), look, "old"), "two who deploy at once must not undo each other unseen")

	runsOn := func(want string) {
		t.Helper()
		other := s.beside(t)
		into := other.table("posts")
		job := other.until(other.download(models.DownloadFull, into), 30*time.Second, anyEnd...)
		require.Equal(t, models.JobCompleted, job.State, "%v", job.Problem)
		require.Equal(t, want, other.ranOn(contract.DownloadSnapshotID(other.snapshot.ID)))
		require.Equal(t, want, other.ranOn(contract.DownloadID(into.ID)), "a child works beside its parent")
	}
	runsOn("new")

	look, err = deploy.Look(t.Context())
	require.NoError(t, err)
	require.Equal(t, "new", look.Current)
	old, _ := look.Build("old")
	require.Equal(t, deployment.PhaseDraining, old.Phase)
	require.False(t, old.Stranded(), "its worker is there")
	close(letGo)
	ended := s.until(begun, 30*time.Second, anyEnd...)
	require.Equal(t, models.JobCompleted, ended.State, "%v", ended.Problem)
	require.Equal(t, "old", s.ranOn(contract.DownloadSnapshotID(begunIn)), "the run ended where it began")
	require.Equal(t, "old", s.ranOn(contract.DownloadID(table.ID)))

	back, err := deploy.Rollback(t.Context(), look)
	require.NoError(t, err)
	require.Equal(t, "old", back)
	runsOn("old")

	look, err = deploy.Look(t.Context())
	require.NoError(t, err)
	_, err = deploy.Rollback(t.Context(), look)
	require.True(t, models.HasCode(err, "deploy.no_earlier"), "nothing lies before the first build: %v", err)
	require.NoError(t, deploy.Ramp(t.Context(), look, "new", 100))
	runsOn("new")
	look, err = deploy.Look(t.Context())
	require.NoError(t, err)
	require.Equal(t, "old", look.Current)
	require.Equal(t, "new", look.Ramping)
	back, err = deploy.Rollback(t.Context(), look)
	require.NoError(t, err)
	require.Equal(t, "old", back)
	runsOn("old")
}

// Breaks when a publish that is under way while another build is put into service
// is carried on by it: it may know other batches and other steps (Promise 5).
func TestAPublishUnderWayStaysOnItsBuild(t *testing.T) {
	s := newStack(t, testkit.SQLite(t), testkit.OwnTemporal(t))
	s.rest()
	deploy := &deployment.Deployment{Engine: s.engine, Namespace: s.server.Namespace(), Name: "scratch"}
	promote := func(id string, look deployment.State) { require.NoError(t, deploy.Promote(t.Context(), look, id)) }
	s.build("old")
	look, err := deploy.Await(t.Context(), "old", func([]string) {})
	require.NoError(t, err)
	promote("old", look)
	table := s.downloaded(20)
	for id, r := range s.records(table) {
		s.write(table, update(r, "Mine "+id), create("New beside "+id))
	}
	plan := s.plan()
	s.build("new")
	look, err = deploy.Await(t.Context(), "new", func([]string) {})
	require.NoError(t, err)

	reached, letGo := make(chan struct{}), make(chan struct{})
	s.service.with(func(f *faults) {
		f.onWrite = func(_ string, n int) {
			if n == 5 {
				close(reached)
				<-letGo
			}
		}
	})
	publish := s.publish(plan)
	<-reached
	promote("new", look)
	close(letGo)
	ended := s.until(publish, time.Minute, anyEnd...)
	require.Equal(t, models.JobCompleted, ended.State, "%v %v", ended.Problem, s.states(plan))
	require.Equal(t, map[models.ItemState]int{models.ItemApplied: 40}, s.states(plan))
	require.Equal(t, "old", s.ranOn(contract.PublishID(plan.ID)), "the publish ended where it began")
	s.oneCreateEach()

	s.service.with(func(f *faults) { f.onWrite = nil })
	s.write(table, create("After"))
	next := s.plan()
	require.Equal(t, models.JobCompleted, s.until(s.publish(next), time.Minute, anyEnd...).State)
	require.Equal(t, "new", s.ranOn(contract.PublishID(next.ID)))
}

// Breaks when a build is put into service before its workers are there: every
// new run would wait.
func TestABuildWithoutWorkersIsNotPutIntoService(t *testing.T) {
	s := newStack(t, testkit.SQLite(t), testkit.OwnTemporal(t))
	deploy := &deployment.Deployment{Engine: s.engine, Namespace: s.server.Namespace(), Name: "scratch"}
	ctx, cancel := context.WithCancel(t.Context())
	_, err := deploy.Await(ctx, "none", func(missing []string) {
		require.NotEmpty(t, missing)
		cancel()
	})
	require.True(t, models.HasCode(err, "deploy.no_workers"), "%v", err)
	look, err := deploy.Look(t.Context())
	require.NoError(t, err)
	require.Empty(t, look.Builds)
	require.Positive(t, look.Unversioned, "the stack's own worker has no version")
	require.NoError(t, s.readiness(), "workers without a version take runs as long as no version is current")
}

// Breaks when readiness does not see that the current version has no worker,
// while one of another version is there.
func TestACurrentVersionWithoutWorkersIsReported(t *testing.T) {
	poll := func(current deployment.Version, pollers map[deployment.Version]int) error {
		return deployment.Ready([]deployment.Queue{{Name: contract.QueueSync, Current: current, Pollers: pollers}})
	}
	one, two := deployment.Version{Deployment: "scratch", BuildID: "one"}, deployment.Version{Deployment: "scratch", BuildID: "two"}
	err := poll(one, map[deployment.Version]int{two: 3})
	require.True(t, models.HasCode(err, "engine.no_current_worker"), "%v", err)
	require.ErrorContains(t, err, "two")
	require.True(t, models.HasCode(poll(one, nil), "engine.no_worker"))
	require.True(t, models.HasCode(poll(deployment.Version{}, map[deployment.Version]int{one: 1}), "engine.no_current_version"))
	require.NoError(t, poll(one, map[deployment.Version]int{one: 1}))
}
