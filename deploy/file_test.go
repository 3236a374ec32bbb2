package deploy

import (
	"bytes"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/internal/config"
	"github.com/scratch-platform/scratch/internal/vault"
)

const composeFile = "../docker-compose.temporal.yml"

// ours are the services of our own image, jobs those that end.
var (
	ours = []string{"migrate", "worker", "worker-before", "deploy", "frontend", "cron"}
	jobs = []string{"temporal-schema", "temporal-namespace", "migrate", "deploy"}
)

// required is a .env file with what the compose file asks for and nothing else.
func required(t *testing.T) map[string]string {
	t.Helper()
	keyset, err := vault.NewKeyset()
	require.NoError(t, err)
	return map[string]string{
		"POSTGRES_PASSWORD": "administrator", "POSTGRES_SCRATCH_PASSWORD": "scratch123", "POSTGRES_TEMPORAL_PASSWORD": "temporal123",
		"REDIS_PASSWORD": "redis123", "SCRATCH_VAULT_KEYSET": keyset.Reveal(),
	}
}

// load reads the compose file as `docker compose` does, all profiles on.
func load(t *testing.T, env map[string]string) (*types.Project, error) {
	t.Helper()
	var list []string
	for name, value := range env {
		list = append(list, name+"="+value)
	}
	options, err := cli.NewProjectOptions([]string{composeFile}, cli.WithEnv(list), cli.WithProfiles([]string{"*"}), cli.WithResolvedPaths(true))
	require.NoError(t, err)
	return options.LoadProject(t.Context())
}

func loaded(t *testing.T) *types.Project {
	t.Helper()
	project, err := load(t, required(t))
	require.NoError(t, err)
	return project
}

// pinned is an image with a full version: nobody else's push changes what runs.
var pinned = regexp.MustCompile(`^[a-z0-9./-]+:\d+\.\d+(\.\d+)?(-[a-z0-9.-]+)?$`)

// Breaks when a service can change by itself (an unpinned image), stay down after
// a crash, be depended on before it is well, fill the disk with its log, or be
// reached from outside this machine.
func TestEveryService(t *testing.T) {
	project := loaded(t)
	require.Subset(t, project.ServiceNames(), slices.Concat(ours, jobs, []string{"postgres", "redis", "temporal", "temporal-ui"}))
	for name, s := range project.Services {
		t.Run(name, func(t *testing.T) {
			if slices.Contains(ours, name) {
				require.Contains(t, []string{"scratch:local", "scratch:before"}, s.Image)
			} else {
				require.Regexp(t, pinned, s.Image)
			}
			require.NotContains(t, s.Image, "latest")
			require.NotContains(t, s.Image, "auto-setup", "that image is deprecated")
			if slices.Contains(jobs, name) {
				require.Regexp(t, `^on-failure:\d+$`, s.Restart, "a job that failed runs again, and not for ever")
			} else {
				require.Equal(t, "unless-stopped", s.Restart)
				require.NotNil(t, s.HealthCheck, "nobody could wait for it")
				require.NotEmpty(t, s.HealthCheck.Test)
			}
			require.Equal(t, "20m", s.Logging.Options["max-size"])
			for _, port := range s.Ports {
				address, err := netip.ParseAddr(port.HostIP)
				require.NoError(t, err, "port %s is bound to every address", port.Published)
				require.True(t, address.IsLoopback(), "port %s is bound to %s", port.Published, port.HostIP)
			}
			require.False(t, s.Privileged)
			require.Empty(t, s.NetworkMode)
			checkVolumes(t, project, s)
			for on, dependency := range s.DependsOn {
				want := types.ServiceConditionHealthy
				if slices.Contains(jobs, on) {
					want = types.ServiceConditionCompletedSuccessfully
				}
				require.Equal(t, want, dependency.Condition, "depends on %s", on)
			}
		})
	}
	declared := slices.Sorted(maps.Keys(project.Volumes))
	require.Equal(t, []string{"postgres", "uploads"}, declared, "a volume nobody uses, or one that data was in before")
}

