package deployment

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	deploymentpb "go.temporal.io/api/deployment/v1"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
)

// Deployment is the worker deployment of one installation.
type Deployment struct {
	Engine    client.Client
	Namespace string
	Name      string
}

// Phases of a version's life.
const (
	PhaseInactive = "inactive" // workers have registered it; it never took runs
	PhaseCurrent  = "current"  // takes new runs
	PhaseRamping  = "ramping"  // takes a share of new runs
	PhaseDraining = "draining" // takes none; runs that began on it go on
	PhaseDrained  = "drained"  // nothing is left to do on it: its workers can be stopped
)

// State is a deployment as the engine knows it.
type State struct {
	Deployment  string  `json:"deployment"`
	Current     string  `json:"current,omitempty"` // build id; empty: new runs go to workers without a version
	Ramping     string  `json:"ramping,omitempty"`
	RampPercent float32 `json:"ramp_percent,omitempty"`
	Builds      []Build `json:"builds"`      // newest first
	Unversioned int     `json:"unversioned"` // live workers without a version
	token       []byte  // guards a change against another made meanwhile
}

// Build is one version of a deployment.
type Build struct {
	BuildID string    `json:"build_id"`
	Phase   string    `json:"phase"`
	Created time.Time `json:"created"`
	Workers int       `json:"workers"` // live ones, on the queue that has the fewest
	// Missing are the queues no live worker of this build polls.
	Missing []string `json:"missing,omitempty"`
}

// Stranded reports that runs of the build may be waiting for workers that are
// gone.
func (b Build) Stranded() bool {
	switch b.Phase {
	case PhaseCurrent, PhaseRamping, PhaseDraining:
		return len(b.Missing) > 0
	default:
		return false
	}
}

// Build finds a build of the deployment.
func (s State) Build(id string) (Build, bool) {
	i := slices.IndexFunc(s.Builds, func(b Build) bool { return b.BuildID == id })
	if i < 0 {
		return Build{}, false
	}
	return s.Builds[i], true
}

// Look asks the engine. A deployment no worker has registered yet has no
// builds.
func (d *Deployment) Look(ctx context.Context) (State, error) {
	state := State{Deployment: d.Name, Builds: []Build{}}
	queues, err := Queues(ctx, d.Engine, d.Namespace)
	if err != nil {
		return state, err
	}
	state.Unversioned = fewest(queues, Version{})
	answer, err := d.Engine.WorkflowService().DescribeWorkerDeployment(ctx, &workflowservice.DescribeWorkerDeploymentRequest{
		Namespace: d.Namespace, DeploymentName: d.Name,
	})
	if none := (*serviceerror.NotFound)(nil); errors.As(err, &none) {
		return state, nil
	}
	if err != nil {
		return state, fmt.Errorf("describe the deployment %s: %w", d.Name, err)
	}
	info := answer.GetWorkerDeploymentInfo()
	routing := info.GetRoutingConfig()
	state.token = answer.GetConflictToken()
	state.Current = routing.GetCurrentDeploymentVersion().GetBuildId()
	state.Ramping = routing.GetRampingDeploymentVersion().GetBuildId()
	state.RampPercent = routing.GetRampingVersionPercentage()
	for _, summary := range info.GetVersionSummaries() {
		version := Version{Deployment: d.Name, BuildID: summary.GetDeploymentVersion().GetBuildId()}
		build := Build{
			BuildID: version.BuildID, Created: summary.GetCreateTime().AsTime(),
			Phase: state.phase(version.BuildID, summary), Workers: fewest(queues, version),
		}
		for _, q := range queues {
			if q.Pollers[version] == 0 {
				build.Missing = append(build.Missing, q.What())
			}
		}
		state.Builds = append(state.Builds, build)
	}
	slices.SortStableFunc(state.Builds, func(a, b Build) int { return b.Created.Compare(a.Created) })
	return state, nil
}

func (s State) phase(build string, summary *deploymentpb.WorkerDeploymentInfo_WorkerDeploymentVersionSummary) string {
	switch build {
	case s.Current:
		return PhaseCurrent
	case s.Ramping:
		return PhaseRamping
	}
	switch summary.GetDrainageInfo().GetStatus() {
	case enums.VERSION_DRAINAGE_STATUS_DRAINING:
		return PhaseDraining
	case enums.VERSION_DRAINAGE_STATUS_DRAINED:
		return PhaseDrained
	default:
		return PhaseInactive
	}
}

func fewest(queues []Queue, version Version) int {
	if len(queues) == 0 {
		return 0
	}
	return slices.MinFunc(queues, func(a, b Queue) int { return cmp.Compare(a.Pollers[version], b.Pollers[version]) }).Pollers[version]
}

func sorted(pollers map[Version]int) []Version {
	return slices.SortedFunc(maps.Keys(pollers), func(a, b Version) int { return cmp.Compare(a.String(), b.String()) })
}
