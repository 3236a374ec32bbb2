package archtest

import (
	"bytes"
	"encoding/json"
	"errors"
	"go/parser"
	"go/token"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// load asks the go command what the module consists of.
func load(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-e",
		"-json=ImportPath,Dir,Name,GoFiles,IgnoredGoFiles,TestGoFiles,XTestGoFiles,Imports", module+"/...")
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	require.NoError(t, err, "go list: %s", complaints.String())
	var packages []pkg
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var p struct {
			ImportPath, Dir, Name                              string
			GoFiles, IgnoredGoFiles, TestGoFiles, XTestGoFiles []string
			Imports                                            []string
		}
		err := decoder.Decode(&p)
		if errors.Is(err, io.EOF) {
			return packages
		}
		require.NoError(t, err)
		packages = append(packages, pkg{
			path: strings.TrimPrefix(p.ImportPath, module+"/"), name: p.Name, imports: p.Imports, doc: readDoc(t, p.Dir, p.GoFiles),
			files: append(p.GoFiles, p.IgnoredGoFiles...), tests: append(p.TestGoFiles, p.XTestGoFiles...),
		})
	}
}

// readDoc returns the package comment; go list gives its first sentence only.
func readDoc(t *testing.T, dir string, files []string) string {
	t.Helper()
	var doc string
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(dir, name), nil, parser.ParseComments|parser.PackageClauseOnly)
		require.NoError(t, err)
		doc += file.Doc.Text()
	}
	return doc
}

// Breaks when a package imports against the direction of the arrows, uses a
// library that is another package's, has a name that says nothing, or does not
// say what it is for.
func TestTheModuleKeepsItsRules(t *testing.T) {
	packages := load(t)
	require.Greater(t, len(packages), 10, "go list found hardly anything")
	var imports int
	for _, p := range packages {
		imports += len(p.imports)
		for _, check := range []func(pkg) []string{checkArrows, checkLibraries, checkNames, checkDoc} {
			for _, broken := range check(p) {
				t.Error(broken)
			}
		}
	}
	require.Positive(t, imports, "go list told no imports: nothing was checked")
}