// checkVolumes: volumes are declared, files that are mounted are there and cannot
// be written.
func checkVolumes(t *testing.T, project *types.Project, s types.ServiceConfig) {
	t.Helper()
	for _, v := range s.Volumes {
		switch v.Type {
		case types.VolumeTypeVolume:
			require.Contains(t, project.Volumes, v.Source)
		case types.VolumeTypeBind:
			require.FileExists(t, v.Source)
			require.True(t, v.ReadOnly, "%s can be written from inside", v.Source)
		default:
			require.Fail(t, "what is this volume?", "%+v", v)
		}
	}
}

// Breaks when one of our own services has rights it needs not, keeps uploads where
// they are lost with the container, or is cut off before its work is at a
// checkpoint.
func TestOurServices(t *testing.T) {
	project := loaded(t)
	for _, name := range ours {
		s := project.Services[name]
		require.True(t, s.ReadOnly, name)
		require.Equal(t, []string{"ALL"}, s.CapDrop, name)
		require.Contains(t, s.SecurityOpt, "no-new-privileges:true", name)
		require.Positive(t, s.MemLimit, "%s may take the whole machine", name)
		require.Equal(t, "/data", *s.Environment["SCRATCH_DATA_DIR"], name)
		require.Contains(t, s.Volumes, types.ServiceVolumeConfig{Type: "volume", Source: "uploads", Target: "/data", Volume: &types.ServiceVolumeVolume{}}, name)
		if name != "worker-before" {
			require.Equal(t, "deploy/Dockerfile", s.Build.Dockerfile, name)
		}
		var environ []string
		for key, value := range s.Environment {
			require.NotNil(t, value, "%s of %s comes from whoever starts it", key, name)
			environ = append(environ, key+"="+*value)
		}
		require.Empty(t, config.Unknown(environ), "%s is told what no process reads", name)
		settings, err := config.Load(environ)
		require.NoError(t, err, name)
		require.NotNil(t, s.StopGracePeriod, name)
		require.GreaterOrEqual(t, time.Duration(*s.StopGracePeriod), settings.Drain+20*time.Second, "%s is killed while it drains", name)
	}
}

// Breaks when a longer drain, or more frontends, are not within reach of .env.
func TestWhatAnOperatorChanges(t *testing.T) {
	env := required(t)
	env["SCRATCH_DRAIN"], env["SCRATCH_STOP_GRACE"], env["SCRATCH_MEMORY"], env["SCRATCH_PORT"] = "5m", "6m", "2g", "3010-3012"
	project, err := load(t, env)
	require.NoError(t, err)
	for _, name := range ours {
		s := project.Services[name]
		require.Equal(t, "5m", *s.Environment["SCRATCH_DRAIN"], name)
		require.Equal(t, 6*time.Minute, time.Duration(*s.StopGracePeriod), name)
		require.EqualValues(t, 2<<30, s.MemLimit, name)
	}
	ports := project.Services["frontend"].Ports
	require.Len(t, ports, 1, "each of several frontends takes one of the ports")
	require.Equal(t, "3010-3012", ports[0].Published)
	require.EqualValues(t, 3010, ports[0].Target)
	for _, name := range []string{"frontend", "worker", "cron"} {
		s := project.Services[name]
		require.Empty(t, s.ContainerName, "%s could not be there twice", name)
		require.True(t, name == "frontend" || len(s.Ports) == 0, "a second %s would want the same port", name)
	}
}

// outside are settings that the compose file has no use for, and why.
var outside = map[string]string{
	"SCRATCH_ROLE": "each service's command names its role", "SCRATCH_LISTEN": "published with SCRATCH_BIND and SCRATCH_PORT",
	"SCRATCH_TEMPORAL_API_KEY": "Temporal is the file's own", "SCRATCH_TEMPORAL_TLS": "Temporal is the file's own",
	"SCRATCH_TEMPORAL_TLS_CA": "Temporal is the file's own", "SCRATCH_TEMPORAL_TLS_CERT": "Temporal is the file's own",
	"SCRATCH_TEMPORAL_TLS_KEY": "Temporal is the file's own", "SCRATCH_TEMPORAL_TLS_SERVER_NAME": "Temporal is the file's own",
	"SCRATCH_HEALTH_LISTEN": "of the roles that serve nothing else",
}

