package deployment

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	deploymentpb "go.temporal.io/api/deployment/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"

	"github.com/scratch-platform/scratch/models"
	"github.com/scratch-platform/scratch/workflows/contract"
)

// lookEvery is the wait between two looks at the task queues.
const lookEvery = 250 * time.Millisecond

// before is the key, in a build's metadata at the engine, of the build that was
// current before it.
const before = "scratch-before"

// Await waits until live workers of the build poll every queue, and the engine has
// noted that they do, and tells each time what is missing changes. When ctx ends
// first, the error is a
// *models.Problem that names what was waited for.
func (d *Deployment) Await(ctx context.Context, build string, tell func(missing []string)) (State, error) {
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	told := ""
	for {
		state, err := d.Look(ctx)
		missing := []string{"a worker of that build"}
		if found, ok := state.Build(build); err == nil && ok {
			if missing = found.Missing; len(missing) == 0 {
				missing, err = d.unnoted(ctx, build)
			}
			if err == nil && len(missing) == 0 {
				return state, nil
			}
		}
		if text := strings.Join(missing, ", "); err == nil && text != told {
			told = text
			tell(missing)
		}
		select {
		case <-ctx.Done():
			if err != nil && told == "" {
				return state, err
			}
			return state, models.NewProblem(models.KindTimeout, "deploy.no_workers",
				fmt.Sprintf("No worker of the build %s was seen for: %s. Nothing was changed.", build, told),
				"Start workers of that build with SCRATCH_DEPLOYMENT="+d.Name+", look at their logs, and run this again.").Because(ctx.Err())
		case <-ticker.C:
		}
	}
}

// unnoted are the queues that the engine has not noted as the build's yet. Pollers
// are seen at once, the note follows; until then the engine refuses to make the
// build current.
func (d *Deployment) unnoted(ctx context.Context, build string) ([]string, error) {
	answer, err := d.Engine.WorkflowService().DescribeWorkerDeploymentVersion(ctx, &workflowservice.DescribeWorkerDeploymentVersionRequest{
		Namespace: d.Namespace, DeploymentVersion: d.version(build),
	})
	if err != nil {
		return nil, d.refused(err, "read which task queues the build has")
	}
	noted := map[string]bool{}
	for _, q := range answer.GetVersionTaskQueues() {
		noted[Queue{Name: q.GetName(), Kind: q.GetType()}.What()] = true
	}
	var missing []string
	for _, name := range contract.Queues() {
		for _, kind := range kinds() {
			if what := (Queue{Name: name, Kind: kind}).What(); !noted[what] {
				missing = append(missing, what+", for the engine's note of it")
			}
		}
	}
	return missing, nil
}

// Promote makes the build current: new runs go to it from now on, a ramp to it
// ends. It fails when somebody changed the deployment since the look, and when
// the build lacks a queue that the current one serves.
func (d *Deployment) Promote(ctx context.Context, state State, build string) error {
	if state.Current != "" && state.Current != build {
		if err := d.remember(ctx, build, state.Current); err != nil {
			return err
		}
	}
	return d.setCurrent(ctx, state, build)
}

// Ramp sends a share of new runs to the build, in percent of 0 to 100.
func (d *Deployment) Ramp(ctx context.Context, state State, build string, percent float32) error {
	if state.Current == build {
		return models.NewProblem(models.KindConflict, "deploy.already_current", "The build "+build+" is current: all new runs go to it.", "Deploy another build.")
	}
	return d.setRamp(ctx, state, build, percent)
}

// Rollback undoes the latest change: it ends a ramp, else makes the build
// current that was so before. What it went back to comes back.
func (d *Deployment) Rollback(ctx context.Context, state State) (string, error) {
	if state.Ramping != "" {
		return state.Current, d.setRamp(ctx, state, "", 0)
	}
	earlier, err := d.recall(ctx, state.Current)
	if err != nil {
		return "", err
	}
	if earlier == "" {
		return "", models.NewProblem(models.KindConflict, "deploy.no_earlier", "It is not known which build was current before "+orNone(state.Current)+".",
			"Name one: 'scratch deploy --build-id …'; 'scratch deploy status' lists them.")
	}
	if found, ok := state.Build(earlier); !ok || len(found.Missing) > 0 {
		return "", models.NewProblem(models.KindUnavailable, "deploy.no_workers", "No worker of the earlier build "+earlier+" is there. Nothing was changed.",
			"Start workers of it, then run this again.")
	}
	return earlier, d.setCurrent(ctx, state, earlier)
}

