package worker

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/interceptor"
	sdk "go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/scratch-platform/scratch/activities"
	"github.com/scratch-platform/scratch/models/store"
	"github.com/scratch-platform/scratch/workflows"
	"github.com/scratch-platform/scratch/workflows/contract"
	"github.com/scratch-platform/scratch/workflows/policy"
)

const (
	// activitiesAtOnce bounds activities of one process. Most of them wait for
	// a service or for a place in tablesAtOnce; 256 lets 200 tables be under
	// way while cancels and job states still find a place.
	activitiesAtOnce = 256
	// tablesAtOnce bounds the tables that move records at one time in this
	// process, where nothing else is said: each holds a few megabytes of pages,
	// and the process stays under 200 MB.
	tablesAtOnce = 12
	// drain is how long activities may take to reach a checkpoint at shutdown,
	// where nothing else is said; they notice within a page or a batch.
	drain = 15 * time.Second
	// maintenanceAtOnce bounds what runs by schedules in one process: most of it
	// waits for a download to end and costs next to nothing.
	maintenanceAtOnce = 1000
)

// Config is what a worker needs. Versioning is the worker deployment's version
// in production; empty in dev and monolith, where it is off.
type Config struct {
	Client client.Client
	Store  *store.Store
	Open   activities.Opener
	Now    func() time.Time
	Log    *slog.Logger
	// Uploads deletes uploaded files that nothing needs.
	Uploads activities.UploadSweeper
	// Drain is how long running activities may take to come to a checkpoint when
	// the worker stops; 0 takes the default.
	Drain time.Duration
	// TablesAtOnce bounds the tables that move records at one time; 0 takes the
	// default.
	TablesAtOnce int
	// Started is called once, when work is taken from the queues; nil for nobody.
	Started func()
	Meter   activities.Meter // nil counts nothing
	Ended   activities.Ended // nil tells nobody
	// Lease is how long a batch of a publish may start requests; 0 takes the
	// default. Whoever resolves a lost batch waits for it.
	Lease time.Duration
	// Deployment and BuildID switch worker versioning on where both are set;
	// the deployment then needs a current version (`scratch deploy`).
	Deployment string
	BuildID    string
}

// Worker works on the queues of this process: what people wait for, and what
// runs by schedules.
type Worker struct {
	sync, maintenance sdk.Worker
}

// Run serves until the context ends, then lets running activities come to a
// checkpoint and returns. Work left goes on in another worker, or in this one's
// next start (Promise 7).
//
// While the engine is away at the start, it says so and tries again.
func Run(ctx context.Context, config Config) error {
	w, err := startPatiently(ctx, config)
	if err != nil {
		return err
	}
	if config.Started != nil {
		config.Started()
	}
	<-ctx.Done()
	w.Stop()
	return nil
}

// startAgain is the wait between two attempts to reach the engine: a namespace
// that is being made, a server that is coming up.
const startAgain = 2 * time.Second

func startPatiently(ctx context.Context, config Config) (*Worker, error) {
	for {
		w := New(config)
		err := w.Start()
		if err == nil {
			return w, nil
		}
		config.Log.WarnContext(ctx, "the worker cannot start yet and tries again", "error", err)
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(startAgain):
		}
	}
}

// New makes the worker without starting it.
func New(config Config) *Worker {
	w := &Worker{
		sync:        sdk.New(config.Client, contract.QueueSync, options(config, activitiesAtOnce)),
		maintenance: sdk.New(config.Client, contract.QueueMaintenance, options(config, maintenanceAtOnce)),
	}
	registerSync(w.sync, config)
	registerMaintenance(w.maintenance, config)
	return w
}

// Start begins to take work from both queues.
func (w *Worker) Start() error {
	if err := w.sync.Start(); err != nil {
		return fmt.Errorf("start the worker on %s: %w", contract.QueueSync, err)
	}
	if err := w.maintenance.Start(); err != nil {
		w.sync.Stop()
		return fmt.Errorf("start the worker on %s: %w", contract.QueueMaintenance, err)
	}
	return nil
}