// Breaks when a setting cannot be reached from .env, when the file asks for a
// variable that .env.example does not explain, or the other way round.
func TestEverySettingIsReachable(t *testing.T) {
	text, err := os.ReadFile("../.env.example")
	require.NoError(t, err)
	documented := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^#([A-Z0-9_]+)=`).FindAllSubmatch(text, -1) {
		documented[string(m[1])] = true
	}
	file, err := os.ReadFile(composeFile)
	require.NoError(t, err)
	asked := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?:^|[^$])\$\{([A-Z0-9_]+)`).FindAllSubmatch(file, -1) {
		asked[string(m[1])] = true
		require.True(t, documented[string(m[1])], "%s is in no .env.example", m[1])
	}
	given := loaded(t).Services["worker"].Environment
	for name := range documented {
		_, fixed := given[name]
		_, exempt := outside[name]
		require.True(t, fixed || exempt || asked[name], "%s has no way into a container", name)
	}
	require.NotContains(t, string(file), "env_file", "a file of everything would hand each service the others' passwords")
}

// Breaks when a secret stands in the file, or when a missing one is no longer
// named before anything starts.
func TestSecretsAreAskedFor(t *testing.T) {
	env := required(t)
	for name := range env {
		without := maps.Clone(env)
		delete(without, name)
		_, err := load(t, without)
		require.ErrorContains(t, err, name)
		require.ErrorContains(t, err, "set it in .env")
	}
	for name := range env {
		env[name] = "canary-" + strings.ToLower(name)
	}
	project, err := load(t, env)
	require.NoError(t, err)
	text, err := project.MarshalYAML()
	require.NoError(t, err)
	for name, value := range env {
		require.Contains(t, string(text), value, "%s is asked for and goes nowhere", name)
	}
	file, err := os.ReadFile(composeFile)
	require.NoError(t, err)
	for line := range bytes.Lines(file) {
		if bytes.Contains(bytes.ToUpper(line), []byte("PASSWORD")) && bytes.Contains(line, []byte(": ")) && !bytes.HasPrefix(bytes.TrimSpace(line), []byte("#")) {
			require.Regexp(t, `\$\{[A-Z_]+:\?|\$\$REDIS_PASSWORD`, string(line), "a secret in the file?")
		}
	}
}

// Breaks when an upgrade with old and new workers side by side is no longer what
// docs/deploy.md says.
func TestWorkersOfTheBuildBefore(t *testing.T) {
	env := required(t)
	env["SCRATCH_IMAGE"], env["SCRATCH_IMAGE_BEFORE"] = "scratch:2", "scratch:1"
	project, err := load(t, env)
	require.NoError(t, err)
	require.Equal(t, "scratch:1", project.Services["worker-before"].Image)
	require.Nil(t, project.Services["worker-before"].Build, "it must not be built from the new tree")
	require.Equal(t, []string{"before"}, project.Services["worker-before"].Profiles)
	before, now := project.Services["worker-before"], project.Services["worker"]
	require.Equal(t, now.Command, before.Command)
	require.Equal(t, now.Environment, before.Environment)
	for _, name := range []string{"worker", "frontend", "cron", "migrate", "deploy"} {
		require.Equal(t, "scratch:2", project.Services[name].Image)
	}
	require.Contains(t, project.Services["frontend"].DependsOn, "deploy", "workers are replaced first, frontends after")
}

// root is the checkout.
func root(t *testing.T) string {
	t.Helper()
	path, err := filepath.Abs("..")
	require.NoError(t, err)
	return path
}
