package deploy

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha512"
	"encoding/base64"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// job is what the tests look at of a job of the pipeline.
type job struct {
	Stage        string   `yaml:"stage"`
	Image        string   `yaml:"image"`
	Services     []string `yaml:"services"`
	BeforeScript []string `yaml:"before_script"`
	Script       []string `yaml:"script"`
	Interrupt    *bool    `yaml:"interruptible"`
	Group        string   `yaml:"resource_group"`
	Rules        []struct {
		If   string `yaml:"if"`
		When string `yaml:"when"`
	} `yaml:"rules"`
}

// keywords of the pipeline that are no jobs.
var keywords = map[string]bool{"stages": true, "default": true, "variables": true, "workflow": true}

func pipeline(t *testing.T) (stages []string, jobs map[string]job) {
	t.Helper()
	text, err := os.ReadFile("../.gitlab-ci.yml")
	require.NoError(t, err)
	var file map[string]yaml.Node
	require.NoError(t, yaml.Unmarshal(text, &file))
	node := file["stages"]
	require.NoError(t, node.Decode(&stages))
	jobs = map[string]job{}
	for name, node := range file {
		if keywords[name] || strings.HasPrefix(name, ".") {
			continue
		}
		var j job
		require.NoError(t, node.Decode(&j), name)
		jobs[name] = j
	}
	return stages, jobs
}

// installed are the commands that the images of the jobs have or that a job
// installs before it calls them.
var installed = map[string]bool{
	"make": true, "docker": true, "apk": true, "apt-get": true, "curl": true, "chmod": true, "printf": true, "tar": true, "sed": true,
}

