package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/scratch-platform/scratch/internal/config"
	"github.com/scratch-platform/scratch/models"
	"github.com/scratch-platform/scratch/worker/deployment"
)

// deployFlags are those of `scratch deploy` and what lies below it.
type deployFlags struct {
	localFlags
	build   string
	ramp    float32
	ramps   bool // --ramp was given
	timeout time.Duration
}

func deployCommand() *cobra.Command {
	f := &deployFlags{}
	c := &cobra.Command{
		Use:   "deploy",
		Short: "Put a build of the workers into service: new runs go to it, older ones end where they began",
		Long: `Put a build of the workers into service. Start workers of the new build beside
those that run, then run this from the new build: it waits until live workers of
the build wait for work on every task queue, then sends new runs to them. Runs
that began on an older build end there: keep its workers until 'scratch deploy
status' shows it as drained.

With --ramp only that share of new runs goes to the build; run it again with
another share, or without --ramp to finish. 'scratch deploy rollback' ends a ramp,
or goes back to the build that was current before.

It needs SCRATCH_DEPLOYMENT and the SCRATCH_TEMPORAL_ settings of the workers.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			f.ramps = c.Flags().Changed("ramp")
			return f.change(c, deploy)
		},
	}
	c.Flags().StringVar(&f.build, "build-id", "", "the build (SCRATCH_BUILD_ID, else this program's own)")
	c.Flags().Float32Var(&f.ramp, "ramp", 0, "send this share of new runs to the build, in percent, instead of all")
	c.PersistentFlags().DurationVar(&f.timeout, "timeout", 5*time.Minute, "wait so long for workers and for Temporal")
	f.bind(c)
	c.AddCommand(
		&cobra.Command{
			Use: "status", Short: "Show the builds: which takes new runs, which still has runs, which has workers", Args: cobra.NoArgs,
			RunE: func(c *cobra.Command, _ []string) error { return f.change(c, deployStatus) },
		},
		&cobra.Command{
			Use: "rollback", Short: "End a ramp, or go back to the build that was current before", Args: cobra.NoArgs,
			RunE: func(c *cobra.Command, _ []string) error { return f.change(c, deployRollback) },
		},
	)
	return c
}

// deploying is one run of a deploy command.
type deploying struct {
	*session
	*deployment.Deployment
	settings config.Settings
	flags    *deployFlags
}

// change finds the deployment and does one thing with it.
func (f *deployFlags) change(c *cobra.Command, do func(context.Context, *deploying) error) error {
	settings, err := f.settings()
	if err != nil {
		return err
	}
	if settings.Deployment == "" {
		return badInput("deploy.off", "Worker versioning is off: SCRATCH_DEPLOYMENT is not set.",
			"Set it to the same name in every worker, restart them, and deploy; without it new workers take over the runs of the old ones.")
	}
	if f.ramps && (f.ramp < 0 || f.ramp > 100) {
		return badInput("deploy.ramp", fmt.Sprintf("A ramp of %g %% is none.", f.ramp), "Give a share between 0 and 100.")
	}
	keys, err := ownVault()
	if err != nil {
		return withExit(exitEnvironment, err)
	}
	engine, err := dialEngine(settings, keys, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		return withExit(exitEnvironment, err)
	}
	defer engine.Close()
	ctx, cancel := context.WithTimeout(c.Context(), f.timeout)
	defer cancel()
	err = do(ctx, &deploying{
		session:    f.session(c),
		Deployment: &deployment.Deployment{Engine: engine, Namespace: settings.TemporalNamespace, Name: settings.Deployment},
		settings:   settings, flags: f,
	})
	return withExit(deployExit(err), deployProblem(err, settings))
}

// deployExit: what was refused failed; what is not there is the environment's.
func deployExit(err error) int {
	if p, ok := models.AsProblem(err); ok && p.Kind == models.KindConflict {
		return exitFailed
	}
	return exitEnvironment
}

// deployProblem says what the engine's own errors mean here.
func deployProblem(err error, settings config.Settings) error {
	if _, ok := models.AsProblem(err); err == nil || ok {
		return err
	}
	return models.NewProblem(models.KindUnavailable, "engine.away",
		fmt.Sprintf("Temporal at %s did not do it: %s.", settings.TemporalAddress, models.Bound(err.Error(), 500)),
		"'scratch doctor' looks for causes; then run this again.").Because(err)
}

// buildID is the build the command is about.
func (d *deploying) buildID() (string, error) {
	if d.flags.build != "" {
		return d.flags.build, nil
	}
	return ownBuild(d.settings)
}

// ownBuild is the name of this program's build.
func ownBuild(settings config.Settings) (string, error) {
	if settings.BuildID != "" {
		return settings.BuildID, nil
	}
	return deployment.OwnBuildID()
}

func deploy(ctx context.Context, d *deploying) error {
	build, err := d.buildID()
	if err != nil {
		return err
	}
	state, err := d.Await(ctx, build, func(missing []string) {
		d.say("Waiting for workers of %s: %s.", plain(build), plain(strings.Join(missing, ", ")))
	})
	if err != nil {
		return err
	}
	if d.flags.ramps {
		if err := d.Ramp(ctx, state, build, d.flags.ramp); err != nil {
			return err
		}
		return d.tell(ctx, "%g %% of new runs go to %s.", d.flags.ramp, plain(build))
	}
	if err := d.Promote(ctx, state, build); err != nil {
		return err
	}
	return d.tell(ctx, "New runs go to %s.", plain(build))
}

func deployRollback(ctx context.Context, d *deploying) error {
	state, err := d.Look(ctx)
	if err != nil {
		return err
	}
	build, err := d.Rollback(ctx, state)
	if err != nil {
		return err
	}
	return d.tell(ctx, "New runs go to %s again.", plain(build))
}

// tell confirms a change with the state after it.
func (d *deploying) tell(ctx context.Context, format string, args ...any) error {
	state, err := d.Look(ctx)
	if err != nil {
		return err
	}
	return d.done(state, format, args...)
}

func deployStatus(ctx context.Context, d *deploying) error {
	state, err := d.Look(ctx)
	if err != nil {
		return err
	}
	return d.show(state, func(w io.Writer) error { return writeDeployment(w, state) })
}

func writeDeployment(w io.Writer, state deployment.State) error {
	current := plain(state.Current)
	if current == "" {
		current = "workers without a version"
	}
	if _, err := fmt.Fprintf(w, "%s: new runs go to %s\n", plain(state.Deployment), current); err != nil {
		return err
	}
	if state.Ramping != "" {
		fmt.Fprintf(w, "%g %% of them go to %s\n", state.RampPercent, plain(state.Ramping))
	}
	for _, b := range state.Builds {
		fmt.Fprintf(w, "%-9s %-40s %s, since %s\n", b.Phase, plain(b.BuildID), counted(int64(b.Workers), "worker"), b.Created.UTC().Format(time.DateTime))
		if b.Stranded() {
			fmt.Fprintf(w, "%9s no worker of it waits for %s: runs on it wait\n", "", plain(strings.Join(b.Missing, ", ")))
		}
	}
	if state.Unversioned > 0 {
		fmt.Fprintf(w, "%s without a version\n", counted(int64(state.Unversioned), "worker"))
	}
	return nil
}
