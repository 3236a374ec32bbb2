package devserver

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"go.temporal.io/api/enums/v1"

	"github.com/scratch-platform/scratch/workflows/contract"
)

// loopback is the only address the server binds: it has no sign-in.
const loopback = "127.0.0.1"

// Options say how the dev server runs. Only CLI is required.
type Options struct {
	// CLI is the path of the Temporal CLI, from Finder.Find.
	CLI string
	// DataDir keeps the server's state; empty keeps it in memory, and then
	// nothing is adopted, and a restart begins with nothing.
	DataDir string
	// Port is where the server should listen; when it is taken, the next free
	// one is used and Report told. 0 takes any free port.
	Port int
	// UIPort is the same for Temporal's Web UI; negative runs no UI.
	UIPort int
	// CodecEndpoint is where the Web UI has payloads decoded, as
	// http://127.0.0.1:3010/codec; empty for none.
	CodecEndpoint string
	// Namespace is created at the start; "default" when empty.
	Namespace string
	// Dynamic are more of the server's own settings, as name=value: smaller
	// limits, for a test that must reach them.
	Dynamic []string
	// Report is told, one line at a time, what a person at the terminal should
	// know: a port that was taken, an adopted server, a restart.
	Report func(string)

	// surviveParent leaves the server running when this process is killed, as
	// it is on systems without a parent-death signal. For tests.
	surviveParent bool
}

func (o Options) withDefaults() (Options, error) {
	if o.CLI == "" {
		return o, fmt.Errorf("start Temporal's dev server: no CLI given")
	}
	if o.Namespace == "" {
		o.Namespace = "default"
	}
	if o.Report == nil {
		o.Report = func(string) {}
	}
	if o.DataDir != "" {
		dir, err := filepath.Abs(o.DataDir)
		if err != nil {
			return o, fmt.Errorf("start Temporal's dev server in %s: %w", o.DataDir, err)
		}
		o.DataDir = dir
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return o, fmt.Errorf("start Temporal's dev server in %s: %w", dir, err)
		}
	}
	return o, nil
}

func (o Options) file(name string) string { return filepath.Join(o.DataDir, name) }

// settings are the arguments that do not depend on ports: an orphan that runs
// with the same ones can be adopted.
func (o Options) settings() []string {
	args := []string{
		"server", "start-dev",
		"--ip", loopback, "--ui-ip", loopback,
		"--namespace", o.Namespace,
		"--log-level", "warn",
	}
	for _, setting := range DynamicConfig() {
		args = append(args, "--dynamic-config-value", setting)
	}
	for _, setting := range o.Dynamic {
		args = append(args, "--dynamic-config-value", setting)
	}
	if o.DataDir != "" {
		// WAL: about 48 workflows a second, against 5.5 with SQLite's defaults.
		args = append(
			args, "--db-filename", o.file("temporal.db"),
			"--sqlite-pragma", "journal_mode=WAL", "--sqlite-pragma", "synchronous=NORMAL",
		)
	}
	for _, attribute := range searchAttributes() {
		args = append(args, "--search-attribute", attribute)
	}
	if o.UIPort < 0 {
		args = append(args, "--headless")
	} else if o.CodecEndpoint != "" {
		args = append(args, "--ui-codec-endpoint", o.CodecEndpoint)
	}
	return args
}

// DynamicConfig is what Scratch needs of a Temporal server, as key=value. The
// compose file gives its server the same.
func DynamicConfig() []string {
	return []string{
		// Tools of our own never check for a newer server.
		"frontend.enableServerVersionCheck=false",
		// Halves a chain of short activities: eleven took 1.15 s, then 0.60 s.
		"system.enableActivityEagerExecution=true",
		// Worker versioning, for `scratch deploy`.
		"system.enableDeploymentVersions=true",
		// Fairness keys (the organization) and priorities of tasks; off by default
		// in server 1.29, and ignored by servers that do not know them.
		"matching.useNewMatcher=true",
		"matching.enableFairness=true",
	}
}

// searchAttributes are the contract's, as the CLI takes them: Name=Type.
// Creating one that exists is harmless.
func searchAttributes() []string {
	var out []string
	for _, key := range []interface {
		GetName() string
		GetValueType() enums.IndexedValueType
	}{
		contract.AttributeOrganization, contract.AttributeSnapshot, contract.AttributeJobKind,
		contract.AttributeOutcome, contract.AttributeConnectors,
	} {
		out = append(out, key.GetName()+"="+key.GetValueType().String())
	}
	return out
}

// environment is what the child sees: enough to run, none of the parent's
// secrets, and no TEMPORAL_ setting of the user's that would redirect it.
func environment() []string {
	return slices.DeleteFunc(os.Environ(), func(setting string) bool {
		name, _, _ := strings.Cut(setting, "=")
		switch name {
		case "PATH", "HOME", "TMPDIR", "LANG", "LC_ALL", "TZ":
			return false
		default:
			return true
		}
	})
}

// ports are where one run of the server listens.
type ports struct {
	frontend, ui int // ui 0: no UI
}

func (p ports) args() []string {
	args := []string{"--port", strconv.Itoa(p.frontend)}
	if p.ui != 0 {
		args = append(args, "--ui-port", strconv.Itoa(p.ui))
	}
	return args
}

func (p ports) address() string { return net.JoinHostPort(loopback, strconv.Itoa(p.frontend)) }