func (d *Deployment) setCurrent(ctx context.Context, state State, build string) error {
	_, err := d.handle().SetCurrentVersion(ctx, client.WorkerDeploymentSetCurrentVersionOptions{BuildID: build, ConflictToken: state.token})
	if err != nil {
		return d.refused(err, "make the build "+build+" current")
	}
	return d.routed(ctx, func(q Queue) bool { return q.Current == Version{Deployment: d.Name, BuildID: build} })
}

// setRamp ends the ramp when build is empty.
func (d *Deployment) setRamp(ctx context.Context, state State, build string, percent float32) error {
	_, err := d.handle().SetRampingVersion(ctx, client.WorkerDeploymentSetRampingVersionOptions{
		BuildID: build, Percentage: percent, ConflictToken: state.token,
	})
	if err != nil {
		return d.refused(err, fmt.Sprintf("send %g %% of new runs to the build %s", percent, orNone(build)))
	}
	want := Version{}
	if build != "" {
		want = Version{Deployment: d.Name, BuildID: build}
	}
	return d.routed(ctx, func(q Queue) bool { return q.Ramping == want && q.RampPercent == percent })
}

// routed waits until every queue goes by a change: the engine tells them one
// after another.
func (d *Deployment) routed(ctx context.Context, by func(Queue) bool) error {
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for {
		queues, err := Queues(ctx, d.Engine, d.Namespace)
		if err == nil && !slices.ContainsFunc(queues, func(q Queue) bool { return !by(q) }) {
			return nil
		}
		select {
		case <-ctx.Done():
			return models.NewProblem(models.KindTimeout, "deploy.not_routed",
				"Temporal took the change of the deployment "+d.Name+" and has not told every task queue of it yet.",
				"It goes on by itself; 'scratch deploy status' and /readyz tell when it is through.").Because(errors.Join(ctx.Err(), err))
		case <-ticker.C:
		}
	}
}

func (d *Deployment) handle() client.WorkerDeploymentHandle {
	return d.Engine.WorkerDeploymentClient().GetHandle(d.Name)
}

// remember notes at the engine what to go back to. It is written before the
// change: a note on a build that did not become current is harmless, a change
// without a note could not be undone. The note is no secret and is written plain,
// so that the engine's own tools show it.
func (d *Deployment) remember(ctx context.Context, build, earlier string) error {
	payload, err := converter.GetDefaultDataConverter().ToPayload(earlier)
	if err != nil {
		return fmt.Errorf("note the earlier build: %w", err)
	}
	_, err = d.Engine.WorkflowService().UpdateWorkerDeploymentVersionMetadata(ctx, &workflowservice.UpdateWorkerDeploymentVersionMetadataRequest{
		Namespace: d.Namespace, DeploymentVersion: d.version(build), UpsertEntries: map[string]*commonpb.Payload{before: payload},
	})
	return d.refused(err, "note the earlier build")
}

func (d *Deployment) recall(ctx context.Context, build string) (string, error) {
	if build == "" {
		return "", nil
	}
	answer, err := d.Engine.WorkflowService().DescribeWorkerDeploymentVersion(ctx, &workflowservice.DescribeWorkerDeploymentVersionRequest{
		Namespace: d.Namespace, DeploymentVersion: d.version(build),
	})
	if err != nil {
		return "", d.refused(err, "read the note of the earlier build")
	}
	payload, ok := answer.GetWorkerDeploymentVersionInfo().GetMetadata().GetEntries()[before]
	if !ok {
		return "", nil
	}
	var earlier string
	if err := converter.GetDefaultDataConverter().FromPayload(payload, &earlier); err != nil {
		return "", fmt.Errorf("read the note of the earlier build: %w", err)
	}
	return earlier, nil
}

func (d *Deployment) version(build string) *deploymentpb.WorkerDeploymentVersion {
	return &deploymentpb.WorkerDeploymentVersion{DeploymentName: d.Name, BuildId: build}
}

// refused explains the engine's no.
func (d *Deployment) refused(err error, what string) error {
	var stale *serviceerror.FailedPrecondition
	switch {
	case err == nil:
		return nil
	case errors.As(err, &stale):
		return models.NewProblem(models.KindConflict, "deploy.refused", "Temporal refused to "+what+": "+stale.Error()+".",
			"Look at 'scratch deploy status': somebody may have deployed meanwhile, or the build lacks a queue that the current one serves.").Because(err)
	default:
		return fmt.Errorf("%s of the deployment %s: %w", what, d.Name, err)
	}
}

func orNone(build string) string {
	if build == "" {
		return "none"
	}
	return build
}
