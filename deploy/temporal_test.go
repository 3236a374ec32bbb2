package deploy

import (
	"bytes"
	"context"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"text/template"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/scratch-platform/scratch/internal/devserver"
	"github.com/scratch-platform/scratch/internal/testkit"
	"github.com/scratch-platform/scratch/internal/toolbuild"
)

const toolsDir = "../tools"

// Breaks when the images of Temporal are of different versions, or of a minor
// version that the tests do not run: only patches share schema and configuration.
func TestTemporalIsTheOneThatIsTested(t *testing.T) {
	minor := regexp.MustCompile(`v?(\d+\.\d+)\.\d+`)
	project := loaded(t)
	server := strings.TrimPrefix(project.Services["temporal"].Image, "temporalio/server:")
	for _, job := range []string{"temporal-schema", "temporal-namespace"} {
		require.True(t, strings.HasPrefix(project.Services[job].Image, "temporalio/admin-tools:"+server+"-"), project.Services[job].Image)
	}
	for _, tool := range []string{"temporal-server", "temporal-sql-tool", "temporal"} {
		module, err := os.ReadFile(filepath.Join(toolsDir, tool, "go.mod"))
		require.NoError(t, err)
		pin := regexp.MustCompile(`go\.temporal\.io/server (v\S+)`).FindSubmatch(module)
		require.NotNil(t, pin, tool)
		require.Equal(t, minor.FindStringSubmatch(string(pin[1]))[1], minor.FindStringSubmatch(server)[1], tool)
	}
}

// images are the programs of Temporal's images that this machine lacks, and the
// pinned tools that are the same.
var images = map[string]string{"temporal-server": "temporal-server", "temporal-sql-tool": "temporal-sql-tool"}

var built struct {
	once sync.Once
	path map[string]string
	err  error
}

// programs is a folder with the programs of Temporal's images, by the names they
// have there.
func programs(t *testing.T) string {
	t.Helper()
	built.once.Do(func() {
		built.path = map[string]string{}
		absolute, err := filepath.Abs(toolsDir)
		if err != nil {
			built.err = err
			return
		}
		for name, tool := range images {
			ctx := context.WithoutCancel(t.Context()) // what is built is kept for the next
			if built.path[name], built.err = toolbuild.Build(ctx, absolute, tool, func(line string) { _, _ = os.Stderr.WriteString(line + "\n") }); built.err != nil {
				return
			}
		}
	})
	require.NoError(t, built.err, "Temporal's server and its schema tool are built from the pins in tools/")
	dir := t.TempDir()
	for name, path := range built.path {
		require.NoError(t, os.Symlink(path, filepath.Join(dir, name)))
	}
	require.NoError(t, os.Symlink(testkit.TemporalCLI(t), filepath.Join(dir, "temporal")))
	return dir
}

// temporal starts the server as its image does: with the configuration that the
// image's template makes of the service's environment.
func (s *stage) temporal() *process {
	s.t.Helper()
	host, port, err := net.SplitHostPort(s.ports["temporal:7233"])
	require.NoError(s.t, err)
	env := map[string]string{}
	for name, value := range s.project.Services["temporal"].Environment {
		env[name] = s.here("temporal", *value)
	}
	require.Equal(s.t, "postgres12", env["DB"])
	env["POSTGRES_SEEDS"], env["DB_PORT"] = s.admin.Hostname(), s.admin.Port()
	env["POSTGRES_USER"] += s.suffix
	env["DBNAME"] += s.suffix
	env["VISIBILITY_DBNAME"] += s.suffix
	env["BIND_ON_IP"], env["FRONTEND_GRPC_PORT"] = host, port
	// Its other ports, which in the container are nobody else's.
	for _, name := range []string{
		"FRONTEND_HTTP_PORT", "FRONTEND_MEMBERSHIP_PORT", "MATCHING_GRPC_PORT", "MATCHING_MEMBERSHIP_PORT",
		"HISTORY_GRPC_PORT", "HISTORY_MEMBERSHIP_PORT", "WORKER_GRPC_PORT", "WORKER_MEMBERSHIP_PORT",
	} {
		_, env[name], _ = net.SplitHostPort(testkit.FreeAddress(s.t))
	}
	folder := s.t.TempDir()
	require.NoError(s.t, os.Mkdir(filepath.Join(folder, "config"), 0o700))
	require.NoError(s.t, os.WriteFile(filepath.Join(folder, "config", "docker.yaml"), s.serverConfig(env), 0o600))
	return s.start("temporal", []string{filepath.Join(s.tools, "temporal-server"), "--root", folder, "--env", "docker", "--allow-no-auth", "start"},
		[]string{"PATH=" + os.Getenv("PATH"), "HOME=" + folder},
		[]string{filepath.Join(s.tools, "temporal"), "operator", "cluster", "health", "--address", s.ports["temporal:7233"]})
}

// serverConfig fills in the template that the server's image fills in at its
// start, with the functions of the image's template program.
func (s *stage) serverConfig(env map[string]string) []byte {
	s.t.Helper()
	list := exec.CommandContext(s.t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "go.temporal.io/server")
	list.Dir = filepath.Join(toolsDir, "temporal-server")
	list.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=readonly")
	dir, err := list.Output()
	require.NoError(s.t, err)
	text, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(dir)), "docker", "config_template.yaml"))
	require.NoError(s.t, err)
	parsed, err := template.New("docker.yaml").Funcs(template.FuncMap{
		"default": func(value, otherwise any) any {
			if value == nil || value == "" {
				return otherwise
			}
			return value
		},
		"lower": strings.ToLower, "split": strings.Split, "trim": strings.TrimSpace,
	}).Parse(string(text))
	require.NoError(s.t, err)
	given := map[string]any{} // an unset variable is nil to the template
	for name, value := range env {
		given[name] = value
	}
	var out bytes.Buffer
	require.NoError(s.t, parsed.Execute(&out, map[string]any{"Env": given}))
	return out.Bytes()
}

// Breaks when the server of the compose file is another one than the tests run
// on, or lacks what the dev server is given.
func TestTemporalIsTheOneTheTestsRunOn(t *testing.T) {
	project := loaded(t)
	pin, err := toolbuild.ReadPin(toolsDir, "temporal-server")
	require.NoError(t, err)
	minor := pin.Version[:strings.LastIndex(pin.Version, ".")+1]
	require.True(t, strings.HasPrefix(project.Services["temporal"].Image, "temporalio/server:"+minor), "the tests run %s", pin.Version)
	for _, name := range []string{"temporal-schema", "temporal-namespace"} {
		_, tag, _ := strings.Cut(project.Services["temporal"].Image, ":")
		require.True(t, strings.HasPrefix(project.Services[name].Image, "temporalio/admin-tools:"+tag), "%s lays the schema of another server", name)
	}

	path := "temporal/dynamicconfig.yaml"
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	var file map[string][]struct {
		Value bool `yaml:"value"`
	}
	require.NoError(t, yaml.Unmarshal(text, &file))
	want := map[string]bool{}
	for _, setting := range devserver.DynamicConfig() {
		name, value, _ := strings.Cut(setting, "=")
		want[name] = value == "true"
	}
	require.Equal(t, slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(file)))
	for name, values := range file {
		require.Len(t, values, 1)
		require.Equal(t, want[name], values[0].Value, name)
	}
	output, err := exec.CommandContext(t.Context(), filepath.Join(programs(t), "temporal-server"), "validate-dynamic-config", path).CombinedOutput()
	require.NoError(t, err, "%s", output)
	require.NotContains(t, strings.ToLower(string(output)), "unregistered", "the server does not know a key: %s", output)
}
