package worker

import (
	"context"
	"fmt"
	"log/slog"
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
	// process: each holds a few megabytes of pages, and the process stays under
	// 200 MB.
	tablesAtOnce = 12
	// drain is how long activities may take to reach a checkpoint at shutdown;
	// they notice within a page or a batch.
	drain = 15 * time.Second
)

// Config is what a worker needs. Versioning is the worker deployment's version
// in production; empty in dev and monolith, where it is off.
type Config struct {
	Client client.Client
	Store  *store.Store
	Open   activities.Opener
	Now    func() time.Time
	Log    *slog.Logger
	Meter  activities.Meter // nil counts nothing
	// Lease is how long a batch of a publish may start requests; 0 takes the
	// default. Whoever resolves a lost batch waits for it.
	Lease time.Duration
	// Deployment and BuildID switch worker versioning on where both are set;
	// the deployment then needs a current version (`scratch deploy`).
	Deployment string
	BuildID    string
}

// Run serves until the context ends, then lets running activities come to a
// checkpoint and returns. Work left goes on in another worker, or in this one's
// next start (Promise 7).
func Run(ctx context.Context, config Config) error {
	w := New(config)
	if err := w.Start(); err != nil {
		return fmt.Errorf("start the worker on %s: %w", contract.QueueSync, err)
	}
	<-ctx.Done()
	w.Stop()
	return nil
}

// New makes the worker without starting it.
func New(config Config) sdk.Worker {
	w := sdk.New(config.Client, contract.QueueSync, options(config))
	Register(w, config)
	return w
}

func options(config Config) sdk.Options {
	o := sdk.Options{
		MaxConcurrentActivityExecutionSize: activitiesAtOnce,
		MaxHeartbeatThrottleInterval:       policy.HeartbeatThrottle,
		DefaultHeartbeatThrottleInterval:   policy.HeartbeatThrottle,
		WorkerStopTimeout:                  drain,
		Interceptors:                       []interceptor.WorkerInterceptor{&guard{log: config.Log}},
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

// Register names every workflow and activity; replays use it too.
func Register(r sdk.Registry, config Config) {
	RegisterWorkflows(r)
	r.RegisterActivity(&activities.Jobs{
		Store:  func(id string) activities.JobStore { return config.Store.Org(id) },
		Engine: config.Client, Now: config.Store.Now,
	})
	r.RegisterActivity(&activities.Downloads{
		Store: func(id string) activities.DownloadStore { return config.Store.Org(id) },
		Open:  config.Open, Slots: activities.NewSlots(tablesAtOnce), Now: config.Now, Meter: config.Meter,
	})
	r.RegisterActivity(&activities.Publishes{
		Store: func(id string) activities.PublishStore { return config.Store.Org(id) },
		Open:  config.Open, Now: config.Now, Lease: config.Lease, Meter: config.Meter,
	})
}

// RegisterWorkflows names the workflows by the contract.
func RegisterWorkflows(r sdk.WorkflowRegistry) {
	r.RegisterWorkflowWithOptions(workflows.DownloadSnapshot, workflow.RegisterOptions{Name: contract.WorkflowDownloadSnapshot})
	r.RegisterWorkflowWithOptions(workflows.Download, workflow.RegisterOptions{Name: contract.WorkflowDownload})
	r.RegisterWorkflowWithOptions(workflows.Publish, workflow.RegisterOptions{Name: contract.WorkflowPublish})
}
