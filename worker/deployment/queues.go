package deployment

import (
	"context"
	"fmt"
	"strings"
	"time"

	deploymentpb "go.temporal.io/api/deployment/v1"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/taskqueue/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"github.com/scratch-platform/scratch/models"
	"github.com/scratch-platform/scratch/workflows/contract"
)

// Version names a build of a deployment; the zero Version stands for workers
// that have none.
type Version struct {
	Deployment string
	BuildID    string
}

// String is the version as people read it.
func (v Version) String() string {
	if v == (Version{}) {
		return "workers without a version"
	}
	return v.Deployment + " " + v.BuildID
}

// Queue is one task queue, for workflows or for activities, as the engine sees
// it.
type Queue struct {
	Name string
	Kind enums.TaskQueueType
	// Current takes new runs. The zero Version: workers without one.
	Current Version
	// Ramping takes RampPercent of them.
	Ramping     Version
	RampPercent float32
	// Pollers counts the live workers of each version.
	Pollers map[Version]int
	// Identities are what these workers call themselves.
	Identities []string
}

// What names what the queue holds.
func (q Queue) What() string {
	if q.Kind == enums.TASK_QUEUE_TYPE_ACTIVITY {
		return "activities of " + q.Name
	}
	return "workflows of " + q.Name
}

// silence is how far a worker's last poll may lie behind the latest of any
// worker on its queue. A poll lasts a minute at most (the server's
// matching.longPollExpirationInterval), then the next begins. The engine's times
// are held against each other and never against our clock, which may be wrong.
const silence = 75 * time.Second

// kinds are the halves of a task queue.
func kinds() []enums.TaskQueueType {
	return []enums.TaskQueueType{enums.TASK_QUEUE_TYPE_WORKFLOW, enums.TASK_QUEUE_TYPE_ACTIVITY}
}

// Queues asks the engine about every task queue of the contract.
func Queues(ctx context.Context, engine client.Client, namespace string) ([]Queue, error) {
	var queues []Queue
	for _, name := range contract.Queues() {
		parts, err := partitions(ctx, engine, namespace, name)
		if err != nil {
			return nil, err
		}
		for _, kind := range kinds() {
			queue := Queue{Name: name, Kind: kind}
			var pollers []*taskqueue.PollerInfo
			for _, part := range parts[kind] {
				answer, err := engine.DescribeTaskQueue(ctx, part, kind)
				if err != nil {
					return nil, fmt.Errorf("describe the task queue %s: %w", part, err)
				}
				if part == name {
					routing := answer.GetVersioningInfo()
					queue.Current = versionOf(routing.GetCurrentDeploymentVersion())
					queue.Ramping, queue.RampPercent = versionOf(routing.GetRampingDeploymentVersion()), routing.GetRampingVersionPercentage()
				}
				pollers = append(pollers, answer.GetPollers()...)
			}
			queue.Pollers, queue.Identities = live(pollers)
			queues = append(queues, queue)
		}
	}
	return queues, nil
}

// partitions names the parts of a task queue. A worker polls a few of them at a
// time, and each knows its own pollers only; the one with the queue's name is the
// first of them.
func partitions(ctx context.Context, engine client.Client, namespace, name string) (map[enums.TaskQueueType][]string, error) {
	answer, err := engine.WorkflowService().ListTaskQueuePartitions(ctx, &workflowservice.ListTaskQueuePartitionsRequest{
		Namespace: namespace, TaskQueue: &taskqueue.TaskQueue{Name: name},
	})
	if err != nil {
		return nil, fmt.Errorf("list the partitions of the task queue %s: %w", name, err)
	}
	parts := map[enums.TaskQueueType][]string{}
	for kind, of := range map[enums.TaskQueueType][]*taskqueue.TaskQueuePartitionMetadata{
		enums.TASK_QUEUE_TYPE_WORKFLOW: answer.GetWorkflowTaskQueuePartitions(),
		enums.TASK_QUEUE_TYPE_ACTIVITY: answer.GetActivityTaskQueuePartitions(),
	} {
		for _, part := range of {
			parts[kind] = append(parts[kind], part.GetKey())
		}
	}
	return parts, nil
}

// live counts the workers of each version, without those that fell silent. A
// worker is known by its identity; it polls several partitions.
func live(pollers []*taskqueue.PollerInfo) (counts map[Version]int, identities []string) {
	var latest time.Time
	for _, p := range pollers {
		if at := p.GetLastAccessTime().AsTime(); at.After(latest) {
			latest = at
		}
	}
	type worker struct {
		Version
		identity string
	}
	seen := map[worker]bool{}
	counts = map[Version]int{}
	for _, p := range pollers {
		if latest.Sub(p.GetLastAccessTime().AsTime()) > silence {
			continue
		}
		w := worker{identity: p.GetIdentity()}
		if o := p.GetDeploymentOptions(); o.GetWorkerVersioningMode() == enums.WORKER_VERSIONING_MODE_VERSIONED {
			w.Version = Version{Deployment: o.GetDeploymentName(), BuildID: o.GetBuildId()}
		}
		if !seen[w] {
			seen[w] = true
			counts[w.Version]++
			identities = append(identities, w.identity)
		}
	}
	return counts, identities
}

func versionOf(v *deploymentpb.WorkerDeploymentVersion) Version {
	return Version{Deployment: v.GetDeploymentName(), BuildID: v.GetBuildId()}
}

// Ready reports why a run that is started now would not be worked on: no worker
// at all, a deployment without a current version, or a current version that no
// worker runs. The error is a *models.Problem.
func Ready(queues []Queue) error {
	for _, q := range queues {
		if q.Pollers[q.Current] > 0 {
			continue
		}
		if len(q.Pollers) == 0 {
			return models.NewProblem(models.KindUnavailable, "engine.no_worker",
				"No worker waits for "+q.What()+".", "Start one with 'scratch worker', or serve as monolith.")
		}
		others := make([]string, 0, len(q.Pollers))
		for _, v := range sorted(q.Pollers) {
			others = append(others, v.String())
		}
		there := "There are workers of: " + strings.Join(others, ", ") + ". "
		if q.Current == (Version{}) {
			return models.NewProblem(models.KindUnavailable, "engine.no_current_version",
				"The workers that wait for "+q.What()+" have versions, and none of these is current: new runs would wait.",
				there+"Put one into service with 'scratch deploy'.")
		}
		return models.NewProblem(models.KindUnavailable, "engine.no_current_worker",
			"New runs go to "+q.Current.String()+", and no worker of that version waits for "+q.What()+".",
			there+"Start workers of the current version, or put another into service with 'scratch deploy' or 'scratch deploy rollback'.")
	}
	return nil
}