// Stop takes no more work and waits, for the drain time at most, until what runs
// has come to a checkpoint.
func (w *Worker) Stop() {
	var stopping sync.WaitGroup
	stopping.Go(w.maintenance.Stop)
	w.sync.Stop()
	stopping.Wait()
}

func options(config Config, atOnce int) sdk.Options {
	o := sdk.Options{
		MaxConcurrentActivityExecutionSize: atOnce,
		MaxHeartbeatThrottleInterval:       policy.HeartbeatThrottle,
		DefaultHeartbeatThrottleInterval:   policy.HeartbeatThrottle,
		WorkerStopTimeout:                  cmp.Or(config.Drain, drain),
		Interceptors:                       []interceptor.WorkerInterceptor{&lines{}, &guard{log: config.Log}},
	}
	if config.Deployment != "" && config.BuildID != "" {
		o.DeploymentOptions = sdk.DeploymentOptions{
			UseVersioning: true,
			Version:       sdk.WorkerDeploymentVersion{DeploymentName: config.Deployment, BuildID: config.BuildID},
			// A download or publish is short against a deploy: it ends on the
			// version it began with.
			DefaultVersioningBehavior: workflow.VersioningBehaviorPinned,
		}
	}
	return o
}

// registerSync names what runs on contract.QueueSync.
func registerSync(r sdk.Registry, config Config) {
	registerSyncWorkflows(r)
	r.RegisterActivity(&activities.Jobs{
		Store:  func(id string) activities.JobStore { return config.Store.Org(id) },
		Engine: config.Client, Now: config.Store.Now, Ended: config.Ended,
	})
	r.RegisterActivity(&activities.Downloads{
		Store: func(id string) activities.DownloadStore { return config.Store.Org(id) },
		Open:  config.Open, Slots: activities.NewSlots(cmp.Or(config.TablesAtOnce, tablesAtOnce)), Now: config.Now, Meter: config.Meter,
	})
	r.RegisterActivity(&activities.Publishes{
		Store: func(id string) activities.PublishStore { return config.Store.Org(id) },
		Open:  config.Open, Now: config.Now, Lease: config.Lease,
	})
}

// registerMaintenance names what runs on contract.QueueMaintenance.
func registerMaintenance(r sdk.Registry, config Config) {
	registerMaintenanceWorkflows(r)
	r.RegisterActivity(&activities.Schedules{
		Store:  func(id string) activities.ScheduleStore { return config.Store.Org(id) },
		Engine: config.Client, Ended: config.Ended,
	})
	r.RegisterActivity(&activities.Cleanup{Store: config.Store.System(), Uploads: config.Uploads})
}

// RegisterWorkflows names all workflows by the contract; replays use it.
func RegisterWorkflows(r sdk.WorkflowRegistry) {
	registerSyncWorkflows(r)
	registerMaintenanceWorkflows(r)
}

func registerSyncWorkflows(r sdk.WorkflowRegistry) {
	r.RegisterWorkflowWithOptions(workflows.DownloadSnapshot, workflow.RegisterOptions{Name: contract.WorkflowDownloadSnapshot})
	r.RegisterWorkflowWithOptions(workflows.Download, workflow.RegisterOptions{Name: contract.WorkflowDownload})
	r.RegisterWorkflowWithOptions(workflows.Publish, workflow.RegisterOptions{Name: contract.WorkflowPublish})
}

func registerMaintenanceWorkflows(r sdk.WorkflowRegistry) {
	r.RegisterWorkflowWithOptions(workflows.ScheduledDownload, workflow.RegisterOptions{Name: contract.WorkflowScheduledDownload})
	r.RegisterWorkflowWithOptions(workflows.Cleanup, workflow.RegisterOptions{Name: contract.WorkflowCleanup})
}