// Breaks when the pipeline calls a make target that is not there, runs a command no
// image has, uses an image that changes by itself, or reaches production from
// another branch or twice at once.
func TestPipeline(t *testing.T) {
	stages, jobs := pipeline(t)
	makefile, err := os.ReadFile("../Makefile")
	require.NoError(t, err)
	targets := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^([a-z0-9-]+):( |$)`).FindAllSubmatch(makefile, -1) {
		targets[string(m[1])] = true
	}
	called := map[string]bool{}
	for name, j := range jobs {
		require.Contains(t, stages, j.Stage, name)
		require.NotEmpty(t, j.Script, name)
		for _, image := range append(j.Services, j.Image) {
			if image != "" {
				require.Regexp(t, pinned, image, name)
			}
		}
		for _, line := range append(append([]string{}, j.BeforeScript...), j.Script...) {
			for command := range strings.SplitSeq(line, "|") {
				words := strings.Fields(command)
				require.True(t, installed[words[0]], "%s: what is %s?", name, words[0])
				if words[0] == "make" {
					require.True(t, targets[words[1]], "%s: there is no make target %s", name, words[1])
					called[words[1]] = true
				}
			}
		}
		if j.Stage == "image" || j.Stage == "migrate" || j.Stage == "deploy" {
			require.Len(t, j.Rules, 1, name)
			require.Equal(t, `$CI_COMMIT_BRANCH == "prod" && $CI_COMMIT_REF_PROTECTED == "true"`, j.Rules[0].If, name)
			require.Equal(t, "production", j.Group, "%s must not run beside another", name)
			require.False(t, *j.Interrupt, "%s must not be stopped half-way", name)
		}
	}
	for _, target := range []string{"lint", "test", "image", "remote-migrate", "remote-deploy", "remote-rollback"} {
		require.True(t, called[target], "nothing calls make %s", target)
	}
	require.Equal(t, "manual", jobs["rollback"].Rules[0].When)
}

// Breaks when an upgrade does not keep the workers of the build before, changes
// .env beyond what it must, or a rollback replaces anything.
func TestUpgradeKeepsTheBuildBefore(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "deploy"), 0o700))
	script, err := os.ReadFile("upgrade.sh")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "deploy", "upgrade.sh"), script, 0o700))
	env := filepath.Join(dir, ".env")
	require.NoError(t, os.WriteFile(env, []byte("REDIS_PASSWORD=a=b\nSCRATCH_IMAGE=scratch:1\n"), 0o600))
	// A docker that writes down what it is asked, in place of an engine.
	require.NoError(t, os.WriteFile(filepath.Join(dir, "docker"), []byte("#!/bin/sh\necho \"${SCRATCH_IMAGE:-} $*\" >> \"$CALLS\"\ncase $* in *' deploy status') cat \"$STATE\" ;; image*|pull*) exit \"$ABSENT\" ;; esac\n"), 0o700))
	calls, state, absent := filepath.Join(dir, "calls"), filepath.Join(dir, "state"), "0"
	require.NoError(t, os.WriteFile(state, []byte("scratch: new runs go to build-2\ncurrent   build-2\ndraining  build-1\n"), 0o600))
	upgrade := func(args ...string) (string, error) {
		_ = os.Remove(calls)
		cmd := exec.CommandContext(t.Context(), filepath.Join(dir, "deploy", "upgrade.sh"), args...)
		cmd.Env = []string{"PATH=" + dir + string(filepath.ListSeparator) + os.Getenv("PATH"), "CALLS=" + calls, "STATE=" + state, "ABSENT=" + absent}
		output, err := cmd.CombinedOutput()
		said, _ := os.ReadFile(calls)
		return string(output) + string(said), err
	}

	for _, what := range []string{"migrate", "deploy"} {
		absent = "1"
		said, err := upgrade(what, "scratch:2")
		require.Error(t, err)
		require.NotContains(t, said, "compose", "an image that is not there: nothing was changed")
		require.Equal(t, "REDIS_PASSWORD=a=b\nSCRATCH_IMAGE=scratch:1\n", read(t, env))
	}
	absent = "0"
	said, err := upgrade("migrate", "scratch:2")
	require.NoError(t, err, said)
	require.Contains(t, said, "scratch:2 compose -f docker-compose.temporal.yml run --rm migrate")
	require.Equal(t, "REDIS_PASSWORD=a=b\nSCRATCH_IMAGE=scratch:1\n", read(t, env), "migrations alone change no image")

	said, err = upgrade("deploy", "scratch:2")
	require.NoError(t, err, said)
	require.Contains(t, said, "up -d --no-build --wait")
	require.Equal(t, "REDIS_PASSWORD=a=b\nSCRATCH_IMAGE_BEFORE=scratch:1\nSCRATCH_IMAGE=scratch:2\nCOMPOSE_PROFILES=before\n", read(t, env))
	info, err := os.Stat(env)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())

	before := read(t, env)
	said, err = upgrade("deploy", "scratch:2")
	require.NoError(t, err, said)
	require.Equal(t, before, read(t, env), "a deploy that is run again must not lose the build before")
	said, err = upgrade("rollback")
	require.NoError(t, err, said)
	require.Contains(t, said, "run --rm deploy deploy rollback")
	require.Equal(t, before, read(t, env))
	said, err = upgrade("finish")
	require.Error(t, err, "the build before has runs left")
	require.NotContains(t, said, "stop worker-before")
	require.NoError(t, os.WriteFile(state, []byte("scratch: new runs go to build-2\ncurrent   build-2\ndrained   build-1\n"), 0o600))
	said, err = upgrade("finish")
	require.NoError(t, err, said)
	require.Contains(t, read(t, env), "COMPOSE_PROFILES=\n")

	_, err = upgrade("deploy")
	require.Error(t, err, "no image was named")
	require.NoError(t, os.Remove(env))
	_, err = upgrade("deploy", "scratch:3")
	require.Error(t, err)
}

// Breaks when words reach the other machine's shell as anything but words.
func TestRemoteQuotesItsWords(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "ssh"), []byte("#!/bin/sh\nfor last; do :; done\nprintf '%s' \"$last\"\n"), 0o700))
	cmd := exec.CommandContext(t.Context(), "./remote.sh", "deploy", "scratch:2; reboot")
	cmd.Env = []string{"PATH=" + dir + string(filepath.ListSeparator) + os.Getenv("PATH"), "DEPLOY_HOST=u@h", "DEPLOY_PATH=/srv/my scratch", "CI_COMMIT_SHA=abc"}
	output, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", output)
	require.Equal(t, `cd /srv/my\ scratch && git fetch -q origin abc && git checkout -q --detach abc && deploy/upgrade.sh deploy scratch:2\;\ reboot `, string(output))
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(text)
}

// The schema that GitLab publishes for its pipelines, as a maintained package
// carries it.
const (
	schemaPackage   = "gitlab-ci-local@4.60.1"
	schemaIntegrity = "zvCjBDnD1EMcRbf3LOS8e8eVnAuHsz+BWDOI42oTXVpxc2r4QrRZxqSu2t2JlMaswlmiK1umpG4/kttt82n0Qg=="
	schemaFile      = "package/src/schema/schema.js"
)

// Breaks when GitLab would refuse the file: a keyword in the wrong place, or a job
// that has a keyword's name.
func TestGitLabAcceptsThePipeline(t *testing.T) {
	schema := gitlabSchema(t)
	text, err := os.ReadFile("../.gitlab-ci.yml")
	require.NoError(t, err)
	check := func(text string) error {
		var file any
		require.NoError(t, yaml.Unmarshal([]byte(text), &file))
		return schema.Validate(file)
	}
	require.NoError(t, check(string(text)))
	for what, bad := range map[string]string{
		"a job with a keyword's name": strings.Replace(string(text), "\nbuild-image:", "\nimage:", 1),
		"a keyword that is none":      strings.Replace(string(text), "\n  stage: check", "\n  stages: check", 1),
		"a time that is none":         strings.Replace(string(text), "interruptible: true", "interruptible: perhaps", 1),
	} {
		require.NotEqual(t, string(text), bad, what)
		require.Error(t, check(bad), what)
	}
}

func gitlabSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	dir := t.TempDir()
	output, err := exec.CommandContext(t.Context(), "npm", "pack", schemaPackage, "--silent", "--pack-destination", dir).CombinedOutput()
	require.NoError(t, err, "this test needs npm, as `make test` does: %s", output)
	packed, err := os.ReadFile(filepath.Join(dir, strings.ReplaceAll(schemaPackage, "@", "-")+".tgz"))
	require.NoError(t, err)
	sum := sha512.Sum512(packed)
	require.Equal(t, schemaIntegrity, base64.StdEncoding.EncodeToString(sum[:]), "another package than the one that was looked at")
	unzipped, err := gzip.NewReader(bytes.NewReader(packed))
	require.NoError(t, err)
	for files := tar.NewReader(unzipped); ; {
		header, err := files.Next()
		require.NoError(t, err, "the package has no %s", schemaFile)
		if header.Name != schemaFile {
			continue
		}
		module := filepath.Join(dir, "schema.mjs")
		script, err := io.ReadAll(files)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(module, script, 0o600))
		text, err := exec.CommandContext(t.Context(), "node", "--input-type=module", "-e",
			"import { schema } from "+strconv.Quote(module)+"; console.log(JSON.stringify(schema))").Output()
		require.NoError(t, err)
		document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
		require.NoError(t, err)
		compiler := jsonschema.NewCompiler()
		require.NoError(t, compiler.AddResource("gitlab-ci.json", document))
		schema, err := compiler.Compile("gitlab-ci.json")
		require.NoError(t, err)
		return schema
	}
}