// Breaks when a rule no longer catches what it is there for: each case plants a
// bad import, name or doc and expects it to be reported with its reason.
func TestPlantedMistakesAreReported(t *testing.T) {
	own := func(path string) string { return module + "/" + path }
	cases := []struct {
		what  string
		check func(pkg) []string
		pkg   pkg
		want  string
	}{
		{"the domain imports the store", checkArrows, pkg{path: "models", imports: []string{own("models/store")}}, "models must not import models/store: everybody imports models"},
		{"a connector imports the store", checkArrows, pkg{path: "connectors/wordpress", imports: []string{own("models/store")}}, "handed in"},
		{"a connector imports another", checkArrows, pkg{path: "connectors/csv", imports: []string{own("connectors/wordpress")}}, "knows its own service"},
		{"a fake imports its client", checkArrows, pkg{path: "connectors/wordpress/fake", imports: []string{own("connectors/wordpress")}}, "agree with its mistakes"},
		{"the agent imports activities", checkArrows, pkg{path: "agent", imports: []string{own("activities")}}, "plain Go"},
		{"activities import workflows", checkArrows, pkg{path: "activities", imports: []string{own("workflows")}}, "not the workflows"},
		{"activities import a service", checkArrows, pkg{path: "activities", imports: []string{own("connectors/csv")}}, "any one service"},
		{"the contract imports activities", checkArrows, pkg{path: "workflows/contract", imports: []string{own("activities")}}, "nothing but domain types"},
		{"a workflow imports the store", checkArrows, pkg{path: "workflows", imports: []string{own("models/store")}}, "workflows decide"},
		{"a workflow imports the API", checkArrows, pkg{path: "workflows", imports: []string{own("api")}}, "workflows decide"},
		{"the worker imports the API", checkArrows, pkg{path: "worker", imports: []string{own("api")}}, "serves no requests"},
		{"the API imports workflows", checkArrows, pkg{path: "api", imports: []string{own("workflows")}}, "the API is thin"},
		{"the API imports activities", checkArrows, pkg{path: "api/live", imports: []string{own("activities")}}, "the API is thin"},
		{"the page imports the API", checkArrows, pkg{path: "web", imports: []string{own("api")}}, "like any other"},
		{"plumbing imports workflows", checkArrows, pkg{path: "internal/vault", imports: []string{own("workflows")}}, "plumbing"},
		{"the product imports the testkit", checkArrows, pkg{path: "cmd/scratch", imports: []string{own("internal/testkit")}}, "for tests only"},
		{"a new package without an arrow", checkArrows, pkg{path: "surprise"}, "surprise has no arrow"},

		{"GORM outside the store", checkLibraries, pkg{path: "api", imports: []string{"gorm.io/gorm"}}, "the store alone"},
		{"SQL in activities", checkLibraries, pkg{path: "activities", imports: []string{"database/sql"}}, "the store alone"},
		{"Gin outside the API", checkLibraries, pkg{path: "worker", imports: []string{"github.com/gin-gonic/gin"}}, "at the border"},
		{"Redis outside internal", checkLibraries, pkg{path: "api/live", imports: []string{"github.com/redis/go-redis/v9"}}, "Redis is one implementation"},
		{"Redis in a limiter", checkLibraries, pkg{path: "internal/limits", imports: []string{"github.com/redis/go-redis/v9"}}, "Redis is one implementation"},
		{"a limiter that knows its server", checkArrows, pkg{path: "internal/limits", imports: []string{own("internal/redis")}}, "handed the server"},
		{"events that know their server", checkArrows, pkg{path: "internal/events", imports: []string{own("internal/redis")}}, "handed in"},
		{"Redis that knows what it is for", checkArrows, pkg{path: "internal/redis", imports: []string{own("internal/limits")}}, "does not know what for"},
		{"Temporal in a connector", checkLibraries, pkg{path: "connectors/csv", imports: []string{"go.temporal.io/sdk/activity"}}, "without a workflow engine"},
		{"Temporal in the agent", checkLibraries, pkg{path: "agent", imports: []string{"go.temporal.io/sdk/temporal"}}, "without a workflow engine"},
		{"Temporal in the store", checkLibraries, pkg{path: "models/store", imports: []string{"go.temporal.io/sdk/client"}}, "without a workflow engine"},
		{"keys outside the vault", checkLibraries, pkg{path: "models/store", imports: []string{"github.com/tink-crypto/tink-go/v2/aead"}}, "one place"},
		{"spans in a connector", checkLibraries, pkg{path: "connectors/csv", imports: []string{"go.opentelemetry.io/otel/trace"}}, "spans are made in one place"},
		{"spans in the API", checkLibraries, pkg{path: "api", imports: []string{"go.opentelemetry.io/otel"}}, "what they may hold"},
		{"measures in activities", checkLibraries, pkg{path: "activities", imports: []string{"github.com/prometheus/client_golang/prometheus"}}, "labels stand in one place"},
		{"a test library in the product", checkLibraries, pkg{path: "api", imports: []string{"github.com/stretchr/testify/require"}}, "product's binary"},
		{"the network in a workflow", checkLibraries, pkg{path: "workflows", imports: []string{"net/http"}}, "replayed"},
		{"the environment in a workflow", checkLibraries, pkg{path: "workflows/policy", imports: []string{"os"}}, "replayed"},
		{"chance in a workflow", checkLibraries, pkg{path: "workflows", imports: []string{"math/rand/v2"}}, "replayed"},
		{"the disk in the domain", checkLibraries, pkg{path: "models", imports: []string{"os"}}, "pure logic"},

		{"a package named util", checkNames, pkg{path: "internal/stringutil/util", name: "util"}, "says nothing"},
		{"a file named helpers", checkNames, pkg{path: "api", name: "api", tests: []string{"api_helpers_test.go"}}, "api/api_helpers_test.go"},
		{"a file named types", checkNames, pkg{path: "models", name: "models", files: []string{"types.go"}}, "models/types.go"},

		{"no doc.go", checkDoc, pkg{path: "agent", name: "agent", files: []string{"turn.go"}, doc: "It must not import Temporal."}, "no doc.go"},
		{"a doc.go without the imports", checkDoc, pkg{path: "agent", name: "agent", files: []string{"doc.go"}, doc: "Package agent."}, "must not import"},
		{"a silent command", checkDoc, pkg{path: "cmd/scratch", name: "main", files: []string{"main.go"}}, "what it does"},
	}
	for _, c := range cases {
		t.Run(c.what, func(t *testing.T) {
			require.Contains(t, strings.Join(c.check(c.pkg), "\n"), c.want)
		})
	}
}

// Breaks when a rule reports what is allowed: then people learn to ignore it.
func TestWhatIsAllowedIsNotReported(t *testing.T) {
	for _, p := range []pkg{
		{path: "workflows", name: "workflows", files: []string{"doc.go", "download.go"}, doc: "What it must not import.", imports: []string{
			"fmt", "time", "go.temporal.io/sdk/workflow", module + "/activities", module + "/workflows/contract", module + "/models",
		}},
		{path: "api", name: "api", files: []string{"doc.go"}, doc: "What it must not import.", imports: []string{
			"net/http", "github.com/gin-gonic/gin", "go.temporal.io/sdk/client", module + "/connectors", module + "/models/store", module + "/workflows/contract",
		}},
		{path: "models", name: "models", files: []string{"doc.go", "subtypes.go"}, doc: "What it must not import.", imports: []string{"net/url", "encoding/json"}},
	} {
		for _, check := range []func(pkg) []string{checkArrows, checkLibraries, checkNames, checkDoc} {
			require.Empty(t, check(p))
		}
	}
}
